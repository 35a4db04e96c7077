//! How far every record is there: the first room taken whose frame is not committed yet.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::format::{DurablePlace, FRAMES_OFFSET, padded};
use crate::seeded::{self, Bug};
use crate::seq::SegmentNumber;
use crate::writer::append::pwrite_range::PwriteRange;
use crate::writer::segment::active::ActiveSegment;
use crate::writer::segment::buffer::SegmentBuffer;
use crate::writer::sync_primitives::{hint, thread};

/// The place up to which all frames are committed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frontier {
    segment: SegmentNumber,
    offset: u64,
    relative_seq: u64,
    /// The length of the last frame: the next ones are probably as long.
    frame_len: u64,
    /// The last frame in front of it.
    last: Option<DurablePlace>,
}

/// What one sync makes durable.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) last_seq: u64,
    pub(crate) total_bytes: u64,
    /// Segments to be synced, in order.
    pub(crate) ends: Vec<SegmentEnd>,
    /// The last record of it.
    pub(crate) last: Option<DurablePlace>,
    /// The last record in front of one that an appender has begun and not committed.
    pub(crate) held_up_behind: Option<u64>,
}

/// How far a segment is to be synced.
#[derive(Debug)]
pub(crate) struct SegmentEnd {
    pub(crate) segment: Arc<ActiveSegment>,
    /// Where its committed frames end.
    pub(crate) offset: u64,
    /// Some of them are there since the last sync by being stored.
    pub(crate) has_stored: bool,
}

impl Default for Frontier {
    fn default() -> Frontier {
        Frontier {
            segment: SegmentNumber::FIRST,
            offset: FRAMES_OFFSET,
            relative_seq: 0,
            frame_len: SHORTEST_FRAME,
            last: None,
        }
    }
}

/// How far the frontier came.
struct Advance {
    /// No frame before the segment's tail stayed uncommitted.
    is_whole: bool,
    has_stored: bool,
}

impl Frontier {
    /// Moves over segments in order, to the end of the last or to the first frame that is not
    /// committed: everything in front of that is to be synced.
    pub(crate) fn advance_over(
        &mut self,
        segments: Vec<(Arc<ActiveSegment>, PwriteRange)>,
    ) -> Target {
        let patience = Instant::now() + COMMIT_PATIENCE;
        let mut target = Target {
            last_seq: 0,
            total_bytes: 0,
            ends: Vec::new(),
            last: None,
            held_up_behind: None,
        };
        let before = self.last;
        for (segment, positioned) in segments {
            self.enter(&segment);
            if !segment.is_mapped() {
                self.go_over(positioned, &segment);
            }
            let advance = self.advance(&segment, positioned, patience);
            target.last_seq = (segment.first_seq() + self.relative_seq).saturating_sub(1);
            target.total_bytes = segment.bytes_at(self.offset);
            target.last = seeded::either(Bug::SyncBeforeNoted, before, self.last);
            target.ends.push(SegmentEnd {
                segment,
                offset: self.offset,
                has_stored: advance.has_stored,
            });
            if !advance.is_whole {
                target.held_up_behind = Some(target.last_seq);
                break;
            }
        }
        target
    }

    /// Begins with a segment, unless it was begun before.
    fn enter(&mut self, segment: &SegmentBuffer) {
        if self.segment != segment.number() {
            *self = Frontier {
                segment: segment.number(),
                offset: FRAMES_OFFSET,
                relative_seq: 0,
                ..*self
            };
        }
    }

    /// Moves to where a mapped segment's tail is now, or to the first uncommitted frame before it.
    fn advance(
        &mut self,
        segment: &SegmentBuffer,
        positioned: PwriteRange,
        patience: Instant,
    ) -> Advance {
        let mut has_stored = false;
        let tail = segment.tail();
        let mut rounds = 0;
        while segment.is_mapped() && self.offset < tail.offset {
            if positioned.end_from(self.offset).is_some() {
                self.go_over(positioned, segment);
                continue;
            }
            has_stored = true;
            match segment.committed(self.offset, tail.offset, self.frame_len) {
                Some((count, len)) => {
                    self.offset += count * len;
                    self.relative_seq += count;
                    self.frame_len = len;
                    self.note_last(self.offset - len, segment);
                }
                // An appender between reserve and commit needs a moment, or the processor. To
                // yield would give it to any thread, for long.
                None if rounds < SPINS => {
                    rounds += 1;
                    hint::spin_loop();
                }
                None if Instant::now() >= patience => {
                    return Advance {
                        is_whole: false,
                        has_stored,
                    };
                }
                None => thread::sleep(PAUSE),
            }
        }
        Advance {
            is_whole: true,
            has_stored,
        }
    }

    /// Moves behind frames that came by positioned writes, which are over.
    fn go_over(&mut self, positioned: PwriteRange, segment: &SegmentBuffer) {
        if positioned.end().offset > self.offset {
            let end = positioned.end();
            self.offset = end.offset;
            self.relative_seq = u64::from(end.relative_seq);
            self.note_last(positioned.last(), segment);
        }
    }

    /// Says where the frame begins that ends here.
    fn note_last(&mut self, offset: u64, segment: &SegmentBuffer) {
        self.last = Some(DurablePlace {
            seq: (segment.first_seq() + self.relative_seq).saturating_sub(1),
            segment: segment.number(),
            offset,
        });
    }
}

/// How long a sync waits for an appender that has room and has not committed; what is behind it
/// is left to the next sync.
const COMMIT_PATIENCE: Duration = Duration::from_micros(300);
const PAUSE: Duration = Duration::from_micros(50);
const SPINS: u32 = 100;

const SHORTEST_FRAME: u64 = padded(0);
