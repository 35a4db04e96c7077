//! The end of a span.

use std::borrow::Cow;

use serde::Serialize;

use super::receipt::Written;
use super::span::Span;
use crate::event::{Action, Event, IntoValue, Number, SpanEnd, SpanStatus, Tokens};
use crate::time::Timestamp;

/// The end of a span, not recorded before [`end`](SpanFinish::end).
#[derive(Debug)]
#[must_use = "the span ends with `end`"]
pub struct SpanFinish<'a> {
    span: Span,
    at: Option<Timestamp>,
    /// Boxed: the end is handed on with every call.
    end: Box<SpanEnd<'a>>,
}

impl Span {
    /// The end of the span, to which more can be added.
    pub fn finish<'a>(&self) -> SpanFinish<'a> {
        SpanFinish {
            span: self.clone(),
            at: None,
            end: Box::default(),
        }
    }

    /// Ends the span with an error, for this reason.
    pub fn fail<'a>(&self, reason: impl Into<Cow<'a, str>>) -> Written {
        self.finish().status_message(reason).end(SpanStatus::Error)
    }
}

impl<'a> SpanFinish<'a> {
    /// Tokens used.
    pub fn tokens(mut self, tokens: Tokens) -> SpanFinish<'a> {
        self.end.fields.tokens = Some(tokens);
        self
    }

    /// What it cost, in the caller's currency.
    pub fn cost(mut self, cost: impl Into<Number>) -> SpanFinish<'a> {
        self.end.fields.cost = Some(cost.into());
        self
    }

    /// Why a generation ended.
    pub fn reason(mut self, reason: impl Into<Cow<'a, str>>) -> SpanFinish<'a> {
        self.end.fields.finish_reason = Some(reason.into());
        self
    }

    /// What the span gave back.
    pub fn output(mut self, output: impl IntoValue<'a>) -> SpanFinish<'a> {
        self.end.fields.output = Some(output.into_value());
        self
    }

    /// What the span gave back: what `data` serialises to. If it cannot be, there is no output,
    /// and the error hook hears of it.
    pub fn output_from(mut self, data: &(impl Serialize + ?Sized)) -> SpanFinish<'a> {
        self.end.fields.output = self.span.session().recorder.serialized(data);
        self
    }

    /// Words for the status.
    pub fn status_message(mut self, text: impl Into<Cow<'a, str>>) -> SpanFinish<'a> {
        self.end.status_message = Some(text.into());
        self
    }

    /// Sets an attribute.
    pub fn set(
        mut self,
        name: impl Into<Cow<'a, str>>,
        value: impl IntoValue<'a>,
    ) -> SpanFinish<'a> {
        self.end.fields.attributes.insert(name, value);
        self
    }

    /// When the span ended. Default: now.
    pub fn at(mut self, at: Timestamp) -> SpanFinish<'a> {
        self.at = Some(at);
        self
    }

    /// Records the end. A span that is ended twice keeps its first end.
    pub fn end(self, status: SpanStatus) -> Written {
        let mut end: Box<SpanEnd<'_>> = self.end;
        end.span = Cow::Borrowed(self.span.id());
        end.status = status;
        let mut event = Event::new(Action::SpanEnd(*end));
        event.at = self.at;
        self.span.write_end(&mut event)
    }
}
