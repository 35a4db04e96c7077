//! The run a handle writes to now: replaced by a new one after a failure, where that is wished.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

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
    state: RwLock<Openings>,
    errors: Arc<ErrorLog>,
    /// `None`: a failed run is not followed by another.
    reopen: Option<Reopen>,
    last_attempt: Mutex<Instant>,
}

struct Openings {
    /// `Err`: the journal could not be opened.
    current: Result<Arc<Core>>,
    /// The runs before the current one, which all failed.
    past: Vec<Past>,
}

/// A run that failed.
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
        let state = RwLock::new(Openings {
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
        let core = Arc::clone(openings.current.as_ref().map_err(Error::clone)?);
        Ok((core, openings.number()))
    }

    /// As [`current`](Slot::current), but a failed run is first replaced by a new one if this
    /// handle does that and the last attempt was long enough ago.
    pub(crate) fn working(&self) -> Result<(Arc<Core>, u16)> {
        let has_failed = match &self.read().current {
            Ok(core) => core.poisoned().is_some(),
            Err(_) => true,
        };
        if has_failed {
            self.try_reopen();
        }
        self.current()
    }

    pub(crate) fn errors(&self) -> &ErrorLog {
        &self.errors
    }

    /// Appends a record without session or of a session of the current run.
    pub(crate) fn append(&self, kind: RecordKind, payload: &[u8]) -> Result<Seq> {
        let (core, opening) = self.working()?;
        Ok(core.append(kind, 0, payload)?.in_opening(opening))
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
        let mut openings = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let past = match &openings.current {
            Ok(failed) => Past {
                durable_seq: failed.durable().map_or(0, Seq::get),
                cause: failed.poisoned().unwrap_or(Error::Closed),
            },
            Err(cause) => Past {
                durable_seq: 0,
                cause: cause.clone(),
            },
        };
        openings.past.push(past);
        openings.current = Ok(core);
    }

    fn read(&self) -> RwLockReadGuard<'_, Openings> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Openings {
    fn number(&self) -> u16 {
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
