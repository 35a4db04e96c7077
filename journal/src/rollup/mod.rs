//! What a list needs of a session's records in one segment, in a few bytes.
//!
//! A rollup holds other, fewer records: folded in the place of the segment's own, they make the
//! session stand as it does. Spans that begin and end in the segment are not among them: they are
//! counted, and their numbers added up. So a rollup tells the truth as long as no other segment
//! has a span of the same id, which their hashes tell; of segments that have, the records tell.

mod builder;
mod retained;
mod span_records;
mod span_tracker;
mod sums;
mod table;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_bytes::Bytes;

pub(crate) use builder::RollupBuilder;
pub(crate) use span_tracker::ROOT_ID;
pub(crate) use sums::SpanSums;
pub(crate) use table::SpanTable;

use crate::event::system;
use crate::event::{Action, Event, Numbers, codec};
use crate::format::RecordKind;
use crate::hash::fnv_1a_64;
use crate::time::Timestamp;

/// A session's records in a segment, as far as a list shows them. FORMAT.md states the bytes.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SessionRollup<'a> {
    first_at: Option<(i64, u32)>,
    last_at: Option<(i64, u32)>,
    has_work: bool,
    sums: Vec<(u128, u8)>,
    #[serde(borrow)]
    finished: &'a Bytes,
    #[serde(borrow)]
    records: Vec<(u8, &'a Bytes)>,
}

impl<'a> SessionRollup<'a> {
    /// `None` unless the bytes are a rollup, to the last one.
    pub(crate) fn decode(bytes: &'a [u8]) -> Option<SessionRollup<'a>> {
        let rollup: SessionRollup<'a> = system::decode_part(bytes)?;
        let is_whole = rollup.finished.len().is_multiple_of(HASH_LEN);
        is_whole.then_some(rollup)
    }

    /// The first time that any of the records tells.
    pub(crate) fn first_at(&self) -> Option<Timestamp> {
        self.first_at.map(from_parts)
    }

    /// The latest time told behind the last of [`events`](SessionRollup::events).
    pub(crate) fn last_at(&self) -> Option<Timestamp> {
        self.last_at.map(from_parts)
    }

    /// Whether any of the records is work, not only news about the session.
    pub(crate) fn has_work(&self) -> bool {
        self.has_work
    }

    /// What the finished spans add up to; `None` if it is no sum.
    pub(crate) fn sums(&self) -> Option<SpanSums> {
        SpanSums::from_parts(&self.sums)
    }

    /// The hashes of the ids of the finished spans.
    pub(crate) fn finished(&self) -> impl ExactSizeIterator<Item = u64> {
        self.finished.chunks_exact(HASH_LEN).map(|bytes| {
            let mut hash = [0; 8];
            for (to, from) in hash.iter_mut().zip(bytes) {
                *to = *from;
            }
            u64::from_le_bytes(hash)
        })
    }

    /// The bytes of the rollup without the hashes of its finished spans, and those.
    pub(crate) fn apart(mut self) -> Option<(Vec<u8>, &'a [u8])> {
        let hashes: &'a Bytes = std::mem::replace(&mut self.finished, Bytes::new(&[]));
        let mut bytes = Vec::new();
        system::encode(&self, &mut bytes).ok()?;
        Some((bytes, hashes))
    }

    /// The rollup with the hashes of its finished spans, which were kept apart from it; `None`
    /// unless they are hashes.
    pub(crate) fn with_finished(mut self, hashes: &'a [u8]) -> Option<SessionRollup<'a>> {
        self.finished = Bytes::new(hashes);
        hashes.len().is_multiple_of(HASH_LEN).then_some(self)
    }

    /// What is to be folded instead of the records; `None` for what is no event.
    pub(crate) fn events(&self) -> impl Iterator<Item = Option<Event<'a>>> {
        let records = self.records.iter();
        records.map(|(kind, payload)| codec::decode_known(RecordKind(*kind), payload))
    }
}

/// A hash of a span's id: ids with different hashes differ.
///
/// The low 48 bits of FNV-1a.
pub(crate) fn span_hash(id: &str) -> u64 {
    fnv_1a_64(id.as_bytes()) & HASH_MASK
}

/// The hash of the span, or the root, of which an event says more than that it is there.
pub(crate) fn told_of(event: &Event<'_>) -> Option<u64> {
    let span = match &event.action {
        Action::SessionStart(start) => start.span.as_deref(),
        Action::SpanStart(start) | Action::Span(start, _) => Some(&*start.span),
        Action::SpanUpdate(update) if Numbers::of(&update.fields).is_empty() => None,
        Action::SpanUpdate(update) => Some(&*update.span),
        Action::SpanEnd(end) => Some(&*end.span),
        _ => None,
    };
    span.filter(|span| !span.is_empty()).map(span_hash)
}

fn to_parts(time: Timestamp) -> (i64, u32) {
    (time.seconds(), time.nanoseconds())
}

fn from_parts((seconds, nanoseconds): (i64, u32)) -> Timestamp {
    Timestamp::new(seconds, nanoseconds)
}

/// Bytes of a hash: two of a million ids are the same in one of five hundred sessions. That costs
/// the session's row the reading of its records in two segments; if one of the spans is only
/// mentioned, the row counts both as one.
pub(crate) const HASH_LEN: usize = 6;
const HASH_MASK: u64 = (1 << (8 * HASH_LEN)) - 1;
