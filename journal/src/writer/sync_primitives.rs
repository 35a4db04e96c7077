//! The atomics, locks and threads of the write path; a checker of schedules puts its own in their
//! place.

#[cfg(loom)]
pub(super) use loom::{
    hint,
    sync::{Condvar, Mutex, MutexGuard, RwLock, atomic},
};
#[cfg(shuttle)]
pub(super) use shuttle::{
    hint,
    sync::{Condvar, Mutex, MutexGuard, RwLock, atomic},
    thread,
};
pub(super) use std::sync::PoisonError;
#[cfg(not(any(loom, shuttle)))]
pub(super) use std::{
    hint,
    sync::{Condvar, Mutex, MutexGuard, RwLock, atomic},
    thread,
};

#[cfg(loom)]
pub(super) mod thread {
    pub(in crate::writer) use loom::thread::*;

    pub(in crate::writer) fn sleep(_time: std::time::Duration) {
        yield_now();
    }
}

#[cfg(not(any(loom, shuttle)))]
pub(super) fn is_finished(thread: &thread::JoinHandle<()>) -> bool {
    thread.is_finished()
}

/// A checker does not tell before the thread is waited for.
#[cfg(any(loom, shuttle))]
pub(super) fn is_finished(_thread: &thread::JoinHandle<()>) -> bool {
    false
}
