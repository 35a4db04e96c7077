//! The end of a run that can promise nothing more, and errors that nobody is there to be given.

use std::sync::Arc;

use super::errands::Errand;
use crate::error::Error;
use crate::format::FileName;
use crate::seeded::{self, Bug};
use crate::writer::run::RunWriter;

impl RunWriter {
    /// Stops the run for good: nothing more is promised, and everybody who waits is told why.
    pub(crate) fn poison(&self, cause: Error) -> Error {
        let cause = Arc::clone(self.poison.get_or_init(|| Arc::new(cause)));
        // The marker tells recovery to distrust cached pages; without it only that is lost.
        if !seeded::has(Bug::PoisonNotMarked)
            && let Ok(marker) = self
                .storage
                .create(&FileName::Poisoned(self.run).to_string())
        {
            let _ = marker.write_at(format!("{cause}\n").as_bytes(), 0);
            let _ = marker
                .sync(0, u64::MAX)
                .and_then(|()| self.storage.sync_dir());
        }
        drop(self.waiters.take());
        self.bell.ring();
        self.tender.ring();
        let error = Error::Poisoned { cause };
        self.tell(&error);
        error
    }

    /// Counts an error and has the hook told of it, which may be while locks are held.
    pub(crate) fn tell(&self, error: &Error) {
        if self.errors.count(error) {
            let told = Errand::Tell(Arc::clone(&self.errors), error.clone());
            self.waiters.errands.run([told]);
        }
    }

    pub(crate) fn poisoned(&self) -> Option<Error> {
        self.poison.get().map(|cause| Error::Poisoned {
            cause: Arc::clone(cause),
        })
    }
}
