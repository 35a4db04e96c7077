//! A run, and those after it, with all that its openings have in common.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::ending::EndingSessions;
use super::place::{Join, RunPlace};
use crate::error::Result;
use crate::seq::RunId;
use crate::session::{Redact, RunCounts};
use crate::settings::WriterSettings;
use crate::storage::Storage;
use crate::writer::FailoverWriter;

/// What the openings of one directory in one process share.
#[derive(Debug)]
pub(crate) struct SharedRun {
    parts: SharedParts,
    pub(super) counts: RunCounts,
    pub(super) ending: EndingSessions,
    /// One of the openings goes on in another run when this one fails.
    is_best_effort: AtomicBool,
}

/// What it is made of.
pub(crate) struct SharedParts {
    pub(crate) writer: FailoverWriter,
    /// What the first opening asked for.
    pub(crate) settings: WriterSettings,
    pub(crate) redact: Option<Redact>,
    /// The dead runs that the first opening found.
    pub(crate) recovered: Vec<RunId>,
    /// Where other openings find it; `None` if it is not shared.
    pub(crate) place: Option<Arc<RunPlace<SharedRun>>>,
    /// The directory that it is shared by: while it is held, no other has its number.
    pub(crate) storage: Option<Arc<dyn Storage>>,
    pub(crate) random: u64,
}

impl SharedRun {
    pub(crate) fn new(parts: SharedParts) -> SharedRun {
        SharedRun {
            counts: RunCounts::new(parts.random),
            parts,
            ending: EndingSessions::default(),
            is_best_effort: AtomicBool::new(false),
        }
    }

    pub(crate) fn writer(&self) -> &FailoverWriter {
        &self.parts.writer
    }

    pub(crate) fn settings(&self) -> &WriterSettings {
        &self.parts.settings
    }

    pub(crate) fn redact(&self) -> Option<Redact> {
        self.parts.redact.clone()
    }

    pub(crate) fn recovered(&self) -> &[RunId] {
        &self.parts.recovered
    }

    /// The storage of the run that is written now, else of the one it began with.
    pub(crate) fn storage(&self) -> Option<Arc<dyn Storage>> {
        let current = self.parts.writer.run_for(None);
        let current = current.ok().map(|(run, _)| Arc::clone(run.storage()));
        current.or_else(|| self.parts.storage.clone())
    }

    pub(crate) fn set_best_effort(&self) {
        self.is_best_effort.store(true, Ordering::SeqCst);
    }

    /// Whether another opening can share it. One that failed goes on in another run now, if one of
    /// its openings wants that; else the next opening begins anew.
    pub(crate) fn join(&self) -> Result<Join> {
        if self.parts.writer.is_alive() {
            return Ok(Join::Shares);
        }
        if !self.is_best_effort.load(Ordering::SeqCst) {
            return Ok(Join::NeedsAnother);
        }
        self.parts.writer.revive().map(|()| Join::Shares)
    }

    /// Takes an opening away; whether it was the last.
    pub(super) fn leave(self: &Arc<Self>) -> bool {
        let place = self.parts.place.as_ref();
        place.is_none_or(|place| place.leave(self))
    }

    /// Says that it is closed.
    pub(super) fn closed(self: &Arc<Self>) {
        if let Some(place) = &self.parts.place {
            place.closed(self);
        }
    }

    /// Waits until it is closed, which has begun.
    pub(crate) fn wait_closed(&self) {
        if let Ok((run, _)) = self.parts.writer.run_for(None) {
            // The one that closes it is told how that went.
            let _ = run.close(None);
        }
    }
}

impl std::fmt::Debug for SharedParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SharedParts")
            .field("writer", &self.writer)
            .finish_non_exhaustive()
    }
}
