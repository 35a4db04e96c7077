//! What becomes of the writable pages after a sync, which has taken them away.

use std::time::Duration;

use super::schedule::WINDOW_IDLE;
use super::syncer::SyncState;
use crate::writer::append::write_group::GROUPED_LEN_MAX;
use crate::writer::run::{LOAD_BYTES, RunWriter};
use crate::writer::supply::preallocator::WINDOW_LEN_MIN;
use crate::writer::sync_primitives::atomic::Ordering;

impl RunWriter {
    /// After a sync, pages must be made writable anew: as many as were used since the last one.
    pub(crate) fn renew_window(&self, state: &mut SyncState, now: Duration) {
        let segment = self.active();
        if !segment.is_mapped() {
            return;
        }
        // Who joined meanwhile waits for a record of this sync, too, or for one of the next.
        let waiting = state.members.saturating_add(self.waiters.members());
        let (records, bytes_used) = (state.synced_records, state.synced_bytes);
        let is_awaited = state.members > 0 && (1..=u64::from(waiting)).contains(&records);
        if is_awaited && is_better_positioned(records, bytes_used) {
            segment.expect_waited_appends(waiting);
            return;
        }
        let is_busy = bytes_used >= LOAD_BYTES;
        if !is_busy {
            self.window_len.store(WINDOW_LEN_MIN, Ordering::Relaxed);
        }
        // A sync takes away only what it wrote; whether others share the pages now is found out
        // once in a while.
        let is_new = |at| now.saturating_sub(at) < WINDOW_IDLE;
        let synced = state.synced.filter(|(number, _)| *number == segment.number);
        if let Some((_, end)) = synced
            && is_busy
            && state.renewed_at.is_some_and(is_new)
        {
            segment.renew_end(end);
            return;
        }
        state.renewed_at = Some(now);
        if self.is_dirty() || bytes_used > 0 {
            // Twice as much, or those who come back together would all have to ask for more.
            // No more than that: who runs short meanwhile has to wait for it.
            let len = bytes_used.min(LOAD_BYTES).saturating_mul(2);
            segment.renew_writable(len.max(PAGE_LEN));
            // Asked for here, so that no appender has to.
            if is_busy {
                self.want_window();
            }
        } else {
            segment.invalidate();
        }
    }
}

/// Whether who waits for such records is better off if they come by positioned writes and are not
/// stored. Many of middling length are stored: several threads do that at the same time.
fn is_better_positioned(records: u64, bytes: u64) -> bool {
    bytes <= POSITIONED_BYTES_MAX || bytes / records.max(1) > GROUPED_LEN_MAX
}

/// Measured with 16 and 64 threads: 64 records of 256 bytes were faster positioned, of 1 KiB
/// stored.
const POSITIONED_BYTES_MAX: u64 = 32 << 10;

const PAGE_LEN: u64 = 4096;
