//! The actions an event can report, each with its fields.

use std::borrow::Cow;

use bytes::Bytes;

use super::{Channel, Level, Map, Number, OtlpKind, SessionStatus, SpanKind, SpanStatus, Value};
use crate::seq::Address;
use crate::time::Timestamp;

/// What happened.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Action<'a> {
    /// A session began, or went on in this run.
    SessionStart(SessionStart<'a>),
    /// Facts about a session changed.
    SessionUpdate(SessionUpdate<'a>),
    /// A session was ended by its program.
    SessionEnd(SessionEnd<'a>),
    /// A span began.
    SpanStart(SpanStart<'a>),
    /// Facts about a span changed.
    SpanUpdate(SpanUpdate<'a>),
    /// A span ended.
    SpanEnd(SpanEnd<'a>),
    /// A span was reported after the fact: start and end in one record.
    Span(SpanStart<'a>, Box<SpanEnd<'a>>),
    /// A piece of streaming text.
    Text(Text<'a>),
    /// A line of a log.
    Log(Log<'a>),
    /// A link from a span to another one.
    Link(SpanLink<'a>),
    /// The value of a counter.
    Counter(Counter<'a>),
    /// The session (or, without a session, the run) is about to die.
    Crash(Crash<'a>),
    /// An event of the caller's own kind.
    Custom(Custom<'a>),
    /// A line of a program's output, as it came.
    Line(Line<'a>),
    /// A record of a kind this library does not know, or whose payload it cannot decode.
    Unknown {
        /// The record's kind number.
        kind: u8,
        /// The payload as it is on the disk.
        payload: Bytes,
    },
}

/// A session began, or went on in this run.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct SessionStart<'a> {
    /// Id of the trace; generated when absent. The first start of a session decides.
    pub trace_id: Option<Cow<'a, str>>,
    /// Name of the root span; the session id when absent.
    pub name: Option<Cow<'a, str>>,
    /// Id of the root span; `root` when absent.
    pub span: Option<Cow<'a, str>>,
    /// The session this one was started from.
    pub parent_session: Option<Cow<'a, str>>,
    /// The record this session was forked after.
    pub forked_at: Option<Address>,
    /// Title, prompt, model and whatever else describes the session.
    pub metadata: Map<'a>,
}

/// Facts about a session changed: members given replace, empty ones never overwrite.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct SessionUpdate<'a> {
    /// New name of the root span.
    pub name: Option<Cow<'a, str>>,
    /// Members to merge into the session's metadata.
    pub metadata: Map<'a>,
}

/// A session was ended by its program.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SessionEnd<'a> {
    /// [`SessionStatus::Completed`] or [`SessionStatus::Error`].
    pub status: SessionStatus,
    /// What went wrong.
    pub error: Option<Cow<'a, str>>,
}

/// The model a generation was made by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Model<'a> {
    /// The model's name.
    pub model_id: Option<Cow<'a, str>>,
    /// The name of its provider.
    pub provider_id: Option<Cow<'a, str>>,
    /// Which variant of it.
    pub variant: Option<Cow<'a, str>>,
}

/// Numbers of tokens; the parts are disjoint, the total is their sum.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Tokens {
    /// Tokens read, cached ones not included.
    pub input: Number,
    /// Tokens written, reasoning not included.
    pub output: Number,
    /// Tokens of reasoning.
    pub reasoning: Number,
    /// Tokens read from a cache.
    pub cache_read: Number,
    /// Tokens written to a cache.
    pub cache_write: Number,
}

/// Facts about a span that any of its events may bring.
///
/// Later ones win; absent and empty ones never overwrite.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct SpanFields<'a> {
    /// What the span was given.
    pub input: Option<Value<'a>>,
    /// What the span gave back.
    pub output: Option<Value<'a>>,
    /// The model that did the work.
    pub model: Option<Model<'a>>,
    /// The caller's id of a tool call.
    pub call_id: Option<Cow<'a, str>>,
    /// Tokens used.
    pub tokens: Option<Tokens>,
    /// What it cost, in the caller's currency.
    pub cost: Option<Number>,
    /// Why a generation ended.
    pub finish_reason: Option<Cow<'a, str>>,
    /// Anything else; merged key by key.
    pub attributes: Map<'a>,
}

/// A span began.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SpanStart<'a> {
    /// The span's id, unique in its session.
    pub span: Cow<'a, str>,
    /// The span it is part of; the session's root span when absent.
    pub parent: Option<Cow<'a, str>>,
    /// What kind of work it is.
    pub kind: SpanKind<'a>,
    /// Its name.
    pub name: Cow<'a, str>,
    /// When it began; the event's own time when absent.
    pub started_at: Option<Timestamp>,
    /// Id of its trace, where that differs from the session's.
    pub trace_id: Option<Cow<'a, str>>,
    /// The OpenTelemetry span kind.
    pub otlp_kind: Option<OtlpKind>,
    /// Everything else known at the start.
    pub fields: SpanFields<'a>,
}

/// Facts about a span changed.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct SpanUpdate<'a> {
    /// The span's id.
    pub span: Cow<'a, str>,
    /// Its new name.
    pub name: Option<Cow<'a, str>>,
    /// Its new status.
    pub status: Option<SpanStatus>,
    /// Words for its status.
    pub status_message: Option<Cow<'a, str>>,
    /// Everything else that changed.
    pub fields: SpanFields<'a>,
}

/// A span ended.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct SpanEnd<'a> {
    /// The span's id.
    pub span: Cow<'a, str>,
    /// How it ended.
    pub status: SpanStatus,
    /// Words for its status.
    pub status_message: Option<Cow<'a, str>>,
    /// When it ended; the event's own time when absent.
    pub ended_at: Option<Timestamp>,
    /// Its handle was dropped without ending it.
    pub ended_by_drop: bool,
    /// Everything else known at the end.
    pub fields: SpanFields<'a>,
}

/// A piece of streaming text.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Text<'a> {
    /// The span that produced it; empty for the session's root span.
    pub span: Cow<'a, str>,
    /// Which of the span's texts it continues.
    pub channel: Channel<'a>,
    /// Bytes of that text this run wrote before; counted by the journal when absent.
    pub offset: Option<u64>,
    /// The piece.
    pub text: Cow<'a, str>,
}

/// A line of a log.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Log<'a> {
    /// The span it belongs to; the session's root span when absent.
    pub span: Option<Cow<'a, str>>,
    /// The name of the kind of line, as in OpenTelemetry.
    pub event_name: Option<Cow<'a, str>>,
    /// How severe it is.
    pub level: Level,
    /// What it says.
    pub message: Value<'a>,
    /// Anything else.
    pub attributes: Map<'a>,
}

/// A link from a span to another one.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct SpanLink<'a> {
    /// The span it starts from; the session's root span when absent.
    pub span: Option<Cow<'a, str>>,
    /// The trace it leads to.
    pub to_trace_id: Option<Cow<'a, str>>,
    /// The session it leads to.
    pub to_session: Option<Cow<'a, str>>,
    /// The span it leads to.
    pub to_span: Option<Cow<'a, str>>,
    /// Anything else.
    pub attributes: Map<'a>,
}

/// The value of a counter.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Counter<'a> {
    /// What is counted.
    pub name: Cow<'a, str>,
    /// Its value now; the last one given stands.
    pub value: Number,
    /// The unit of the value.
    pub unit: Option<Cow<'a, str>>,
    /// The span it belongs to.
    pub span: Option<Cow<'a, str>>,
}

/// The session or the run is about to die.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Crash<'a> {
    /// Why.
    pub reason: Option<Cow<'a, str>>,
    /// Where in the program.
    pub location: Option<Cow<'a, str>>,
}

/// A line of a program's output, as it came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Line<'a> {
    /// Any bytes; those of a line without its newline.
    pub bytes: Cow<'a, [u8]>,
}

/// An event of the caller's own kind.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Custom<'a> {
    /// The name of the kind.
    pub name: Cow<'a, str>,
    /// What it says.
    pub data: Value<'a>,
}
