//! What a record says: the events of a trace and how they become payload bytes.

mod action;
mod appendix;
#[cfg(test)]
pub(crate) mod arbitrary;
pub(crate) mod codec;
mod convert;
mod decimal;
pub(crate) mod elsewhere;
mod from_serialize;
pub(crate) mod hex;
mod into_value;
mod json;
mod json_text;
mod key;
mod kinds;
mod map;
mod nesting;
#[cfg(test)]
mod nesting_tests;
mod not_here;
mod number;
mod owned;
mod serialize;
mod setters;
mod span_facts;
mod span_key;
pub(crate) mod system;
mod value;

pub use action::{
    Action, Counter, Crash, Custom, Line, Log, Model, SessionEnd, SessionStart, SessionUpdate,
    SpanEnd, SpanFields, SpanLink, SpanStart, SpanUpdate, Text, Tokens,
};
pub(crate) use appendix::Appendix;
pub(crate) use decimal::{Decimal, DecimalSum};
pub use elsewhere::Elsewhere;
pub use into_value::IntoValue;
pub use json::JsonLine;
pub(crate) use key::Key;
pub use kinds::{Channel, Level, OtlpKind, SessionStatus, SpanKind, SpanStatus};
pub use map::Map;
pub use number::Number;
pub(crate) use span_facts::{Numbers, SpanFacts, SpanMention};
pub(crate) use span_key::SpanKey;
pub use value::Value;

use std::borrow::Cow;

use crate::time::Timestamp;

/// Something that happened in a trace.
///
/// Borrows what it can; [`into_owned`](Event::into_owned) makes it independent.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Event<'a> {
    /// The session it belongs to. `None`: the session of the handle it is appended through, or,
    /// for a [`Action::Crash`], the whole run.
    pub session: Option<Cow<'a, str>>,
    /// When it happened. `None`: at the moment it is appended.
    pub at: Option<Timestamp>,
    /// What happened.
    pub action: Action<'a>,
    /// Members this library does not know; kept and given back.
    pub extra: Map<'a>,
    /// What few events have.
    pub(crate) appendix: Option<Box<Appendix<'a>>>,
}

impl<'a> Event<'a> {
    /// An event without session, time or extra members.
    #[must_use]
    pub fn new(action: impl Into<Action<'a>>) -> Event<'a> {
        Event {
            session: None,
            at: None,
            action: action.into(),
            extra: Map::new(),
            appendix: None,
        }
    }

    /// An event of the caller's own kind, named `name`.
    #[must_use]
    pub fn custom(name: impl Into<Cow<'a, str>>, data: impl IntoValue<'a>) -> Event<'a> {
        Event::new(Action::Custom(Custom {
            name: name.into(),
            data: data.into_value(),
        }))
    }

    /// A line of a program's output, without its newline.
    #[must_use]
    pub fn line(bytes: impl Into<Cow<'a, [u8]>>) -> Event<'a> {
        Event::new(Action::Line(Line {
            bytes: bytes.into(),
        }))
    }

    /// The same event in the given session.
    #[must_use]
    pub fn in_session(mut self, session: impl Into<Cow<'a, str>>) -> Event<'a> {
        self.session = Some(session.into());
        self
    }

    /// The same event at the given time.
    #[must_use]
    pub fn at(mut self, at: Timestamp) -> Event<'a> {
        self.at = Some(at);
        self
    }

    /// What only OpenTelemetry has a word for: the member `otel` of the JSON form.
    #[must_use]
    pub fn otel(&self) -> &Map<'a> {
        const NONE: &Map<'static> = &Map::new();
        self.appendix.as_ref().map_or(NONE, |more| &more.otel)
    }

    /// The same event with these members for OpenTelemetry.
    #[must_use]
    pub fn with_otel(mut self, otel: Map<'a>) -> Event<'a> {
        if !otel.is_empty() || self.appendix.is_some() {
            self.appendix.get_or_insert_default().otel = otel;
        }
        self
    }

    /// Names of members that were given as something else than they are, and converted: what nests
    /// too deep or has too many values in it to its text in JSON, a number to a text, and so on.
    #[must_use]
    pub fn converted(&self) -> impl ExactSizeIterator<Item = &str> {
        let names = self
            .appendix
            .as_ref()
            .map_or(&[][..], |more| &more.converted);
        names.iter().map(|name| &**name)
    }

    /// When what it reports happened, if it says so, else when it was recorded.
    pub(crate) fn activity_at(&self) -> Option<Timestamp> {
        let happened_at = match &self.action {
            Action::SpanStart(start) => start.started_at,
            Action::SpanEnd(end) => end.ended_at,
            Action::Span(start, end) => {
                let later = |ended_at| start.started_at.map_or(ended_at, |at| at.max(ended_at));
                end.ended_at.map(later)
            }
            _ => None,
        };
        happened_at.or(self.at)
    }
}
