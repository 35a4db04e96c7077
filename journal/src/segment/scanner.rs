//! A segment as it is scanned: takes in frames, and what is between them.

use std::borrow::Cow;

use super::expected::Expected;
use super::frame_walk::{is_bare, is_seal, walk_frames};
use super::read::PAST_END_MAX;
use super::read_buffer::{READ_BUFFER_MAX, ReadBuffer};
use super::scan_range::ScanRange;
use super::scan_result::{BrokenRange, IntactRange, ScanResult, UnreadableRange};
use super::seen::Seen;
use super::sums::Sums;
use crate::error::DamageReason;
use crate::format::{
    FRAME_ALIGNMENT, FRAME_HEADER_LEN, FRAME_LEN_MIN, FrameChecksum, FrameHeader, FrameSeed,
    HopHeader,
};
use crate::len::{len_u64, len_usize};
use crate::seeded::{self, Bug};

/// What a scan needs to know of the file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ScanInput {
    pub(crate) seed: FrameSeed,
    /// Bytes of the file.
    pub(crate) len: u64,
    /// Bytes its header says it has; frames may lie there, made of zeros past the end.
    pub(crate) told_len: u64,
    /// Frames end here at the latest; what is behind is none.
    pub(crate) frames_max: u64,
    /// It may be being written: look twice at a place before believing that it is bad.
    pub(crate) is_moving: bool,
    pub(crate) portion: ScanRange,
}

/// What a place begins with where a frame is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Beginning {
    /// A header of a frame that was begun.
    Begun,
    /// No header, or nothing but a part of one.
    Unfinished,
    Other,
}

pub(super) struct Scanner<'a> {
    pub(super) window: ReadBuffer<'a>,
    pub(super) sums: Sums<'a>,
    pub(super) input: ScanInput,
    /// What the checksum of each frame goes on from.
    pub(super) begun: FrameChecksum,
    pub(super) scanned: ScanResult,
    /// Where the content of the file ends, once frames were only found by a search.
    pub(super) found_end: Option<u64>,
    pub(super) visit: &'a mut dyn FnMut(&Seen<'_>),
}

impl Scanner<'_> {
    /// Takes in some sound frames from this place on; gives why there is none.
    pub(super) fn step(
        &mut self,
        due: Expected,
        walk_sound: &dyn Fn(&mut Self, Expected) -> Expected,
    ) -> Result<Expected, DamageReason> {
        let walked = walk_sound(self, due);
        if walked.offset > due.offset {
            return Ok(walked);
        }
        let header = self.look_again(due)?;
        Ok(self.accept(due, &header))
    }

    /// Behind the end only zeros or a failed append may be: nothing there can be a frame.
    pub(super) fn end_walk(&mut self, due: Expected) {
        if due.offset < self.input.len {
            let content_end = self.content_end(due.offset);
            self.push_stretch(due, DamageReason::BadCrc, None, content_end);
        }
    }

    /// Takes in sound frames that are whole in the window, one behind the other; whatever else
    /// is there is left to a closer look.
    pub(super) fn walk_held(&mut self, due: Expected) -> Expected {
        let islands = &mut self.scanned.islands;
        let Some(island) = islands.last_mut().filter(|last| last.end == due.offset) else {
            return due;
        };
        let end = self.input.len.min(self.input.frames_max);
        let len = len_usize(end - due.offset);
        let Ok(front) = self.window.at(due.offset, FRAME_HEADER_LEN) else {
            return due;
        };
        let header = decode(front).and_then(Result::ok);
        let frame_len = header.and_then(|header| usize::try_from(header.frame_len()).ok());
        // A length that cannot be right is no reason to read on.
        let want = frame_len.filter(|want| *want <= len);
        let want = want.map_or(FRAME_HEADER_LEN, |want| want.min(READ_BUFFER_MAX));
        let Ok(mut rest) = self.window.at(due.offset, want) else {
            return due;
        };
        // The window holds zeros past the end of the file where they were asked for.
        rest = rest.get(..len.min(rest.len())).unwrap_or(rest);
        let shows_all = self.input.portion.shows_all;
        let how = (&self.begun, shows_all);
        let ending = Ending::of(&self.input, self.found_end);
        let visit = &mut *self.visit;
        let walked = match self.found_end {
            None => walk_frames(rest, due, how, visit),
            Some(_) => walk_frames(rest, due, how, &mut |seen| {
                visit(&Seen {
                    is_found: true,
                    is_doubted: ending.doubts(seen),
                    ..*seen
                });
            }),
        };
        island.end = walked.due.offset;
        island.last += u32::try_from(walked.due.relative - due.relative).unwrap_or(0);
        self.scanned.padding += walked.padding;
        self.scanned.is_sealed = walked.is_sealed && ending.is_end(walked.due.offset);
        self.scanned.is_seal_doubted = walked.is_sealed && !self.scanned.is_sealed;
        walked.due
    }

    /// The frame due at this place; in a file that is being written, a second look decides.
    fn look_again(&mut self, due: Expected) -> Result<FrameHeader, DamageReason> {
        let first = self.look(due);
        if first.is_ok() || !self.input.is_moving {
            return first;
        }
        self.window.renew(due.offset, FRAME_HEADER_LEN);
        let bytes = self.window.at(due.offset, FRAME_HEADER_LEN);
        if let Some(Ok(header)) = bytes.ok().and_then(decode)
            && due.offset + header.frame_len() <= self.end_max()
        {
            let len = len_usize(header.frame_len());
            self.window.renew(due.offset, len);
        }
        self.look(due)
    }

    /// Where a frame ends at the latest.
    pub(super) fn end_max(&self) -> u64 {
        let told_len = self.input.told_len.next_multiple_of(FRAME_ALIGNMENT);
        told_len.min(self.input.frames_max)
    }

    pub(super) fn look(&mut self, due: Expected) -> Result<FrameHeader, DamageReason> {
        let bytes = self.window.at(due.offset, FRAME_HEADER_LEN);
        let bytes = bytes.map_err(|_| DamageReason::IoError)?;
        let header = decode(bytes).ok_or(DamageReason::ShortFrame)??;
        let is_due = due.missing(header.seq_low) == Some(0);
        self.check(due.offset, &header, is_due)?;
        match is_due {
            true => Ok(header),
            false => Err(DamageReason::SeqGap),
        }
    }

    /// Whether the frame that may be at `offset` is valid, its number apart.
    pub(super) fn is_valid(&mut self, offset: u64, header: &FrameHeader) -> bool {
        self.check(offset, header, false).is_ok()
    }

    /// Whether the checksum of the frame that may be at `offset` fits: found out from all of its
    /// bytes if it is due there, else in constant time.
    fn check(
        &mut self,
        offset: u64,
        header: &FrameHeader,
        is_due: bool,
    ) -> Result<(), DamageReason> {
        let end = offset + header.frame_len();
        let past = end.saturating_sub(self.input.len);
        if end > self.end_max() {
            return Err(DamageReason::BadLength);
        }
        if past > FRAME_ALIGNMENT && past > (4 * self.input.len).min(PAST_END_MAX) {
            return Err(DamageReason::ShortFrame);
        }
        let is_short = header.payload_len <= LOOKED_AT_WHOLE;
        let fits = match is_due || is_short || seeded::has(Bug::SearchesTooLong) {
            true => self.window.fits(header, &self.begun, offset),
            false => self.sums.fits(header, self.input.seed, offset),
        };
        match fits {
            Ok(true) => Ok(()),
            Err(_) => Err(DamageReason::IoError),
            Ok(false) if past > 0 => Err(DamageReason::ShortFrame),
            Ok(false) => Err(DamageReason::BadCrc),
        }
    }

    /// Takes in the frame due at a place.
    pub(super) fn accept(&mut self, due: Expected, header: &FrameHeader) -> Expected {
        let due = due.begun(header.seq_low);
        let offset = due.offset;
        let relative = due.relative_of(header.seq_low);
        self.scanned.base = due.base;
        let end = offset + header.frame_len();
        let payload_offset = offset + FRAME_LEN_MIN;
        self.note_padding(payload_offset + u64::from(header.payload_len), end);
        match self.scanned.islands.last_mut() {
            Some(island) if island.end == offset => {
                island.end = end;
                island.last = relative;
            }
            _ => self.scanned.islands.push(IntactRange {
                offset,
                end,
                first: relative,
                last: relative,
            }),
        }
        let ending = Ending::of(&self.input, self.found_end);
        self.scanned.is_sealed = is_seal(header) && ending.is_end(end);
        self.scanned.is_seal_doubted = is_seal(header) && !self.scanned.is_sealed;
        let due = due.behind(header.frame_len());
        if is_bare(header) && !self.input.portion.shows_all {
            return due;
        }
        let len = len_usize(header.payload_len);
        let is_wanted = !header.kind.is_user() && len <= SEEN_PAYLOAD_MAX;
        let payload = match is_wanted {
            true => self.window.bytes(payload_offset, len).unwrap_or_default(),
            false => Cow::Borrowed(&[][..]),
        };
        let seen = Seen {
            offset,
            header,
            payload: &payload,
            is_found: self.found_end.is_some(),
            is_doubted: false,
        };
        (self.visit)(&Seen {
            is_doubted: ending.doubts(&seen),
            ..seen
        });
        due
    }

    /// What a place without a valid frame begins with.
    fn beginning(&mut self, due: Expected, content_end: u64) -> Beginning {
        let mut header = [0; FRAME_HEADER_LEN];
        let len = len_u64(header.len());
        let is_empty = content_end <= due.offset + len;
        if self.window.fill(&mut header, due.offset).is_err() {
            return match is_empty {
                true => Beginning::Unfinished,
                false => Beginning::Other,
            };
        }
        match HopHeader::decode(header) {
            Some(header) if header.is_begun(self.input.seed, due.offset) => Beginning::Begun,
            // Its first word is stored last.
            None if HopHeader::number_of(header).is_some_and(|n| due.missing(n) == Some(0)) => {
                Beginning::Begun
            }
            None => Beginning::Unfinished,
            Some(_) if is_empty => Beginning::Unfinished,
            Some(_) => Beginning::Other,
        }
    }

    fn note_padding(&mut self, from: u64, to: u64) {
        let to = to.min(self.input.len);
        let len = to.saturating_sub(from);
        self.scanned.padding += len;
        let count = len_usize(len);
        if count == 0 {
            return;
        }
        let is_dirty = match self.window.at(from, count) {
            Ok(bytes) => bytes.iter().take(count).any(|byte| *byte != 0),
            Err(_) => false,
        };
        if is_dirty {
            self.scanned.dirty_padding.push((from, to));
        }
    }

    /// Notes what is between a place where a frame was due and the next valid one.
    pub(super) fn push_stretch(
        &mut self,
        due: Expected,
        reason: DamageReason,
        next: Option<&Expected>,
        content_end: u64,
    ) {
        if seeded::has(Bug::GapNotTold) && next.is_some() {
            return;
        }
        let end = next.map_or(self.input.len, |next| next.offset);
        let unread = self.window.source().unreadable_in(due.offset, end);
        let before = self.scanned.unread.len();
        self.scanned
            .unread
            .extend(unread.map(|bad| UnreadableRange {
                offset: bad.from.max(due.offset),
                end: bad.to.min(end),
                reason: DamageReason::IoError,
            }));
        let beginning = self.beginning(due, content_end.min(end));
        self.scanned.stretches.push(BrokenRange {
            offset: due.offset,
            end,
            content_end: content_end.min(end),
            reason,
            due: due.relative,
            next: next.map(|next| u32::try_from(next.relative).unwrap_or(u32::MAX)),
            has_unread: self.scanned.unread.len() > before,
            is_unfinished: beginning != Beginning::Other,
            is_begun: beginning == Beginning::Begun,
        });
    }
}

/// What a `Seal` that was only found must be followed by to end a segment: zeros, or the place
/// where the next segment says that this one ends.
#[derive(Clone, Copy)]
struct Ending {
    frames_max: u64,
    found_end: Option<u64>,
}

impl Ending {
    fn of(input: &ScanInput, found_end: Option<u64>) -> Ending {
        Ending {
            frames_max: input.frames_max,
            found_end,
        }
    }

    fn is_end(self, offset: u64) -> bool {
        let is_followed_by_zeros = |content_end| content_end <= offset;
        self.found_end.is_none_or(is_followed_by_zeros) || self.frames_max == offset
    }

    /// Whether it is a `Seal` that ends nothing.
    fn doubts(self, seen: &Seen<'_>) -> bool {
        is_seal(seen.header) && !self.is_end(seen.offset + seen.header.frame_len())
    }
}

pub(super) fn decode(bytes: &[u8]) -> Option<Result<FrameHeader, DamageReason>> {
    let (bytes, _) = bytes.split_first_chunk::<FRAME_HEADER_LEN>()?;
    Some(FrameHeader::decode(*bytes))
}

/// Longer payloads are not shown: the library never writes such records of its own.
const SEEN_PAYLOAD_MAX: usize = 16 << 20;

/// Payloads up to this are looked at whole at any place: that takes no longer than to add sums up.
const LOOKED_AT_WHOLE: u32 = 4096;
