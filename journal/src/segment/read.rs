//! Reads frames whose places are known, many with one read.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::read_ahead::{Ahead, reusable};
use crate::error::DamageReason;
use crate::format::{FRAME_HEADER_LEN, FrameChecksum, FrameHeader, FrameSeed};
use crate::len::{len_u64, len_usize};
use crate::storage::StorageFile;

/// Reads frames of one segment; payloads are slices of larger reads.
#[derive(Debug)]
pub(crate) struct FrameReader {
    file: Arc<dyn StorageFile>,
    /// What the checksum of each frame goes on from.
    begun: FrameChecksum,
    held: Bytes,
    held_at: u64,
    /// The held frames in front of this were verified when they were read.
    sound_to: u64,
    ahead: Option<Ahead>,
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
            begun: seed.begin(),
            held: Bytes::new(),
            held_at: 0,
            sound_to: 0,
            ahead: None,
            file_len: 0,
        }
    }

    /// The file it reads.
    pub(crate) fn file(&self) -> Arc<dyn StorageFile> {
        Arc::clone(&self.file)
    }

    /// Says that all frames in these places will be asked for, one after the other.
    pub(crate) fn read_ahead(&mut self, places: Vec<Range<u64>>) {
        if Ahead::pays(&places) {
            self.start_ahead(places);
        }
    }

    /// The same, whether it pays or not.
    pub(super) fn start_ahead(&mut self, places: Vec<Range<u64>>) {
        self.ahead = Ahead::start(Arc::clone(&self.file), self.begun.clone(), places);
    }

    /// The frame at `offset`; `ahead` says up to where the caller wants to read on.
    pub(crate) fn frame(
        &mut self,
        offset: u64,
        ahead: impl Fn() -> u64,
    ) -> Result<(FrameHeader, Bytes), ReadFailure> {
        let ahead = || ahead().saturating_sub(offset).clamp(READ_MIN, READ_MAX);
        let fields = self.hold(offset, FRAME_HEADER_LEN, &ahead)?;
        let fields = self.held.get(fields).and_then(|held| held.first_chunk());
        let fields = fields.ok_or(ReadFailure::Damage(DamageReason::ShortFrame))?;
        let header = FrameHeader::decode(*fields).map_err(ReadFailure::Damage)?;
        let payload_len = len_usize(header.payload_len);
        let frame = self.hold(offset, FRAME_HEADER_LEN + payload_len, &ahead)?;
        let payload = frame.start + FRAME_HEADER_LEN..frame.end;
        let bytes = self.held.get(payload.clone()).unwrap_or(&[]);
        if offset >= self.sound_to && !header.fits_begun(&self.begun, offset, bytes) {
            return Err(ReadFailure::Damage(DamageReason::BadCrc));
        }
        Ok((header, self.held.slice(payload)))
    }

    /// Whether the frame at `offset` is filled up with zeros, as it was written; so it is taken to
    /// be where that cannot be read.
    pub(crate) fn is_padding_clean(&mut self, offset: u64, header: &FrameHeader) -> bool {
        let len = len_usize(header.payload_len);
        if len.is_multiple_of(8) {
            return true;
        }
        let frame_len = len_usize(header.frame_len());
        let Ok(frame) = self.hold(offset, frame_len, &|| READ_MIN) else {
            return true;
        };
        let padding = frame.start + FRAME_HEADER_LEN + len..frame.end;
        let padding = self.held.get(padding).unwrap_or_default();
        padding.iter().all(|byte| *byte == 0)
    }

    /// Where `len` bytes at `offset` are among those held; what is past the end of the file is
    /// zeros.
    #[inline]
    fn hold(
        &mut self,
        offset: u64,
        len: usize,
        ahead: &dyn Fn() -> u64,
    ) -> Result<Range<usize>, ReadFailure> {
        match self.range(offset, len) {
            Some(range) => Ok(range),
            None => self.refill(offset, len, ahead),
        }
    }

    #[cold]
    fn refill(
        &mut self,
        offset: u64,
        len: usize,
        ahead: &dyn Fn() -> u64,
    ) -> Result<Range<usize>, ReadFailure> {
        if let Some(ahead) = &mut self.ahead
            && let Some(piece) = ahead.take(offset)
        {
            ahead.give_back(std::mem::replace(&mut self.held, piece.bytes));
            self.held_at = piece.at;
            self.sound_to = piece.sound_to;
            let range = self.range(offset, len);
            return range.ok_or(ReadFailure::Damage(DamageReason::ShortFrame));
        }
        let ahead = len_usize(ahead());
        let want = len_u64(len.max(ahead));
        if offset.saturating_add(want) > self.file_len {
            self.file_len = self.file.len().map_err(ReadFailure::Io)?;
        }
        let in_file = len_usize(self.file_len.saturating_sub(offset));
        let ahead = ahead.min(in_file);
        if len > in_file.saturating_add(len_usize(PAST_END_MAX)) {
            return Err(ReadFailure::Damage(DamageReason::ShortFrame));
        }
        let mut bytes = reusable(std::mem::take(&mut self.held), len.max(ahead));
        let mut count = self.file.read_at(&mut bytes, offset);
        if count.is_err() && bytes.len() > len {
            // It may be others that cannot be read.
            bytes.truncate(len);
            count = self.file.read_at(&mut bytes, offset);
        }
        let count = count.map_err(ReadFailure::Io)?;
        bytes.get_mut(count..).unwrap_or_default().fill(0);
        self.held = bytes.freeze();
        self.held_at = offset;
        self.sound_to = 0;
        Ok(0..len)
    }

    #[inline]
    fn range(&self, offset: u64, len: usize) -> Option<Range<usize>> {
        let from = usize::try_from(offset.checked_sub(self.held_at)?).ok()?;
        let to = from.checked_add(len)?;
        (to <= self.held.len()).then_some(from..to)
    }
}

/// Bytes read at once, at least and at most, unless a frame is longer.
const READ_MIN: u64 = 1 << 10;
const READ_MAX: u64 = 256 << 10;

/// Zeros past the end of a file that are made for a frame; the survey saw no more of them.
pub(super) const PAST_END_MAX: u64 = 64 << 20;
