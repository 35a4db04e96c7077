//! Waiting until records are durable.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use super::syncer::Syncer;
use crate::error::{Error, Result};
use crate::seq::Seq;

impl Syncer {
    /// Makes every record appended so far durable, at most until `deadline`, and returns the last
    /// one covered.
    pub(crate) fn sync(&self, deadline: Option<Instant>) -> Result<Seq> {
        self.constants().check_process()?;
        let last = Seq::new(self.segments().written()).unwrap_or(Seq::FIRST);
        if self.steps().is_dirty() {
            self.wait_durable(last, deadline)?;
        } else if let Some(error) = self.signals().poisoned() {
            return Err(error);
        } else if self.signals().closed().is_none() {
            // What was durable is said to be so once more, and may be gone.
            self.check_names()?;
        }
        Ok(self.durable().unwrap_or(last))
    }

    /// Waits until everything up to `seq` is durable, at most until `deadline`.
    pub(crate) fn wait_durable(&self, seq: Seq, deadline: Option<Instant>) -> Result<()> {
        loop {
            if let Some(outcome) = self.durability_of(seq) {
                return outcome;
            }
            let group = self.queue().join();
            // A sync that ended before the group was joined wakes none in it.
            if let Some(outcome) = self.durability_of(seq) {
                return outcome;
            }
            if self.constants().settings().is_stepped {
                self.step_sync();
                continue;
            }
            self.signals().note_waiter();
            // Only a caller that waits however long it takes may be held by a sync.
            if deadline.is_none() && self.try_lead_sync() {
                continue;
            }
            self.signals().syncer().want_sync();
            if !self.queue().wait(&group, deadline) {
                return Err(Error::Timeout);
            }
        }
    }

    /// Whether everything up to `seq` is durable; if that is not settled yet, a sync is asked for.
    pub(crate) fn poll_durable(&self, seq: Seq) -> Poll<Result<()>> {
        if let Some(outcome) = self.durability_of(seq) {
            return Poll::Ready(outcome);
        }
        self.signals().note_waiter();
        self.signals().syncer().want_sync();
        Poll::Pending
    }

    /// Whether the record is durable, if that is settled.
    fn durability_of(&self, seq: Seq) -> Option<Result<()>> {
        if let Err(error) = self.constants().check_process() {
            return Some(Err(error));
        }
        let last = self.segments().written();
        if seq.get() > last {
            return Some(Err(Error::UnknownSeq { seq, last }));
        }
        if self.signals().watermark().durable() >= seq.get() {
            return Some(Ok(()));
        }
        let ended = self.signals().closed().map(|_| Error::Closed);
        self.signals().poisoned().or(ended).map(Err)
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
    For(Arc<Syncer>, Seq),
}

impl WhenDurable {
    pub(crate) fn new(syncer: Result<Arc<Syncer>>, seq: Seq) -> WhenDurable {
        let wait = match syncer {
            Ok(syncer) => Wait::For(syncer, seq),
            Err(error) => Wait::Settled(Err(error)),
        };
        WhenDurable { wait }
    }

    pub(crate) fn ready() -> WhenDurable {
        WhenDurable {
            wait: Wait::Settled(Ok(())),
        }
    }
}

impl Future for WhenDurable {
    type Output = Result<()>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let (syncer, seq) = match &self.wait {
            Wait::Settled(outcome) => return Poll::Ready(outcome.clone()),
            Wait::For(syncer, seq) => (syncer, *seq),
        };
        loop {
            if let Some(outcome) = syncer.durability_of(seq) {
                return Poll::Ready(outcome);
            }
            let is_waiting = syncer.queue().join().register(context.waker());
            // A sync that ended before the waker was registered does not wake it.
            if let Some(outcome) = syncer.durability_of(seq) {
                return Poll::Ready(outcome);
            }
            if is_waiting {
                syncer.queue().callbacks().be_ready();
                syncer.signals().note_waiter();
                syncer.signals().syncer().want_sync();
                return Poll::Pending;
            }
        }
    }
}
