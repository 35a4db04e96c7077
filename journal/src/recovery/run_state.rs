//! Whether a run is still there, and whose it is.

use std::sync::Arc;

use super::Liveness;
use super::origin::RunOrigin;
use super::run::RunSurvey;

use crate::words::shown_words;

/// Whether a run is still there, and how it ended if not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RunState {
    /// Its process is there.
    Live,
    /// Its program closed it.
    Closed,
    /// It ended without being closed.
    Crashed,
    /// It cannot be told from here whether it is still there.
    Unknown,
    /// Only a later version of the library reads it.
    Unsupported,
}

shown_words!(RunState: "state of a run", {
    Live => "live",
    Closed => "closed",
    Crashed => "crashed",
    Unknown => "unknown",
    Unsupported => "unsupported",
});

impl RunState {
    pub(super) fn of(run: &RunSurvey) -> RunState {
        match (run.closed, run.liveness) {
            _ if run.unsupported.is_some() => RunState::Unsupported,
            (Some(_), _) => RunState::Closed,
            (None, Liveness::Live) => RunState::Live,
            (None, Liveness::Dead | Liveness::Orphaned) => RunState::Crashed,
            (None, Liveness::Unknown | Liveness::Unverified) => RunState::Unknown,
        }
    }
}

impl RunSurvey {
    /// The process that opened it.
    pub(crate) fn origin(&self) -> Option<Arc<RunOrigin>> {
        let opened = self.opened.as_ref()?;
        Some(Arc::clone(&opened.origin))
    }
}
