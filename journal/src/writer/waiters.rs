//! Those who wait for the next sync, woken batch by batch.

use super::primitives::{Condvar, Mutex, PoisonError};
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

/// The batch that is being gathered for the next sync.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    gathering: Mutex<Arc<Batch>>,
}

/// Everybody who waits for one particular sync.
///
/// Each batch sleeps on a condition of its own, so that a finished sync wakes nobody it does not
/// concern.
#[derive(Debug, Default)]
pub(super) struct Batch {
    state: Mutex<BatchState>,
    done: Condvar,
}

#[derive(Debug, Default)]
struct BatchState {
    is_done: bool,
    wakers: Vec<Waker>,
}

impl Waiters {
    /// Joins the batch of the next sync to start. Whoever joins before that sync chooses its
    /// target is covered by it.
    pub(super) fn join(&self) -> Arc<Batch> {
        Arc::clone(
            &self
                .gathering
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    /// Ends the gathering of a batch and starts the next one. To be called before the sync's
    /// target is chosen.
    pub(super) fn take(&self) -> Arc<Batch> {
        let mut gathering = self
            .gathering
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *gathering)
    }
}

impl Batch {
    /// Wakes everybody in the batch; they look for themselves at what became durable.
    pub(super) fn finish(&self) {
        let wakers = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.is_done = true;
            std::mem::take(&mut state.wakers)
        };
        self.done.notify_all();
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Waits for the batch's sync to end, at most until `deadline`; says whether it has.
    pub(super) fn wait(&self, deadline: Option<Instant>) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while !state.is_done {
            state = match deadline.map(|at| at.saturating_duration_since(Instant::now())) {
                None => self
                    .done
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return false,
                Some(left) => {
                    let waited = self.done.wait_timeout(state, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        true
    }

    /// Has `waker` woken when the batch's sync ends; `false` if it has ended already.
    pub(super) fn register(&self, waker: &Waker) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.is_done {
            return false;
        }
        if !state.wakers.iter().any(|known| known.will_wake(waker)) {
            state.wakers.push(waker.clone());
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_batch_is_not_joined_any_more() {
        let waiters = Waiters::default();
        let before = waiters.join();
        let taken = waiters.take();
        assert!(Arc::ptr_eq(&before, &taken));
        assert!(!Arc::ptr_eq(&taken, &waiters.join()));
        taken.finish();
        assert!(before.wait(None));
        assert!(!waiters.join().wait(Some(Instant::now())));
    }
}
