//! Reads frames before they are asked for, on a processor that would be idle.

use std::ops::Range;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

use bytes::Bytes;

use super::read::reusable;
use crate::format::{FRAME_HEADER_LEN, FrameChecksum, FrameHeader};
use crate::seeded::{self, Bug};
use crate::storage::StorageFile;

/// A part of a segment.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) at: u64,
    pub(super) bytes: Bytes,
    /// From its beginning up to here there are intact frames, one behind the other.
    pub(super) sound_to: u64,
}

/// A thread that reads chunks of a segment and verifies their frames. What it cannot make
/// anything of ends its work, and is left to whoever asks for the frame.
#[derive(Debug)]
pub(super) struct Ahead {
    /// `None` when it is to end. Only its owner uses it, so nobody ever waits for the lock.
    chunks: Mutex<Option<Receiver<Chunk>>>,
    used: SyncSender<Bytes>,
    /// One that was taken and is not wanted yet.
    waiting: Option<Chunk>,
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
        let (give, chunks) = sync_channel(CHUNKS_MAX);
        let (used, again) = sync_channel(CHUNKS_MAX);
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
            chunks: Mutex::new(Some(chunks)),
            used,
            waiting: None,
            thread: Some(thread.ok()?),
        })
    }

    /// The chunk with the frame at `offset`, if it was read and verified; waits for it.
    pub(super) fn take(&mut self, offset: u64) -> Option<Chunk> {
        loop {
            let next = match self.waiting.take() {
                Some(chunk) => Some(chunk),
                None => self.receive(),
            };
            let chunk = next?;
            if chunk.at > offset {
                self.waiting = Some(chunk);
                return None;
            }
            if offset < chunk.sound_to {
                return Some(chunk);
            }
        }
    }

    /// Gives back what a chunk was in: memory that nobody else uses is filled again.
    pub(super) fn give_back(&self, bytes: Bytes) {
        // Where there is enough of it, the rest goes.
        let _ = self.used.try_send(bytes);
    }

    fn receive(&mut self) -> Option<Chunk> {
        let chunks = self.chunks.get_mut();
        let chunks = chunks.unwrap_or_else(PoisonError::into_inner);
        chunks.as_ref()?.recv().ok()
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        // The thread ends when there is nobody to give anything to.
        let chunks = self.chunks.get_mut();
        *chunks.unwrap_or_else(PoisonError::into_inner) = None;
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
    give: SyncSender<Chunk>,
    again: Receiver<Bytes>,
}

impl Reading {
    /// Reads a place chunk by chunk; `None` if that came to an end before.
    fn read(&self, place: Range<u64>) -> Option<()> {
        let mut at = place.start;
        let mut len = CHUNK_LEN;
        while at < place.end {
            let left = usize::try_from(place.end - at).unwrap_or(usize::MAX);
            let used = self.again.try_recv().unwrap_or_default();
            let mut bytes = reusable(used, len.min(left));
            let count = self.file.read_at(&mut bytes, at).ok()?;
            bytes.truncate(count);
            let sound = sound_len(&bytes, at, &self.begun);
            if sound == 0 {
                // One frame may be longer than a chunk.
                len = frame_len(&bytes).filter(|frame| len < *frame && *frame <= FRAME_LEN_MAX)?;
                continue;
            }
            let sound_to = at + u64::try_from(sound).ok()?;
            let chunk = Chunk {
                at,
                bytes: bytes.freeze(),
                sound_to,
            };
            self.give.send(chunk).ok()?;
            at = sound_to;
            len = CHUNK_LEN;
        }
        Some(())
    }
}

/// How many bytes at the start are intact frames.
fn sound_len(bytes: &[u8], at: u64, begun: &FrameChecksum) -> usize {
    let mut offset = at;
    let mut rest = bytes;
    while let Some((fields, behind)) = rest.split_first_chunk::<FRAME_HEADER_LEN>()
        && let Ok(header) = FrameHeader::decode(*fields)
        && let Some(frame) = frame_len(rest)
        && let Some(payload) = behind.get(..usize::try_from(header.payload_len).unwrap_or(frame))
        && let Some(next) = rest.get(frame..)
        && (header.fits_begun(begun, offset, payload) || seeded::has(Bug::ReadAheadBelieved))
    {
        offset += header.frame_len();
        rest = next;
    }
    bytes.len() - rest.len()
}

/// Bytes of the frame that the first fields are of.
fn frame_len(bytes: &[u8]) -> Option<usize> {
    let header = FrameHeader::decode(*bytes.first_chunk()?).ok()?;
    usize::try_from(header.frame_len()).ok()
}

/// Bytes read at once, unless one frame is longer.
const CHUNK_LEN: usize = 256 << 10;

/// A longer frame takes so long that a thread more is no matter.
const FRAME_LEN_MAX: usize = 4 << 20;

/// Chunks that wait to be taken.
const CHUNKS_MAX: usize = 2;

/// To start a thread takes as long as reading a part of this.
const LEN_MIN: u64 = 4 << 20;
