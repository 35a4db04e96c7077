//! What stays as it is for as long as a run is written.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::event::system::Clocks;
use crate::seq::RunId;
use crate::settings::WriterSettings;
use crate::storage::{ClockReading, Storage};

/// Where a run is written, how, and which one it is.
#[derive(Debug)]
pub(crate) struct RunConstants {
    storage: Arc<dyn Storage>,
    settings: WriterSettings,
    run: RunId,
    started: Instant,
}

impl RunConstants {
    /// Of a run that begins now.
    pub(crate) fn new(
        storage: Arc<dyn Storage>,
        settings: WriterSettings,
        run: RunId,
    ) -> RunConstants {
        RunConstants {
            storage,
            settings,
            run,
            started: Instant::now(),
        }
    }

    #[inline]
    pub(crate) fn storage(&self) -> &Arc<dyn Storage> {
        &self.storage
    }

    pub(crate) fn settings(&self) -> &WriterSettings {
        &self.settings
    }

    pub(crate) fn run(&self) -> RunId {
        self.run
    }

    /// The time since the run began, or since some other moment.
    pub(crate) fn now(&self) -> Duration {
        // A simulation's time is its own, so that it can be run again.
        match self.settings.is_stepped {
            true => Duration::from_nanos(self.storage.clocks().boot_nanoseconds),
            false => self.started.elapsed(),
        }
    }

    /// Wall clock and time since boot, as records carry them.
    pub(crate) fn clocks(&self) -> Clocks {
        clocks(self.storage.clocks())
    }

    /// Whether this process, and not a fork of it, opened the run.
    #[inline]
    pub(crate) fn check_process(&self) -> Result<()> {
        if self.storage.is_own_process() {
            Ok(())
        } else {
            Err(Error::Forked)
        }
    }
}

/// A clock reading as records carry it.
fn clocks(reading: ClockReading) -> Clocks {
    Clocks {
        wall_seconds: reading.wall.seconds(),
        wall_nanoseconds: reading.wall.nanoseconds(),
        boot_nanoseconds: reading.boot_nanoseconds,
    }
}
