//! Which frame may come next in a segment.

use crate::format::FRAME_LEN_MIN;

/// A place where a frame is due, and what may be there.
#[derive(Clone, Copy)]
pub(super) struct Expected {
    pub(super) offset: u64,
    /// The relative sequence number expected at `offset`.
    pub(super) relative: u64,
    /// The low bits of the sequence number whose relative one is 0, once a frame was seen.
    pub(super) base: Option<u32>,
}

impl Expected {
    /// How many frames are missing before one with this number; `None` if it cannot follow.
    pub(super) fn missing(self, seq_low: u32) -> Option<u64> {
        match self.base {
            Some(base) => u64::from(seq_low.wrapping_sub(base)).checked_sub(self.relative),
            // The first frame of a segment may have any number.
            None => (self.relative == 0).then_some(0),
        }
    }

    /// Whether frames that a search finds at `offset` may begin with this number: the frame due is
    /// missing, and each missing one took at least a header's bytes.
    pub(super) fn may_begin(self, offset: u64, seq_low: u32) -> bool {
        let missing_max = (offset - self.offset) / FRAME_LEN_MIN;
        match self.base {
            Some(_) => self
                .missing(seq_low)
                .is_some_and(|missing| (1..=missing_max).contains(&missing)),
            None => true,
        }
    }

    /// The same place in a segment whose relative numbers begin at this one, if that was not known
    /// before.
    pub(super) fn begun(self, base: u32) -> Expected {
        Expected {
            base: Some(self.base.unwrap_or(base)),
            ..self
        }
    }

    /// The same place, with the numbers as a later one has them.
    pub(super) fn begun_by(self, later: &Expected) -> Expected {
        Expected {
            base: later.base,
            ..self
        }
    }

    /// The place behind so many bytes, of one frame.
    pub(super) fn behind(self, len: u64) -> Expected {
        Expected {
            offset: self.offset + len,
            relative: self.relative + 1,
            ..self
        }
    }

    /// What a frame's number is relative to the segment's first one.
    pub(super) fn relative_of(self, seq_low: u32) -> u32 {
        seq_low.wrapping_sub(self.base.unwrap_or(seq_low))
    }
}
