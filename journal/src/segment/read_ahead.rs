//! Reads frames before they are asked for, on a processor that would be idle.

use std::ops::Range;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

use bytes::{Bytes, BytesMut};

use super::expected::Expected;
use super::frame_walk::walk_frames;
use crate::format::{FrameChecksum, FrameHeader};
use crate::len::{len_u64, len_usize};
use crate::seeded::{self, Bug};
use crate::storage::StorageFile;

/// A part of a segment.
#[derive(Debug)]
pub(super) struct ReadPiece {
    pub(super) at: u64,
    pub(super) bytes: Bytes,
    /// From its beginning up to here there are intact frames, one behind the other.
    pub(super) sound_to: u64,
}

/// A thread that reads pieces of a segment and verifies their frames. What it cannot make
/// anything of ends its work, and is left to the caller that asks for the frame.
#[derive(Debug)]
pub(super) struct Ahead {
    /// `None` when it is to end. Only its owner uses it, so no thread ever waits for the lock.
    pieces: Mutex<Option<Receiver<ReadPiece>>>,
    used: SyncSender<Bytes>,
    /// One that was taken and is not wanted yet.
    waiting: Option<ReadPiece>,
    thread: Option<JoinHandle<()>>,
}

impl Ahead {
    /// Whether there is so much in these places, and a processor for it, that it pays.
    pub(super) fn pays(places: &[Range<u64>]) -> bool {
        let len: u64 = places.iter().map(|place| place.end - place.start).sum();
        len >= LEN_MIN && std::thread::available_parallelism().is_ok_and(|count| count.get() > 1)
    }

    /// Reads what is in these places; `None` if no thread can be started.
    pub(super) fn start(
        file: Arc<dyn StorageFile>,
        begun: FrameChecksum,
        places: Vec<Range<u64>>,
    ) -> Option<Ahead> {
        let (give, pieces) = sync_channel(PIECES_MAX);
        let (used, again) = sync_channel(PIECES_MAX);
        let builder = Builder::new().name("trace-journal-read".to_owned());
        let reading = Reading {
            file,
            begun,
            give,
            again,
        };
        let thread = builder.spawn(move || {
            let mut places = places.into_iter();
            places.try_for_each(|place| reading.read(place));
        });
        Some(Ahead {
            pieces: Mutex::new(Some(pieces)),
            used,
            waiting: None,
            thread: Some(thread.ok()?),
        })
    }

    /// The piece with the frame at `offset`, if it was read and verified; waits for it.
    pub(super) fn take(&mut self, offset: u64) -> Option<ReadPiece> {
        while let Some(piece) = self.waiting.take().or_else(|| self.receive()) {
            if piece.at > offset {
                self.waiting = Some(piece);
                return None;
            }
            if offset < piece.sound_to {
                return Some(piece);
            }
        }
        None
    }

    /// Gives back what a piece was in: memory without another user is filled again.
    pub(super) fn give_back(&self, bytes: Bytes) {
        // Where there is enough of it, the rest goes.
        let _ = self.used.try_send(bytes);
    }

    fn receive(&mut self) -> Option<ReadPiece> {
        let pieces = self.pieces.get_mut();
        let pieces = pieces.unwrap_or_else(PoisonError::into_inner);
        pieces.as_ref()?.recv().ok()
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        // The thread ends when there is no receiver to give anything to.
        let pieces = self.pieces.get_mut();
        *pieces.unwrap_or_else(PoisonError::into_inner) = None;
        if let Some(thread) = self.thread.take() {
            // If it panicked, the frames were read without it.
            let _ = thread.join();
        }
    }
}

/// What the thread needs.
struct Reading {
    file: Arc<dyn StorageFile>,
    begun: FrameChecksum,
    give: SyncSender<ReadPiece>,
    again: Receiver<Bytes>,
}

impl Reading {
    /// Reads a place piece by piece; `None` if that came to an end before.
    fn read(&self, place: Range<u64>) -> Option<()> {
        let mut at = place.start;
        let mut len = READ_AHEAD_LEN;
        while at < place.end {
            let left = len_usize(place.end - at);
            let used = self.again.try_recv().unwrap_or_default();
            let mut bytes = reusable(used, len.min(left));
            let count = self.file.read_at(&mut bytes, at).ok()?;
            bytes.truncate(count);
            let first = FrameHeader::decode(*bytes.first_chunk()?).ok()?;
            let sound_to = self.sound_to(&bytes, at, first.seq_low);
            if sound_to == at {
                // One frame may be longer than what is read at once.
                let frame = usize::try_from(first.frame_len()).ok()?;
                len = Some(frame).filter(|frame| len < *frame && *frame <= FRAME_LEN_MAX)?;
                continue;
            }
            let piece = ReadPiece {
                at,
                bytes: bytes.freeze(),
                sound_to,
            };
            self.give.send(piece).ok()?;
            at = sound_to;
            len = READ_AHEAD_LEN;
        }
        Some(())
    }

    /// Where the intact frames at the start end; the first of them has this number.
    fn sound_to(&self, bytes: &[u8], at: u64, seq_low: u32) -> u64 {
        let due = Expected {
            offset: at,
            relative: 0,
            base: Some(seq_low),
        };
        let walked = walk_frames(bytes, due, (&self.begun, false), &mut |_| {});
        let len = len_u64(bytes.len());
        seeded::either(Bug::ReadAheadBelieved, at + len, walked.due.offset)
    }
}

/// As many bytes, in the same memory if it has no other user: what was in it is not cleared. Much
/// more memory than that is let go, for a kept payload keeps all of it.
pub(super) fn reusable(used: Bytes, len: usize) -> BytesMut {
    let memory = used.try_into_mut().ok();
    let memory = memory.filter(|memory| memory.capacity() / 2 <= len);
    let mut memory = memory.unwrap_or_default();
    memory.resize(len, 0);
    memory
}

/// Bytes read at once, unless one frame is longer.
const READ_AHEAD_LEN: usize = 256 << 10;

/// Longer frames end the work: several of them would take much memory.
const FRAME_LEN_MAX: usize = 4 << 20;

/// Pieces that wait to be taken.
const PIECES_MAX: usize = 2;

/// To start a thread takes as long as reading a part of this.
const LEN_MIN: u64 = 4 << 20;
