//! Walks the frames of a segment and accounts for every byte behind its header pages.

use std::borrow::Cow;

use super::candidate::next_candidate;
use super::due::Due;
use super::held::{is_bare, walk_frames};
use super::portion::Portion;
use super::scanned::{Island, Scanned, Stretch, Unread};
use super::window::{Unreadable, WINDOW_LEN, Window};
use crate::error::DamageReason;
use crate::format::{
    FRAME_ALIGNMENT, FRAME_HEADER_LEN, FrameChecksum, FrameHeader, FrameSeed, RecordKind,
};
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
    /// Somebody may be writing: look twice at a place before believing that it is bad.
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
}

/// Walks the frames of `file` from its header pages to its end, and shows those that say anything
/// of the journal or of a session: of a caller's own record of no session there is nothing to show.
///
/// Checksum work that finds nothing is bounded by a small multiple of the file's length; what lies
/// beyond that is left unsearched.
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
    let mut scanner = Scanner {
        window: Window::new(file, len.min(input.portion.content_end)),
        begun: input.seed.begin(),
        input,
        budget: len.saturating_mul(seeded::either(Bug::SearchesTooLong, 100, BUDGET_FACTOR)),
        scanned: Scanned::default(),
        visit,
    };
    scanner.walk(walk_sound);
    let mut scanned = scanner.scanned;
    scanned.error = scanner.window.into_error();
    scanned
}

pub(super) struct Scanner<'a> {
    window: Window<'a>,
    pub(super) input: ScanInput,
    /// What the checksum of each frame goes on from.
    begun: FrameChecksum,
    /// Bytes of checksum work that may still be spent on places that turn out to be no frame.
    budget: u64,
    scanned: Scanned,
    visit: &'a mut dyn FnMut(&Seen<'_>),
}

/// How a search for the next frame ended.
pub(super) struct Search {
    pub(super) found: Option<(u64, FrameHeader)>,
    content_end: u64,
    has_unread: bool,
}

impl Scanner<'_> {
    fn walk(&mut self, walk_sound: impl Fn(&mut Self, Due) -> Due) {
        let mut due = self.begin();
        let end = self.input.len.min(self.input.frames_max);
        while due.offset < end && !self.scanned.is_sealed {
            let before = due.offset;
            due = walk_sound(self, due);
            if due.offset > before {
                continue;
            }
            let reason = match self.look_again(due) {
                Ok(header) => {
                    due = self.accept(due, due.offset, &header);
                    continue;
                }
                Err(reason) => reason,
            };
            let search = self.search(due);
            if let Some((offset, header)) = &search.found {
                due = due.begun(*offset, header.seq_low);
            }
            if search.found.is_none() || !seeded::has(Bug::GapNotTold) {
                self.push_stretch(due, reason, &search);
            }
            match search.found {
                Some((offset, header)) => due = self.accept(due, offset, &header),
                None => return,
            }
        }
        if due.offset < self.input.len {
            // Only zeros or a failed append may be behind the end: nothing there can be a frame.
            let nothing = Due {
                relative: u64::MAX,
                ..due
            };
            let search = self.search(nothing);
            self.push_stretch(due, DamageReason::BadCrc, &search);
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
        // The window holds zeros past the end of the file where somebody asked for them.
        rest = rest.get(..len.min(rest.len())).unwrap_or(rest);
        let shows_all = self.input.portion.shows_all;
        let walked = walk_frames(rest, due, (&self.begun, shows_all), &mut *self.visit);
        island.end = walked.due.offset;
        island.last += u32::try_from(walked.due.relative - due.relative).unwrap_or(0);
        self.scanned.padding += walked.padding;
        self.scanned.is_sealed = walked.is_sealed;
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
    fn end_max(&self) -> u64 {
        let told_len = self.input.told_len.next_multiple_of(FRAME_ALIGNMENT);
        told_len.min(self.input.frames_max)
    }

    pub(super) fn look(&mut self, due: Due) -> Result<FrameHeader, DamageReason> {
        let bytes = self.window.at(due.offset, FRAME_HEADER_LEN);
        let bytes = bytes.map_err(|_| DamageReason::IoError)?;
        let header = decode(bytes).ok_or(DamageReason::ShortFrame)??;
        self.check(due.offset, &header)?;
        if due.missing(header.seq_low) != Some(0) {
            // Frames may be made to lie in each other.
            self.budget = self.budget.saturating_sub(header.frame_len());
            return Err(DamageReason::SeqGap);
        }
        Ok(header)
    }

    /// Whether the checksum of the frame that may be at `offset` fits; pays for it if not.
    fn check(&mut self, offset: u64, header: &FrameHeader) -> Result<(), DamageReason> {
        let end = offset + header.frame_len();
        let past = end.saturating_sub(self.input.len);
        if end > self.end_max() {
            return Err(DamageReason::BadLength);
        }
        if past > FRAME_ALIGNMENT && past > self.budget {
            return Err(DamageReason::ShortFrame);
        }
        let fits = self.window.fits(header, &self.begun, offset);
        if fits == Ok(true) {
            return Ok(());
        }
        self.budget = self.budget.saturating_sub(header.frame_len());
        match fits {
            Err(_) => Err(DamageReason::IoError),
            Ok(_) if past > 0 => Err(DamageReason::ShortFrame),
            Ok(_) => Err(DamageReason::BadCrc),
        }
    }

    /// The next place behind `due` that holds a frame which can follow.
    fn search(&mut self, due: Due) -> Search {
        self.search_from(due.offset, due)
    }

    /// The same, among the places from `at` on.
    pub(super) fn search_from(&mut self, mut at: u64, due: Due) -> Search {
        let mut search = Search {
            found: None,
            content_end: due.offset,
            has_unread: false,
        };
        while at < self.input.len.min(self.input.portion.content_end) {
            let slab = match self.window.at(at, FRAME_HEADER_LEN) {
                Ok(slab) => slab,
                Err(bad) => {
                    search.has_unread = true;
                    at = self.skip_unreadable(at, bad);
                    continue;
                }
            };
            let step = next_candidate(slab, at, due);
            search.content_end = search.content_end.max(step.content_end);
            at += step.skipped;
            let Some(header) = step.candidate else {
                continue;
            };
            if self.budget == 0 {
                search.has_unread = true;
                search.content_end = self.input.len;
                self.push_unread(at, self.input.len, DamageReason::Unsearched);
                return search;
            }
            let is_frame = at > due.offset && self.check(at, &header).is_ok();
            if is_frame && !seeded::has(Bug::SearchGivenUp) {
                search.found = Some((at, header));
                return search;
            }
            search.content_end = at + FRAME_ALIGNMENT;
            at += FRAME_ALIGNMENT;
        }
        search
    }

    pub(super) fn accept(&mut self, due: Due, offset: u64, header: &FrameHeader) -> Due {
        let due = due.begun(offset, header.seq_low);
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
        self.scanned.is_sealed = header.kind == RecordKind::SEAL;
        let due = Due {
            offset: end,
            relative: u64::from(relative) + 1,
            ..due
        };
        if is_bare(header) && !self.input.portion.shows_all {
            return due;
        }
        let len = usize::try_from(header.payload_len).unwrap_or(usize::MAX);
        let is_wanted = !header.kind.is_user() && len <= SEEN_PAYLOAD_MAX;
        let payload = match is_wanted {
            true => self.window.bytes(payload_offset, len).unwrap_or_default(),
            false => Cow::Borrowed(&[][..]),
        };
        (self.visit)(&Seen {
            offset,
            header,
            payload: &payload,
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

    fn push_stretch(&mut self, due: Due, reason: DamageReason, search: &Search) {
        let found = search.found.as_ref();
        let end = found.map_or(self.input.len, |(offset, _)| *offset);
        self.scanned.stretches.push(Stretch {
            offset: due.offset,
            end,
            content_end: search.content_end.min(end),
            reason,
            due: due.relative,
            next: found.map(|(_, header)| due.relative_of(header.seq_low)),
            has_unread: search.has_unread,
        });
    }

    /// Notes the unreadable range and gives the place to go on at.
    fn skip_unreadable(&mut self, at: u64, bad: Unreadable) -> u64 {
        let to = bad.to.min(self.input.len);
        self.push_unread(bad.from.max(at), to, DamageReason::IoError);
        bad.to.max(at + FRAME_ALIGNMENT)
    }

    fn push_unread(&mut self, offset: u64, end: u64, reason: DamageReason) {
        if offset < end {
            self.scanned.unread.push(Unread {
                offset,
                end,
                reason,
            });
        }
    }
}

fn decode(bytes: &[u8]) -> Option<Result<FrameHeader, DamageReason>> {
    let (bytes, _) = bytes.split_first_chunk::<FRAME_HEADER_LEN>()?;
    Some(FrameHeader::decode(*bytes))
}

const HEADER_LEN: u64 = 16;

/// Longer payloads are not shown: the library never writes such records of its own.
const SEEN_PAYLOAD_MAX: usize = 16 << 20;

/// Checksum work that finds nothing, in file lengths.
const BUDGET_FACTOR: u64 = 4;

/// Offsets are kept as multiples of 8 in 32 bits.
const OFFSET_MAX: u64 = 8 << 32;
