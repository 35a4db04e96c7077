//! Marks: what is known durable, written into the run itself, so that it need not be read back
//! when the process dies.

use std::time::Duration;

use super::syncer::SyncState;
use crate::event::system::SyncMark;
use crate::format::RecordKind;
use crate::recovery::apply::Uncached;
use crate::seeded::{self, Bug};
use crate::writer::append::preamble::encode;
use crate::writer::close::clocks;
use crate::writer::run::{RunWriter, lock};

/// The last mark.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    pub(crate) seq: u64,
    /// What it says is durable.
    pub(crate) durable_seq: u64,
    /// The same in bytes: what is behind it must be read back if the process dies.
    durable_bytes: u64,
    at: Duration,
}

impl RunWriter {
    /// What is durable is written into the run at most once per 64 KiB or 10 ms.
    pub(crate) fn is_mark_due(&self, state: &SyncState, now: Duration) -> bool {
        let durable_bytes = self.watermark.durable_bytes();
        !state.is_recovering
            && state.mark.is_none_or(|last| {
                now.saturating_sub(last.at) >= MARK_INTERVAL
                    || durable_bytes.saturating_sub(last.durable_bytes) >= MARK_BYTES
            })
    }

    /// To be called when all runs that were to be recovered are on record.
    pub(crate) fn finish_recovery(&self, uncached: Vec<Uncached>) {
        let mut state = lock(&self.sync);
        state.indexing.add_recovered(uncached);
        state.is_recovering = false;
        if self.watermark.durable() > 0 {
            let now = self.now();
            self.try_mark(&mut state, now);
            self.note_place(&mut state);
        }
    }

    /// Leaves a mark if that takes no waiting. Under load others have the log, one after the
    /// other: to wait for it would have the device rest meanwhile, and the next sync may do better.
    pub(crate) fn try_mark(&self, state: &mut SyncState, now: Duration) {
        let durable_seq = self.durable_for_mark();
        let durable_bytes = self.watermark.durable_bytes();
        let mut marked = self.store_mark(durable_seq, durable_bytes);
        if marked.is_none() {
            let log = self.try_lock_log();
            marked = log.and_then(|mut log| log.mark(durable_seq, durable_bytes));
        }
        self.remember(state, now, durable_seq, marked);
    }

    /// Leaves a mark, as soon as nobody else has the log.
    pub(crate) fn write_mark(&self, state: &mut SyncState, now: Duration) {
        let durable_seq = self.durable_for_mark();
        // A mark that does not fit is left out: the syncer must not wait for itself.
        let durable_bytes = self.watermark.durable_bytes();
        let marked = self.lock_log().mark(durable_seq, durable_bytes);
        self.remember(state, now, durable_seq, marked);
    }

    /// As an appender does that need not have the log.
    fn store_mark(&self, durable_seq: u64, durable_bytes: u64) -> Option<u64> {
        let segment = self.controls.active();
        let mark = SyncMark {
            durable_seq,
            first_seq: segment.first_seq(),
            durable_end: segment.offset_of(durable_bytes),
            clocks: clocks(self.storage.clocks()),
            extras: Vec::new(),
        };
        let payload = encode(&mark).ok()?;
        let frame = segment.frame(RecordKind::SYNC_MARK, 0, &payload);
        let start = segment.try_append(&frame)?;
        Some(segment.seq_at(start))
    }

    /// Notes where the last sync began, for who reads the run once its process is dead.
    pub(crate) fn note_place(&self, state: &mut SyncState) {
        if let Some(place) = state.place.take()
            && let Some(run_file) = &*lock(&self.run_file)
        {
            run_file.note_durable(place);
        }
    }

    fn durable_for_mark(&self) -> u64 {
        match seeded::has(Bug::MarkOfTheWritten) {
            true => self.written(),
            false => self.watermark.durable(),
        }
    }

    fn remember(&self, state: &mut SyncState, now: Duration, durable_seq: u64, seq: Option<u64>) {
        let Some(seq) = seq else { return };
        self.watermark.marked(seq);
        state.mark = Some(Mark {
            seq,
            durable_seq,
            at: now,
            durable_bytes: self.watermark.durable_bytes(),
        });
    }
}

const MARK_INTERVAL: Duration = Duration::from_millis(10);
const MARK_BYTES: u64 = 64 << 10;
