//! A watcher that keeps a ledger of all calls, and makes chosen ones fail.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

use trace_journal::storage::Storage;

use crate::observed_storage::{Call, ObservedStorage, Operation, StorageObserver, Verdict};

/// `EIO`.
pub const EIO: i32 = 5;
/// `EMFILE`.
pub const EMFILE: i32 = 24;
/// `ENOSPC`.
pub const ENOSPC: i32 = 28;
/// `EROFS`.
pub const EROFS: i32 = 30;

/// All calls so far.
#[derive(Debug, Default)]
pub struct Ledger {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    clock: u64,
    made: Vec<Made>,
    failures: Vec<Failure>,
}

/// A call that was made.
#[derive(Clone, Debug)]
pub struct Made {
    /// The call.
    pub call: Call,
    /// When it began, in calls begun and ended.
    pub began: u64,
    /// When it ended; `None` while it is under way.
    pub ended: Option<u64>,
    /// Whether it did what was asked.
    pub has_succeeded: bool,
    thread: ThreadId,
}

/// Calls that are to fail.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Which operation.
    pub operation: Operation,
    /// How the file's name ends.
    pub name: &'static str,
    /// Calls of that kind that succeed first.
    pub skip: u64,
    /// Calls that fail after that.
    pub times: u64,
    /// The system's error number.
    pub error: i32,
    /// Of a write, bytes that are written all the same.
    pub part: usize,
}

impl Failure {
    /// The next call of an operation fails.
    #[must_use]
    pub fn next(operation: Operation, name: &'static str, error: i32) -> Failure {
        Failure {
            operation,
            name,
            skip: 0,
            times: 1,
            error,
            part: 0,
        }
    }
}

impl Ledger {
    /// A storage that keeps this ledger.
    #[must_use]
    pub fn watch(self: &Arc<Ledger>, inner: Arc<dyn Storage>) -> Arc<dyn Storage> {
        let watcher = Arc::clone(self);
        Arc::new(ObservedStorage::new(inner, watcher))
    }

    /// Makes calls fail from now on.
    pub fn fail(&self, failure: Failure) {
        self.lock().failures.push(failure);
    }

    /// Lets every call succeed again.
    pub fn heal(&self) {
        self.lock().failures.clear();
    }

    /// The time, in calls begun and ended.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.lock().clock
    }

    /// The calls of an operation, in the order they began.
    #[must_use]
    pub fn made(&self, operation: Operation) -> Vec<Made> {
        let state = self.lock();
        let of_it = state
            .made
            .iter()
            .filter(|made| made.call.operation == operation);
        of_it.cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StorageObserver for Ledger {
    fn before(&self, call: &Call) -> Verdict {
        let mut state = self.lock();
        state.clock += 1;
        let made = Made {
            call: call.clone(),
            began: state.clock,
            ended: None,
            has_succeeded: false,
            thread: thread::current().id(),
        };
        state.made.push(made);
        let fits = |f: &&mut Failure| f.operation == call.operation && call.name.ends_with(f.name);
        for failure in state.failures.iter_mut().filter(fits) {
            if failure.skip > 0 {
                failure.skip -= 1;
            } else if failure.times > 0 {
                failure.times -= 1;
                let error = io::Error::from_raw_os_error(failure.error);
                return match failure.part {
                    0 => Verdict::Fail(error),
                    part => Verdict::FailAfter(part, error),
                };
            }
        }
        Verdict::Pass
    }

    fn after(&self, _call: &Call, has_succeeded: bool) {
        let mut state = self.lock();
        state.clock += 1;
        let (now, thread) = (state.clock, thread::current().id());
        let mut open = state.made.iter_mut().rev();
        if let Some(made) = open.find(|made| made.ended.is_none() && made.thread == thread) {
            made.ended = Some(now);
            made.has_succeeded = has_succeeded;
        }
    }
}
