//! What is done to the directory in memory, counted.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts of what was done to a directory.
#[derive(Debug)]
pub(super) struct Meter {
    read: AtomicU64,
    read_max: AtomicU64,
    changes: AtomicU64,
}

impl Default for Meter {
    fn default() -> Meter {
        Meter {
            read: AtomicU64::new(0),
            read_max: AtomicU64::new(u64::MAX),
            changes: AtomicU64::new(0),
        }
    }
}

impl Meter {
    /// Lets `count` more bytes be read.
    pub(super) fn let_read(&self, count: u64) {
        let max = self.read.load(Ordering::Relaxed).saturating_add(count);
        self.read_max.store(max, Ordering::Relaxed);
    }

    /// Counts a request that gave so many bytes.
    pub(super) fn read(&self, count: usize) {
        let cost = REQUEST + u64::try_from(count).unwrap_or(u64::MAX);
        let read = self.read.fetch_add(cost, Ordering::Relaxed) + cost;
        let max = self.read_max.load(Ordering::Relaxed);
        assert!(read <= max, "more reading than the size explains");
    }

    pub(super) fn change(&self) {
        self.changes.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }
}

/// What a request to read costs besides its bytes.
const REQUEST: u64 = 64;
