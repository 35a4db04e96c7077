//! The control block of a segment: where its next frame goes, and how a frame gets there.

use crate::writer::sync_primitives::atomic::{AtomicU64, Ordering};

use super::prefault::PrefaultWindow;
use super::tail::{AtomicTail, Tail};
use crate::event::system::{REFUSED_LEN_MAX, RUN_CLOSE_LEN_MAX, SEAL_LEN_MAX};
use crate::format::{
    FRAMES_OFFSET, FrameChecksum, FrameHeader, FramePlace, FrameSeed, RecordKind, padded,
};
use crate::seeded::{self, Bug};
use crate::seq::SegmentNumber;
use crate::storage::MappedRegion;

/// The part of a segment that appenders use.
///
/// It lives as long as the run, for an appender may look at a segment at any time, even one that
/// was left behind long ago: then it finds the end closed and looks for the next one. The file and
/// the mapping go when every frame is durable.
///
/// Reserve, copy and commit are separate steps: [`AtomicTail`] gives out room,
/// [`SegmentBuffer::store`] fills it and makes the frame count. Between reserve and commit
/// nothing may fail, block or panic.
#[derive(Debug)]
pub(crate) struct SegmentBuffer {
    number: SegmentNumber,
    seed: FrameSeed,
    /// What the checksum of every frame goes on from.
    begun: FrameChecksum,
    file_len: u64,
    tail: AtomicTail,
    /// `None`: written by positioned writes, one append after the other.
    window: Option<PrefaultWindow>,
    /// So many frames to come are probably of records that are waited for. Relaxed: only how they
    /// get into the segment depends on it.
    awaited: AtomicU64,
    /// Sequence number of the first record, and bytes of frames before this segment; both are
    /// set before the segment is handed to appenders, which orders them: loads are relaxed.
    first_seq: AtomicU64,
    bytes_before: AtomicU64,
}

/// One frame on its way into a segment, its payload's checksum taken already.
#[derive(Clone, Debug)]
pub(crate) struct Frame<'a> {
    kind: RecordKind,
    session: u32,
    payload: &'a [u8],
    checksum: FrameChecksum,
}

/// The two words in front of a payload; the first is the commit word, before which another one says
/// that the frame is begun.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeaderWords {
    begun: u64,
    first: u64,
    second: u64,
}

impl SegmentBuffer {
    pub(crate) fn new(
        (number, seed): (SegmentNumber, FrameSeed),
        file_len: u64,
        window: Option<PrefaultWindow>,
    ) -> SegmentBuffer {
        SegmentBuffer {
            number,
            seed,
            begun: seed.begin(),
            file_len,
            tail: AtomicTail::new(FRAMES_OFFSET),
            window,
            awaited: AtomicU64::new(0),
            first_seq: AtomicU64::new(0),
            bytes_before: AtomicU64::new(0),
        }
    }

    #[inline]
    pub(crate) fn number(&self) -> SegmentNumber {
        self.number
    }

    #[inline]
    pub(crate) fn file_len(&self) -> u64 {
        self.file_len
    }

    /// Where the next frame goes, at this moment.
    #[inline]
    pub(crate) fn tail(&self) -> Tail {
        self.tail.tail()
    }

    /// What room is taken from, for the threads that have the log.
    pub(crate) fn atomic_tail(&self) -> &AtomicTail {
        &self.tail
    }

    #[inline]
    pub(crate) fn is_mapped(&self) -> bool {
        self.window.is_some()
    }

    fn region(&self) -> Option<&dyn MappedRegion> {
        self.window.as_ref().map(PrefaultWindow::region)
    }

    /// Says where the segment stands in its run, before any appender sees it.
    pub(crate) fn begin(&self, first_seq: u64, bytes_before: u64) {
        self.first_seq.store(first_seq, Ordering::SeqCst);
        self.bytes_before.store(bytes_before, Ordering::SeqCst);
    }

    pub(crate) fn first_seq(&self) -> u64 {
        self.first_seq.load(Ordering::Relaxed)
    }

    /// The sequence number of the frame at this place.
    pub(crate) fn seq_at(&self, tail: Tail) -> u64 {
        self.first_seq() + u64::from(tail.relative_seq)
    }

    /// Bytes of all frames of the run before this place.
    pub(crate) fn bytes_at(&self, offset: u64) -> u64 {
        self.bytes_before.load(Ordering::Relaxed) + offset.saturating_sub(FRAMES_OFFSET)
    }

    /// Where the first so many bytes of the run's frames end in this segment; where its frames
    /// begin, if that is in an earlier one.
    pub(crate) fn offset_of(&self, bytes: u64) -> u64 {
        let before = self.bytes_before.load(Ordering::Relaxed);
        FRAMES_OFFSET + bytes.saturating_sub(before)
    }

    pub(crate) fn frame<'a>(&self, kind: RecordKind, session: u32, payload: &'a [u8]) -> Frame<'a> {
        let mut checksum = self.begun.clone();
        checksum.payload(payload);
        Frame {
            kind,
            session,
            payload,
            checksum,
        }
    }

    /// The two words of a frame that begins at `start`.
    pub(crate) fn words(&self, frame: &Frame<'_>, start: Tail) -> HeaderWords {
        let at = FramePlace {
            seed: self.seed,
            offset: start.offset,
            seq: self.seq_at(start),
        };
        let len = u32::try_from(frame.payload.len()).unwrap_or(u32::MAX);
        let kind = (frame.kind, frame.session);
        let (header, begun) = FrameHeader::with_begun(frame.checksum.clone(), at, kind, len);
        let [first, second] = header.words();
        HeaderWords {
            begun: seeded::either(Bug::BegunNotStored, 0, begun),
            first,
            second,
        }
    }

    /// Stores a frame where there is room that is writable already, and says where it begins.
    #[inline]
    pub(crate) fn try_append(&self, frame: &Frame<'_>) -> Option<Tail> {
        let limit = self.file_len.saturating_sub(closing_room());
        let limit = limit.min(self.writable_to());
        let start = self.tail.reserve(1, frame.frame_len(), limit)?;
        self.store(frame, start);
        Some(start)
    }

    /// Fills the room of a frame that begins at `start`, and makes it count.
    pub(crate) fn store(&self, frame: &Frame<'_>, start: Tail) {
        let Some(region) = self.region() else { return };
        let words = self.words(frame, start);
        let HeaderWords { first, second, .. } = words;
        let begun = seeded::either(Bug::CommitBeforeCopy, first, words.begun);
        region.write_frame(start.offset, [begun, second, first], frame.payload);
    }

    /// Committed frames from `offset` on, which lies before `to`: how many of some, and the length
    /// of each; `None` if there is none yet. They are looked for in steps of `guess`.
    pub(crate) fn committed(&self, offset: u64, to: u64, guess: u64) -> Option<(u64, u64)> {
        let region = self.region()?;
        let mut words = [0; LOOKED_AT_ONCE];
        let before_end = (to - offset).div_ceil(guess.max(1));
        let count = usize::try_from(before_end).map_or(LOOKED_AT_ONCE, |n| n.min(LOOKED_AT_ONCE));
        let words = words.get_mut(..count)?;
        region.load_words(offset, guess, words);
        let mut lens = words
            .iter()
            .map_while(|word| FrameHeader::frame_len_of(*word));
        let first = lens.next()?;
        if first != guess {
            return Some((1, first));
        }
        let more = lens.take_while(|len| *len == guess).count();
        Some((1 + u64::try_from(more).unwrap_or(0), guess))
    }

    /// Lets go of the mapping, which no thread stores into any more.
    pub(crate) fn retire(&self) {
        if let Some(region) = self.region() {
            region.detach();
        }
    }

    /// Says that no thread stores into `from..to` any more.
    pub(crate) fn release(&self, from: u64, to: u64) {
        if let Some(region) = self.region() {
            region.unmap_before_sync(from, to);
        }
    }

    pub(crate) fn writable_to(&self) -> u64 {
        self.window.as_ref().map_or(0, PrefaultWindow::end)
    }

    /// Says that something is going to be put down in front of `to`.
    pub(crate) fn protect_to(&self, to: u64) {
        if let Some(window) = &self.window {
            window.protect_to(to);
        }
    }

    /// Makes `len` bytes from the tail on safe to store into; nothing to do in a segment that is
    /// not mapped.
    pub(crate) fn make_writable(&self, len: u64) -> std::io::Result<()> {
        let window = self.window.as_ref();
        window.map_or(Ok(()), |window| window.populate(&self.tail, len))
    }

    /// As [`make_writable`](SegmentBuffer::make_writable), and some more for records to come.
    pub(crate) fn make_writable_ahead(&self, len: u64) -> std::io::Result<()> {
        let window = self.window.as_ref();
        window.map_or(Ok(()), |window| window.populate_ahead(&self.tail, len))
    }

    /// Makes the next piece behind what is writable so too; `false` if there is none or another
    /// thread has changed what is writable meanwhile.
    pub(crate) fn extend_writable(&self) -> bool {
        let window = self.window.as_ref();
        window.is_some_and(|window| window.extend(&self.tail))
    }

    /// Makes `len` bytes from the tail on writable anew and says so of no others.
    pub(crate) fn renew_writable(&self, len: u64) {
        if let Some(window) = &self.window {
            window.repopulate(&self.tail, len);
        }
    }

    /// Makes anew what a sync that ended here has taken away.
    pub(crate) fn renew_end(&self, end: u64) {
        if let Some(window) = &self.window {
            window.renew_end(end);
        }
    }

    /// Expects that so many threads each wait for their next record. Pages made writable for them
    /// would be made read-only again by the sync, and both take longer than to write the records
    /// as in a segment that is not mapped.
    pub(crate) fn expect_waited_appends(&self, waiting: u32) {
        self.invalidate();
        let frames = u64::from(waiting).saturating_mul(FRAMES_A_WAITER);
        self.awaited.store(frames, Ordering::Relaxed);
    }

    /// Whether the thread that has the log writes the next frames by position, instead of
    /// storing them.
    pub(crate) fn is_positioned(&self) -> bool {
        let is_awaited = || self.awaited.load(Ordering::Relaxed) > 0 && self.writable_to() == 0;
        !self.is_mapped() || is_awaited()
    }

    /// As [`is_positioned`](SegmentBuffer::is_positioned), for so many frames that come now.
    pub(crate) fn takes_positioned(&self, frames: u32) -> bool {
        let is_positioned = self.is_positioned();
        let left = match is_positioned {
            true => self.awaited.load(Ordering::Relaxed),
            false => 0,
        };
        let left = left.saturating_sub(u64::from(frames));
        self.awaited.store(left, Ordering::Relaxed);
        is_positioned
    }

    /// Says that the region must be made writable anew before anything is stored into it.
    pub(crate) fn invalidate(&self) {
        if let Some(window) = &self.window {
            window.invalidate();
        }
    }
}

impl Frame<'_> {
    pub(crate) fn payload(&self) -> &[u8] {
        self.payload
    }

    pub(crate) fn frame_len(&self) -> u64 {
        padded(u64::try_from(self.payload.len()).unwrap_or(u64::MAX / 2))
    }
}

impl HeaderWords {
    /// The same words while the frame is only begun.
    pub(crate) fn begun(self) -> HeaderWords {
        HeaderWords {
            first: self.begun,
            ..self
        }
    }

    /// The frame's 16 bytes before the payload, as they are on the disk.
    pub(crate) fn to_bytes(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        let words = self
            .first
            .to_le_bytes()
            .into_iter()
            .chain(self.second.to_le_bytes());
        bytes
            .iter_mut()
            .zip(words)
            .for_each(|(to, from)| *to = from);
        bytes
    }
}

/// Room no other record may take: for the last note of refused ones, the record that closes the
/// run, and a seal.
pub(crate) fn closing_room() -> u64 {
    seeded::either(Bug::SealRoomNotKept, 0, CLOSING_ROOM)
}

/// The longest frames of the record that closes the run, of a seal, and of a note of refused ones.
pub(crate) const CLOSING_ROOM: u64 =
    padded(RUN_CLOSE_LEN_MAX) + padded(SEAL_LEN_MAX) + padded(REFUSED_LEN_MAX);

/// So many words are looked at together.
const LOOKED_AT_ONCE: usize = 16;

/// A record, and perhaps a mark or the record of another thread that waits.
const FRAMES_A_WAITER: u64 = 2;
