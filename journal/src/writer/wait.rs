//! Waiting until records are durable.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use super::run::{RunWriter, lock};
use super::sync_primitives::atomic::Ordering;
use crate::error::{Error, Result};
use crate::seeded::{self, Bug};
use crate::seq::Seq;
use crate::storage::Durability;

impl RunWriter {
    /// The last sequence number known durable.
    pub(crate) fn durable(&self) -> Option<Seq> {
        Seq::new(self.watermark.durable())
    }

    /// The same, as callers are told it: in a file system in memory none is.
    pub(crate) fn durable_here(&self) -> Option<Seq> {
        let is_memory = self.storage().durability() == Durability::None;
        let is_told = !is_memory || seeded::has(Bug::TmpfsCalledDurable);
        self.durable().filter(|_| is_told)
    }

    /// Makes every record appended so far durable and returns the last one covered.
    pub(crate) fn sync(&self) -> Result<Seq> {
        self.check_process()?;
        let last = Seq::new(self.written()).unwrap_or(Seq::FIRST);
        if self.is_dirty() {
            self.wait_durable(last, None)?;
        } else if let Some(error) = self.poisoned() {
            return Err(error);
        } else if self.closed.get().is_none() {
            // What was durable is said to be so once more, and may be gone.
            let mut state = lock(&self.sync);
            let checked = self.check_names(&mut state.names, &[]);
            drop(state);
            checked.map_err(|error| self.poison(error))?;
        }
        Ok(self.durable().unwrap_or(last))
    }

    /// Waits until everything up to `seq` is durable, at most until `deadline`.
    pub(crate) fn wait_durable(&self, seq: Seq, deadline: Option<Instant>) -> Result<()> {
        loop {
            if let Some(outcome) = self.durability_of(seq) {
                return outcome;
            }
            let batch = self.waiters.join();
            // A sync that ended before the batch was joined wakes nobody in it.
            if let Some(outcome) = self.durability_of(seq) {
                return outcome;
            }
            if self.settings.is_stepped {
                self.step_sync();
                continue;
            }
            self.note_waiter();
            // Only who waits however long it takes may be held by a sync.
            if deadline.is_none() && self.try_lead_sync() {
                continue;
            }
            self.bell.want_sync();
            if !self.waiters.wait(&batch, deadline) {
                return Err(Error::Timeout);
            }
        }
    }

    /// Remembers that somebody waits: then it is worth to have zeros in the next segment.
    fn note_waiter(&self) {
        let order = Ordering::SeqCst;
        if !self.has_waited.load(order) && !self.has_waited.swap(true, order) {
            self.tender.ring();
        }
    }

    /// Whether the record is durable, if that is settled.
    fn durability_of(&self, seq: Seq) -> Option<Result<()>> {
        if let Err(error) = self.check_process() {
            return Some(Err(error));
        }
        let last = self.written();
        if seq.get() > last {
            return Some(Err(Error::UnknownSeq { seq, last }));
        }
        if self.watermark.durable() >= seq.get() {
            return Some(Ok(()));
        }
        let ended = self.closed.get().map(|_| Error::Closed);
        self.poisoned().or(ended).map(Err)
    }
}

/// Resolves when a record is durable; made by `Journal::when_durable`.
///
/// It never runs a sync itself. Dropping it leaves the record as it is.
#[derive(Debug)]
#[must_use = "a future does nothing unless it is awaited"]
pub struct WhenDurable {
    wait: Wait,
}

#[derive(Debug)]
enum Wait {
    Settled(Result<()>),
    For(Arc<RunWriter>, Seq),
}

impl WhenDurable {
    pub(super) fn new(core: Result<Arc<RunWriter>>, seq: Seq) -> WhenDurable {
        let wait = match core {
            Ok(core) => Wait::For(core, seq),
            Err(error) => Wait::Settled(Err(error)),
        };
        WhenDurable { wait }
    }

    pub(super) fn ready() -> WhenDurable {
        WhenDurable {
            wait: Wait::Settled(Ok(())),
        }
    }
}

impl Future for WhenDurable {
    type Output = Result<()>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let (core, seq) = match &self.wait {
            Wait::Settled(outcome) => return Poll::Ready(outcome.clone()),
            Wait::For(core, seq) => (core, *seq),
        };
        loop {
            if let Some(outcome) = core.durability_of(seq) {
                return Poll::Ready(outcome);
            }
            let is_waiting = core.waiters.join().register(context.waker());
            // A sync that ended before the waker was registered wakes nobody.
            if let Some(outcome) = core.durability_of(seq) {
                return Poll::Ready(outcome);
            }
            if is_waiting {
                core.waiters.errands.be_ready();
                core.note_waiter();
                core.bell.want_sync();
                return Poll::Pending;
            }
        }
    }
}
