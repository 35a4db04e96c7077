//! All it takes to open a journal, again and again: for a handle, after a failure, in a fork.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Error, Result};
use crate::open_run::open_run;
use crate::options::JournalOptions;
use crate::session::SharedValues;
use crate::shared::{
    InChild, Join, Opening, PlaceKey, Policy, RunPlace, SharedParts, SharedRun, place,
};
use crate::storage::{DiskStorage, Storage};
use crate::writer::{ErrorLog, FailoverWriter, Reopen};

/// Options, and where they are for.
pub(crate) struct Opener {
    options: JournalOptions,
    /// Whatever directory the process works in later.
    dir: PathBuf,
}

/// The directory of one opening.
struct OpenTarget {
    storage: Arc<dyn Storage>,
    /// The same, if it is one of the system's.
    disk: Option<Arc<DiskStorage>>,
    key: PlaceKey,
}

/// An opening, and what could not be done and stops nothing: the hook is told when no lock is held.
pub(crate) type Opened = (Opening, Vec<Error>);

impl Opener {
    pub(crate) fn new(options: JournalOptions, dir: &Path) -> Arc<Opener> {
        let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
        Arc::new(Opener { options, dir })
    }

    /// Opens the journal, or shares the run that is open there.
    pub(crate) fn open(self: &Arc<Self>) -> Result<Opened> {
        let mut problems = Vec::new();
        let opened = self.target(None).and_then(|target| {
            let run = self.run(&target, false, &mut problems)?;
            Ok(Opening::new(run, Policy::default(), self.in_child(&target)))
        });
        match opened {
            Ok(opening) => Ok((opening, problems)),
            Err(error) => {
                let errors = ErrorLog::new(self.options.on_error.clone());
                problems.iter().for_each(|problem| errors.report(problem));
                Err(error)
            }
        }
    }

    /// As [`open`](Opener::open), but never fails: the opening may be disabled. Numbers of its
    /// records begin with that run of its handles. In a fork, `parent` is the directory.
    pub(crate) fn open_best_effort(
        self: &Arc<Self>,
        base: u16,
        parent: Option<&DiskStorage>,
    ) -> Opened {
        let mut problems = Vec::new();
        let target = self.options.validate().and_then(|()| self.target(parent));
        let in_child = target
            .as_ref()
            .ok()
            .and_then(|target| self.in_child(target));
        let run = target.and_then(|target| self.run(&target, true, &mut problems));
        let run = run.unwrap_or_else(|error| {
            problems.push(error.clone());
            Arc::new(self.disabled(error))
        });
        let policy = Policy {
            is_best_effort: true,
            base,
        };
        (Opening::new(run, policy, in_child), problems)
    }

    /// What keeps values from being said again, if that is wished.
    pub(crate) fn sharing(&self) -> Option<SharedValues> {
        self.options.sharing()
    }

    fn target(&self, parent: Option<&DiskStorage>) -> Result<OpenTarget> {
        if let Some(storage) = &self.options.storage {
            return Ok(OpenTarget {
                storage: Arc::clone(storage),
                disk: None,
                key: PlaceKey::of_storage(storage),
            });
        }
        let failed = |error| Error::io("open journal", &self.dir, error);
        let disk = match parent {
            Some(parent) => parent.opened_again(),
            None => DiskStorage::create(&self.dir),
        };
        let disk = Arc::new(disk.map_err(failed)?);
        Ok(OpenTarget {
            key: PlaceKey::Directory(disk.identity().map_err(failed)?),
            storage: disk.clone(),
            disk: Some(disk),
        })
    }

    /// The run to write to.
    fn run(
        self: &Arc<Self>,
        target: &OpenTarget,
        is_best_effort: bool,
        problems: &mut Vec<Error>,
    ) -> Result<Arc<SharedRun>> {
        if !self.options.is_shared {
            return Ok(Arc::new(self.start(target, None, problems)?));
        }
        let place = place(target.key);
        let problems = std::cell::RefCell::new(problems);
        place.enter(
            SharedRun::wait_closed,
            |run| {
                self.options.check_same(run.settings())?;
                match run.join() {
                    // It is tried again later.
                    Err(error) if is_best_effort => {
                        problems.borrow_mut().push(error);
                        Ok(Join::Shares)
                    }
                    joined => joined,
                }
            },
            || {
                let place = Some(Arc::clone(&place));
                let run = self.start(target, place, &mut problems.borrow_mut());
                Ok(Arc::new(run?))
            },
        )
    }

    fn start(
        self: &Arc<Self>,
        target: &OpenTarget,
        place: Option<Arc<RunPlace<SharedRun>>>,
        problems: &mut Vec<Error>,
    ) -> Result<SharedRun> {
        let errors = Arc::new(ErrorLog::new(self.options.on_error.clone()));
        let storage = Arc::clone(&target.storage);
        let settings = self.options.settings.clone();
        let (run, recovered) = open_run(storage, settings, Arc::clone(&errors), problems)?;
        let reopen = self.reopen(&errors);
        Ok(SharedRun::new(SharedParts {
            writer: FailoverWriter::new(Ok(run), errors, Some(reopen)),
            settings: self.options.settings.clone(),
            redact: self.options.redact.clone(),
            recovered,
            place,
            random: target.storage.random(),
            storage: Some(Arc::clone(&target.storage)),
        }))
    }

    /// A journal that could not be opened; it is tried again, if that can help.
    fn disabled(self: &Arc<Self>, cause: Error) -> SharedRun {
        let errors = Arc::new(ErrorLog::new(self.options.on_error.clone()));
        let is_hopeless = matches!(cause, Error::InvalidOption { .. });
        let reopen = (!is_hopeless).then(|| self.reopen(&errors));
        SharedRun::new(SharedParts {
            writer: FailoverWriter::new(Err(cause), errors, reopen),
            settings: self.options.settings.clone(),
            redact: self.options.redact.clone(),
            recovered: Vec::new(),
            place: None,
            random: 0,
            storage: None,
        })
    }

    /// Opens a run of the same journal, as often as it is called.
    fn reopen(self: &Arc<Self>, errors: &Arc<ErrorLog>) -> Reopen {
        let (opener, errors) = (Arc::clone(self), Arc::clone(errors));
        let last = Mutex::new(None);
        Box::new(move |problems| {
            let storage = match &opener.options.storage {
                Some(storage) => Arc::clone(storage),
                None => {
                    let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
                    opener.disk_again(&mut last)?
                }
            };
            let settings = opener.options.settings.clone();
            let (run, _) = open_run(storage, settings, Arc::clone(&errors), problems)?;
            Ok(run)
        })
    }

    /// The directory that was opened last, if it is still somewhere, else the one at this path.
    fn disk_again(&self, last: &mut Option<Arc<dyn Storage>>) -> Result<Arc<dyn Storage>> {
        let held = last
            .take()
            .filter(|held| matches!(held.is_linked(), Ok(true)));
        let storage = match held {
            Some(held) => held,
            None => self.target(None)?.storage,
        };
        *last = Some(Arc::clone(&storage));
        Ok(storage)
    }

    /// What goes on with the journal in a fork of this process, if that is wished.
    fn in_child(self: &Arc<Self>, target: &OpenTarget) -> Option<InChild<Opening>> {
        let (opener, disk) = (Arc::clone(self), target.disk.clone());
        let reopen = move |base| opener.open_best_effort(base, disk.as_deref());
        self.options
            .reopens_in_child
            .then(|| InChild::new(Box::new(reopen)))
    }
}
