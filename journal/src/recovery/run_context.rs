//! What recovery finds out about a run, in plain data.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::origin::RunOrigin;
use crate::seq::{RunId, Seq};
use crate::time::Timestamp;
use crate::words::shown_words;

/// Whether the process of a run is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Liveness {
    /// Its lock is held.
    Live,
    /// Its process is gone, or let go of it.
    Dead,
    /// Its process is gone, but another one that it had forked holds its lock: it is over, as if
    /// it were dead.
    Orphaned,
    /// No process holds a lock here, but it may be alive elsewhere: these files are a copy or
    /// another view of those its process made, or its `.run` file is gone.
    Unverified,
    /// Locks do not tell here: on a network file system, for one.
    Unknown,
}

shown_words!(Liveness: "liveness", {
    Live => "live",
    Dead => "dead",
    Orphaned => "orphaned",
    Unverified => "unverified",
    Unknown => "unknown",
});

impl Liveness {
    /// Whether the run may still be written, as far as is known.
    pub(crate) fn may_be_alive(self) -> bool {
        !matches!(self, Liveness::Dead | Liveness::Orphaned)
    }
}

/// What was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Loss {
    /// Nothing.
    None,
    /// Only an end that was never seen durable.
    Tail,
    /// Anything durable, or in a file system in memory written, was lost or damaged.
    Damage,
}

shown_words!(Loss: "loss", {
    None => "none",
    Tail => "tail",
    Damage => "damage",
});

/// What a fold needs to know of a run, besides its records of the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RunFacts {
    pub(crate) run: RunId,
    /// Runs it saw alive when it was opened.
    pub(crate) live_runs: BTreeSet<RunId>,
    pub(crate) liveness: Liveness,
    pub(crate) opened_at: Option<Timestamp>,
    /// The process that opened it.
    pub(crate) origin: Option<Arc<RunOrigin>>,
    /// Its program closed it.
    pub(crate) closed: Option<Seq>,
    /// Crash notes of the run as a whole, in order, with their reasons.
    pub(crate) crash_notes: Vec<(Seq, Option<String>)>,
}
