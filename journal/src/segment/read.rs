//! Reads frames whose places are known, many with one read.

use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::error::DamageReason;
use crate::format::{FRAME_HEADER_LEN, FrameHeader, FrameSeed};
use crate::storage::StorageFile;

/// Reads frames of one segment; payloads are slices of larger reads.
#[derive(Debug)]
pub(crate) struct FrameReader {
    file: Arc<dyn StorageFile>,
    seed: FrameSeed,
    held: Bytes,
    held_at: u64,
    /// Bytes of the file when it was last asked.
    file_len: u64,
}

/// Why a frame that was there cannot be read now.
#[derive(Debug)]
pub(crate) enum ReadFailure {
    Io(io::Error),
    Damage(DamageReason),
}

impl FrameReader {
    pub(crate) fn new(file: Arc<dyn StorageFile>, seed: FrameSeed) -> FrameReader {
        FrameReader {
            file,
            seed,
            held: Bytes::new(),
            held_at: 0,
            file_len: 0,
        }
    }

    /// The frame at `offset`; `ahead` says up to where the caller wants to read on.
    pub(crate) fn frame(
        &mut self,
        offset: u64,
        ahead: impl Fn() -> u64,
    ) -> Result<(FrameHeader, Bytes), ReadFailure> {
        let ahead = || ahead().saturating_sub(offset).clamp(READ_MIN, READ_MAX);
        let fields = self.held(offset, FRAME_HEADER_LEN, &ahead)?;
        let fields = fields.first_chunk::<FRAME_HEADER_LEN>();
        let fields = fields.ok_or(ReadFailure::Damage(DamageReason::ShortFrame))?;
        let header = FrameHeader::decode(*fields).map_err(ReadFailure::Damage)?;
        let payload_len = usize::try_from(header.payload_len).unwrap_or(usize::MAX);
        let len = FRAME_HEADER_LEN + payload_len;
        let payload = self.held(offset, len, &ahead)?.split_off(FRAME_HEADER_LEN);
        if !header.fits(self.seed, offset, &payload) {
            return Err(ReadFailure::Damage(DamageReason::BadCrc));
        }
        Ok((header, payload))
    }

    /// `len` bytes at `offset`; what is past the end of the file is zeros.
    fn held(
        &mut self,
        offset: u64,
        len: usize,
        ahead: &dyn Fn() -> u64,
    ) -> Result<Bytes, ReadFailure> {
        if let Some(held) = self.slice(offset, len) {
            return Ok(held);
        }
        let ahead = usize::try_from(ahead()).unwrap_or(usize::MAX);
        let want = u64::try_from(len.max(ahead)).unwrap_or(u64::MAX);
        if offset.saturating_add(want) > self.file_len {
            self.file_len = self.file.len().map_err(ReadFailure::Io)?;
        }
        let in_file = usize::try_from(self.file_len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let ahead = ahead.min(in_file);
        if len > in_file.saturating_add(PAST_END_MAX) {
            return Err(ReadFailure::Damage(DamageReason::ShortFrame));
        }
        let mut bytes = BytesMut::zeroed(len.max(ahead));
        let count = self.file.read_at(&mut bytes, offset);
        count.map_err(ReadFailure::Io)?;
        self.held = bytes.freeze();
        self.held_at = offset;
        Ok(self.held.slice(..len))
    }

    fn slice(&self, offset: u64, len: usize) -> Option<Bytes> {
        let from = usize::try_from(offset.checked_sub(self.held_at)?).ok()?;
        let to = from.checked_add(len)?;
        (to <= self.held.len()).then(|| self.held.slice(from..to))
    }
}

/// Bytes read at once, at least and at most, unless a frame is longer.
const READ_MIN: u64 = 1 << 10;
const READ_MAX: u64 = 256 << 10;

/// Zeros past the end of a file that are made for a frame; the survey saw no more of them.
const PAST_END_MAX: usize = 64 << 20;
