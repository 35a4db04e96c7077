//! An opening in a fork of its process: it goes on in a run of that process's own.

use std::fmt;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwapOption;

use crate::error::Error;
use crate::storage::own_process::OwnProcess;

/// Opens the journal anew, for a process in which numbers of records begin with this run of the
/// handle; gives what there is to report, too.
type ReopenHere<T> = Box<dyn Fn(u16) -> (T, Vec<Error>) + Send + Sync>;

/// The openings that stand for one in forks of its process.
pub(crate) struct InChild<T> {
    reopen: ReopenHere<T>,
    /// That of this process, once it needs one; else one of a process that this is a fork of.
    own: ArcSwapOption<ChildOpening<T>>,
}

struct ChildOpening<T> {
    process: OwnProcess,
    opening: OnceLock<Arc<T>>,
    /// The last one that a process had which this is a fork of: its numbers are taken, too.
    before: Option<Arc<T>>,
}

impl<T> InChild<T> {
    pub(crate) fn new(reopen: ReopenHere<T>) -> InChild<T> {
        InChild {
            reopen,
            own: ArcSwapOption::const_empty(),
        }
    }

    /// The opening of this process, if it has needed one.
    pub(super) fn known(&self) -> Option<Arc<T>> {
        let own = self.own.load_full()?;
        if own.process.is_here() {
            return own.opening.get().cloned();
        }
        // What came from the parent is left alone: another thread may have been at work in it.
        std::mem::forget(own);
        None
    }

    /// The opening of this process, and what there is to report: the hook may record something in
    /// its turn. `next` says with which run of the handle its numbers begin, behind those of an
    /// opening before it, if there is one.
    pub(super) fn opening(&self, next: impl FnOnce(Option<&T>) -> u16) -> (Arc<T>, Vec<Error>) {
        let own = self.own_child();
        let mut problems = Vec::new();
        let opening = own.opening.get_or_init(|| {
            let (opening, found) = (self.reopen)(next(own.before.as_deref()));
            problems = found;
            Arc::new(opening)
        });
        (Arc::clone(opening), problems)
    }

    fn own_child(&self) -> Arc<ChildOpening<T>> {
        loop {
            let known = self.own.load_full();
            match known {
                Some(own) if own.process.is_here() => return own,
                _ => {
                    let before = known.as_ref().and_then(|before| {
                        let opened = before.opening.get();
                        opened.or(before.before.as_ref()).cloned()
                    });
                    let own = ChildOpening {
                        process: OwnProcess::here(),
                        opening: OnceLock::new(),
                        before,
                    };
                    self.own.compare_and_swap(&known, Some(Arc::new(own)));
                    std::mem::forget(known);
                }
            }
        }
    }
}

impl<T> fmt::Debug for InChild<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InChild").finish_non_exhaustive()
    }
}
