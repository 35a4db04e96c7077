//! The atomics, locks and threads of the write path; a checker of schedules puts its own in their
//! place.

#[cfg(loom)]
pub(crate) use loom::{
    hint,
    sync::{Condvar, Mutex, MutexGuard, RwLock, atomic},
};
#[cfg(shuttle)]
pub(crate) use shuttle::{
    hint,
    sync::{Condvar, Mutex, MutexGuard, RwLock, atomic},
    thread,
};
pub(crate) use std::sync::PoisonError;
use std::sync::TryLockError;
#[cfg(not(any(loom, shuttle)))]
pub(crate) use std::{
    hint,
    sync::{Condvar, Mutex, MutexGuard, RwLock, atomic},
    thread,
};

#[cfg(loom)]
pub(crate) mod thread {
    pub(crate) use loom::thread::*;

    pub(crate) fn sleep(_time: std::time::Duration) {
        yield_now();
    }
}

#[cfg(not(any(loom, shuttle)))]
pub(crate) fn is_finished(thread: &thread::JoinHandle<()>) -> bool {
    thread.is_finished()
}

/// A checker does not tell before the thread is waited for.
#[cfg(any(loom, shuttle))]
pub(crate) fn is_finished(_thread: &thread::JoinHandle<()>) -> bool {
    false
}

/// Locks; a thread that panicked while it held the lock left nothing half done behind, because
/// every change that matters is made by single stores at its end.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// As [`lock`], if that takes no waiting.
pub(crate) fn try_lock<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}
