//! What a scan finds: frames that touch each other, and what is between them.

use std::io;

use crate::error::DamageReason;
use crate::format::{FRAME_LEN_MIN, FRAMES_OFFSET};

/// What the file turned out to hold.
#[derive(Debug, Default)]
pub(crate) struct ScanResult {
    pub(crate) islands: Vec<IntactRange>,
    /// The low bits of the sequence number whose relative one is 0; `None` without a frame. If
    /// the first frame is lost it is not known, and taken for the one before the first that is
    /// there.
    pub(crate) base: Option<u32>,
    /// Everything between the islands and behind the last one, in order.
    pub(crate) stretches: Vec<BrokenRange>,
    /// Parts of stretches that were not looked at.
    pub(crate) unread: Vec<UnreadableRange>,
    /// Parts of stretches that hold valid frames, which others behind them contradict.
    pub(crate) contested: Vec<Contested>,
    /// The last frame is a `Seal`.
    pub(crate) is_sealed: bool,
    /// It is one, but was only found, and is followed by anything but zeros.
    pub(crate) is_seal_doubted: bool,
    /// Zeros that fill up frames.
    pub(crate) padding: u64,
    /// Offsets of padding that is not zero.
    pub(crate) dirty_padding: Vec<(u64, u64)>,
    /// What a failed read said.
    pub(crate) error: Option<io::Error>,
}

/// Intact frames that touch each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IntactRange {
    pub(crate) offset: u64,
    pub(crate) end: u64,
    pub(crate) first: u32,
    pub(crate) last: u32,
}

/// Bytes that are no frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BrokenRange {
    pub(crate) offset: u64,
    pub(crate) end: u64,
    /// Behind its last byte that is not zero, to 8 bytes; `offset` if all are.
    pub(crate) content_end: u64,
    pub(crate) reason: DamageReason,
    /// Relative sequence number due at its start.
    pub(crate) due: u64,
    /// Relative sequence number of the frame behind it; `None` at the end of the file.
    pub(crate) next: Option<u32>,
    /// Part of it could not be, or was not, read.
    pub(crate) has_unread: bool,
    /// It begins where the header of a frame is not there, or says that it was only begun.
    pub(crate) is_unfinished: bool,
    /// It begins with the header of a frame that was begun, as the header alone shows.
    pub(crate) is_begun: bool,
}

/// Valid frames that are no records, for frames behind them say otherwise; perhaps with other bytes
/// between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Contested {
    pub(crate) offset: u64,
    pub(crate) end: u64,
    /// The low bits of the first number among them, and of the last.
    pub(crate) first: u32,
    pub(crate) last: u32,
}

/// Bytes that were not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UnreadableRange {
    pub(crate) offset: u64,
    pub(crate) end: u64,
    /// Why not.
    pub(crate) reason: DamageReason,
}

impl ScanResult {
    /// What is known of a file that cannot be opened: nothing.
    pub(crate) fn unread(len: u64, error: io::Error) -> ScanResult {
        let len = len.max(FRAMES_OFFSET);
        let reason = DamageReason::IoError;
        ScanResult {
            stretches: vec![BrokenRange {
                offset: FRAMES_OFFSET,
                end: len,
                content_end: len,
                reason,
                due: 0,
                next: None,
                has_unread: true,
                is_unfinished: false,
                is_begun: false,
            }],
            unread: vec![UnreadableRange {
                offset: FRAMES_OFFSET,
                end: len,
                reason,
            }],
            error: Some(error),
            ..ScanResult::default()
        }
    }

    /// Whether there are only zeros, frames apart.
    pub(crate) fn is_blank(&self) -> bool {
        let is_blank = |s: &BrokenRange| !s.has_unread && s.content_end <= s.offset;
        self.stretches.iter().all(is_blank)
    }

    /// Whether anything but zeros is behind the last intact frame.
    pub(crate) fn has_content_behind(&self) -> bool {
        let mut behind = self.stretches.iter().filter(|s| s.next.is_none());
        behind.any(|stretch| stretch.content_end > stretch.offset)
    }

    /// How many more numbers than one the room in front of the first intact frame may hold.
    pub(crate) fn slack(&self) -> u64 {
        let first = self.islands.first().map_or(FRAMES_OFFSET, |i| i.offset);
        ((first - FRAMES_OFFSET) / FRAME_LEN_MIN).saturating_sub(1)
    }

    /// Moves the first number down, by no more than [`slack`](ScanResult::slack) allows.
    pub(crate) fn begin_earlier(&mut self, by: u32) {
        self.base = self.base.map(|base| base.wrapping_sub(by));
        for island in &mut self.islands {
            island.first += by;
            island.last += by;
        }
        for (at, stretch) in self.stretches.iter_mut().enumerate() {
            // The first one is in front of all frames, and begins with number 0.
            stretch.due += if at == 0 { 0 } else { u64::from(by) };
            stretch.next = stretch.next.map(|next| next + by);
        }
    }

    /// How many intact frames there are; in each island no number is left out.
    pub(crate) fn records(&self) -> u64 {
        let count = |island: &IntactRange| u64::from(island.last - island.first) + 1;
        self.islands.iter().map(count).sum()
    }

    /// Where the last intact frame ends.
    pub(crate) fn frames_end(&self) -> u64 {
        self.islands.last().map_or(FRAMES_OFFSET, |last| last.end)
    }

    /// Relative sequence number of the last intact frame.
    pub(crate) fn last(&self) -> Option<u32> {
        self.islands.last().map(|last| last.last)
    }
}
