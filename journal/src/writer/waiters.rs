//! Those who wait for the next sync, woken batch by batch.

use super::patience::Patience;
use super::sync_primitives::atomic::{AtomicBool, Ordering};
use super::sync_primitives::{Condvar, Mutex, MutexGuard, PoisonError};
use crate::writer::sync::errands::{Errand, Errands};
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use crate::seeded::{self, Bug};

/// The batch that is being gathered for the next sync.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    gathering: Mutex<Gathering>,
    /// As many have joined as the syncer waits for.
    is_complete: Condvar,
    pub(super) patience: Patience,
    /// Who calls their wakers.
    pub(super) errands: Arc<Errands>,
}

#[derive(Debug, Default)]
struct Gathering {
    batch: Arc<Batch>,
    members: u32,
    /// How many the syncer waits for; 0 while it does not.
    awaited: u32,
}

/// Everybody who waits for one particular sync.
///
/// Each batch sleeps on a condition of its own, so that a finished sync wakes nobody it does not
/// concern.
#[derive(Debug, Default)]
pub(super) struct Batch {
    state: Mutex<BatchState>,
    done: Condvar,
    /// Becomes true with `state` locked, so that nobody falls asleep meanwhile.
    is_done: AtomicBool,
}

#[derive(Debug, Default)]
struct BatchState {
    /// How many sleep: to wake nobody is a system call, too.
    sleeping: u32,
    wakers: Vec<Waker>,
}

/// A batch whose sync is under way: its members are woken when this is dropped, also by a panic.
#[derive(Debug)]
pub(super) struct Taken {
    batch: Arc<Batch>,
    errands: Arc<Errands>,
    pub(super) members: u32,
}

impl Drop for Taken {
    fn drop(&mut self) {
        if !(std::thread::panicking() && seeded::has(Bug::PanicWakesNobody)) {
            let wakers = self.batch.finish();
            self.errands.run(wakers.into_iter().map(Errand::Wake));
        }
    }
}

impl Waiters {
    /// For a run with threads or without.
    pub(super) fn new(is_stepped: bool) -> Waiters {
        Waiters {
            errands: Arc::new(Errands::new(is_stepped)),
            ..Waiters::default()
        }
    }

    /// Joins the batch of the next sync to start. Whoever joins before that sync chooses its
    /// target is covered by it.
    pub(super) fn join(&self) -> Arc<Batch> {
        let (batch, is_complete) = {
            let mut gathering = self.lock();
            gathering.members = gathering.members.saturating_add(1);
            let is_complete = gathering.members == gathering.awaited;
            (Arc::clone(&gathering.batch), is_complete)
        };
        if is_complete {
            self.is_complete.notify_one();
        }
        batch
    }

    /// Ends the gathering of a batch and starts the next one. To be called before the sync's target
    /// is chosen.
    pub(super) fn take(&self) -> Taken {
        let Gathering { batch, members, .. } = std::mem::take(&mut *self.lock());
        Taken {
            batch,
            errands: Arc::clone(&self.errands),
            members,
        }
    }

    /// How many have joined the batch so far.
    pub(super) fn members(&self) -> u32 {
        self.lock().members
    }

    /// Waits until so many have joined the batch, but not for long; says how many have.
    pub(super) fn gather(&self, awaited: u32, at_most: Duration) -> u32 {
        let until = Instant::now() + at_most;
        let are_here = || self.members() >= awaited;
        self.patience.stay_awake(Some(until), are_here);
        let mut gathering = self.lock();
        gathering.awaited = awaited;
        while gathering.members < awaited {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.is_complete.wait_timeout(gathering, left);
            gathering = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        gathering.awaited = 0;
        gathering.members
    }

    /// Waits for the sync of a batch to end, at most until `deadline`; says whether it has.
    pub(super) fn wait(&self, batch: &Batch, deadline: Option<Instant>) -> bool {
        self.patience.stay_awake(deadline, || batch.is_done()) || batch.sleep(deadline)
    }

    fn lock(&self) -> MutexGuard<'_, Gathering> {
        self.gathering
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Batch {
    /// Wakes everybody who sleeps in the batch and gives the wakers of the others; all look for
    /// themselves at what became durable.
    pub(super) fn finish(&self) -> Vec<Waker> {
        let (wakers, sleeping) = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            self.is_done.store(true, Ordering::Release);
            (std::mem::take(&mut state.wakers), state.sleeping)
        };
        if sleeping > 0 {
            self.done.notify_all();
        }
        wakers
    }

    fn is_done(&self) -> bool {
        self.is_done.load(Ordering::Acquire)
    }

    /// Sleeps until the batch's sync ends, at most until `deadline`; says whether it has.
    pub(super) fn sleep(&self, deadline: Option<Instant>) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.sleeping += 1;
        while !self.is_done() {
            state = match deadline.map(|at| at.saturating_duration_since(Instant::now())) {
                None => self
                    .done
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => {
                    state.sleeping -= 1;
                    return false;
                }
                Some(left) => {
                    let waited = self.done.wait_timeout(state, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        state.sleeping -= 1;
        true
    }

    /// Has `waker` woken when the batch's sync ends; `false` if it has ended already.
    pub(super) fn register(&self, waker: &Waker) -> bool {
        // Copying and dropping one is the caller's code, for which no lock is held.
        let mut copy = Some(waker.clone());
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_done() {
            return false;
        }
        if !state.wakers.iter().any(|known| known.will_wake(waker)) {
            state.wakers.extend(copy.take());
        }
        drop(state);
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
        assert!(Arc::ptr_eq(&before, &taken.batch));
        assert_eq!((taken.members, waiters.members()), (1, 0));
        assert!(!Arc::ptr_eq(&taken.batch, &waiters.join()));
        drop(taken);
        assert!(waiters.wait(&before, None));
        assert!(!waiters.wait(&waiters.join(), Some(Instant::now())));
    }

    #[test]
    fn a_batch_is_complete_when_the_awaited_have_joined() {
        let waiters = Waiters::default();
        waiters.join();
        assert_eq!(waiters.gather(2, Duration::ZERO), 1);
        std::thread::scope(|scope| {
            let gathered = scope.spawn(|| waiters.gather(2, Duration::MAX / 4));
            waiters.join();
            assert_eq!(gathered.join().unwrap(), 2);
        });
    }
}
