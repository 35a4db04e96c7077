//! The run a handle writes to now: replaced by a new one after a failure, where that is wished.

use super::primitives::Mutex;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, Guard};

use super::core::Core;
use super::errors::ErrorLog;
use super::wait::WhenDurable;
use crate::error::{Error, Result};
use crate::format::RecordKind;
use crate::seq::Seq;

/// Opens another run of the same journal.
pub(crate) type Reopen = Box<dyn Fn() -> Result<Arc<Core>> + Send + Sync>;

/// The run a handle writes to, and what became of the ones before it.
pub(crate) struct Slot {
    state: ArcSwap<Openings>,
    errors: Arc<ErrorLog>,
    /// `None`: a failed run is not followed by another.
    reopen: Option<Reopen>,
    last_attempt: Mutex<Instant>,
}

/// The runs of a handle at one moment.
pub(crate) struct Openings {
    /// `Err`: the journal could not be opened.
    current: Result<Arc<Core>>,
    /// The runs before the current one, which all failed.
    past: Vec<Past>,
}

/// A run that failed.
#[derive(Clone)]
struct Past {
    durable_seq: u64,
    cause: Error,
}

impl Slot {
    pub(crate) fn new(
        current: Result<Arc<Core>>,
        errors: Arc<ErrorLog>,
        reopen: Option<Reopen>,
    ) -> Slot {
        let current = current.map_err(|cause| Error::Disabled {
            cause: Arc::new(cause),
        });
        let state = ArcSwap::from_pointee(Openings {
            current,
            past: Vec::new(),
        });
        Slot {
            state,
            errors,
            reopen,
            last_attempt: Mutex::new(Instant::now()),
        }
    }

    /// The run written to now and its number among the runs of this handle.
    pub(crate) fn current(&self) -> Result<(Arc<Core>, u16)> {
        let openings = self.read();
        Ok((Arc::clone(openings.core()?), openings.number()))
    }

    /// The runs to write to: a failed one is first replaced by a new one if this handle does that
    /// and the last attempt was long enough ago.
    pub(crate) fn working(&self) -> Guard<Arc<Openings>> {
        let openings = self.read();
        let has_failed = match &openings.current {
            Ok(core) => core.poisoned().is_some(),
            Err(_) => true,
        };
        if !has_failed || self.reopen.is_none() {
            return openings;
        }
        self.try_reopen();
        self.read()
    }

    /// Whether an append could do anything; to be asked before any lock is taken, because a lock
    /// that another thread held at the moment of a fork stays locked in the child.
    pub(crate) fn check(&self) -> Result<()> {
        self.working().core()?.check_open()
    }

    pub(crate) fn errors(&self) -> &ErrorLog {
        &self.errors
    }

    /// Appends a record without session or of a session of the current run.
    pub(crate) fn append(&self, kind: RecordKind, payload: &[u8]) -> Result<Seq> {
        let openings = self.working();
        Ok(openings
            .core()?
            .append(kind, 0, payload)?
            .in_opening(openings.number()))
    }

    pub(crate) fn wait_durable(&self, seq: Seq, deadline: Option<Instant>) -> Result<()> {
        match self.settled(seq) {
            Some(outcome) => outcome,
            None => self.current()?.0.wait_durable(value_of(seq), deadline),
        }
    }

    pub(crate) fn when_durable(&self, seq: Seq) -> WhenDurable {
        let core = match self.settled(seq) {
            Some(Err(error)) => Err(error),
            // Durable in a run that failed later: any number known durable resolves at once.
            Some(Ok(())) => return WhenDurable::ready(),
            None => self.current().map(|(core, _)| core),
        };
        WhenDurable::new(core, value_of(seq))
    }

    pub(crate) fn sync(&self) -> Result<Seq> {
        let (core, opening) = self.current()?;
        Ok(core.sync()?.in_opening(opening))
    }

    pub(crate) fn durable(&self) -> Option<Seq> {
        let (core, opening) = self.current().ok()?;
        Some(core.durable()?.in_opening(opening))
    }

    /// What is settled about a number of a run that failed.
    fn settled(&self, seq: Seq) -> Option<Result<()>> {
        let openings = self.read();
        let past = openings.past.get(usize::from(seq.opening()))?;
        let is_durable = seq.get() <= past.durable_seq;
        Some(if is_durable {
            Ok(())
        } else {
            Err(past.cause.clone())
        })
    }

    fn try_reopen(&self) {
        let Some(reopen) = &self.reopen else { return };
        // Whoever finds the lock taken goes on with the failed run: one attempt is enough.
        let Ok(mut last_attempt) = self.last_attempt.try_lock() else {
            return;
        };
        if last_attempt.elapsed() < REOPEN_INTERVAL {
            return;
        }
        *last_attempt = Instant::now();
        if let Ok(failed) = &self.read().current {
            failed.abandon();
        }
        match reopen() {
            Ok(core) => self.replace(core),
            Err(error) => self.errors.report(&error),
        }
    }

    fn replace(&self, core: Arc<Core>) {
        let openings = self.read();
        let failed = match &openings.current {
            Ok(failed) => Past {
                durable_seq: failed.durable().map_or(0, Seq::get),
                cause: failed.poisoned().unwrap_or(Error::Closed),
            },
            Err(cause) => Past {
                durable_seq: 0,
                cause: cause.clone(),
            },
        };
        let past = openings.past.iter().cloned().chain([failed]).collect();
        self.state.store(Arc::new(Openings {
            current: Ok(core),
            past,
        }));
    }

    fn read(&self) -> Guard<Arc<Openings>> {
        self.state.load()
    }
}

impl Openings {
    /// The run written to now.
    pub(crate) fn core(&self) -> Result<&Arc<Core>> {
        self.current.as_ref().map_err(Error::clone)
    }

    /// Its number among the runs of the handle.
    pub(crate) fn number(&self) -> u16 {
        u16::try_from(self.past.len()).unwrap_or(u16::MAX)
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot")
            .field("current", &self.read().current)
            .finish_non_exhaustive()
    }
}

/// The number as its own run counts it.
fn value_of(seq: Seq) -> Seq {
    Seq::new(seq.get()).unwrap_or(Seq::FIRST)
}

/// How long a handle waits between attempts to start a new run.
const REOPEN_INTERVAL: Duration = Duration::from_secs(10);
