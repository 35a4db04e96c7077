//! What a sync has to look at, kept apart from the log: the thread that has that may have to wait
//! for pages, or for the next segment to be made, and no sync is to wait for it.

use std::sync::Arc;

use super::pwrite_range::PwriteRange;
use crate::writer::segment::active::ActiveSegment;
use crate::writer::segment::tail::Tail;

/// Segments that are not known to be durable as a whole.
///
/// The log changes this in one step at a rotation, before any appender sees the next segment, so
/// a look later than a record was appended finds the segment that has it.
#[derive(Debug)]
pub(crate) struct SyncQueue {
    active: Arc<ActiveSegment>,
    /// The last frames in it that came by positioned writes.
    positioned: PwriteRange,
    sealed: Vec<SealedSegment>,
}

/// A segment left behind: closed, but perhaps not yet durable.
#[derive(Clone, Debug)]
pub(crate) struct SealedSegment {
    pub(crate) segment: Arc<ActiveSegment>,
    pub(crate) positioned: PwriteRange,
    pub(crate) is_sealed: bool,
}

impl SyncQueue {
    /// A run that begins with this segment, in which nothing is yet.
    pub(crate) fn new(first: Arc<ActiveSegment>) -> SyncQueue {
        SyncQueue {
            active: first,
            positioned: PwriteRange::none(),
            sealed: Vec::new(),
        }
    }

    /// The segment that is appended to, and its last frames that came by positioned writes.
    pub(crate) fn active(&self) -> (Arc<ActiveSegment>, PwriteRange) {
        (Arc::clone(&self.active), self.positioned)
    }

    /// The segments left behind since the last call, in order.
    pub(crate) fn take_sealed(&mut self) -> Vec<SealedSegment> {
        std::mem::take(&mut self.sealed)
    }

    /// Takes in frames that came by positioned writes, the last of which begins at `last`.
    pub(crate) fn add_positioned(&mut self, from: Tail, to: Tail, last: u64) {
        self.positioned.add(from, to, last);
    }

    /// Leaves a segment behind and goes on in the next one.
    pub(crate) fn go_on(
        &mut self,
        left: Arc<ActiveSegment>,
        is_sealed: bool,
        next: Arc<ActiveSegment>,
    ) {
        self.active = next;
        self.sealed.push(SealedSegment {
            segment: left,
            positioned: std::mem::replace(&mut self.positioned, PwriteRange::none()),
            is_sealed,
        });
    }
}
