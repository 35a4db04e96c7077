//! What each kind of event is on the disk, one structure per kind.

use serde::{Deserialize, Serialize};

use super::data::{Data, Members};
use super::field::{At, Count, Extras, Id};

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SessionStart<'a> {
    /// Said again here, in case the declaration of the session index is lost.
    #[serde(borrow)]
    pub(super) id: Id<'a>,
    pub(super) at: Option<At>,
    #[serde(borrow)]
    pub(super) trace_id: Option<Id<'a>>,
    pub(super) name: Option<&'a str>,
    #[serde(borrow)]
    pub(super) span: Option<Id<'a>>,
    #[serde(borrow)]
    pub(super) parent_session: Option<Id<'a>>,
    pub(super) forked_at: Option<Place>,
    #[serde(borrow)]
    pub(super) metadata: Members<'a>,
    #[serde(borrow)]
    pub(super) extras: Extras<'a>,
}

/// A record of any run.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) generation: u32,
    pub(super) random: u64,
    pub(super) seq: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SessionUpdate<'a> {
    pub(super) at: Option<At>,
    pub(super) name: Option<&'a str>,
    #[serde(borrow)]
    pub(super) metadata: Members<'a>,
    #[serde(borrow)]
    pub(super) extras: Extras<'a>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SessionEnd<'a> {
    pub(super) at: Option<At>,
    pub(super) status: EndStatus,
    pub(super) error: Option<&'a str>,
    #[serde(borrow)]
    pub(super) extras: Extras<'a>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) enum EndStatus {
    Completed,
    Error,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) enum SpanStatus {
    Unset,
    Ok,
    Error,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Model<'a> {
    pub(super) model_id: Option<&'a str>,
    pub(super) provider_id: Option<&'a str>,
    pub(super) variant: Option<&'a str>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Tokens {
    pub(super) input: Count,
    pub(super) output: Count,
    pub(super) reasoning: Count,
    pub(super) cache_read: Count,
    pub(super) cache_write: Count,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Fields<'a> {
    #[serde(borrow)]
    pub(super) input: Option<Data<'a>>,
    #[serde(borrow)]
    pub(super) output: Option<Data<'a>>,
    #[serde(borrow)]
    pub(super) model: Option<Model<'a>>,
    #[serde(borrow)]
    pub(super) call_id: Option<Id<'a>>,
    pub(super) tokens: Option<Tokens>,
    pub(super) cost: Option<Count>,
    pub(super) finish_reason: Option<&'a str>,
    #[serde(borrow)]
    pub(super) attributes: Members<'a>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Begin<'a> {
    #[serde(borrow)]
    pub(super) span: Id<'a>,
    #[serde(borrow)]
    pub(super) parent: Option<Id<'a>>,
    pub(super) kind: &'a str,
    pub(super) name: &'a str,
    pub(super) started_at: Option<At>,
    #[serde(borrow)]
    pub(super) trace_id: Option<Id<'a>>,
    pub(super) otlp_kind: Option<u8>,
    #[serde(borrow)]
    pub(super) fields: Fields<'a>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Finish<'a> {
    pub(super) status: SpanStatus,
    pub(super) status_message: Option<&'a str>,
    pub(super) ended_at: Option<At>,
    pub(super) ended_by_drop: bool,
    #[serde(borrow)]
    pub(super) fields: Fields<'a>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SpanStart<'a> {
    pub(super) at: Option<At>,
    #[serde(borrow)]
    pub(super) begin: Begin<'a>,
    #[serde(borrow)]
    pub(super) extras: Extras<'a>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SpanUpdate<'a> {
    pub(super) at: Option<At>,
    #[serde(borrow)]
    pub(super) span: Id<'a>,
    pub(super) name: Option<&'a str>,
    pub(super) status: Option<SpanStatus>,
    pub(super) status_message: Option<&'a str>,
    #[serde(borrow)]
    pub(super) fields: Fields<'a>,
    #[serde(borrow)]
    pub(super) extras: Extras<'a>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SpanEnd<'a> {
    pub(super) at: Option<At>,
    #[serde(borrow)]
    pub(super) span: Id<'a>,
    #[serde(borrow)]
    pub(super) finish: Finish<'a>,
    #[serde(borrow)]
    pub(super) extras: Extras<'a>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Span<'a> {
    pub(super) at: Option<At>,
    #[serde(borrow)]
    pub(super) begin: Begin<'a>,
    #[serde(borrow)]
    pub(super) finish: Finish<'a>,
    #[serde(borrow)]
    pub(super) extras: Extras<'a>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Text<'a> {
    pub(super) at: Option<At>,
    #[serde(borrow)]
    pub(super) span: Id<'a>,
    pub(super) channel: &'a str,
    pub(super) offset: Option<u64>,
    pub(super) text: &'a str,
    #[serde(borrow)]
    pub(super) extras: Extras<'a>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Log<'a> {
    pub(super) at: Option<At>,
    #[serde(borrow)]
    pub(super) span: Option<Id<'a>>,
    pub(super) event_name: Option<&'a str>,
    pub(super) level: u8,
    #[serde(borrow)]
    pub(super) message: Data<'a>,
    #[serde(borrow)]
    pub(super) attributes: Members<'a>,
    #[serde(borrow)]
    pub(super) extras: Extras<'a>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Link<'a> {
    pub(super) at: Option<At>,
    #[serde(borrow)]
    pub(super) span: Option<Id<'a>>,
    #[serde(borrow)]
    pub(super) to_trace_id: Option<Id<'a>>,
    #[serde(borrow)]
    pub(super) to_session: Option<Id<'a>>,
    #[serde(borrow)]
    pub(super) to_span: Option<Id<'a>>,
    #[serde(borrow)]
    pub(super) attributes: Members<'a>,
    #[serde(borrow)]
    pub(super) extras: Extras<'a>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Counter<'a> {
    pub(super) at: Option<At>,
    pub(super) name: &'a str,
    pub(super) value: Count,
    pub(super) unit: Option<&'a str>,
    #[serde(borrow)]
    pub(super) span: Option<Id<'a>>,
    #[serde(borrow)]
    pub(super) extras: Extras<'a>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Custom<'a> {
    pub(super) at: Option<At>,
    pub(super) name: &'a str,
    #[serde(borrow)]
    pub(super) data: Data<'a>,
    #[serde(borrow)]
    pub(super) extras: Extras<'a>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Line<'a> {
    pub(super) at: Option<At>,
    #[serde(with = "serde_bytes")]
    pub(super) bytes: &'a [u8],
    #[serde(borrow)]
    pub(super) extras: Extras<'a>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct CrashNote<'a> {
    pub(super) at: Option<At>,
    pub(super) reason: Option<&'a str>,
    pub(super) location: Option<&'a str>,
    #[serde(borrow)]
    pub(super) extras: Extras<'a>,
}
