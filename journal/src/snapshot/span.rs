//! A span as its records tell it.

use std::sync::Arc;

use crate::event::{
    Kind, Level, Map, MemberName, Model, Number, OtlpKind, SpanFields, Status, Tokens, Value,
};
use crate::time::Timestamp;

/// A span of a session, with everything that became known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct SpanSnapshot {
    pub(super) id: Arc<str>,
    pub(super) parent: Option<Arc<str>>,
    pub(super) kind: Kind<'static>,
    pub(super) name: String,
    pub(super) started_at: Timestamp,
    pub(super) ended_at: Option<Timestamp>,
    pub(super) status: Status,
    pub(super) status_message: Option<String>,
    pub(super) is_interrupted: bool,
    pub(super) ended_by_drop: bool,
    pub(super) fields: SpanFields<'static>,
    pub(super) texts: Vec<(MemberName<'static>, String)>,
    pub(super) links: Vec<LinkSnapshot>,
    pub(super) logs: Vec<LogSnapshot>,
    pub(super) trace_id: Option<String>,
    pub(super) otlp_kind: Option<OtlpKind>,
    /// How many records of the session came before the one that started it.
    pub(super) started_after: u64,
    /// How many came before the one that ended it; `None` if none did.
    pub(super) ended_after: Option<u64>,
}

impl SpanSnapshot {
    /// The span's id, unique in its session.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The id of the span it is part of; always a span of the snapshot, `None` for the root.
    #[must_use]
    pub fn parent(&self) -> Option<&str> {
        self.parent.as_deref()
    }

    /// What kind of work it is.
    #[must_use]
    pub fn kind(&self) -> &Kind<'static> {
        &self.kind
    }

    /// Its name; its id where the start was never seen.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When it began; where the start was never seen, the first time anything was heard of it.
    #[must_use]
    pub fn started_at(&self) -> Timestamp {
        self.started_at
    }

    /// When it ended, or was last seen at work if it is interrupted; `None` while it is open.
    #[must_use]
    pub fn ended_at(&self) -> Option<Timestamp> {
        self.ended_at
    }

    /// How it ended.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status
    }

    /// Words for its status.
    #[must_use]
    pub fn status_message(&self) -> Option<&str> {
        self.status_message.as_deref()
    }

    /// Whether it was open when its run died or its session crashed. That is not an error.
    #[must_use]
    pub fn is_interrupted(&self) -> bool {
        self.is_interrupted
    }

    /// Whether its handle was dropped without ending it.
    #[must_use]
    pub fn ended_by_drop(&self) -> bool {
        self.ended_by_drop
    }

    /// The model that did the work.
    #[must_use]
    pub fn model(&self) -> Option<&Model<'static>> {
        self.fields.model.as_ref()
    }

    /// Why a generation ended.
    #[must_use]
    pub fn finish_reason(&self) -> Option<&str> {
        self.fields.finish_reason.as_deref()
    }

    /// Tokens used.
    #[must_use]
    pub fn tokens(&self) -> Option<Tokens> {
        self.fields.tokens
    }

    /// What it cost.
    #[must_use]
    pub fn cost(&self) -> Option<Number> {
        self.fields.cost
    }

    /// The caller's id of a tool call.
    #[must_use]
    pub fn call_id(&self) -> Option<&str> {
        self.fields.call_id.as_deref()
    }

    /// What it was given.
    #[must_use]
    pub fn input(&self) -> Option<&Value<'static>> {
        self.fields.input.as_ref()
    }

    /// What it gave back.
    #[must_use]
    pub fn output(&self) -> Option<&Value<'static>> {
        self.fields.output.as_ref()
    }

    /// Its streamed texts by channel, in order of their first piece.
    pub fn texts(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        let texts = self.texts.iter();
        texts.map(|(channel, text)| (channel.as_str(), text.as_str()))
    }

    /// Its streamed text of one channel; `None` if nothing was written there.
    #[must_use]
    pub fn text(&self, channel: &str) -> Option<&str> {
        self.texts()
            .find(|(name, _)| *name == channel)
            .map(|(_, text)| text)
    }

    /// Anything else known of it.
    #[must_use]
    pub fn attributes(&self) -> &Map<'static> {
        &self.fields.attributes
    }

    /// Its links to other spans.
    #[must_use]
    pub fn links(&self) -> &[LinkSnapshot] {
        &self.links
    }

    /// Its log lines.
    #[must_use]
    pub fn logs(&self) -> &[LogSnapshot] {
        &self.logs
    }

    /// The id of its trace, where that differs from the session's.
    #[must_use]
    pub fn trace_id(&self) -> Option<&str> {
        self.trace_id.as_deref()
    }

    /// Its OpenTelemetry span kind.
    #[must_use]
    pub fn otlp_kind(&self) -> Option<OtlpKind> {
        self.otlp_kind
    }

    /// Nanoseconds from start to end: 0 if it ends before it starts, `None` while it is open.
    #[must_use]
    pub fn duration_nanoseconds(&self) -> Option<u128> {
        self.ended_at
            .map(|ended| ended.nanoseconds_since(self.started_at))
    }

    /// How many records of the session came before the one that started it.
    #[cfg(feature = "export")]
    pub(crate) fn started_after(&self) -> u64 {
        self.started_after
    }

    /// How many records of the session came before the one that ended it.
    #[cfg(feature = "export")]
    pub(crate) fn ended_after(&self) -> Option<u64> {
        self.ended_after
    }
}

/// A link from a span to another one.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkSnapshot {
    /// The trace it leads to.
    pub to_trace_id: Option<String>,
    /// The session it leads to.
    pub to_session: Option<String>,
    /// The span it leads to.
    pub to_span: Option<String>,
    /// Anything else.
    pub attributes: Map<'static>,
}

/// A log line of a span.
#[derive(Clone, Debug, PartialEq)]
pub struct LogSnapshot {
    /// When it was written.
    pub at: Timestamp,
    /// The name of the kind of line.
    pub event_name: Option<String>,
    /// How severe it is.
    pub level: Level,
    /// What it says.
    pub message: Value<'static>,
    /// Anything else.
    pub attributes: Map<'static>,
}
