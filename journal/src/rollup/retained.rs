//! The records that a rollup holds.

use super::{span_hash, told_of};
use crate::event::{Action, Event, Numbers, codec};
use crate::format::RecordKind;
use crate::seeded::{self, Bug};

/// Records by the order in which they came; some find their place only later.
#[derive(Debug, Default)]
pub(super) struct Retained {
    /// In order, as a rollup has them: decoded ones take twenty times the memory.
    records: Vec<RetainedRecord>,
    next: u64,
    /// One of them has no encoding.
    has_failed: bool,
}

#[derive(Debug)]
struct RetainedRecord {
    order: u64,
    kind: RecordKind,
    payload: Box<[u8]>,
}

impl Retained {
    /// The place of a record that came just now.
    pub(super) fn next_order(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Keeps a record that came just now, and gives its place.
    pub(super) fn push(&mut self, event: &Event<'_>) -> u64 {
        let order = self.next_order();
        self.put(order, event);
        order
    }

    /// Keeps a record in its place.
    pub(super) fn put(&mut self, order: u64, event: &Event<'_>) {
        let mut payload = Vec::new();
        let Ok(kind) = codec::encode(event, &mut payload) else {
            self.has_failed = true;
            return;
        };
        let record = RetainedRecord {
            order,
            kind,
            payload: payload.into(),
        };
        match self.records.binary_search_by_key(&order, |one| one.order) {
            Ok(at) => self.records[at] = record,
            Err(at) => self.records.insert(at, record),
        }
    }

    /// Keeps a record no longer.
    pub(super) fn remove(&mut self, order: u64) {
        if let Ok(at) = self.records.binary_search_by_key(&order, |one| one.order) {
            self.records.remove(at);
        }
    }

    pub(super) fn get(&self, order: u64) -> Option<Event<'_>> {
        let at = self.records.binary_search_by_key(&order, |one| one.order);
        self.records.get(at.ok()?)?.event()
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// Leaves out what only mentions a span with one of these hashes, in ascending order; `None` if
    /// anything says more of one.
    pub(super) fn leave_out(&mut self, finished: &[u64]) -> Option<()> {
        let is_finished = |hash: u64| finished.binary_search(&hash).is_ok();
        let events = self.records.iter().filter_map(RetainedRecord::event);
        let mut told = events.filter_map(|event| told_of(&event));
        if told.any(is_finished) && !seeded::has(Bug::MergedSpansTwice) {
            return None;
        }
        self.records.retain(|record| match record.event() {
            Some(Event {
                action: Action::SpanUpdate(update),
                ..
            }) if Numbers::of(&update.fields).is_empty() => !is_finished(span_hash(&update.span)),
            _ => true,
        });
        Some(())
    }

    /// All of them, in order; `None` if they cannot be told.
    pub(super) fn finish(self) -> Option<Vec<(u8, Box<[u8]>)>> {
        let records = self.records.into_iter();
        let records = records.map(|record| (record.kind.0, record.payload));
        (!self.has_failed).then(|| records.collect())
    }
}

impl RetainedRecord {
    fn event(&self) -> Option<Event<'_>> {
        codec::decode_known(self.kind, &self.payload)
    }
}
