//! Walks the frames of a segment and accounts for every byte behind its header pages.

use std::borrow::Cow;

use super::due::Due;
use super::held::{is_bare, is_seal, walk_frames};
use super::hop::{Beginning, DeadEnds};
use super::portion::Portion;
use super::scanned::{Island, Scanned, Stretch, Unread};
use super::sums::Sums;
use super::window::{WINDOW_LEN, Window};
use crate::error::DamageReason;
use crate::format::{FRAME_ALIGNMENT, FRAME_HEADER_LEN, FrameChecksum, FrameHeader, FrameSeed};
use crate::seeded::{self, Bug};
use crate::storage::StorageFile;

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
    pub(crate) portion: Portion,
}

/// An intact frame, as it is found.
#[derive(Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) offset: u64,
    pub(crate) header: &'a FrameHeader,
    /// Empty for a caller's own record, and for one that is very long.
    pub(crate) payload: &'a [u8],
    /// No frame or header in front of it led there: a search did.
    pub(crate) is_found: bool,
    /// A `Seal` that was found, but ends nothing: what is behind it is not what follows an end.
    pub(crate) is_doubted: bool,
}

/// Walks the frames of `file` from its header pages to its end, and shows those that say anything
/// of the journal or of a session: of a caller's own record of no session there is nothing to show.
///
/// The work is linear in the file's length whatever it holds, and nothing is left unsearched.
pub(crate) fn scan(
    file: &dyn StorageFile,
    input: ScanInput,
    visit: &mut dyn FnMut(&Seen<'_>),
) -> Scanned {
    scan_by(file, input, visit, |scanner, due| scanner.walk_held(due))
}

/// The same, with `walk_sound` to take in as many sound frames as it likes; the others get a closer
/// look each.
pub(super) fn scan_by(
    file: &dyn StorageFile,
    input: ScanInput,
    visit: &mut dyn FnMut(&Seen<'_>),
    walk_sound: impl Fn(&mut Scanner<'_>, Due) -> Due,
) -> Scanned {
    let len = input.len.min(OFFSET_MAX);
    let input = ScanInput {
        len,
        told_len: input.told_len.min(OFFSET_MAX).max(len),
        ..input
    };
    let content_len = len.min(input.portion.content_end);
    let mut scanner = Scanner {
        window: Window::new(file, content_len),
        sums: Sums::new(file, content_len, input.is_moving),
        begun: input.seed.begin(),
        input,
        scanned: Scanned::default(),
        found_end: None,
        visit,
    };
    scanner.walk(&walk_sound);
    let mut scanned = scanner.scanned;
    scanned.error = scanner.window.into_error();
    scanned
}

pub(super) struct Scanner<'a> {
    pub(super) window: Window<'a>,
    sums: Sums<'a>,
    pub(super) input: ScanInput,
    /// What the checksum of each frame goes on from.
    begun: FrameChecksum,
    pub(super) scanned: Scanned,
    /// Where the content of the file ends, once frames were only found by a search.
    pub(super) found_end: Option<u64>,
    visit: &'a mut dyn FnMut(&Seen<'_>),
}

impl Scanner<'_> {
    fn walk(&mut self, walk_sound: &dyn Fn(&mut Self, Due) -> Due) {
        let mut due = self.begin();
        let end = self.input.len.min(self.input.frames_max);
        while due.offset < end && !self.scanned.is_sealed {
            let reason = match self.step(due, walk_sound) {
                Ok(next) => {
                    due = next;
                    continue;
                }
                Err(reason) => reason,
            };
            let hop = self.hop(due, &mut DeadEnds::default());
            let Some((found, header)) = hop.found else {
                return self.search(due, reason, hop.search_from, walk_sound);
            };
            let bad = due.begun_by(&found);
            self.push_stretch(bad, reason, Some(&found), found.offset);
            due = self.accept(found, &header);
        }
        self.end_walk(due);
    }

    /// Takes in some sound frames from this place on; gives why there is none.
    pub(super) fn step(
        &mut self,
        due: Due,
        walk_sound: &dyn Fn(&mut Self, Due) -> Due,
    ) -> Result<Due, DamageReason> {
        let walked = walk_sound(self, due);
        if walked.offset > due.offset {
            return Ok(walked);
        }
        let header = self.look_again(due)?;
        Ok(self.accept(due, &header))
    }

    /// Behind the end only zeros or a failed append may be: nothing there can be a frame.
    pub(super) fn end_walk(&mut self, due: Due) {
        if due.offset < self.input.len {
            let content_end = self.content_end(due.offset);
            self.push_stretch(due, DamageReason::BadCrc, None, content_end);
        }
    }

    /// Takes in sound frames that are whole in the window, one behind the other; whatever else
    /// is there is left to a closer look.
    fn walk_held(&mut self, due: Due) -> Due {
        let islands = &mut self.scanned.islands;
        let Some(island) = islands.last_mut().filter(|last| last.end == due.offset) else {
            return due;
        };
        let end = self.input.len.min(self.input.frames_max);
        let len = usize::try_from(end - due.offset).unwrap_or(usize::MAX);
        let Ok(front) = self.window.at(due.offset, FRAME_HEADER_LEN) else {
            return due;
        };
        let header = decode(front).and_then(Result::ok);
        let frame_len = header.and_then(|header| usize::try_from(header.frame_len()).ok());
        // A length that cannot be right is no reason to read on.
        let want = frame_len.filter(|want| *want <= len);
        let want = want.map_or(FRAME_HEADER_LEN, |want| want.min(WINDOW_LEN));
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
    fn look_again(&mut self, due: Due) -> Result<FrameHeader, DamageReason> {
        let first = self.look(due);
        if first.is_ok() || !self.input.is_moving {
            return first;
        }
        self.window.renew(due.offset, FRAME_HEADER_LEN);
        let bytes = self.window.at(due.offset, FRAME_HEADER_LEN);
        if let Some(Ok(header)) = bytes.ok().and_then(decode)
            && due.offset + header.frame_len() <= self.end_max()
        {
            let len = usize::try_from(header.frame_len()).unwrap_or(usize::MAX);
            self.window.renew(due.offset, len);
        }
        self.look(due)
    }

    /// Where a frame ends at the latest.
    pub(super) fn end_max(&self) -> u64 {
        let told_len = self.input.told_len.next_multiple_of(FRAME_ALIGNMENT);
        told_len.min(self.input.frames_max)
    }

    pub(super) fn look(&mut self, due: Due) -> Result<FrameHeader, DamageReason> {
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
    pub(super) fn accept(&mut self, due: Due, header: &FrameHeader) -> Due {
        let due = due.begun(header.seq_low);
        let offset = due.offset;
        let relative = due.relative_of(header.seq_low);
        self.scanned.base = due.base;
        let end = offset + header.frame_len();
        let payload_offset = offset + HEADER_LEN;
        self.note_padding(payload_offset + u64::from(header.payload_len), end);
        match self.scanned.islands.last_mut() {
            Some(island) if island.end == offset => {
                island.end = end;
                island.last = relative;
            }
            _ => self.scanned.islands.push(Island {
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
        let len = usize::try_from(header.payload_len).unwrap_or(usize::MAX);
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

    fn note_padding(&mut self, from: u64, to: u64) {
        let to = to.min(self.input.len);
        let len = to.saturating_sub(from);
        self.scanned.padding += len;
        let count = usize::try_from(len).unwrap_or(0);
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
        due: Due,
        reason: DamageReason,
        next: Option<&Due>,
        content_end: u64,
    ) {
        if seeded::has(Bug::GapNotTold) && next.is_some() {
            return;
        }
        let end = next.map_or(self.input.len, |next| next.offset);
        let unread = self.window.source().unreadable_in(due.offset, end);
        let before = self.scanned.unread.len();
        self.scanned.unread.extend(unread.map(|bad| Unread {
            offset: bad.from.max(due.offset),
            end: bad.to.min(end),
            reason: DamageReason::IoError,
        }));
        let beginning = self.beginning(due, content_end.min(end));
        self.scanned.stretches.push(Stretch {
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

const HEADER_LEN: u64 = 16;

/// Longer payloads are not shown: the library never writes such records of its own.
const SEEN_PAYLOAD_MAX: usize = 16 << 20;

/// Payloads up to this are looked at whole at any place: that takes no longer than to add sums up.
const LOOKED_AT_WHOLE: u32 = 4096;

/// Zeros past the end of a file that a frame may have; readers make no more of them.
const PAST_END_MAX: u64 = 64 << 20;

/// Offsets are kept as multiples of 8 in 32 bits.
const OFFSET_MAX: u64 = 8 << 32;
