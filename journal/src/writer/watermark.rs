//! How far the run is written and how far it is durable.

use std::sync::atomic::{AtomicU64, Ordering};

/// The ends of what is written and of what is durable, in sequence numbers and in bytes.
///
/// Sequentially consistent: an appender publishes, then looks whether the syncer sleeps; the
/// syncer says that it sleeps, then looks whether something was published. One of them sees it.
#[derive(Debug, Default)]
pub(super) struct Watermark {
    written: AtomicU64,
    /// Last record that is not a sync mark: marks alone never ask for a sync.
    work: AtomicU64,
    durable: AtomicU64,
    written_bytes: AtomicU64,
    durable_bytes: AtomicU64,
}

impl Watermark {
    /// Records that everything up to `seq` is written.
    pub(super) fn wrote(&self, seq: u64, bytes: u64, is_work: bool) {
        self.written_bytes.store(bytes, Ordering::SeqCst);
        self.written.store(seq, Ordering::SeqCst);
        if is_work {
            self.work.store(seq, Ordering::SeqCst);
        }
    }

    /// Records that everything up to `seq` is durable.
    pub(super) fn synced(&self, seq: u64, bytes: u64) {
        self.durable_bytes.store(bytes, Ordering::SeqCst);
        self.durable.store(seq, Ordering::SeqCst);
    }

    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::SeqCst)
    }

    pub(super) fn work(&self) -> u64 {
        self.work.load(Ordering::SeqCst)
    }

    pub(super) fn durable(&self) -> u64 {
        self.durable.load(Ordering::SeqCst)
    }

    pub(super) fn written_bytes(&self) -> u64 {
        self.written_bytes.load(Ordering::SeqCst)
    }

    /// Bytes written and not yet durable.
    pub(super) fn backlog_bytes(&self) -> u64 {
        // Read first what grows last, so that the difference is never taken too small.
        let durable = self.durable_bytes.load(Ordering::SeqCst);
        self.written_bytes().saturating_sub(durable)
    }

    /// Whether anything but marks waits to become durable.
    pub(super) fn is_dirty(&self) -> bool {
        self.work() > self.durable()
    }
}
