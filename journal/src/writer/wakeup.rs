//! What wakes the syncer or the preallocator.

use super::sync_primitives::atomic::{AtomicBool, Ordering};
use super::sync_primitives::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Requests to one thread, and the condition it sleeps on.
///
/// Sequentially consistent: the syncer says that it is parked, then looks for appends a last time;
/// an appender takes its room, then looks whether the syncer is parked. One of them sees the other.
#[derive(Debug, Default)]
pub(crate) struct Wakeup {
    /// A caller waits for a sync.
    wants_sync: AtomicBool,
    /// Nothing waits to become durable, so the next append must notify.
    is_parked: AtomicBool,
    state: Mutex<WakeupState>,
    notified: Condvar,
}

#[derive(Debug, Default)]
struct WakeupState {
    is_notified: bool,
    /// To wake no thread is a system call, too.
    is_asleep: bool,
    wants_close: bool,
}

impl Wakeup {
    /// Asks for a sync now.
    pub(crate) fn want_sync(&self) {
        if !self.wants_sync() && !self.wants_sync.swap(true, Ordering::SeqCst) {
            self.notify();
        }
    }

    /// Asks for the run to be closed.
    pub(crate) fn want_close(&self) {
        self.lock().wants_close = true;
        self.notify();
    }

    /// Wakes the thread to look around.
    pub(crate) fn notify(&self) {
        let is_asleep = {
            let mut state = self.lock();
            state.is_notified = true;
            state.is_asleep
        };
        if is_asleep {
            self.notified.notify_one();
        }
    }

    /// Wakes the syncer if it is parked: there is something to become durable again.
    pub(crate) fn notify_if_parked(&self) {
        if self.is_parked.load(Ordering::SeqCst) && self.is_parked.swap(false, Ordering::SeqCst) {
            self.notify();
        }
    }

    /// Says that the next append must notify; to be called before looking for appends a last time.
    pub(crate) fn park(&self) {
        self.is_parked.store(true, Ordering::SeqCst);
    }

    /// Says that appends need not notify: the syncer looks again by itself.
    pub(crate) fn unpark(&self) {
        self.is_parked.store(false, Ordering::SeqCst);
    }

    pub(crate) fn take_wants_sync(&self) -> bool {
        self.wants_sync.swap(false, Ordering::SeqCst)
    }

    pub(crate) fn wants_sync(&self) -> bool {
        self.wants_sync.load(Ordering::SeqCst)
    }

    pub(crate) fn wants_close(&self) -> bool {
        self.lock().wants_close
    }

    /// Sleeps until it is notified or the time is over.
    pub(crate) fn sleep(&self, at_most: Option<Duration>) {
        let mut state = self.lock();
        if !state.is_notified {
            state.is_asleep = true;
            state = match at_most {
                None => self
                    .notified
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(time) => {
                    let waited = self.notified.wait_timeout(state, time);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        state.is_asleep = false;
        state.is_notified = false;
    }

    fn lock(&self) -> MutexGuard<'_, WakeupState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
