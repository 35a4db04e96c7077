//! The control block of a segment that is being written.

use super::primitives::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use super::declared::Declared;
use super::reserve::{ReserveWord, Tail};
use crate::error::{Error, Result};
use crate::format::{
    FRAMES_OFFSET, FileName, FrameChecksum, FrameHeader, FramePlace, FrameSeed, RecordKind,
    SegmentHeader, padded,
};
use crate::seeded::{self, Bug};
use crate::seq::{RunId, SegmentNumber};
use crate::storage::{Region, Storage, StorageFile};

/// A segment that has space and a durable header and name.
///
/// Reserve, copy and commit are separate steps: [`ReserveWord`] gives out room, [`Segment::copy`]
/// fills it, [`Segment::commit`] makes the frame count. Between reserve and commit nothing may
/// fail, block or panic.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) number: SegmentNumber,
    pub(super) name: String,
    pub(super) seed: FrameSeed,
    pub(super) file: Arc<dyn StorageFile>,
    pub(super) file_len: u64,
    pub(super) reserve: ReserveWord,
    pub(super) declared: Declared,
    /// `None`: written by positioned writes, one append after the other.
    region: Option<Arc<dyn Region>>,
    /// Up to where the region can be stored into without asking for space.
    writable_to: AtomicU64,
    /// What the next appender to run short makes writable beyond its own record.
    ahead: AtomicU64,
    /// Sequence number of the first record, and bytes of frames before this segment; both are
    /// set before the segment is handed to appenders.
    first_seq: AtomicU64,
    bytes_before: AtomicU64,
}

/// Why a segment could not be made.
#[derive(Debug)]
pub(super) enum PrepareFailure {
    /// Only this file is gone; another attempt may do better.
    Discarded(Error),
    /// The directory could not be synced: nothing made in it can be promised any more.
    Poison(Error),
}

/// One frame on its way into a segment, its payload's checksum taken already.
#[derive(Clone, Debug)]
pub(super) struct Frame<'a> {
    kind: RecordKind,
    session: u32,
    pub(super) payload: &'a [u8],
    checksum: FrameChecksum,
}

/// The two words in front of a payload; the first is the commit word.
#[derive(Clone, Copy, Debug)]
pub(super) struct FrameWords {
    offset: u64,
    first: u64,
    second: u64,
}

impl Segment {
    /// Makes a segment of `file_len` bytes: space first, so that a full disk shows here and not
    /// in the middle of an append, then the header pages, then both synced with the directory.
    /// With `is_zeroed`, all of its space is overwritten with zeros before that.
    pub(super) fn prepare(
        storage: &dyn Storage,
        run: RunId,
        number: SegmentNumber,
        file_len: u64,
        (is_mapped, is_zeroed): (bool, bool),
    ) -> Result<Segment, PrepareFailure> {
        let name = FileName::Segment(run, number).to_string();
        let path = || storage.path().join(&name);
        let file = storage
            .create(&name)
            .map_err(|e| PrepareFailure::Discarded(Error::io("create", path(), e)))?;
        let header = SegmentHeader {
            run,
            segment: number,
            file_len,
        };
        let pages = header.encode_page().repeat(2);
        let filled = file
            .allocate(file_len)
            .and_then(|()| file.write_at(&pages, 0))
            .and_then(|()| {
                if is_zeroed {
                    zero(&*file, FRAMES_OFFSET, file_len)
                } else {
                    Ok(())
                }
            })
            .and_then(|()| file.sync(0, if is_zeroed { file_len } else { FRAMES_OFFSET }))
            .and_then(|()| {
                if is_mapped {
                    map(&*file, file_len).map(Some)
                } else {
                    Ok(None)
                }
            });
        let region = match filled {
            Ok(region) => region,
            Err(error) => {
                // Never part of the journal; if the file stays, it is an empty segment.
                let _ = storage.remove(&name);
                return Err(PrepareFailure::Discarded(Error::io(
                    "prepare",
                    path(),
                    error,
                )));
            }
        };
        // The name must be durable too: without it a fully synced segment is lost after a crash.
        let synced = match seeded::has(Bug::DirectorySyncLeftOut) {
            true => Ok(()),
            false => storage.sync_dir(),
        };
        synced.map_err(|e| PrepareFailure::Poison(Error::io("sync", storage.path(), e)))?;
        Ok(Segment {
            number,
            name,
            seed: FrameSeed::new(run, number),
            file,
            file_len,
            reserve: ReserveWord::new(FRAMES_OFFSET),
            declared: Declared::new(),
            region,
            writable_to: AtomicU64::new(0),
            ahead: AtomicU64::new(AHEAD_MIN),
            first_seq: AtomicU64::new(0),
            bytes_before: AtomicU64::new(0),
        })
    }

    pub(super) fn is_mapped(&self) -> bool {
        self.region.is_some()
    }

    /// Says where the segment stands in its run, before any appender sees it.
    pub(super) fn begin(&self, first_seq: u64, bytes_before: u64) {
        self.first_seq.store(first_seq, Ordering::SeqCst);
        self.bytes_before.store(bytes_before, Ordering::SeqCst);
    }

    pub(super) fn first_seq(&self) -> u64 {
        self.first_seq.load(Ordering::Relaxed)
    }

    /// The sequence number of the frame at this place.
    pub(super) fn seq_at(&self, tail: Tail) -> u64 {
        self.first_seq() + u64::from(tail.relative_seq)
    }

    /// Bytes of all frames of the run before this place.
    pub(super) fn bytes_at(&self, offset: u64) -> u64 {
        self.bytes_before.load(Ordering::Relaxed) + offset.saturating_sub(FRAMES_OFFSET)
    }

    pub(super) fn frame<'a>(&self, kind: RecordKind, session: u32, payload: &'a [u8]) -> Frame<'a> {
        let mut checksum = self.seed.begin();
        checksum.payload(payload);
        Frame {
            kind,
            session,
            payload,
            checksum,
        }
    }

    /// The two words of a frame that begins at `start`.
    pub(super) fn words(&self, frame: &Frame<'_>, start: Tail) -> FrameWords {
        let at = FramePlace {
            seed: self.seed,
            offset: start.offset,
            seq: self.seq_at(start),
        };
        let len = u32::try_from(frame.payload.len()).unwrap_or(u32::MAX);
        let kind = (frame.kind, frame.session);
        let header = FrameHeader::with_checksum(frame.checksum.clone(), at, kind, len);
        let [first, second] = header.words();
        FrameWords {
            offset: start.offset,
            first,
            second,
        }
    }

    /// Fills the room of a frame, all but its commit word.
    pub(super) fn copy(&self, words: FrameWords, payload: &[u8]) {
        if let Some(region) = &self.region {
            region.copy(words.offset + 16, payload);
            region.commit(words.offset + 8, words.second);
        }
    }

    /// Makes the frame count.
    pub(super) fn commit(&self, words: FrameWords) {
        if let Some(region) = &self.region {
            region.commit(words.offset, words.first);
        }
    }

    /// Bytes of the committed frame at this place; `None` if there is none yet.
    pub(super) fn committed_len(&self, offset: u64) -> Option<u64> {
        let word = self.region.as_ref()?.word(offset);
        FrameHeader::frame_len_of(word)
    }

    /// Makes bytes `from..to` durable, all of whose frames are committed.
    pub(super) fn sync(&self, from: u64, to: u64) -> std::io::Result<()> {
        if let Some(region) = &self.region {
            region.release(from, to);
        }
        self.file.sync(from, to)
    }

    pub(super) fn writable_to(&self) -> u64 {
        self.writable_to.load(Ordering::Acquire)
    }

    /// Makes `len` bytes from the tail on safe to store into; nothing to do in a segment that is
    /// not mapped.
    pub(super) fn make_writable(&self, len: u64) -> std::io::Result<()> {
        let Some(region) = &self.region else {
            return Ok(());
        };
        let from = self.reserve.tail().offset;
        let to = from
            .saturating_add(len)
            .next_multiple_of(PAGE_LEN)
            .min(self.file_len);
        region.make_writable(from, to)?;
        self.writable_to.fetch_max(to, Ordering::AcqRel);
        Ok(())
    }

    /// Makes the next part behind what is writable so too; `false` if there is none or somebody
    /// else has changed what is writable meanwhile.
    pub(super) fn extend_writable(&self, len: u64) -> bool {
        let Some(region) = &self.region else {
            return false;
        };
        let writable_to = self.writable_to();
        // A journal at rest has nothing writable, and keeps it so.
        if writable_to == 0 {
            return false;
        }
        let from = writable_to.max(self.reserve.tail().offset);
        let to = (from + len).next_multiple_of(PAGE_LEN).min(self.file_len);
        if from >= to || region.make_writable(from, to).is_err() {
            return false;
        }
        // What was writable may have ended meanwhile: then this part alone is worth nothing.
        let (written, read) = (Ordering::AcqRel, Ordering::Acquire);
        let extended = self
            .writable_to
            .compare_exchange(writable_to, to, written, read);
        extended.is_ok()
    }

    /// Makes `len` bytes from the tail on writable anew and says so of no others.
    pub(super) fn renew_writable(&self, len: u64) {
        self.ahead.store(AHEAD_MIN, Ordering::Relaxed);
        let Some(region) = &self.region else { return };
        let from = self.reserve.tail().offset;
        let to = (from + len).next_multiple_of(PAGE_LEN).min(self.file_len);
        // Where there is no space, the appender finds out and says so.
        let renewed = region.make_writable(from, to).map_or(0, |()| to);
        self.writable_to.store(renewed, Ordering::Release);
    }

    /// As [`make_writable`](Segment::make_writable), and some more for records to come: the more
    /// often appenders run short between two syncs, the more, for who makes pages writable has to
    /// wait for it.
    pub(super) fn make_writable_ahead(&self, len: u64) -> std::io::Result<()> {
        let ahead = self.ahead.load(Ordering::Relaxed);
        self.ahead
            .store((ahead * 2).min(AHEAD_MAX), Ordering::Relaxed);
        self.make_writable(len.saturating_add(ahead))
    }

    /// Says that the region must be made writable anew before anything is stored into it.
    pub(super) fn expire_writable(&self) {
        self.writable_to.store(0, Ordering::Release);
        self.ahead.store(AHEAD_MIN, Ordering::Relaxed);
    }
}

impl Frame<'_> {
    pub(super) fn frame_len(&self) -> u64 {
        padded(u64::try_from(self.payload.len()).unwrap_or(u64::MAX / 2))
    }
}

impl FrameWords {
    /// The frame's 16 bytes before the payload, as they are on the disk.
    pub(super) fn to_bytes(self) -> [u8; 16] {
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

/// Overwrites a part of a file with zeros, in single pages: that keeps the page cache in small
/// pieces, so that a later sync of one record does not write a large one.
pub(super) fn zero(file: &dyn StorageFile, from: u64, to: u64) -> std::io::Result<()> {
    let mut at = from;
    while at < to {
        let len = to.min(at + PAGE_LEN) - at;
        let page = ZEROS
            .get(..usize::try_from(len).unwrap_or(ZEROS.len()))
            .unwrap_or(&ZEROS);
        file.write_at(page, at)?;
        at += len;
    }
    Ok(())
}

/// Maps a file, if its pages can be made writable ahead: without that, a store could kill the
/// process on a full disk.
fn map(file: &dyn StorageFile, len: u64) -> std::io::Result<Arc<dyn Region>> {
    let region = file.map(len)?;
    region.make_writable(FRAMES_OFFSET, FRAMES_OFFSET + PAGE_LEN)?;
    Ok(region)
}

const PAGE_LEN: u64 = 4096;
const ZEROS: [u8; 4096] = [0; 4096];
const AHEAD_MIN: u64 = PAGE_LEN;
const AHEAD_MAX: u64 = 8 * PAGE_LEN;
