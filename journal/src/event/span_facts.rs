//! What an event says of a span, without all the rest.

use super::{Action, Event, Number, SpanFields, SpanKey, Tokens};
use crate::time::Timestamp;

/// An event about anything but the session as a whole.
#[derive(Clone, Debug)]
pub(crate) struct SpanFacts<'a> {
    /// As [`Event::activity_at`].
    pub(crate) at: Option<Timestamp>,
    pub(crate) mention: SpanMention<'a>,
}

/// Which span an event is about, and what happened to it. The empty id is that of the root.
#[derive(Clone, Debug)]
pub(crate) enum SpanMention<'a> {
    /// It began.
    Start(SpanKey<'a>, Numbers),
    /// It is there, and perhaps what it has come to.
    Mention(SpanKey<'a>, Numbers),
    /// It ended.
    End(SpanKey<'a>, Numbers),
    /// It ended because its last handle was dropped.
    Drop(SpanKey<'a>, Numbers),
    /// It began and ended: what it had come to at its start, and at its end.
    Whole(SpanKey<'a>, Numbers, Numbers),
    /// Nothing of any span.
    Nothing,
}

impl<'a> SpanMention<'a> {
    /// A span is there, or if none is named, the root.
    pub(super) fn of(span: Option<SpanKey<'a>>) -> SpanMention<'a> {
        let root = SpanKey::of("");
        SpanMention::Mention(span.unwrap_or(root), Numbers::default())
    }
}

/// The numbers a span has come to so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Numbers {
    pub(crate) tokens: Option<Tokens>,
    pub(crate) cost: Option<Number>,
}

impl Numbers {
    pub(crate) fn of(fields: &SpanFields<'_>) -> Numbers {
        Numbers {
            tokens: fields.tokens,
            cost: fields.cost,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.tokens.is_none() && self.cost.is_none()
    }

    /// These, and where there are none, those that were told before.
    pub(crate) fn or(self, before: Numbers) -> Numbers {
        Numbers {
            tokens: self.tokens.or(before.tokens),
            cost: self.cost.or(before.cost),
        }
    }
}

impl Event<'_> {
    /// What the event says of a span; `None` if it is about the session as a whole, or of a kind
    /// this library does not know.
    pub(crate) fn span_facts(&self) -> Option<SpanFacts<'_>> {
        let mention = match &self.action {
            Action::SessionStart(_)
            | Action::SessionUpdate(_)
            | Action::SessionEnd(_)
            | Action::Crash(_)
            | Action::Unknown { .. } => return None,
            Action::SpanStart(start) => {
                SpanMention::Start(SpanKey::of(&start.span), Numbers::of(&start.fields))
            }
            Action::SpanUpdate(update) => {
                SpanMention::Mention(SpanKey::of(&update.span), Numbers::of(&update.fields))
            }
            Action::SpanEnd(end) => {
                let (span, numbers) = (SpanKey::of(&end.span), Numbers::of(&end.fields));
                match end.ended_by_drop {
                    true => SpanMention::Drop(span, numbers),
                    false => SpanMention::End(span, numbers),
                }
            }
            Action::Span(start, end) => {
                let numbers = [&start.fields, &end.fields].map(Numbers::of);
                SpanMention::Whole(SpanKey::of(&start.span), numbers[0], numbers[1])
            }
            Action::Text(text) => SpanMention::of(Some(SpanKey::of(&text.span))),
            Action::Log(log) => SpanMention::of(log.span.as_deref().map(SpanKey::of)),
            Action::Link(link) => SpanMention::of(link.span.as_deref().map(SpanKey::of)),
            Action::Counter(_) | Action::Custom(_) | Action::Line(_) => SpanMention::Nothing,
        };
        Some(SpanFacts {
            at: self.activity_at(),
            mention,
        })
    }
}
