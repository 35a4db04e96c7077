//! How far the run is durable.

use super::sync_primitives::atomic::{AtomicU64, Ordering};

/// The end of what is durable, in sequence numbers and in bytes, and the last sync mark.
///
/// Sequentially consistent: an appender takes its room, then looks whether the syncer rests; the
/// syncer says that it rests, then looks whether room was taken. One of them sees the other.
#[derive(Debug, Default)]
pub(crate) struct Watermark {
    durable: AtomicU64,
    durable_bytes: AtomicU64,
    mark: AtomicU64,
}

impl Watermark {
    /// Records that everything up to `seq` is durable.
    pub(crate) fn synced(&self, seq: u64, bytes: u64) {
        self.durable_bytes.store(bytes, Ordering::SeqCst);
        self.durable.store(seq, Ordering::SeqCst);
    }

    /// Records that the last mark has this number.
    pub(crate) fn marked(&self, seq: u64) {
        self.mark.store(seq, Ordering::SeqCst);
    }

    pub(crate) fn durable(&self) -> u64 {
        self.durable.load(Ordering::SeqCst)
    }

    pub(crate) fn durable_bytes(&self) -> u64 {
        self.durable_bytes.load(Ordering::SeqCst)
    }

    /// Whether anything but one mark waits to become durable: a mark alone never asks for a sync.
    pub(crate) fn is_dirty(&self, written: u64) -> bool {
        let durable = self.durable();
        let mark = self.mark.load(Ordering::SeqCst);
        written > durable && !(written == mark && mark == durable + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_alone_is_not_dirty() {
        let watermark = Watermark::default();
        assert!(watermark.is_dirty(1));
        watermark.synced(5, 100);
        assert!(!watermark.is_dirty(5));
        watermark.marked(6);
        assert!(!watermark.is_dirty(6));
        assert!(watermark.is_dirty(7));
    }
}
