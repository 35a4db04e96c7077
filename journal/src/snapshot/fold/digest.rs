//! Takes in digests in the place of the records they were made of.

use super::Fold;
use crate::digest::Digest;
use crate::event::{Action, Event};
use crate::seq::Seq;

impl Fold<'_> {
    /// Takes in what the run's records in a segment come to, but for the spans that are finished
    /// there, and shows every id that they give a span or the root; `None` if it is no digest.
    ///
    /// How the session stands is then as if the records had been taken in, and so are its times.
    pub(crate) fn digest(
        &mut self,
        digest: &Digest<'_>,
        see_span: &mut dyn FnMut(&str),
    ) -> Option<()> {
        if let Some(at) = digest.first_at() {
            self.first_at.get_or_insert(at);
        }
        let number = self.branches.len().checked_sub(1)?;
        self.branches[number].has_work |= digest.has_work();
        for event in digest.events() {
            let event = event?;
            if let Some(span) = span_of(&event) {
                see_span(span);
            }
            self.passing_record(Seq::FIRST, event);
        }
        if let Some(at) = digest.last_at() {
            self.branches[number].saw(at);
        }
        Some(())
    }
}

/// The id by which an event names a span, or the root as one.
pub(crate) fn span_of<'e>(event: &'e Event<'_>) -> Option<&'e str> {
    let span = match &event.action {
        Action::SessionStart(start) => start.span.as_deref(),
        Action::SpanStart(start) | Action::Span(start, _) => Some(&*start.span),
        Action::SpanUpdate(update) => Some(&*update.span),
        Action::SpanEnd(end) => Some(&*end.span),
        Action::Text(text) => Some(&*text.span),
        Action::Log(log) => log.span.as_deref(),
        Action::Link(link) => link.span.as_deref(),
        Action::SessionUpdate(_)
        | Action::SessionEnd(_)
        | Action::Counter(_)
        | Action::Crash(_)
        | Action::Custom(_)
        | Action::Unknown { .. } => None,
    };
    span.filter(|span| !span.is_empty())
}
