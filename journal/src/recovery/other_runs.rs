//! Which other runs there are when a run begins.
//!
//! A run follows every run of a lower generation that was not alive when it began. For that to be
//! true of two openings whose steps fall between each other's, each looks once more when its own
//! `.run` file is there: of two runs, the one whose file came later sees the other.

use std::collections::BTreeSet;

use super::Liveness;
use super::heads::Heads;
use super::liveness::Prober;
use crate::error::{Error, Result};
use crate::format::FileName;
use crate::seeded::{self, Bug};
use crate::seq::{Generation, RunId};
use crate::storage::Storage;

/// What is known of other runs from an earlier look. It stays so: a run alive then was
/// there while the journal was opened.
#[derive(Clone, Debug, Default)]
pub(crate) struct KnownRuns {
    /// Runs whose process is gone.
    pub(crate) dead: BTreeSet<RunId>,
    /// Runs with a `.run` file whose process is there, or may be.
    pub(crate) alive: BTreeSet<RunId>,
}

/// The other runs of a journal.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct OtherRuns {
    /// The largest generation among them, 0 if there are none.
    pub(crate) generation_max: Generation,
    /// Those whose process is there, or may be, in order.
    pub(crate) live: Vec<RunId>,
}

impl OtherRuns {
    /// Looks at all runs but this one, and only at names of those that are known.
    ///
    /// # Errors
    /// [`crate::Error::Io`] if the directory cannot be listed.
    pub(crate) fn of(storage: &dyn Storage, own: RunId, known: &KnownRuns) -> Result<OtherRuns> {
        let names = storage.names();
        let names = names.map_err(|e| Error::io("list", storage.path(), e))?;
        let run_of = |name: &str| {
            let run = FileName::parse(name).map(FileName::run);
            run.or_else(|| FileName::stands_for(name).map(|(run, _)| run))
        };
        let others = names.iter().map(String::as_str);
        let heads = Heads::of(others.filter(|name| run_of(name) != Some(own)));
        let names = names.iter().filter_map(|name| FileName::parse(name));
        let names: Vec<FileName> = names.filter(|name| name.run() != own).collect();
        let locks: BTreeSet<RunId> = names
            .iter()
            .filter_map(|name| match name {
                FileName::Run(run) => Some(*run),
                _ => None,
            })
            .collect();
        let prober = Prober::new(storage);
        let is_live = |run: &RunId| {
            let may_be_alive = || prober.probe(*run).is_some_and(Liveness::may_be_alive);
            let is_known_alive = known.alive.contains(run);
            is_known_alive && !seeded::has(Bug::LiveRunLookedAtTwice)
                || !known.dead.contains(run) && may_be_alive()
        };
        Ok(OtherRuns {
            generation_max: Generation(heads.generation_max(storage, &is_live)),
            live: locks.into_iter().filter(is_live).collect(),
        })
    }
}
