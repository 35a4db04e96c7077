//! Whether the run's sign of life is still where others look for it.

use std::io;
use std::time::Duration;

use super::syncer::SyncState;
use crate::error::Error;
use crate::format::FileName;
use crate::writer::lock_file::Presence;
use crate::writer::run::{RunWriter, lock};

impl RunWriter {
    /// Looks for the `.run` file, which somebody may have cleared away, and makes it anew.
    pub(crate) fn look_for_run_file(&self, state: &mut SyncState, now: Duration) {
        state.looked_at = now;
        let looked = lock(&self.run_file)
            .as_mut()
            .map(crate::writer::lock_file::LockFile::look);
        // What could not be looked at is looked at again.
        if let Some(Ok(Presence::Recovered)) = looked {
            let path = self
                .storage
                .path()
                .join(FileName::Run(self.run).to_string());
            let cause = io::Error::other("the run was put on record as dead by another process");
            self.poison(Error::io("go on without", path, cause));
        }
    }

    /// When that is due again though nothing is appended; never in a run that is stepped.
    pub(crate) fn next_look(&self, state: &SyncState) -> Option<Duration> {
        // For a checker of schedules no time passes.
        let is_due = !self.settings.is_stepped && !cfg!(any(loom, shuttle));
        is_due.then(|| state.looked_at + LOOK_INTERVAL)
    }
}

/// Who clears files away by their age looks at hours.
const LOOK_INTERVAL: Duration = Duration::from_secs(60);
