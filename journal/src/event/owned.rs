//! Events that borrow nothing.

use std::borrow::Cow;

use super::{
    Action, Channel, Counter, Crash, Custom, Event, Line, Log, Model, SessionEnd, SessionStart,
    SessionUpdate, SpanEnd, SpanFields, SpanLink, SpanStart, SpanUpdate, Text, Value,
};

impl Event<'_> {
    /// The same event, borrowing nothing.
    #[must_use]
    pub fn into_owned(self) -> Event<'static> {
        Event {
            session: owned_option(self.session),
            at: self.at,
            action: self.action.into_owned(),
            extra: self.extra.into_owned(),
            appendix: self.appendix.map(|more| Box::new(more.into_owned())),
        }
    }
}

impl Action<'_> {
    /// The same action, borrowing nothing.
    #[must_use]
    pub fn into_owned(self) -> Action<'static> {
        match self {
            Action::SessionStart(start) => Action::SessionStart(session_start(start)),
            Action::SessionUpdate(update) => Action::SessionUpdate(SessionUpdate {
                name: owned_option(update.name),
                metadata: update.metadata.into_owned(),
            }),
            Action::SessionEnd(end) => Action::SessionEnd(SessionEnd {
                status: end.status,
                error: owned_option(end.error),
            }),
            Action::SpanStart(start) => Action::SpanStart(span_start(start)),
            Action::SpanUpdate(update) => Action::SpanUpdate(SpanUpdate {
                span: owned(update.span),
                name: owned_option(update.name),
                status: update.status,
                status_message: owned_option(update.status_message),
                fields: update.fields.into_owned(),
            }),
            Action::SpanEnd(end) => Action::SpanEnd(span_end(end)),
            Action::Span(start, end) => Action::Span(span_start(start), Box::new(span_end(*end))),
            Action::Text(text) => Action::Text(Text {
                span: owned(text.span),
                channel: Channel(owned(text.channel.0)),
                offset: text.offset,
                text: owned(text.text),
            }),
            Action::Log(log) => Action::Log(self::log(log)),
            Action::Link(link) => Action::Link(self::link(link)),
            Action::Counter(counter) => Action::Counter(Counter {
                name: owned(counter.name),
                value: counter.value,
                unit: owned_option(counter.unit),
                span: owned_option(counter.span),
            }),
            Action::Crash(crash) => Action::Crash(Crash {
                reason: owned_option(crash.reason),
                location: owned_option(crash.location),
            }),
            Action::Custom(custom) => Action::Custom(Custom {
                name: owned(custom.name),
                data: custom.data.into_owned(),
            }),
            Action::Line(line) => Action::Line(Line {
                bytes: Cow::Owned(line.bytes.into_owned()),
            }),
            Action::Unknown { kind, payload } => Action::Unknown { kind, payload },
        }
    }
}

impl SpanFields<'_> {
    /// The same fields, borrowing nothing.
    #[must_use]
    pub fn into_owned(self) -> SpanFields<'static> {
        SpanFields {
            input: self.input.map(Value::into_owned),
            output: self.output.map(Value::into_owned),
            model: self.model.map(Model::into_owned),
            call_id: owned_option(self.call_id),
            tokens: self.tokens,
            cost: self.cost,
            finish_reason: owned_option(self.finish_reason),
            attributes: self.attributes.into_owned(),
        }
    }
}

impl Model<'_> {
    /// The same model, borrowing nothing.
    #[must_use]
    pub fn into_owned(self) -> Model<'static> {
        Model {
            model_id: owned_option(self.model_id),
            provider_id: owned_option(self.provider_id),
            variant: owned_option(self.variant),
        }
    }
}

fn session_start(start: SessionStart<'_>) -> SessionStart<'static> {
    SessionStart {
        trace_id: owned_option(start.trace_id),
        name: owned_option(start.name),
        span: owned_option(start.span),
        parent_session: owned_option(start.parent_session),
        forked_at: start.forked_at,
        metadata: start.metadata.into_owned(),
    }
}

fn span_start(start: SpanStart<'_>) -> SpanStart<'static> {
    SpanStart {
        span: owned(start.span),
        parent: owned_option(start.parent),
        kind: start.kind.into_owned(),
        name: owned(start.name),
        started_at: start.started_at,
        trace_id: owned_option(start.trace_id),
        otlp_kind: start.otlp_kind,
        fields: start.fields.into_owned(),
    }
}

fn span_end(end: SpanEnd<'_>) -> SpanEnd<'static> {
    SpanEnd {
        span: owned(end.span),
        status: end.status,
        status_message: owned_option(end.status_message),
        ended_at: end.ended_at,
        ended_by_drop: end.ended_by_drop,
        fields: end.fields.into_owned(),
    }
}

fn log(log: Log<'_>) -> Log<'static> {
    Log {
        span: owned_option(log.span),
        event_name: owned_option(log.event_name),
        level: log.level,
        message: log.message.into_owned(),
        attributes: log.attributes.into_owned(),
    }
}

fn link(link: SpanLink<'_>) -> SpanLink<'static> {
    SpanLink {
        span: owned_option(link.span),
        to_trace_id: owned_option(link.to_trace_id),
        to_session: owned_option(link.to_session),
        to_span: owned_option(link.to_span),
        attributes: link.attributes.into_owned(),
    }
}

fn owned(text: Cow<'_, str>) -> Cow<'static, str> {
    Cow::Owned(text.into_owned())
}

fn owned_option(text: Option<Cow<'_, str>>) -> Option<Cow<'static, str>> {
    text.map(owned)
}
