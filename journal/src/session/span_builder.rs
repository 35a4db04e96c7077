//! A span about to start.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Serialize;

use super::receipt::Written;
use super::session_inner::SessionInner;
use super::span::Span;
use crate::event::{
    Action, Event, IntoValue, Model, OtlpKind, SpanEnd, SpanFields, SpanKind, SpanStart,
    SpanStatus, Value,
};
use crate::time::Timestamp;

/// A span about to start, or to be reported after the fact; nothing is recorded before
/// [`start`](SpanBuilder::start) or [`complete`](SpanBuilder::complete).
#[derive(Debug)]
#[must_use = "a span starts with `start`"]
pub struct SpanBuilder<'a> {
    session: Arc<SessionInner>,
    at: Option<Timestamp>,
    /// Boxed: the builder is handed on with every call.
    start: Box<SpanStart<'a>>,
    output: Option<Value<'a>>,
}

impl Span {
    /// A span below this one.
    pub fn child<'a>(&self, name: impl Into<Cow<'a, str>>) -> SpanBuilder<'a> {
        let parent = Cow::Owned(self.id().to_owned());
        SpanBuilder::new(Arc::clone(self.session()), Some(parent), name.into())
    }
}

impl<'a> SpanBuilder<'a> {
    pub(super) fn new(
        session: Arc<SessionInner>,
        parent: Option<Cow<'a, str>>,
        name: Cow<'a, str>,
    ) -> SpanBuilder<'a> {
        let start = SpanStart {
            span: Cow::Borrowed(""),
            parent,
            kind: SpanKind::SPAN,
            name,
            started_at: None,
            trace_id: None,
            otlp_kind: None,
            fields: SpanFields::default(),
        };
        SpanBuilder {
            session,
            at: None,
            start: Box::new(start),
            output: None,
        }
    }

    /// The span's id, unique in its session. Default: a new one of 16 hex digits.
    pub fn id(mut self, id: impl Into<Cow<'a, str>>) -> SpanBuilder<'a> {
        self.start.span = id.into();
        self
    }

    /// The id of the span it is part of. Default: the span it was made from, or the root span.
    pub fn parent(mut self, parent: impl Into<Cow<'a, str>>) -> SpanBuilder<'a> {
        self.start.parent = Some(parent.into());
        self
    }

    /// What kind of work it is. Default: [`SpanKind::SPAN`].
    pub fn kind(mut self, kind: impl Into<SpanKind<'a>>) -> SpanBuilder<'a> {
        self.start.kind = kind.into();
        self
    }

    /// The provider of the model that does the work, and the model's name.
    pub fn model(
        mut self,
        provider_id: impl Into<Cow<'a, str>>,
        model_id: impl Into<Cow<'a, str>>,
    ) -> SpanBuilder<'a> {
        let model = self.start.fields.model.get_or_insert_default();
        model.provider_id = Some(provider_id.into());
        model.model_id = Some(model_id.into());
        self
    }

    /// Which variant of the model does the work.
    pub fn variant(mut self, variant: impl Into<Cow<'a, str>>) -> SpanBuilder<'a> {
        let model: &mut Model<'a> = self.start.fields.model.get_or_insert_default();
        model.variant = Some(variant.into());
        self
    }

    /// The caller's id of a tool call.
    pub fn call_id(mut self, call_id: impl Into<Cow<'a, str>>) -> SpanBuilder<'a> {
        self.start.fields.call_id = Some(call_id.into());
        self
    }

    /// What the span is given.
    pub fn input(mut self, input: impl IntoValue<'a>) -> SpanBuilder<'a> {
        self.start.fields.input = Some(input.into_value());
        self
    }

    /// What the span is given: what `data` serialises to. If it cannot be, there is no input, and
    /// the error hook hears of it.
    pub fn input_from(mut self, data: &(impl Serialize + ?Sized)) -> SpanBuilder<'a> {
        self.start.fields.input = self.session.recorder.serialized(data);
        self
    }

    /// What the span gave back, for one that is reported after the fact.
    pub fn output(mut self, output: impl IntoValue<'a>) -> SpanBuilder<'a> {
        self.output = Some(output.into_value());
        self
    }

    /// Sets an attribute.
    pub fn set(
        mut self,
        name: impl Into<Cow<'a, str>>,
        value: impl IntoValue<'a>,
    ) -> SpanBuilder<'a> {
        self.start.fields.attributes.insert(name, value);
        self
    }

    /// Id of its trace, where that differs from the session's.
    pub fn trace_id(mut self, trace_id: impl Into<Cow<'a, str>>) -> SpanBuilder<'a> {
        self.start.trace_id = Some(trace_id.into());
        self
    }

    /// The OpenTelemetry span kind.
    pub fn otlp_kind(mut self, kind: OtlpKind) -> SpanBuilder<'a> {
        self.start.otlp_kind = Some(kind);
        self
    }

    /// When the span began. Default: now.
    pub fn at(mut self, at: Timestamp) -> SpanBuilder<'a> {
        self.at = Some(at);
        self
    }

    /// Records the start and returns the span.
    pub fn start(mut self) -> Span {
        let id = self.take_id();
        let started = {
            let mut start: Box<SpanStart<'_>> = self.start;
            start.span = Cow::Borrowed(id.as_str());
            start.fields.output = self.output;
            let mut event = Event::new(Action::SpanStart(*start));
            event.at = self.at;
            self.session.write_event(&mut event)
        };
        Span::started_as(self.session, id, started)
    }

    /// As [`start`](SpanBuilder::start), and dropping the span writes nothing: see
    /// [`detach`](Span::detach).
    pub fn start_detached(self) -> Span {
        self.start().detach()
    }

    /// Records a whole span that ended at `end`, in one record.
    pub fn complete(mut self, end: Timestamp, status: SpanStatus) -> Written {
        let id = self.take_id();
        let mut start: Box<SpanStart<'_>> = self.start;
        start.span = Cow::Borrowed(id.as_str());
        start.started_at = Some(self.at.unwrap_or(end));
        let finish = SpanEnd {
            span: Cow::Borrowed(id.as_str()),
            status,
            ended_at: Some(end),
            fields: SpanFields {
                output: self.output,
                ..SpanFields::default()
            },
            ..SpanEnd::default()
        };
        let mut event = Event::new(Action::Span(*start, Box::new(finish))).at(end);
        self.session.write_event(&mut event)
    }

    fn take_id(&mut self) -> String {
        match std::mem::take(&mut self.start.span) {
            id if id.is_empty() => self.session.recorder.span_id(),
            id => id.into_owned(),
        }
    }
}
