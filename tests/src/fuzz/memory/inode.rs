//! Files of the directory in memory.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use trace_journal::storage::Lock;

use super::locked::Locked;
use super::meter::Meter;

/// A file, however many names and handles it has.
#[derive(Debug, Default)]
pub(super) struct Inode {
    pub(super) state: Mutex<Contents>,
    pub(super) lock: Mutex<Locked>,
}

/// What is in a file.
#[derive(Clone, Debug, Default)]
pub(super) struct Contents {
    pub(super) bytes: Vec<u8>,
    /// The bytes as they are after a power cut.
    pub(super) durable: Vec<u8>,
    /// Pages that can be stored into through a mapping.
    pub(super) writable: BTreeSet<u64>,
}

/// A file that is open.
#[derive(Debug)]
pub(super) struct Handle {
    pub(super) inode: Arc<Inode>,
    pub(super) meter: Arc<Meter>,
    pub(super) held: Mutex<Option<Lock>>,
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn len_of(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
