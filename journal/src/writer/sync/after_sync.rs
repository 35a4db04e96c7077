//! What becomes of the writable pages after a sync, which has taken them away.

use std::time::Duration;

use crate::storage::PAGE_LEN;
use crate::writer::append::appender::GROUPED_LEN_MAX;
use crate::writer::append::path::LOAD_BYTES;
use crate::writer::segment::list::SegmentList;
use crate::writer::segment::prefault::WINDOW_IDLE;
use crate::writer::signals::{Signals, WINDOW_LEN_MIN};

/// What one sync was for and what it made durable.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LastSync {
    /// How many waited for it.
    pub(crate) members: u32,
    /// How many records it made durable, without marks.
    pub(crate) records: u64,
    /// Bytes that it made durable.
    pub(crate) bytes: u64,
    /// Up to where it synced the active segment, if it did.
    pub(crate) end: Option<u64>,
}

/// Makes pages writable anew.
#[derive(Debug, Default)]
pub(crate) struct WindowRenewal {
    /// When the whole window was made writable anew.
    renewed_at: Option<Duration>,
}

impl WindowRenewal {
    /// Makes as many pages writable anew as were used since the last sync. So many have joined
    /// meanwhile: each waits for a record of this sync, too, or for one of the next.
    pub(crate) fn renew(
        &mut self,
        segments: &SegmentList,
        signals: &Signals,
        last: &LastSync,
        joined: u32,
        now: Duration,
    ) {
        let segment = segments.active();
        if !segment.is_mapped() {
            return;
        }
        let waiting = last.members.saturating_add(joined);
        let is_awaited = last.members > 0 && (1..=u64::from(waiting)).contains(&last.records);
        if is_awaited && is_better_positioned(last.records, last.bytes) {
            segment.expect_waited_appends(waiting);
            return;
        }
        let is_busy = last.bytes >= LOAD_BYTES;
        if !is_busy {
            signals.set_window_len(WINDOW_LEN_MIN);
        }
        // A sync takes away only what it wrote; whether others share the pages now is found out
        // once in a while.
        let is_new = |at| now.saturating_sub(at) < WINDOW_IDLE;
        if let Some(end) = last.end
            && is_busy
            && self.renewed_at.is_some_and(is_new)
        {
            segment.renew_end(end);
            return;
        }
        self.renewed_at = Some(now);
        if segments.is_dirty(signals.watermark()) || last.bytes > 0 {
            // Twice as much, or threads that come back together would all have to ask for more.
            // No more than that: an appender that runs short meanwhile has to wait for it.
            let len = last.bytes.min(LOAD_BYTES).saturating_mul(2);
            segment.renew_writable(len.max(PAGE_LEN));
            // Asked for here, so that no appender has to.
            if is_busy {
                signals.want_window();
            }
        } else {
            segment.invalidate();
        }
    }
}

/// Whether callers that wait for such records are better off if they come by positioned writes and
/// are not stored. Many of middling length are stored: several threads do that at the same time.
fn is_better_positioned(records: u64, bytes: u64) -> bool {
    bytes <= POSITIONED_BYTES_MAX || bytes / records.max(1) > GROUPED_LEN_MAX
}

/// Measured with 16 and 64 threads: 64 records of 256 bytes were faster positioned, of 1 KiB
/// stored.
const POSITIONED_BYTES_MAX: u64 = 32 << 10;
