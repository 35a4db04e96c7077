//! The threads around the syncer's and the tender's steps.

use super::sync_primitives::MutexGuard;
use super::sync_primitives::thread::{self, Builder, JoinHandle};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::run::{RunWriter, lock};
use crate::error::Error;
use crate::own_thread::without_signals;
use crate::seeded::{self, Bug};
use crate::writer::supply::preallocator::{BUSY_PAUSE, PreallocTask};
use crate::writer::sync::schedule::{SyncAction, WINDOW_IDLE};
use crate::writer::sync::syncer::SyncState;

/// Starts the threads of a run; they end when it is closed.
pub(super) fn start(core: &Arc<RunWriter>) -> io::Result<()> {
    let syncer = start_syncer(Arc::clone(core))?;
    // Without a tender, appenders make ready what they need.
    let tender = start_tender(Arc::clone(core)).ok();
    lock(&core.threads).extend([syncer].into_iter().chain(tender));
    Ok(())
}

impl RunWriter {
    /// Whether this is a thread that closing would have to wait for: one of the run's own, which
    /// call the error hook, or one that runs a sync for them.
    pub(super) fn is_own_thread(&self) -> bool {
        let this = thread::current().id();
        let is_own = lock(&self.threads)
            .iter()
            .any(|thread| thread.thread().id() == this);
        is_own || lock(&self.helper).is_some_and(|(helper, _)| helper == this)
    }

    /// Runs a sync for a waiter on its own thread, which spares it two wake-ups; `false` if the
    /// syncer is the better one for it: a sync is under way, or others wait as well.
    pub(super) fn try_lead_sync(&self) -> bool {
        let Ok(mut state) = self.sync.try_lock() else {
            return false;
        };
        if state.awaited > 1 || self.is_over() {
            return false;
        }
        let now = self.now();
        *lock(&self.helper) = Some((thread::current().id(), now));
        let helped = catch_unwind(AssertUnwindSafe(|| self.run_sync(&mut state, now)));
        // Whatever was appended since then is dirty since then, for all the syncer can know.
        state.helped_at = Some(now);
        if helped.is_err() {
            self.poison_by_panic();
        }
        *lock(&self.helper) = None;
        true
    }

    /// How long the syncer may leave everything to the waiter that runs a sync now. Waiting for it
    /// to end would make each of its syncs wake the syncer, which then comes too late for the lock.
    pub(super) fn sync_led_by_waiter(&self) -> Option<Duration> {
        let (_, began) = (*lock(&self.helper))?;
        let is_asked = self.bell.wants_sync() || self.bell.wants_close();
        if is_asked && !seeded::has(Bug::AskedInVain) {
            return None;
        }
        // What that sync does not cover was appended after it began.
        let due = began + self.settings.sync_interval.min(WINDOW_IDLE);
        let left = due.saturating_sub(self.now());
        (!left.is_zero()).then_some(left)
    }

    /// The syncer's turn; `None`, after a sleep, if it was left to a waiter, as is noted.
    pub(super) fn lock_sync_state(&self, was_left: &mut bool) -> Option<MutexGuard<'_, SyncState>> {
        let entered = self.sync.try_lock().ok();
        let mut state = match (entered, self.sync_led_by_waiter()) {
            (Some(state), _) => state,
            (None, None) => lock(&self.sync),
            (None, Some(time)) => {
                self.bell.rest_no_more();
                self.bell.sleep(Some(time));
                *was_left = true;
                return None;
            }
        };
        if std::mem::take(was_left) && !seeded::has(Bug::CalmWhileLeft) {
            // What was appended meanwhile rang no bell.
            state.calm_since = None;
        }
        Some(state)
    }

    fn poison_by_panic(&self) -> Error {
        let cause = io::Error::other("the syncer panicked");
        self.poison(Error::io("sync", self.storage().path(), cause))
    }

    /// Waits for the threads of a run that is closed, so that none of its files stays open.
    pub(super) fn join_threads(&self) {
        for thread in std::mem::take(&mut *lock(&self.threads)) {
            // A panic of theirs has poisoned the run already.
            let _ = thread.join();
        }
    }
}

fn start_tender(core: Arc<RunWriter>) -> io::Result<JoinHandle<()>> {
    let builder = Builder::new().name("trace-prealloc".to_owned());
    without_signals(|| {
        builder.spawn(move || {
            let _ = catch_unwind(AssertUnwindSafe(|| tend(&core)));
        })
    })
}

fn tend(core: &RunWriter) {
    while !core.is_over() {
        match core.next_task() {
            PreallocTask::Rest => core.tender.sleep(None),
            PreallocTask::Wait => core.tender.sleep(Some(BUSY_PAUSE)),
            task => core.tend(task),
        }
    }
}

fn start_syncer(core: Arc<RunWriter>) -> io::Result<JoinHandle<()>> {
    let builder = Builder::new().name("trace-journal".to_owned());
    without_signals(|| {
        builder.spawn(move || {
            if catch_unwind(AssertUnwindSafe(|| run(&core))).is_err() {
                // Nobody would ever be woken again: say so, and never claim anything more.
                core.end(Err(core.poison_by_panic()));
            }
        })
    })
}

fn run(core: &RunWriter) {
    let mut was_left = false;
    loop {
        core.bell.rest();
        let (decision, is_dirty) = {
            let Some(mut state) = core.lock_sync_state(&mut was_left) else {
                continue;
            };
            let now = core.now();
            let decision = core.observe(&mut state, now);
            core.execute(&mut state, decision, now);
            (decision, core.is_dirty())
        };
        match decision {
            SyncAction::Close => return core.finish_close(),
            SyncAction::Sleep(time) => {
                if is_dirty {
                    core.bell.rest_no_more();
                }
                core.bell.sleep(time);
            }
            _ => {}
        }
    }
}
