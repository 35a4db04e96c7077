//! The control blocks of a run's segments, of which the last is the active one.

use crate::writer::sync_primitives::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use super::buffer::SegmentBuffer;
use crate::writer::watermark::Watermark;

/// Grows only: an appender that has looked at a segment may go on looking at it, without a lock and
/// without a count of those that look.
#[derive(Debug)]
pub(crate) struct SegmentList {
    first: Arc<SegmentBuffer>,
    /// Those after the first; each part has twice as many places as the one before.
    later: [OnceLock<ListPart>; PARTS],
    /// How many there are after the first; the last of them is active. Stored with release behind
    /// all that is said of that segment, loaded with acquire by appenders.
    count: AtomicUsize,
}

type ListPart = Box<[OnceLock<Arc<SegmentBuffer>>]>;

impl SegmentList {
    pub(crate) fn new(first: Arc<SegmentBuffer>) -> SegmentList {
        SegmentList {
            first,
            later: [const { OnceLock::new() }; PARTS],
            count: AtomicUsize::new(0),
        }
    }

    /// The active segment.
    pub(crate) fn active(&self) -> &SegmentBuffer {
        self.later(self.count.load(Ordering::Acquire))
            .unwrap_or(&self.first)
    }

    /// Makes another segment the active one; only ever called by one thread at a time.
    pub(crate) fn push(&self, next: Arc<SegmentBuffer>) {
        let number = self.count.load(Ordering::Relaxed) + 1;
        let place = place_of(number).and_then(|(part, place, len)| {
            let empty = || (0..len).map(|_| OnceLock::new()).collect();
            self.later.get(part)?.get_or_init(empty).get(place)
        });
        // Segments are numbered with 32 bits, for which there are places.
        if place.is_some_and(|place| place.set(next).is_ok()) {
            self.count.store(number, Ordering::Release);
        }
    }

    /// The last sequence number given out.
    pub(crate) fn written(&self) -> u64 {
        let segment = self.active();
        segment.seq_at(segment.tail()).saturating_sub(1)
    }

    /// Bytes of all frames so far.
    pub(crate) fn written_bytes(&self) -> u64 {
        let segment = self.active();
        segment.bytes_at(segment.tail().offset)
    }

    /// Bytes written and not yet durable.
    pub(crate) fn backlog_bytes(&self, watermark: &Watermark) -> u64 {
        // Read first what grows last, so that the difference is never taken too small.
        let durable = watermark.durable_bytes();
        self.written_bytes().saturating_sub(durable)
    }

    /// Whether anything waits to become durable that asks for a sync.
    pub(crate) fn is_dirty(&self, watermark: &Watermark) -> bool {
        watermark.is_dirty(self.written())
    }

    fn later(&self, number: usize) -> Option<&SegmentBuffer> {
        let (part, place, _) = place_of(number)?;
        let buffer = self.later.get(part)?.get()?.get(place)?.get();
        buffer.map(|buffer| &**buffer)
    }
}

/// The part of the one of this number, counted from 1, its place there, and the part's length;
/// `None` for 0.
fn place_of(number: usize) -> Option<(usize, usize, usize)> {
    let part = number.checked_ilog2()?;
    let len = 1 << part;
    Some((usize::try_from(part).ok()?, number - len, len))
}

const PARTS: usize = 32;

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use crate::format::FrameSeed;
    use crate::seq::{Generation, RunId, SegmentNumber};

    fn buffer(number: u32) -> Arc<SegmentBuffer> {
        let run = RunId {
            generation: Generation(1),
            random: 2,
        };
        let number = SegmentNumber(number);
        let identity = (number, FrameSeed::new(run, number));
        Arc::new(SegmentBuffer::new(identity, 1 << 20, None))
    }

    #[test]
    fn the_last_one_is_active_and_earlier_ones_stay_where_they_are() {
        let segments = SegmentList::new(buffer(1));
        let mut seen = vec![segments.active()];
        for number in 2..200 {
            segments.push(buffer(number));
            seen.push(segments.active());
        }
        let numbers: Vec<u32> = seen.iter().map(|buffer| buffer.number().0).collect();
        assert_eq!(numbers, (1..200).collect::<Vec<_>>());
    }
}
