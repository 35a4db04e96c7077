//! Which thread may run a sync: one at a time, the syncer or one of those that wait.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::commit_queue::CommitQueue;
use super::lead::SyncLead;
use super::steps::{SyncParts, SyncState, SyncSteps};
use crate::error::{Error, Result};
use crate::recovery::apply::Uncached;
use crate::seeded::{self, Bug};
use crate::seq::Seq;
use crate::storage::Durability;
use crate::writer::run_constants::RunConstants;
use crate::writer::segment::list::SegmentList;
use crate::writer::segment::prefault::WINDOW_IDLE;
use crate::writer::signals::Signals;
use crate::writer::sync_primitives::{Mutex, MutexGuard, lock};

/// What makes the records of a run durable.
#[derive(Debug)]
pub(crate) struct Syncer {
    steps: SyncSteps,
    /// The thread that has this locked runs the one sync there may be at a time. See `RunWriter`
    /// for when it is locked.
    state: Mutex<SyncState>,
    lead: SyncLead,
}

impl Syncer {
    /// Of a run whose first records say what became of others, if it `recovers` them.
    pub(crate) fn new(parts: SyncParts, recovers: bool) -> Syncer {
        Syncer {
            steps: SyncSteps::new(parts),
            state: Mutex::new(SyncState::new(recovers)),
            lead: SyncLead::default(),
        }
    }

    pub(crate) fn steps(&self) -> &SyncSteps {
        &self.steps
    }

    pub(crate) fn constants(&self) -> &RunConstants {
        self.steps.constants()
    }

    pub(crate) fn signals(&self) -> &Signals {
        self.steps.signals()
    }

    pub(crate) fn segments(&self) -> &SegmentList {
        self.steps.segments()
    }

    pub(crate) fn queue(&self) -> &CommitQueue {
        self.steps.queue()
    }

    /// Waits for the sync that is under way, and has the next one wait.
    pub(crate) fn lock_state(&self) -> MutexGuard<'_, SyncState> {
        lock(&self.state)
    }

    /// Runs one sync now; for journals without threads.
    pub(crate) fn step_sync(&self) {
        let mut state = self.lock_state();
        self.steps.run_sync(&mut state, self.constants().now());
    }

    /// Runs a sync for a waiter on its own thread, which spares it two wake-ups; `false` if the
    /// syncer is the better one for it: a sync is under way, or others wait as well.
    pub(crate) fn try_lead_sync(&self) -> bool {
        let Ok(mut state) = self.state.try_lock() else {
            return false;
        };
        if state.commit_delay.expected() > 1 || self.signals().is_over() {
            return false;
        }
        let now = self.constants().now();
        self.lead.begin(now);
        let led = catch_unwind(AssertUnwindSafe(|| {
            self.steps.run_sync(&mut state, now);
        }));
        // Whatever was appended since then is dirty since then, for all the syncer can know.
        state.led_at = Some(now);
        if led.is_err() {
            self.poison_by_panic();
        }
        self.lead.end();
        true
    }

    /// Whether this thread leads a sync for those that wait.
    pub(crate) fn is_led_by_this_thread(&self) -> bool {
        self.lead.is_this_thread()
    }

    /// How long the syncer may leave everything to the waiter that leads a sync now. Waiting for it
    /// to end would make each of its syncs wake the syncer, which then comes too late for the lock.
    fn sync_led_by_waiter(&self) -> Option<Duration> {
        let began = self.lead.began()?;
        let syncer = self.signals().syncer();
        let is_asked = syncer.wants_sync() || syncer.wants_close();
        if is_asked && !seeded::has(Bug::AskedInVain) {
            return None;
        }
        // What that sync does not cover was appended after it began.
        let settings = self.constants().settings();
        let due = began + settings.sync_interval.min(WINDOW_IDLE);
        let left = due.saturating_sub(self.constants().now());
        (!left.is_zero()).then_some(left)
    }

    /// The syncer's turn; `None`, after a sleep, if it was left to a waiter, as is noted.
    pub(crate) fn lock_sync_state(&self, was_left: &mut bool) -> Option<MutexGuard<'_, SyncState>> {
        let entered = self.state.try_lock().ok();
        let mut state = match (entered, self.sync_led_by_waiter()) {
            (Some(state), _) => state,
            (None, None) => self.lock_state(),
            (None, Some(time)) => {
                self.signals().syncer().unpark();
                self.signals().syncer().sleep(Some(time));
                *was_left = true;
                return None;
            }
        };
        if std::mem::take(was_left) && !seeded::has(Bug::CalmWhileLeft) {
            // What was appended meanwhile notified no thread.
            state.calm_since = None;
        }
        Some(state)
    }

    /// Stops the run for good: nothing more is promised, and every waiter is told why.
    pub(crate) fn poison(&self, cause: Error) -> Error {
        self.steps.poison().poison(cause)
    }

    /// Stops the run because a sync panicked.
    pub(crate) fn poison_by_panic(&self) -> Error {
        let cause = io::Error::other("the syncer panicked");
        let path = self.constants().storage().path();
        self.poison(Error::io("sync", path, cause))
    }

    /// To be called when all runs that were to be recovered are on record.
    pub(crate) fn finish_recovery(&self, uncached: Vec<Uncached>) {
        self.steps.finish_recovery(&mut self.lock_state(), uncached);
    }

    /// What was durable is said to be so once more, and may be gone.
    pub(crate) fn check_names(&self) -> Result<()> {
        let checked = self.steps.check_names(&mut self.lock_state());
        // The hook that hears of it may close the run.
        checked.map_err(|error| self.poison(error))
    }

    /// Whether an appender has begun and does not end, for long.
    pub(crate) fn is_stalled(&self) -> bool {
        self.steps.is_stalled()
    }

    /// The last sequence number known durable.
    pub(crate) fn durable(&self) -> Option<Seq> {
        Seq::new(self.signals().watermark().durable())
    }

    /// The same, as callers are told it: in a file system in memory none is.
    pub(crate) fn durable_here(&self) -> Option<Seq> {
        let is_memory = self.constants().storage().durability() == Durability::None;
        let is_told = !is_memory || seeded::has(Bug::TmpfsCalledDurable);
        self.durable().filter(|_| is_told)
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
