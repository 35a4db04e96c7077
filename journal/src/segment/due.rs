//! Which frame may come next in a segment.

use crate::format::FRAMES_OFFSET;

/// A place where a frame is due, and what may be there.
#[derive(Clone, Copy)]
pub(super) struct Due {
    pub(super) offset: u64,
    /// The relative sequence number expected at `offset`.
    pub(super) relative: u64,
    /// The low bits of the sequence number whose relative one is 0, once a frame was seen.
    pub(super) base: Option<u32>,
}

impl Due {
    /// How many frames are missing before one with this number; `None` if it cannot follow.
    pub(super) fn missing(self, seq_low: u32) -> Option<u64> {
        match self.base {
            Some(base) => u64::from(seq_low.wrapping_sub(base)).checked_sub(self.relative),
            // The first frame of a segment may have any number.
            None => (self.relative == 0).then_some(0),
        }
    }

    /// The same, once the first frame of the segment that is there was seen.
    pub(super) fn begun(self, offset: u64, seq_low: u32) -> Due {
        // In front of one that is not at the beginning, one at least is missing.
        let missing = u32::from(offset > FRAMES_OFFSET);
        let base = self.base.unwrap_or(seq_low.wrapping_sub(missing));
        Due {
            base: Some(base),
            ..self
        }
    }

    /// What a frame's number is relative to the segment's first one.
    pub(super) fn relative_of(self, seq_low: u32) -> u32 {
        seq_low.wrapping_sub(self.base.unwrap_or(seq_low))
    }
}
