//! What is made ready ahead of the appenders, so that they need not wait for it: writable pages,
//! the next segment, zeros in it. Everything here is left to them where it does not keep up.

use crate::writer::sync_primitives::atomic::Ordering;
use std::time::Duration;

use crate::writer::run::{RunWriter, lock};
use crate::writer::segment::active::PrepareFailure;

/// What is to be made ready next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PreallocTask {
    /// More writable pages in the active segment.
    Window,
    /// The next segment.
    Segment,
    /// The next part of the next segment's zeros.
    Zeros,
    /// Nothing, until somebody asks.
    Rest,
    /// Nothing now: the device has more important things to write.
    Wait,
}

impl RunWriter {
    /// What is to be made ready next.
    pub(crate) fn next_task(&self) -> PreallocTask {
        // A run that is being closed needs nothing more; the end of it rings.
        if self.is_closing.load(Ordering::SeqCst) {
            return PreallocTask::Rest;
        }
        if self.wants_window.load(Ordering::SeqCst) {
            return PreallocTask::Window;
        }
        let (is_settled, has_zeroing_left) = {
            let next = lock(&self.next);
            (next.is_settled(), next.has_zeroing_left())
        };
        if self.wants_segment.load(Ordering::SeqCst) && !is_settled {
            PreallocTask::Segment
        } else if !has_zeroing_left || !self.has_waited.load(Ordering::SeqCst) {
            PreallocTask::Rest
        } else if self.backlog_bytes() < BUSY_BYTES {
            PreallocTask::Zeros
        } else {
            PreallocTask::Wait
        }
    }

    /// Does one task; resting and waiting are the caller's.
    pub(crate) fn tend(&self, task: PreallocTask) {
        match task {
            PreallocTask::Window => {
                self.widen_window();
                self.wants_window.store(false, Ordering::SeqCst);
            }
            PreallocTask::Segment => self.prepare_next(),
            PreallocTask::Zeros => self.zero_ahead(),
            PreallocTask::Rest | PreallocTask::Wait => {}
        }
    }

    /// Little by little, so that appenders need not wait for the whole window; it gets longer as
    /// long as they come near its end.
    fn widen_window(&self) {
        let mut len = self.window_len.load(Ordering::Relaxed);
        let segment = self.active();
        let ahead = || {
            let tail = segment.reserve.tail();
            (segment.writable_to().saturating_sub(tail.offset), tail)
        };
        if ahead().0 < len / 2 {
            len = len.saturating_mul(2).min(WINDOW_LEN);
            self.window_len.store(len, Ordering::Relaxed);
        }
        // Where there is no space, the appender finds out and says so.
        while ahead().0 < len && segment.extend_writable() {}
        let (is_ahead, tail) = ahead();
        if is_ahead < len && segment.writable_to() >= segment.file_len && !tail.is_closed {
            let rest = len - is_ahead;
            while lock(&self.next).extend_writable(rest) {}
        }
    }

    fn prepare_next(&self) {
        // The log waits for this lock at a rotation, and then finds the segment made.
        let mut next = lock(&self.next);
        // Closing takes what is made away, and nothing may be made after that.
        if self.is_closing.load(Ordering::SeqCst) {
            return;
        }
        let prepared = next.prepare(&*self.storage);
        drop(next);
        if let Err(PrepareFailure::Poison(error)) = prepared {
            self.poison(error);
        }
    }

    fn zero_ahead(&self) {
        let part = lock(&self.next).zero_next_part();
        if let Some((segment, from, to)) = part {
            // Only a faster sync later depends on it; that sync finds any error again.
            let _ = segment.file.sync(from, to);
        }
    }
}

/// How much of the active segment is made writable ahead at first, under load.
pub(crate) const WINDOW_LEN_MIN: u64 = 512 << 10;

/// And at most: at full speed an appender uses so much in a millisecond. More was no faster, and
/// what a dead run made ready is read through when the next one is opened.
pub(crate) const WINDOW_LEN: u64 = 2 << 20;

/// With so much waiting for a sync, zeros would only delay it.
pub(crate) const BUSY_BYTES: u64 = 512 << 10;

/// How long a busy device is left alone.
pub(crate) const BUSY_PAUSE: Duration = Duration::from_millis(5);
