//! Which of the last frames came by positioned writes: those are there when their room is taken.
//! Others are stored into the mapping, after their room is taken.

use crate::format::FRAMES_OFFSET;
use crate::seeded::{self, Bug};
use crate::writer::segment::tail::Tail;

/// Frames that came by positioned writes, one right behind the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PwriteRange {
    from: u64,
    to: Tail,
    /// Where the last of them begins.
    last: u64,
}

impl PwriteRange {
    /// None yet, in a segment without frames.
    pub(crate) fn none() -> PwriteRange {
        PwriteRange {
            from: FRAMES_OFFSET,
            to: Tail {
                offset: FRAMES_OFFSET,
                relative_seq: 0,
                is_locked: false,
                is_closed: false,
            },
            last: FRAMES_OFFSET,
        }
    }

    /// Takes in frames from one place up to another, the last of which begins at `last`. What
    /// others stored in front of them parts them from those before.
    pub(crate) fn add(&mut self, from: Tail, to: Tail, last: u64) {
        if from.offset != self.to.offset && !seeded::has(Bug::StoredTakenForPositioned) {
            self.from = from.offset;
        }
        self.to = to;
        self.last = last;
    }

    /// Where they end.
    pub(crate) fn end(&self) -> Tail {
        self.to
    }

    /// Where the last of them begins.
    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    /// Where they end, if the frame at `offset` is one of them.
    pub(crate) fn end_from(&self, offset: u64) -> Option<Tail> {
        (self.from..self.to.offset)
            .contains(&offset)
            .then_some(self.to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_frames_right_behind_each_other_are_taken_together() {
        let tail = |offset, relative_seq| Tail {
            offset,
            relative_seq,
            ..PwriteRange::none().to
        };
        let start = FRAMES_OFFSET;
        let mut positioned = PwriteRange::none();
        assert_eq!(positioned.end_from(start), None);
        positioned.add(tail(start, 0), tail(start + 24, 1), start);
        positioned.add(tail(start + 24, 1), tail(start + 64, 3), start + 48);
        assert_eq!(positioned.end_from(start), Some(tail(start + 64, 3)));
        assert_eq!(positioned.end_from(start + 64), None);
        // One frame of 16 bytes was stored meanwhile.
        positioned.add(tail(start + 80, 4), tail(start + 104, 5), start + 80);
        assert_eq!(positioned.end_from(start), None);
        assert_eq!(positioned.end_from(start + 64), None);
        let end = Some(tail(start + 104, 5));
        assert_eq!(positioned.end_from(start + 80), end);
    }
}
