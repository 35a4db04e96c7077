//! The atomics, locks and threads of the write path; a checker of schedules puts its own in their
//! place.

#[cfg(not(any(loom, shuttle)))]
mod chosen {
    pub(in super::super) use std::hint;
    pub(in super::super) use std::sync::atomic;
    pub(in super::super) use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, RwLock};
    pub(in super::super) use std::thread;

    pub(in super::super) fn is_finished(thread: &thread::JoinHandle<()>) -> bool {
        thread.is_finished()
    }
}

#[cfg(loom)]
mod chosen {
    pub(in super::super) use loom::hint;
    pub(in super::super) use loom::sync::atomic;
    pub(in super::super) use loom::sync::{Condvar, Mutex, MutexGuard, RwLock};
    pub(in super::super) use std::sync::PoisonError;

    /// Nobody can know there; the thread counts as busy until it is waited for.
    pub(in super::super) fn is_finished(_thread: &thread::JoinHandle<()>) -> bool {
        false
    }

    pub(in super::super) mod thread {
        pub(in super::super::super) use loom::thread::*;

        pub(in super::super::super) fn sleep(_time: std::time::Duration) {
            yield_now();
        }
    }
}

#[cfg(shuttle)]
mod chosen {
    pub(in super::super) use shuttle::hint;
    pub(in super::super) use shuttle::sync::atomic;
    pub(in super::super) use shuttle::sync::{Condvar, Mutex, MutexGuard, RwLock};
    pub(in super::super) use shuttle::thread;
    pub(in super::super) use std::sync::PoisonError;

    /// Nobody can know there; the thread counts as busy until it is waited for.
    pub(in super::super) fn is_finished(_thread: &thread::JoinHandle<()>) -> bool {
        false
    }
}

pub(super) use chosen::*;
