//! What is made ready ahead of the appenders, so that they need not wait for it: writable pages,
//! the next segment, zeros in it. Everything here is left to them where it does not keep up.

use std::sync::Arc;
use std::time::Duration;

use super::pipeline::{SegmentPipeline, segment_len_for};
use crate::error::Error;
use crate::seeded::{self, Bug};
use crate::writer::run_constants::RunConstants;
use crate::writer::segment::active::{ActiveSegment, PrepareFailure};
use crate::writer::segment::list::SegmentList;
use crate::writer::signals::Signals;
use crate::writer::sync_primitives::{Mutex, lock};

/// Makes ready ahead of the appenders, and hands over, what they write into.
#[derive(Debug)]
pub(crate) struct Preallocator {
    constants: Arc<RunConstants>,
    segments: Arc<SegmentList>,
    signals: Arc<Signals>,
    /// The segment after the active one. See `RunWriter` for when it is locked.
    pipeline: Mutex<SegmentPipeline>,
}

/// What is to be made ready next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PreallocTask {
    /// More writable pages in the active segment.
    Window,
    /// The next segment.
    Segment,
    /// The next part of the next segment's zeros.
    Zeros,
    /// Nothing, until it is asked for.
    Rest,
    /// Nothing now: the device has more important things to write.
    Wait,
}

impl Preallocator {
    pub(crate) fn new(
        constants: Arc<RunConstants>,
        segments: Arc<SegmentList>,
        signals: Arc<Signals>,
        pipeline: SegmentPipeline,
    ) -> Preallocator {
        Preallocator {
            constants,
            segments,
            signals,
            pipeline: Mutex::new(pipeline),
        }
    }

    /// What is to be made ready next.
    pub(crate) fn next_task(&self) -> PreallocTask {
        // A run that is being closed needs nothing more; the end of it notifies.
        if self.signals.is_closing() {
            return PreallocTask::Rest;
        }
        if self.signals.wants_window() {
            return PreallocTask::Window;
        }
        let (is_settled, has_zeroing_left) = {
            let pipeline = lock(&self.pipeline);
            (pipeline.is_settled(), pipeline.has_zeroing_left())
        };
        if self.signals.wants_segment() && !is_settled {
            PreallocTask::Segment
        } else if !has_zeroing_left || !self.signals.has_waited() {
            PreallocTask::Rest
        } else if self.segments.backlog_bytes(self.signals.watermark()) < BUSY_BYTES {
            PreallocTask::Zeros
        } else {
            PreallocTask::Wait
        }
    }

    /// Does one task; resting and waiting are the caller's.
    ///
    /// # Errors
    /// What poisons the run.
    pub(crate) fn execute(&self, task: PreallocTask) -> Result<(), Error> {
        match task {
            PreallocTask::Window => {
                self.extend_window();
                self.signals.window_is_made();
            }
            PreallocTask::Segment => return self.prepare_next(),
            PreallocTask::Zeros => self.zero_ahead(),
            PreallocTask::Rest | PreallocTask::Wait => {}
        }
        Ok(())
    }

    /// Hands over the next segment, with at least this much room for frames.
    pub(crate) fn take(&self, room: u64) -> Result<Arc<ActiveSegment>, PrepareFailure> {
        let storage = &**self.constants.storage();
        let taken = lock(&self.pipeline).take(storage, segment_len_for(room));
        self.signals.segment_is_taken();
        taken
    }

    /// Says that the segment made ahead must be made writable anew.
    pub(crate) fn invalidate(&self) {
        lock(&self.pipeline).invalidate();
    }

    /// Removes the segment that was made ahead and never used, whose space is for others now.
    pub(crate) fn give_back(&self) {
        let prepared = lock(&self.pipeline).take_prepared();
        if let Some(segment) = prepared.filter(|_| !seeded::has(Bug::NextSegmentKept)) {
            let _ = self.constants.storage().remove(segment.name());
        }
    }

    /// Little by little, so that appenders need not wait for the whole window; it gets longer as
    /// long as they come near its end.
    fn extend_window(&self) {
        let mut len = self.signals.window_len();
        let segment = self.segments.active();
        let ahead = || {
            let tail = segment.tail();
            (segment.writable_to().saturating_sub(tail.offset), tail)
        };
        if ahead().0 < len / 2 {
            len = len.saturating_mul(2).min(WINDOW_LEN);
            self.signals.set_window_len(len);
        }
        // Where there is no space, the appender finds out and says so.
        while ahead().0 < len && segment.extend_writable() {}
        let (is_ahead, tail) = ahead();
        if is_ahead < len && segment.writable_to() >= segment.file_len() && !tail.is_closed {
            let rest = len - is_ahead;
            while lock(&self.pipeline).extend_writable(rest) {}
        }
    }

    fn prepare_next(&self) -> Result<(), Error> {
        // The log waits for this lock at a rotation, and then finds the segment made.
        let mut pipeline = lock(&self.pipeline);
        // Closing takes what is made away, and nothing may be made after that.
        if self.signals.is_closing() {
            return Ok(());
        }
        match pipeline.prepare(&**self.constants.storage()) {
            Err(PrepareFailure::Poison(error)) => Err(error),
            _ => Ok(()),
        }
    }

    fn zero_ahead(&self) {
        let part = lock(&self.pipeline).zero_next_part();
        if let Some((segment, from, to)) = part {
            // Only a faster sync later depends on it; that sync finds any error again.
            let _ = segment.file().sync(from, to);
        }
    }
}

/// How much of the active segment is made writable ahead at most: at full speed an appender uses so
/// much in a millisecond. More was no faster, and what a dead run made ready is read through when
/// the next one is opened.
const WINDOW_LEN: u64 = 2 << 20;

/// With so much waiting for a sync, zeros would only delay it.
pub(crate) const BUSY_BYTES: u64 = 512 << 10;

/// How long a busy device is left alone.
pub(crate) const BUSY_PAUSE: Duration = Duration::from_millis(5);
