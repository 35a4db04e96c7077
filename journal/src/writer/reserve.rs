//! Where a segment's next frame goes: one word that appenders compete for.

use super::primitives::atomic::{AtomicU64, Ordering};

/// Relative sequence, offset and closed state of a segment's end, changed together.
#[derive(Debug)]
pub(super) struct ReserveWord(AtomicU64);

/// A segment's end at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tail {
    /// Where the next frame goes; a multiple of 8.
    pub(super) offset: u64,
    /// Its sequence number, counted from the segment's first.
    pub(super) relative_seq: u32,
    /// No frame is added any more.
    pub(super) is_closed: bool,
}

impl ReserveWord {
    pub(super) fn new(offset: u64) -> ReserveWord {
        ReserveWord(AtomicU64::new(
            Tail {
                offset,
                relative_seq: 0,
                is_closed: false,
            }
            .pack(),
        ))
    }

    pub(super) fn tail(&self) -> Tail {
        Tail::unpack(self.0.load(Ordering::SeqCst))
    }

    /// Takes room for some frames that end at `limit` at the latest; gives where it begins.
    pub(super) fn reserve(&self, frames: u32, len: u64, limit: u64) -> Option<Tail> {
        self.advance(frames, len, limit, false)
    }

    /// Takes room for the last frames and closes the segment: its end is fixed from now on.
    pub(super) fn close(&self, frames: u32, len: u64, limit: u64) -> Option<Tail> {
        self.advance(frames, len, limit, true)
    }

    /// Closes the segment with some last frames if its end still is `tail`.
    pub(super) fn close_at(&self, tail: Tail, frames: u32, len: u64) -> bool {
        let end = Tail {
            offset: tail.offset + len,
            relative_seq: tail.relative_seq + frames,
            is_closed: true,
        };
        let order = Ordering::SeqCst;
        !tail.is_closed
            && self
                .0
                .compare_exchange(tail.pack(), end.pack(), order, order)
                .is_ok()
    }

    fn advance(&self, frames: u32, len: u64, limit: u64, closes: bool) -> Option<Tail> {
        let mut seen = self.0.load(Ordering::SeqCst);
        loop {
            let start = Tail::unpack(seen);
            let offset = start.offset.checked_add(len).filter(|end| *end <= limit)?;
            if start.is_closed {
                return None;
            }
            let relative_seq = start.relative_seq.checked_add(frames)?;
            let end = Tail {
                offset,
                relative_seq,
                is_closed: closes,
            };
            let order = Ordering::SeqCst;
            match self.0.compare_exchange_weak(seen, end.pack(), order, order) {
                Ok(_) => return Some(start),
                Err(changed) => seen = changed,
            }
        }
    }
}

impl Tail {
    fn pack(self) -> u64 {
        debug_assert!(self.offset / 8 <= OFFSET_MASK && self.offset.is_multiple_of(8));
        (u64::from(self.is_closed) << 63) | (u64::from(self.relative_seq) << 32) | (self.offset / 8)
    }

    fn unpack(word: u64) -> Tail {
        Tail {
            offset: (word & OFFSET_MASK) * 8,
            relative_seq: u32::try_from((word >> 32) & SEQ_MASK).unwrap_or(0),
            is_closed: word >> 63 == 1,
        }
    }
}

/// 32 bits of eight-byte steps reach 32 GiB, twice the largest segment.
const OFFSET_MASK: u64 = (1 << 32) - 1;
/// 31 bits: the largest segment holds 2^30 of the smallest frames.
const SEQ_MASK: u64 = (1 << 31) - 1;

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn room_is_given_out_once_and_never_beyond_the_limit() {
        let word = ReserveWord::new(8192);
        let first = word.reserve(2, 48, 8300).unwrap();
        assert_eq!((first.offset, first.relative_seq), (8192, 0));
        assert_eq!(word.reserve(1, 72, 8300), None);
        let second = word.reserve(1, 56, 8300).unwrap();
        assert_eq!((second.offset, second.relative_seq), (8240, 2));
    }

    #[test]
    fn closing_fixes_the_end() {
        let word = ReserveWord::new(8192);
        let seal = word.close(1, 48, u64::MAX).unwrap();
        assert_eq!(seal.offset, 8192);
        assert_eq!(word.reserve(1, 16, u64::MAX), None);
        assert_eq!(word.close(1, 16, u64::MAX), None);
        assert_eq!(
            word.tail(),
            Tail {
                offset: 8240,
                relative_seq: 1,
                is_closed: true
            }
        );
    }

    #[test]
    fn the_largest_segment_fits_the_word() {
        let word = ReserveWord::new(8192);
        word.reserve(1 << 30, 16 << 30, u64::MAX).unwrap();
        let tail = word.tail();
        assert_eq!(
            (tail.offset, tail.relative_seq),
            ((16 << 30) + 8192, 1 << 30)
        );
        assert!(!tail.is_closed);
    }
}
