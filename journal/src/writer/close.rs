//! Closing a run: everything durable, then the record that says so, then that durable too.

use std::time::Instant;

use super::run::RunWriter;
use super::sync::stall::STUCK_AFTER;
use super::sync::steps::SyncState;
use crate::error::{Error, Result};
use crate::event::system::RunClose;
use crate::format::FileName;

impl RunWriter {
    /// Closes the run, waiting at most until `deadline`; later calls give the first one's result.
    pub(crate) fn close(&self, deadline: Option<Instant>) -> Result<()> {
        self.constants().check_process()?;
        self.signals().begin_close();
        if self.signals().closed().is_none() {
            if self.constants().settings().is_stepped {
                self.finish_close();
            } else {
                self.signals().syncer().want_close();
                // The error hook is called by the very thread that would have to be waited for.
                if self.is_own_thread() || !self.close_group().sleep(deadline) {
                    return Err(Error::Timeout);
                }
                self.join_threads();
                self.syncer().queue().callbacks().wait_done();
            }
        }
        let closed = self.signals().closed().cloned();
        closed.unwrap_or(Err(Error::Timeout))
    }

    /// Makes everything durable, but leaves the run to look as dead as its process will be.
    pub(crate) fn leave(&self, deadline: Option<Instant>) -> Result<()> {
        self.set_left();
        self.close(deadline)
    }

    /// Closes the run on this thread and tells all that wait.
    pub(super) fn finish_close(&self) {
        let mut state = self.syncer().lock_state();
        if self.signals().closed().is_some() {
            return;
        }
        let outcome = self.close_run(&mut state);
        drop(state);
        if let Err(error) = &outcome {
            self.syncer().steps().poison().tell(error);
        }
        self.end(outcome);
    }

    /// Settles how the run ended and wakes all that wait for anything.
    pub(super) fn end(&self, outcome: Result<()>) {
        // The lock goes with the file; where closing failed, its name stays for recovery.
        self.syncer().steps().lock_watch().release();
        self.signals().set_closed(outcome);
        drop(self.syncer().queue().take());
        self.syncer().queue().callbacks().end();
        // No waker is registered there.
        drop(self.close_group().finish());
        self.signals().preallocator().notify();
    }

    /// Gives up a run that is poisoned: it is dead from now on, and may be recovered.
    pub(super) fn abandon(&self) {
        self.signals().begin_close();
        self.appender().abandon();
        self.syncer().steps().lock_watch().release();
        // Its threads have nothing left to do.
        self.signals().syncer().want_close();
    }

    fn close_run(&self, state: &mut SyncState) -> Result<()> {
        let steps = self.syncer().steps();
        // After a failed sync nothing is stored any more: it may have taken the space for that.
        state.want_all_names();
        if let Err(error) = self.sync_all(state) {
            self.end_log();
            return Err(error);
        }
        if self.is_left() {
            self.end_log();
            self.supply().give_back();
            return self.sync_all(state);
        }
        let durable_seq = self.signals().watermark().durable();
        let close = RunClose {
            reason: "closed".into(),
            durable_seq,
            clocks: self.clocks(),
            extras: Vec::new(),
        };
        let closed = self.appender().close(&close, durable_seq);
        self.sync_all(state)?;
        closed?;
        // The rest gives back space and takes down the signs of life; no record depends on it.
        steps.finish_files(state);
        self.supply().give_back();
        let storage = self.storage();
        let _ = storage.remove(&FileName::Run(self.run()).to_string());
        let _ = storage.sync_dir();
        Ok(())
    }

    /// Syncs until everything written is durable. One sync leaves out what is behind an appender
    /// that has not finished; one that stays so is given up.
    fn sync_all(&self, state: &mut SyncState) -> Result<()> {
        let until = Instant::now() + STUCK_AFTER;
        loop {
            self.syncer().steps().sync_written(state)?;
            let durable_seq = self.signals().watermark().durable();
            if durable_seq >= self.syncer().segments().written() {
                return Ok(());
            }
            if Instant::now() >= until {
                let stuck = std::io::Error::other("an append has begun and does not end");
                return Err(Error::io("close", self.storage().path(), stuck));
            }
        }
    }

    /// Has nothing more appended; the last that is written says what was refused. Not if the run
    /// was given up: another process may be recovering it.
    fn end_log(&self) {
        let lock_file = self.syncer().steps().lock_watch().lock();
        self.appender().end(lock_file.is_some());
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::path::Path;

    use crate::writer::supply::preallocator::PreallocTask;
    use crate::writer::testing::{KIND, open, stepped};

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
            let run = open(dir.path(), stepped());
            run.append(KIND, None, b"record").unwrap();
            run.supply().execute(PreallocTask::Segment).unwrap();
            assert_eq!(segments(dir.path()), 2);
            match is_left {
                true => run.leave(None),
                false => run.close(None),
            }
            .unwrap();
            assert_eq!(segments(dir.path()), 1, "{is_left}");
        }
    }
}
