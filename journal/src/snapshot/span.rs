//! A span as its records tell it.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use crate::event::{
    Key, Level, Map, Model, Number, OtlpKind, SpanFields, SpanKind, SpanStatus, Tokens, Value,
};
use crate::time::Timestamp;

/// A span of a session, with everything that became known of it.
///
/// Borrows from its snapshot, which keeps the payloads of its records.
#[derive(Clone, Debug, PartialEq)]
pub struct SpanSnapshot<'a> {
    pub(super) id: Arc<str>,
    pub(super) parent: Option<Arc<str>>,
    pub(super) given_parent: Option<Arc<str>>,
    pub(super) beside: Option<Box<OwnMembers<'a>>>,
    pub(super) kind: SpanKind<'a>,
    pub(super) name: Cow<'a, str>,
    pub(super) started_at: Timestamp,
    pub(super) ended_at: Option<Timestamp>,
    pub(super) status: SpanStatus,
    pub(super) status_message: Option<Cow<'a, str>>,
    pub(super) is_interrupted: bool,
    pub(super) ended_by_drop: bool,
    pub(super) fields: SpanFields<'a>,
    pub(super) texts: Vec<(Key<'static>, String)>,
    pub(super) links: Vec<LinkSnapshot<'a>>,
    pub(super) logs: Vec<LogSnapshot<'a>>,
    pub(super) trace_id: Option<Cow<'a, str>>,
    pub(super) otlp_kind: Option<OtlpKind>,
    /// How many records of the session came before the one that started it.
    pub(super) started_after: u64,
    /// How many came before the one that ended it; `None` if none did.
    pub(super) ended_after: Option<u64>,
}

impl<'a> SpanSnapshot<'a> {
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

    /// The parent that its start named, if that is no span of the session: one of another service,
    /// or one whose records are lost. [`parent`](SpanSnapshot::parent) is the root then.
    #[must_use]
    pub fn given_parent(&self) -> Option<&str> {
        self.given_parent.as_deref()
    }

    /// Members of its events that this library does not know; later ones win.
    #[must_use]
    pub fn extra(&self) -> &Map<'a> {
        OwnMembers::extra(&self.beside)
    }

    /// What only OpenTelemetry has a word for, as its events said it; later members win.
    #[must_use]
    pub fn otel(&self) -> &Map<'a> {
        OwnMembers::otel(&self.beside)
    }

    /// What kind of work it is.
    #[must_use]
    pub fn kind(&self) -> &SpanKind<'a> {
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
    pub fn status(&self) -> SpanStatus {
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
    pub fn model(&self) -> Option<&Model<'a>> {
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
    pub fn input(&self) -> Option<&Value<'a>> {
        self.fields.input.as_ref()
    }

    /// What it gave back.
    #[must_use]
    pub fn output(&self) -> Option<&Value<'a>> {
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
    pub fn attributes(&self) -> &Map<'a> {
        &self.fields.attributes
    }

    /// Its links to other spans.
    #[must_use]
    pub fn links(&self) -> &[LinkSnapshot<'a>] {
        &self.links
    }

    /// Its log lines.
    #[must_use]
    pub fn logs(&self) -> &[LogSnapshot<'a>] {
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

    /// From start to end: 0 if it ends before it starts, `None` while it is open.
    #[must_use]
    pub fn duration(&self) -> Option<Duration> {
        self.ended_at
            .map(|ended| ended.duration_since(self.started_at))
    }

    /// The same span, borrowing nothing.
    #[must_use]
    pub fn into_owned(self) -> SpanSnapshot<'static> {
        let links = self.links.into_iter().map(LinkSnapshot::into_owned);
        let logs = self.logs.into_iter().map(LogSnapshot::into_owned);
        SpanSnapshot {
            id: self.id,
            parent: self.parent,
            given_parent: self.given_parent,
            beside: OwnMembers::owned(self.beside),
            kind: self.kind.into_owned(),
            name: owned(self.name),
            started_at: self.started_at,
            ended_at: self.ended_at,
            status: self.status,
            status_message: self.status_message.map(owned),
            is_interrupted: self.is_interrupted,
            ended_by_drop: self.ended_by_drop,
            fields: self.fields.into_owned(),
            texts: self.texts,
            links: links.collect(),
            logs: logs.collect(),
            trace_id: self.trace_id.map(owned),
            otlp_kind: self.otlp_kind,
            started_after: self.started_after,
            ended_after: self.ended_after,
        }
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

/// Members of events that have no place of their own: few have any.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct OwnMembers<'a> {
    /// Those that this library does not know.
    pub(super) extra: Map<'a>,
    /// Those that only OpenTelemetry has a word for.
    pub(super) otel: Map<'a>,
}

impl<'a> OwnMembers<'a> {
    /// What an event has, if it has any.
    pub(super) fn of(extra: Map<'a>, otel: Map<'a>) -> Option<Box<OwnMembers<'a>>> {
        let has_any = !extra.is_empty() || !otel.is_empty();
        has_any.then(|| Box::new(OwnMembers { extra, otel }))
    }

    fn extra<'b>(beside: &'b Option<Box<OwnMembers<'a>>>) -> &'b Map<'a> {
        const NONE: &Map<'static> = &Map::new();
        beside.as_ref().map_or(NONE, |beside| &beside.extra)
    }

    fn otel<'b>(beside: &'b Option<Box<OwnMembers<'a>>>) -> &'b Map<'a> {
        const NONE: &Map<'static> = &Map::new();
        beside.as_ref().map_or(NONE, |beside| &beside.otel)
    }

    /// The same, borrowing nothing.
    pub(super) fn owned(beside: Option<Box<OwnMembers<'a>>>) -> Option<Box<OwnMembers<'static>>> {
        beside.map(|beside| {
            Box::new(OwnMembers {
                extra: beside.extra.into_owned(),
                otel: beside.otel.into_owned(),
            })
        })
    }
}

/// A link from a span to another one.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LinkSnapshot<'a> {
    /// The trace it leads to.
    pub to_trace_id: Option<Cow<'a, str>>,
    /// The session it leads to.
    pub to_session: Option<Cow<'a, str>>,
    /// The span it leads to.
    pub to_span: Option<Cow<'a, str>>,
    /// Anything else.
    pub attributes: Map<'a>,
    pub(super) beside: Option<Box<OwnMembers<'a>>>,
}

impl<'a> LinkSnapshot<'a> {
    /// Members of its event that this library does not know.
    #[must_use]
    pub fn extra(&self) -> &Map<'a> {
        OwnMembers::extra(&self.beside)
    }

    /// What only OpenTelemetry has a word for.
    #[must_use]
    pub fn otel(&self) -> &Map<'a> {
        OwnMembers::otel(&self.beside)
    }

    /// The same link, borrowing nothing.
    fn into_owned(self) -> LinkSnapshot<'static> {
        LinkSnapshot {
            to_trace_id: self.to_trace_id.map(owned),
            to_session: self.to_session.map(owned),
            to_span: self.to_span.map(owned),
            attributes: self.attributes.into_owned(),
            beside: OwnMembers::owned(self.beside),
        }
    }
}

/// A log line of a span.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LogSnapshot<'a> {
    /// When it was written.
    pub at: Timestamp,
    /// The name of the kind of line.
    pub event_name: Option<Cow<'a, str>>,
    /// How severe it is.
    pub level: Level,
    /// What it says.
    pub message: Value<'a>,
    /// Anything else.
    pub attributes: Map<'a>,
    pub(super) beside: Option<Box<OwnMembers<'a>>>,
}

impl<'a> LogSnapshot<'a> {
    /// Members of its event that this library does not know.
    #[must_use]
    pub fn extra(&self) -> &Map<'a> {
        OwnMembers::extra(&self.beside)
    }

    /// What only OpenTelemetry has a word for.
    #[must_use]
    pub fn otel(&self) -> &Map<'a> {
        OwnMembers::otel(&self.beside)
    }

    /// The same line, borrowing nothing.
    fn into_owned(self) -> LogSnapshot<'static> {
        LogSnapshot {
            at: self.at,
            event_name: self.event_name.map(owned),
            level: self.level,
            message: self.message.into_owned(),
            attributes: self.attributes.into_owned(),
            beside: OwnMembers::owned(self.beside),
        }
    }
}

fn owned(text: Cow<'_, str>) -> Cow<'static, str> {
    Cow::Owned(text.into_owned())
}
