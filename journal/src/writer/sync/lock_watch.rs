//! Whether the run's sign of life is still where others look for it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::error::Error;
use crate::format::{DurablePlace, FileName};
use crate::writer::lock_file::{LockFile, Presence};
use crate::writer::run_constants::RunConstants;
use crate::writer::sync_primitives::{Mutex, MutexGuard, lock};

/// The lock file of a run, for as long as the run is alive.
#[derive(Debug)]
pub(crate) struct LockWatch {
    constants: Arc<RunConstants>,
    /// `None` once the run is over. See `RunWriter` for when it is locked.
    lock_file: Mutex<Option<LockFile>>,
}

impl LockWatch {
    pub(crate) fn new(constants: Arc<RunConstants>, lock_file: LockFile) -> LockWatch {
        LockWatch {
            constants,
            lock_file: Mutex::new(Some(lock_file)),
        }
    }

    /// Looks for the file, which may have been cleared away, and makes it anew.
    ///
    /// # Errors
    /// Why the run cannot go on.
    pub(crate) fn look(&self) -> Result<(), Error> {
        let looked = self.lock().as_mut().map(LockFile::look);
        // What could not be looked at is looked at again.
        let Some(Ok(Presence::Recovered)) = looked else {
            return Ok(());
        };
        let name = FileName::Run(self.constants.run()).to_string();
        let path = self.constants.storage().path().join(name);
        let cause = io::Error::other("the run was put on record as dead by another process");
        Err(Error::io("go on without", path, cause))
    }

    /// When to look again though nothing is appended; never in a run that is stepped.
    pub(crate) fn next_look(&self, looked_at: Duration) -> Option<Duration> {
        // For a checker of schedules no time passes.
        let is_due = !self.constants.settings().is_stepped && !cfg!(any(loom, shuttle));
        is_due.then(|| looked_at + LOOK_INTERVAL)
    }

    /// Notes in the file which record is the last durable one.
    pub(crate) fn note_durable(&self, place: DurablePlace) {
        if let Some(lock_file) = &mut *self.lock() {
            lock_file.note_durable(place);
        }
    }

    /// Whether the file system still keeps what it is given, the last sync's bytes among it.
    pub(crate) fn confirm_sync(&self) -> Result<(), Error> {
        self.lock().as_ref().map_or(Ok(()), LockFile::confirm_sync)
    }

    /// Lets go of the file: the run is dead from now on.
    pub(crate) fn release(&self) {
        self.lock().take();
    }

    /// Keeps the run as alive as it is for as long as this is held.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Option<LockFile>> {
        lock(&self.lock_file)
    }
}

/// What clears files away by their age looks at hours.
const LOOK_INTERVAL: Duration = Duration::from_secs(60);
