//! The end of a run that can promise nothing more, and errors that no caller is there to be given.

use std::sync::Arc;

use super::callbacks::Callback;
use super::commit_queue::CommitQueue;
use crate::error::Error;
use crate::format::FileName;
use crate::seeded::{self, Bug};
use crate::writer::error_log::ErrorLog;
use crate::writer::run_constants::RunConstants;
use crate::writer::signals::Signals;

/// Stops a run and tells everything that waits.
#[derive(Debug)]
pub(crate) struct Poison {
    constants: Arc<RunConstants>,
    signals: Arc<Signals>,
    queue: Arc<CommitQueue>,
    errors: Arc<ErrorLog>,
}

impl Poison {
    pub(crate) fn new(
        constants: Arc<RunConstants>,
        signals: Arc<Signals>,
        queue: Arc<CommitQueue>,
        errors: Arc<ErrorLog>,
    ) -> Poison {
        Poison {
            constants,
            signals,
            queue,
            errors,
        }
    }

    /// Stops the run for good: nothing more is promised, and every waiter is told why.
    pub(crate) fn poison(&self, cause: Error) -> Error {
        let cause = self.signals.set_poison(cause);
        // The marker tells recovery to distrust cached pages; without it only that is lost.
        let storage = self.constants.storage();
        let name = FileName::Poisoned(self.constants.run()).to_string();
        if !seeded::has(Bug::PoisonNotMarked)
            && let Ok(marker) = storage.create(&name)
        {
            let _ = marker.write_at(format!("{cause}\n").as_bytes(), 0);
            let _ = marker.sync(0, u64::MAX).and_then(|()| storage.sync_dir());
        }
        drop(self.queue.take());
        self.signals.syncer().notify();
        self.signals.preallocator().notify();
        let error = Error::Poisoned { cause };
        self.tell(&error);
        error
    }

    /// Counts an error and has the hook told of it, which may be while locks are held.
    pub(crate) fn tell(&self, error: &Error) {
        if self.errors.count(error) {
            let told = Callback::Tell(Arc::clone(&self.errors), error.clone());
            self.queue.callbacks().run([told]);
        }
    }
}
