//! The records that a digest holds.

use std::collections::BTreeMap;

use super::{span_hash, told_of};
use crate::event::{Action, Event, Numbers};

/// Records by the order in which they came; some find their place only later.
#[derive(Debug, Default)]
pub(super) struct Kept {
    events: BTreeMap<u64, Event<'static>>,
    next: u64,
}

impl Kept {
    /// The place of a record that came just now.
    pub(super) fn next_order(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Keeps a record that came just now, and gives its place.
    pub(super) fn push(&mut self, event: Event<'static>) -> u64 {
        let order = self.next_order();
        self.put(order, event);
        order
    }

    /// Keeps a record in its place.
    pub(super) fn put(&mut self, order: u64, event: Event<'static>) {
        self.events.insert(order, event);
    }

    pub(super) fn get(&self, order: u64) -> Option<&Event<'static>> {
        self.events.get(&order)
    }

    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    /// Leaves out what only mentions a span with one of these hashes, in ascending order; `None` if
    /// anything says more of one.
    pub(super) fn leave_out(&mut self, finished: &[u64]) -> Option<()> {
        let is_finished = |hash: u64| finished.binary_search(&hash).is_ok();
        let mut told = self.events.values().filter_map(told_of);
        if told.any(is_finished) {
            return None;
        }
        self.events.retain(|_, event| match &event.action {
            Action::SpanUpdate(update) if Numbers::of(&update.fields).is_empty() => {
                !is_finished(span_hash(&update.span))
            }
            _ => true,
        });
        Some(())
    }

    /// All of them, in order.
    pub(super) fn events(&self) -> impl Iterator<Item = &Event<'static>> {
        self.events.values()
    }
}
