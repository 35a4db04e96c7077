//! What wakes the syncer.

use super::sync_primitives::atomic::{AtomicBool, Ordering};
use super::sync_primitives::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Requests to the syncer, and the condition it sleeps on.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    /// Somebody waits for a sync.
    wants_sync: AtomicBool,
    /// Nothing waits to become durable, so the next append must ring.
    is_resting: AtomicBool,
    state: Mutex<BellState>,
    rung: Condvar,
}

#[derive(Debug, Default)]
struct BellState {
    is_rung: bool,
    /// To wake nobody is a system call, too.
    is_asleep: bool,
    wants_close: bool,
}

impl Bell {
    /// Asks for a sync now.
    pub(crate) fn want_sync(&self) {
        if !self.wants_sync() && !self.wants_sync.swap(true, Ordering::SeqCst) {
            self.ring();
        }
    }

    /// Asks for the run to be closed.
    pub(crate) fn want_close(&self) {
        self.lock().wants_close = true;
        self.ring();
    }

    /// Wakes the syncer to look around.
    pub(crate) fn ring(&self) {
        let is_asleep = {
            let mut state = self.lock();
            state.is_rung = true;
            state.is_asleep
        };
        if is_asleep {
            self.rung.notify_one();
        }
    }

    /// Wakes the syncer if it rests: there is something to become durable again.
    pub(crate) fn ring_if_resting(&self) {
        if self.is_resting.load(Ordering::SeqCst) && self.is_resting.swap(false, Ordering::SeqCst) {
            self.ring();
        }
    }

    /// Says that the next append must ring; to be called before looking for appends a last time.
    pub(crate) fn rest(&self) {
        self.is_resting.store(true, Ordering::SeqCst);
    }

    /// Says that appends need not ring: the syncer looks again by itself.
    pub(crate) fn rest_no_more(&self) {
        self.is_resting.store(false, Ordering::SeqCst);
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

    /// Sleeps until the bell is rung or the time is over.
    pub(crate) fn sleep(&self, at_most: Option<Duration>) {
        let mut state = self.lock();
        if !state.is_rung {
            state.is_asleep = true;
            state = match at_most {
                None => self
                    .rung
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(time) => {
                    let waited = self.rung.wait_timeout(state, time);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        state.is_asleep = false;
        state.is_rung = false;
    }

    fn lock(&self) -> MutexGuard<'_, BellState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
