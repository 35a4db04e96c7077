//! Closing a run: everything durable, then the record that says so, then that durable too.

use super::sync_primitives::atomic::Ordering;
use std::time::Instant;

use super::run::{RunWriter, lock};
use crate::error::{Error, Result};
use crate::event::system::{Clocks, RunClose};
use crate::format::FileName;
use crate::seeded::{self, Bug};
use crate::storage::ClockReading;
use crate::writer::sync::stall::STUCK_AFTER;
use crate::writer::sync::syncer::SyncState;

impl RunWriter {
    /// Wall clock and time since boot, as records carry them.
    pub(crate) fn clocks(&self) -> Clocks {
        clocks(self.storage.clocks())
    }

    /// Closes the run, waiting at most until `deadline`; later calls give the first one's result.
    pub(crate) fn close(&self, deadline: Option<Instant>) -> Result<()> {
        self.check_process()?;
        self.is_closing.store(true, Ordering::SeqCst);
        if self.closed.get().is_none() {
            if self.settings.is_stepped {
                self.finish_close();
            } else {
                self.bell.want_close();
                // The error hook is called by the very thread that would have to be waited for.
                if self.is_own_thread() || !self.close_batch.sleep(deadline) {
                    return Err(Error::Timeout);
                }
                self.join_threads();
                self.waiters.errands.wait_done();
            }
        }
        self.closed.get().cloned().unwrap_or(Err(Error::Timeout))
    }

    /// Makes everything durable, but leaves the run to look as dead as its process will be.
    pub(crate) fn leave(&self, deadline: Option<Instant>) -> Result<()> {
        self.is_left.store(true, Ordering::SeqCst);
        self.close(deadline)
    }

    /// Closes the run on this thread and tells everybody.
    pub(super) fn finish_close(&self) {
        let mut state = lock(&self.sync);
        if self.closed.get().is_some() {
            return;
        }
        let outcome = self.close_run(&mut state);
        drop(state);
        if let Err(error) = &outcome {
            self.tell(error);
        }
        self.end(outcome);
    }

    /// Settles how the run ended and wakes everybody who waits for anything.
    pub(super) fn end(&self, outcome: Result<()>) {
        // The lock goes with the file; where closing failed, its name stays for recovery.
        lock(&self.run_file).take();
        // Only the first outcome counts.
        let _ = self.closed.set(outcome);
        drop(self.waiters.take());
        self.waiters.errands.end();
        // Nobody registers a waker there.
        drop(self.close_batch.finish());
        self.tender.ring();
    }

    /// Gives up a run that is poisoned: it is dead from now on, and may be recovered.
    pub(super) fn abandon(&self) {
        self.is_closing.store(true, Ordering::SeqCst);
        self.lock_log().is_closed = true;
        lock(&self.run_file).take();
        // Its threads have nothing left to do.
        self.bell.want_close();
    }

    fn close_run(&self, state: &mut SyncState) -> Result<()> {
        // After a failed sync nothing is stored any more: it may have taken the space for that.
        state.names.want_all();
        if let Err(error) = self.sync_all(state) {
            self.end_lane();
            return Err(error);
        }
        if self.is_left.load(Ordering::SeqCst) {
            self.end_lane();
            self.give_back_next();
            return self.sync_all(state);
        }
        let durable_seq = self.watermark.durable();
        let close = RunClose {
            reason: "closed".into(),
            durable_seq,
            clocks: clocks(self.storage.clocks()),
            extras: Vec::new(),
        };
        let closed = self.lock_log().close(&close, durable_seq);
        self.sync_all(state)?;
        closed?;
        self.tidy(state);
        Ok(())
    }

    /// Has nothing more appended; the last that is written says what was refused. Not if the run
    /// was given up: somebody else may be recovering it.
    fn end_lane(&self) {
        let run_file = lock(&self.run_file);
        let mut log = self.lock_log();
        if run_file.is_some() {
            log.note_refused_at_last();
        }
        log.is_closed = true;
    }

    /// Syncs until everything written is durable. One sync leaves out what is behind an appender
    /// that has not finished; one that stays so is given up.
    fn sync_all(&self, state: &mut SyncState) -> Result<()> {
        let until = Instant::now() + STUCK_AFTER;
        loop {
            self.sync_written(state)?;
            if self.watermark.durable() >= self.written() {
                return Ok(());
            }
            if Instant::now() >= until {
                let stuck = std::io::Error::other("an append has begun and does not end");
                return Err(Error::io("close", self.storage.path(), stuck));
            }
        }
    }

    /// Gives back space and takes down the signs of life; the records do not depend on it.
    fn tidy(&self, state: &mut SyncState) {
        self.cut_finished(state);
        {
            let log = self.lock_log();
            let _ = log.active.cut();
            state.indexing.add(log.active.number);
        }
        state.indexing.finish(&self.storage, self.run);
        self.give_back_next();
        let _ = self.storage.remove(&FileName::Run(self.run).to_string());
        let _ = self.storage.sync_dir();
    }
}

impl RunWriter {
    /// Removes the segment that was made ahead and never used, whose space nobody else may take.
    fn give_back_next(&self) {
        let waiting = lock(&self.next).take_waiting();
        if let Some(waiting) = waiting.filter(|_| !seeded::has(Bug::NextSegmentKept)) {
            let _ = self.storage.remove(&waiting.name);
        }
    }
}

/// A clock reading as records carry it.
pub(super) fn clocks(reading: ClockReading) -> Clocks {
    Clocks {
        wall_seconds: reading.wall.seconds(),
        wall_nanoseconds: reading.wall.nanoseconds(),
        boot_nanoseconds: reading.boot_nanoseconds,
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::path::Path;

    use crate::writer::supply::preallocator::PreallocTask;
    use crate::writer::tests::{KIND, open, stepped};

    fn segments(dir: &Path) -> usize {
        let names = std::fs::read_dir(dir).into_iter().flatten().flatten();
        let names = names.map(|found| found.file_name());
        names
            .filter(|name| name.to_string_lossy().ends_with(".seg"))
            .count()
    }

    #[test]
    fn an_orderly_end_gives_back_the_segment_that_was_made_ahead() {
        for is_left in [false, true] {
            let dir = tempfile::tempdir().unwrap();
            let core = open(dir.path(), stepped());
            core.append(KIND, 0, b"record").unwrap();
            core.tend(PreallocTask::Segment);
            assert_eq!(segments(dir.path()), 2);
            match is_left {
                true => core.leave(None),
                false => core.close(None),
            }
            .unwrap();
            assert_eq!(segments(dir.path()), 1, "{is_left}");
        }
    }
}
