//! Marks: what is known durable, written into the run itself, so that it need not be read back
//! when the process dies.

use std::time::Duration;

use crate::seeded::{self, Bug};

/// The marks of a run so far.
#[derive(Debug, Default)]
pub(crate) struct SyncMarks {
    last: Option<LastMark>,
    /// The highest sequence number a durable mark says is durable.
    witnessed: u64,
    /// Records of recovered runs are being written, which no mark may come between.
    is_recovering: bool,
}

/// The last mark.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LastMark {
    pub(crate) seq: u64,
    /// What it says is durable.
    pub(crate) durable_seq: u64,
    /// The same in bytes: what is behind it must be read back if the process dies.
    pub(crate) durable_bytes: u64,
    pub(crate) at: Duration,
}

impl SyncMarks {
    /// Whether to write into the run what is durable: at most once per 64 KiB or 10 ms.
    pub(crate) fn is_due(&self, durable_bytes: u64, now: Duration) -> bool {
        !self.is_recovering
            && self.last.is_none_or(|last| {
                now.saturating_sub(last.at) >= MARK_INTERVAL
                    || durable_bytes.saturating_sub(last.durable_bytes) >= MARK_BYTES
            })
    }

    /// Whether the last mark says less than that everything up to `durable_seq` is durable, the
    /// mark itself apart.
    pub(crate) fn is_idle_mark_due(&self, durable_seq: u64) -> bool {
        let says_less = |mark: LastMark| {
            let says_all_before = mark.durable_seq + 1 == mark.seq;
            if says_all_before && seeded::has(Bug::LastGroupUnwitnessed) {
                return false;
            }
            let last = if says_all_before {
                mark.seq
            } else {
                mark.durable_seq
            };
            last < durable_seq
        };
        !self.is_recovering && self.last.is_none_or(says_less)
    }

    pub(crate) fn add(&mut self, mark: LastMark) {
        self.last = Some(mark);
    }

    /// Learns that records up to `last_seq` are durable, and gives how many of those behind
    /// `seq_before` are no marks.
    pub(crate) fn synced(&mut self, seq_before: u64, last_seq: u64) -> u64 {
        let records = last_seq.saturating_sub(seq_before);
        let Some(mark) = self.last.filter(|mark| mark.seq <= last_seq) else {
            return records;
        };
        self.witnessed = self.witnessed.max(mark.durable_seq);
        records.saturating_sub(u64::from(mark.seq > seq_before))
    }

    /// Whether a durable mark says that everything up to this record is durable.
    pub(crate) fn has_witnessed(&self, durable_seq: u64) -> bool {
        self.witnessed >= durable_seq
    }

    pub(crate) fn set_recovering(&mut self, is_recovering: bool) {
        self.is_recovering = is_recovering;
    }
}

const MARK_INTERVAL: Duration = Duration::from_millis(10);
const MARK_BYTES: u64 = 64 << 10;
