//! Which part of a segment is scanned.

use super::due::Due;
use super::scan::Scanner;
use crate::format::FRAMES_OFFSET;

/// The first frame and a part of what is behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Portion {
    /// Nothing between the first frame and this offset is looked at.
    pub(crate) from: u64,
    /// How much the number of the frame due there is above that of the first one; `None` to begin
    /// with the first one.
    pub(crate) relative: Option<u32>,
    /// Behind this there are only zeros.
    pub(crate) content_end: u64,
    /// Every frame is shown, also a caller's own record of no session.
    pub(crate) shows_all: bool,
}

impl Portion {
    /// All of it.
    pub(crate) const WHOLE: Portion = Portion {
        from: 0,
        relative: None,
        content_end: u64::MAX,
        shows_all: false,
    };
}

impl Scanner<'_> {
    /// Where the walk begins: the place of the first frame, unless only a portion is wanted.
    pub(super) fn begin(&mut self) -> Due {
        let due = Due {
            offset: FRAMES_OFFSET,
            relative: 0,
            base: None,
        };
        let Portion { from, relative, .. } = self.input.portion;
        let Some(relative) = relative.filter(|_| from > FRAMES_OFFSET) else {
            return due;
        };
        // Without the first frame nothing tells the numbers of others: all of it is walked.
        let Ok(header) = self.look(due) else {
            return due;
        };
        let due = self.accept(due, &header);
        Due {
            offset: from.max(due.offset),
            relative: u64::from(relative),
            ..due
        }
    }
}
