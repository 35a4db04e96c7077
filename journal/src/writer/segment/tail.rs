//! Where a segment's next frame goes: one word that appenders compete for.

use crate::seeded::{self, Bug};
use crate::writer::sync_primitives::atomic::{AtomicU64, Ordering};

/// Relative sequence, offset and state of a segment's end, changed together.
///
/// Sequentially consistent: an appender takes its room, then looks whether the syncer rests; the
/// syncer says that it rests, then looks whether room was taken. One of them sees the other.
#[derive(Debug)]
pub(crate) struct AtomicTail(AtomicU64);

/// A segment's end at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tail {
    /// Where the next frame goes; a multiple of 8.
    pub(crate) offset: u64,
    /// Its sequence number, counted from the segment's first.
    pub(crate) relative_seq: u32,
    /// A thread writes here, or has written and failed: no other takes room.
    pub(crate) is_locked: bool,
    /// No frame is added any more.
    pub(crate) is_closed: bool,
}

impl AtomicTail {
    pub(crate) fn new(offset: u64) -> AtomicTail {
        let start = Tail {
            offset,
            relative_seq: 0,
            is_locked: false,
            is_closed: false,
        };
        AtomicTail(AtomicU64::new(start.pack()))
    }

    pub(crate) fn tail(&self) -> Tail {
        Tail::unpack(self.0.load(Ordering::SeqCst))
    }

    /// Takes room for some frames that end at `limit` at the latest; gives where it begins.
    pub(crate) fn reserve(&self, frames: u32, len: u64, limit: u64) -> Option<Tail> {
        self.change(|tail| {
            let is_free = !tail.is_locked || seeded::has(Bug::HeldEndTaken);
            tail.after(frames, len, limit).filter(|_| is_free)
        })
    }

    /// Keeps all others from taking room until [`unlock`](AtomicTail::unlock) or for good,
    /// if `len` bytes from here end at `limit` at the latest; gives where they begin. What is
    /// written there becomes part of the segment only when it is unlocked.
    pub(crate) fn lock(&self, len: u64, limit: u64) -> Option<Tail> {
        self.change(|tail| {
            tail.after(0, len, limit).filter(|_| !tail.is_locked)?;
            Some(Tail {
                is_locked: true,
                ..tail
            })
        })
    }

    /// Takes room for the frames that were written from the locked end on, and lets others go on;
    /// gives where they end.
    pub(crate) fn unlock(&self, locked: Tail, frames: u32, len: u64) -> Tail {
        let end = locked.after(frames, len, u64::MAX);
        if let Some(end) = end {
            self.0.store(end.pack(), Ordering::SeqCst);
        }
        end.unwrap_or(locked)
    }

    /// Takes room for the last frames and closes the segment: its end is fixed from now on.
    pub(crate) fn close(&self, frames: u32, len: u64, limit: u64) -> Option<Tail> {
        self.change(|tail| tail.after(frames, len, limit).map(Tail::closed))
    }

    /// Closes the segment with some last frames if its end still is `tail`.
    pub(crate) fn close_at(&self, tail: Tail, frames: u32, len: u64) -> bool {
        let end = tail.after(frames, len, u64::MAX).map(Tail::closed);
        let order = Ordering::SeqCst;
        end.is_some_and(|end| {
            self.0
                .compare_exchange(tail.pack(), end.pack(), order, order)
                .is_ok()
        })
    }

    /// Changes the end as is wished for how it is; gives how it was.
    #[inline]
    fn change(&self, wish: impl Fn(Tail) -> Option<Tail>) -> Option<Tail> {
        let order = Ordering::SeqCst;
        let mut seen = self.0.load(order);
        loop {
            let start = Tail::unpack(seen);
            let end = wish(start)?.pack();
            match self.0.compare_exchange_weak(seen, end, order, order) {
                Ok(_) => return Some(start),
                Err(changed) => seen = changed,
            }
        }
    }
}

impl Tail {
    /// The end after some more frames, if there may be more and they do not go beyond `limit`.
    #[inline]
    fn after(self, frames: u32, len: u64, limit: u64) -> Option<Tail> {
        let offset = self.offset.checked_add(len).filter(|end| *end <= limit)?;
        let relative_seq = self.relative_seq.checked_add(frames)?;
        (!self.is_closed).then_some(Tail {
            offset,
            relative_seq,
            is_locked: false,
            is_closed: false,
        })
    }

    /// Where the frame behind one of this length begins.
    pub(crate) fn behind(self, frame_len: u64) -> Tail {
        Tail {
            offset: self.offset + frame_len,
            relative_seq: self.relative_seq + 1,
            ..self
        }
    }

    fn closed(self) -> Tail {
        Tail {
            is_closed: true,
            ..self
        }
    }

    fn pack(self) -> u64 {
        let (offset, relative_seq) = (self.offset / 8, u64::from(self.relative_seq));
        debug_assert!(offset <= OFFSET_MASK && self.offset.is_multiple_of(8));
        debug_assert!(relative_seq <= SEQ_MASK);
        let state = u64::from(self.is_closed) << 63 | u64::from(self.is_locked) << 62;
        state | relative_seq << 32 | offset
    }

    fn unpack(word: u64) -> Tail {
        Tail {
            offset: (word & OFFSET_MASK) * 8,
            relative_seq: u32::try_from((word >> 32) & SEQ_MASK).unwrap_or(0),
            is_locked: word >> 62 & 1 == 1,
            is_closed: word >> 63 == 1,
        }
    }
}

/// 32 bits of eight-byte steps reach 32 GiB, twice the largest segment.
const OFFSET_MASK: u64 = (1 << 32) - 1;
/// 30 bits: the largest segment holds fewer than 2^30 of the smallest frames.
const SEQ_MASK: u64 = (1 << 30) - 1;

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn room_is_given_out_once_and_never_beyond_the_limit() {
        let word = AtomicTail::new(8192);
        let first = word.reserve(2, 48, 8300).unwrap();
        assert_eq!((first.offset, first.relative_seq), (8192, 0));
        assert_eq!(word.reserve(1, 72, 8300), None);
        let second = word.reserve(1, 56, 8300).unwrap();
        assert_eq!((second.offset, second.relative_seq), (8240, 2));
    }

    #[test]
    fn closing_fixes_the_end() {
        let word = AtomicTail::new(8192);
        let seal = word.close(1, 48, u64::MAX).unwrap();
        assert_eq!(seal.offset, 8192);
        assert_eq!(word.reserve(1, 16, u64::MAX), None);
        assert_eq!(word.close(1, 16, u64::MAX), None);
        assert_eq!(
            word.tail(),
            Tail {
                offset: 8240,
                relative_seq: 1,
                is_locked: false,
                is_closed: true
            }
        );
    }

    #[test]
    fn a_locked_end_is_taken_by_no_other() {
        let word = AtomicTail::new(8192);
        assert_eq!(word.lock(48, 8200), None);
        let held = word.lock(48, u64::MAX).unwrap();
        assert_eq!((held.offset, held.is_locked), (8192, false));
        assert_eq!(
            word.tail(),
            Tail {
                is_locked: true,
                ..held
            }
        );
        assert_eq!(word.reserve(1, 16, u64::MAX), None);
        assert_eq!(word.lock(16, u64::MAX), None);
        word.unlock(held, 1, 48);
        let next = word.reserve(1, 16, u64::MAX).unwrap();
        assert_eq!((next.offset, next.relative_seq), (8240, 1));
    }

    #[test]
    fn an_end_locked_for_good_can_be_closed() {
        let word = AtomicTail::new(8192);
        word.lock(48, u64::MAX).unwrap();
        assert!(word.close_at(word.tail(), 1, 32));
        let end = word.tail();
        assert_eq!(
            (end.offset, end.relative_seq, end.is_closed),
            (8224, 1, true)
        );
        assert_eq!(word.lock(16, u64::MAX), None);
    }

    #[test]
    fn the_largest_segment_fits_the_word() {
        let word = AtomicTail::new(8192);
        let (frames, len) = ((1 << 30) - 512, (16 << 30) - 8192);
        word.reserve(frames, len, u64::MAX).unwrap();
        let tail = word.tail();
        assert_eq!((tail.offset, tail.relative_seq), (16 << 30, frames));
        assert!(!tail.is_closed && !tail.is_locked);
    }
}
