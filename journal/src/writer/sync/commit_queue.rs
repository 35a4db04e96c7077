//! Those that wait for the next sync, woken group by group: group commit.

use super::callbacks::{Callback, Callbacks};
use crate::writer::sync_primitives::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::writer::sync_primitives::{Condvar, Mutex, MutexGuard, PoisonError, thread};
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use crate::seeded::{self, Bug};

/// The callers that wait for a sync.
#[derive(Debug, Default)]
pub(crate) struct CommitQueue {
    open: Mutex<OpenGroup>,
    /// As many have joined as the syncer waits for.
    is_complete: Condvar,
    /// For so many nanoseconds it is worth to stay awake.
    awake: AtomicU64,
    /// Others have kept a processor for long that was lent to them.
    is_crowded: AtomicBool,
    /// What calls their wakers.
    callbacks: Arc<Callbacks>,
}

/// The group that may still be joined.
#[derive(Debug, Default)]
struct OpenGroup {
    group: Arc<CommitGroup>,
    members: u32,
    /// How many the syncer waits for; 0 while it does not.
    expected: u32,
}

/// All that wait for one particular sync.
///
/// Each group sleeps on a condition of its own, so that a finished sync wakes no thread it does not
/// concern.
#[derive(Debug, Default)]
pub(crate) struct CommitGroup {
    state: Mutex<GroupState>,
    done: Condvar,
    /// Becomes true with `state` locked, so that no thread falls asleep meanwhile.
    is_done: AtomicBool,
}

#[derive(Debug, Default)]
struct GroupState {
    /// How many sleep: to wake no thread is a system call, too.
    sleeping: u32,
    wakers: Vec<Waker>,
}

/// A group whose sync is under way: its members are woken when this is dropped, also by a panic.
#[derive(Debug)]
pub(crate) struct ClosedGroup {
    group: Arc<CommitGroup>,
    callbacks: Arc<Callbacks>,
    pub(crate) members: u32,
}

impl Drop for ClosedGroup {
    fn drop(&mut self) {
        if !(std::thread::panicking() && seeded::has(Bug::PanicWakesNobody)) {
            let wakers = self.group.finish();
            self.callbacks.run(wakers.into_iter().map(Callback::Wake));
        }
    }
}

impl CommitQueue {
    /// For a run with threads or without.
    pub(crate) fn new(is_stepped: bool) -> CommitQueue {
        CommitQueue {
            callbacks: Arc::new(Callbacks::new(is_stepped)),
            ..CommitQueue::default()
        }
    }

    /// What calls the wakers of those that wait.
    pub(crate) fn callbacks(&self) -> &Arc<Callbacks> {
        &self.callbacks
    }

    /// Joins the group of the next sync to start. A caller that joins before that sync
    /// chooses its target is covered by it.
    pub(crate) fn join(&self) -> Arc<CommitGroup> {
        let (group, is_complete) = {
            let mut open = self.lock();
            open.members = open.members.saturating_add(1);
            let is_complete = open.members == open.expected;
            (Arc::clone(&open.group), is_complete)
        };
        if is_complete {
            self.is_complete.notify_one();
        }
        group
    }

    /// Closes the open group and opens the next one. To be called before the sync's target
    /// is chosen.
    pub(crate) fn take(&self) -> ClosedGroup {
        let OpenGroup { group, members, .. } = std::mem::take(&mut *self.lock());
        ClosedGroup {
            group,
            callbacks: Arc::clone(&self.callbacks),
            members,
        }
    }

    /// How many have joined the group so far.
    pub(crate) fn members(&self) -> u32 {
        self.lock().members
    }

    /// Says for how long it is worth to stay awake from now on.
    pub(crate) fn set_awake(&self, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(0);
        self.awake.store(nanoseconds, Ordering::Relaxed);
    }

    /// Whether others have kept a processor for long since the last time.
    pub(crate) fn take_crowded(&self) -> bool {
        self.is_crowded.swap(false, Ordering::Relaxed)
    }

    /// Gives the processor to others, where that is worth it, until something is over, at most
    /// until `deadline`: to be woken takes longer, and much longer on a processor at rest.
    fn stay_awake(&self, deadline: Option<Instant>, is_over: impl Fn() -> bool) {
        let begun = Instant::now();
        let mut now = begun;
        let is_late = |now| deadline.is_some_and(|at| at <= now);
        while !is_over() && !is_late(now) && now.saturating_duration_since(begun) < self.awake() {
            thread::yield_now();
            let lent_at = std::mem::replace(&mut now, Instant::now());
            if self.is_lent_long(now.saturating_duration_since(lent_at)) {
                return;
            }
        }
    }

    /// How long it is worth to stay awake.
    pub(crate) fn awake(&self) -> Duration {
        Duration::from_nanos(self.awake.load(Ordering::Relaxed))
    }

    /// Whether others kept a processor for long: they have work of their own to do, and a sleeper
    /// gets it back sooner.
    pub(crate) fn is_lent_long(&self, time: Duration) -> bool {
        let is_long = time >= LENT_LONG;
        if is_long {
            self.is_crowded.store(true, Ordering::Relaxed);
        }
        is_long
    }

    /// Waits until so many have joined the group, but not for long; says how many have.
    pub(crate) fn wait_for(&self, expected: u32, until: Instant) -> u32 {
        self.stay_awake(Some(until), || self.members() >= expected);
        let mut open = self.lock();
        open.expected = expected;
        while open.members < expected {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.is_complete.wait_timeout(open, left);
            open = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        open.expected = 0;
        open.members
    }

    /// Waits for the sync of a group to end, at most until `deadline`; says whether it has.
    pub(crate) fn wait(&self, group: &CommitGroup, deadline: Option<Instant>) -> bool {
        self.stay_awake(deadline, || group.is_done());
        group.sleep(deadline)
    }

    fn lock(&self) -> MutexGuard<'_, OpenGroup> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CommitGroup {
    /// Wakes all that sleep in the group and gives the wakers of the others; all look for
    /// themselves at what became durable.
    pub(crate) fn finish(&self) -> Vec<Waker> {
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

    /// Sleeps until the group's sync ends, at most until `deadline`; says whether it has.
    pub(crate) fn sleep(&self, deadline: Option<Instant>) -> bool {
        if self.is_done() {
            return true;
        }
        let mut short_sleeps = SHORT_SLEEPS.iter().copied();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.sleeping += 1;
        while !self.is_done() {
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                break;
            }
            state = match left.into_iter().chain(short_sleeps.next()).min() {
                None => self
                    .done
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(time) => {
                    let waited = self.done.wait_timeout(state, time);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        state.sleeping -= 1;
        self.is_done()
    }

    /// Has `waker` woken when the group's sync ends; `false` if it has ended already.
    pub(crate) fn register(&self, waker: &Waker) -> bool {
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

/// A waiter wakes up so often by itself. Where other processes never rest, the system looks only
/// every few milliseconds, or when a thread wakes up, whether their time is over and the syncer's
/// turn has come.
const SHORT_SLEEPS: [Duration; 4] = [
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_millis(2),
    Duration::from_millis(4),
];

/// 64 appenders take less by far; processes with work of their own to do take more.
pub(crate) const LENT_LONG: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_batch_is_not_joined_any_more() {
        let queue = CommitQueue::default();
        let before = queue.join();
        let taken = queue.take();
        assert!(Arc::ptr_eq(&before, &taken.group));
        assert_eq!((taken.members, queue.members()), (1, 0));
        assert!(!Arc::ptr_eq(&taken.group, &queue.join()));
        drop(taken);
        assert!(queue.wait(&before, None));
        assert!(!queue.wait(&queue.join(), Some(Instant::now())));
    }

    #[test]
    fn a_batch_is_complete_when_the_expected_have_joined() {
        let queue = CommitQueue::default();
        queue.join();
        let now = Instant::now();
        assert_eq!(queue.wait_for(2, now), 1);
        std::thread::scope(|scope| {
            let gathered = scope.spawn(|| queue.wait_for(2, now + Duration::MAX / 4));
            queue.join();
            assert_eq!(gathered.join().unwrap(), 2);
        });
    }
}
