//! Where a directory's run is found in a process: the first opening starts it, the last closes it.

use std::sync::Arc;

use crate::seeded::{self, Bug};
use crate::writer::sync_primitives::{Mutex, lock, try_lock};

/// The place of one directory; `T` is a run and what belongs to it.
///
/// Its lock is held while a run is started, so that openings that race come to the same one, and
/// not while one is closed: an opening meanwhile waits for that, or a session that goes on in the
/// next run would be one that two runs have at the same time.
#[derive(Debug)]
pub(crate) struct RunPlace<T> {
    state: Mutex<PlaceState<T>>,
}

#[derive(Debug)]
struct PlaceState<T> {
    /// What the next opening shares.
    current: Option<Arc<T>>,
    /// All that have openings, with how many; one that failed may be among them.
    open: Vec<(Arc<T>, usize)>,
    /// The last opening has let go of these, and they may not be closed yet.
    closing: Vec<Arc<T>>,
}

/// Whether an opening can share a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Join {
    Shares,
    /// It can do nothing any more: another one takes its place.
    NeedsAnother,
}

impl<T> Default for RunPlace<T> {
    fn default() -> RunPlace<T> {
        RunPlace {
            state: Mutex::new(PlaceState {
                current: None,
                open: Vec::new(),
                closing: Vec::new(),
            }),
        }
    }
}

impl<T> RunPlace<T> {
    /// The run that is open here if `join` says so, else the one that `open` starts, after those
    /// that are being closed.
    pub(crate) fn enter<E>(
        &self,
        wait_closed: impl Fn(&T),
        join: impl FnOnce(&T) -> Result<Join, E>,
        open: impl FnOnce() -> Result<Arc<T>, E>,
    ) -> Result<Arc<T>, E> {
        let mut state = lock(&self.state);
        let closing = std::mem::take(&mut state.closing);
        closing.iter().for_each(|run| wait_closed(run));
        if let Some(run) = state.current.clone()
            && join(&run)? == Join::Shares
        {
            let known = state.open.iter_mut().find(|one| Arc::ptr_eq(&one.0, &run));
            known.into_iter().for_each(|one| one.1 += 1);
            return Ok(run);
        }
        let run = open()?;
        state.current = Some(Arc::clone(&run));
        state.open.push((Arc::clone(&run), 1));
        Ok(run)
    }

    /// Takes an opening of the run away; whether it was the last one, which closes the run and then
    /// says so.
    pub(crate) fn leave(&self, run: &Arc<T>) -> bool {
        let mut state = lock(&self.state);
        let is_it = |one: &Arc<T>| Arc::ptr_eq(one, run);
        let Some(at) = state.open.iter().position(|one| is_it(&one.0)) else {
            return false;
        };
        state.open[at].1 -= 1;
        if state.open[at].1 > 0 && !seeded::has(Bug::CloseIsForAll) {
            return false;
        }
        state.open.swap_remove(at);
        state.current.take_if(|current| is_it(current));
        state.closing.push(Arc::clone(run));
        true
    }

    /// Says that a run is closed. An opening that is under way knows of it already.
    pub(crate) fn closed(&self, run: &Arc<T>) {
        if let Some(mut state) = try_lock(&self.state) {
            state.closing.retain(|one| !Arc::ptr_eq(one, run));
        }
    }

    /// Whether nothing is here.
    pub(crate) fn is_free(&self) -> bool {
        try_lock(&self.state).is_some_and(|state| state.open.is_empty() && state.closing.is_empty())
    }
}
