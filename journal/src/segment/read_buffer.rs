//! Bounded, positioned reads of a segment; bytes past the end of the file are zeros.

use std::borrow::Cow;
use std::io;

use super::source::{Source, Unreadable};
use crate::format::{FRAME_LEN_MIN, FrameChecksum, FrameHeader};
use crate::len::{len_u64, len_usize};
use crate::storage::StorageFile;

/// A moving window over a file.
pub(super) struct ReadBuffer<'a> {
    source: Source<'a>,
    start: u64,
    bytes: Vec<u8>,
    /// How much is read at once, if no more is wanted: the more, the longer the window has moved
    /// on without a jump.
    read_len: usize,
    /// For payloads that do not end in the window, so that checking them does not move it.
    scratch: Vec<u8>,
}

impl<'a> ReadBuffer<'a> {
    pub(super) fn new(file: &'a dyn StorageFile, len: u64) -> ReadBuffer<'a> {
        ReadBuffer {
            source: Source::new(file, len),
            start: 0,
            bytes: Vec::new(),
            read_len: READ_LEN_MIN,
            scratch: Vec::new(),
        }
    }

    /// What a failed read said first.
    pub(super) fn into_error(self) -> Option<io::Error> {
        self.source.into_error()
    }

    /// Finds out what of a range cannot be read.
    pub(super) fn try_range(&mut self, from: u64, to: u64) {
        self.source.try_range(from, to);
    }

    /// The file as it is read.
    pub(super) fn source(&self) -> &Source<'a> {
        &self.source
    }

    /// Reads bytes anew, as far as the window holds them.
    pub(super) fn renew(&mut self, offset: u64, len: usize) {
        let skip = offset.checked_sub(self.start);
        let skip = skip.map_or(usize::MAX, len_usize);
        let mut bytes = std::mem::take(&mut self.bytes);
        let end = skip.saturating_add(len).min(bytes.len());
        if let Some(part) = bytes.get_mut(skip..end)
            && self.source.fill(part, offset).is_err()
        {
            bytes.truncate(skip);
        }
        self.bytes = bytes;
    }

    /// Reads bytes past the window, which stays where it is.
    pub(super) fn fill(&mut self, bytes: &mut [u8], offset: u64) -> Result<(), Unreadable> {
        self.source.fill(bytes, offset)
    }

    /// `want` bytes at `offset`, and whatever more of the file the window holds behind them.
    pub(super) fn at(&mut self, offset: u64, want: usize) -> Result<&[u8], Unreadable> {
        if !self.covers(offset, want) {
            self.refill(offset, want)?;
        }
        let skip = len_usize(offset - self.start);
        Ok(self.bytes.get(skip..).unwrap_or(&[]))
    }

    /// `len` bytes at `offset`; the caller has bounded `len`.
    pub(super) fn bytes(&mut self, offset: u64, len: usize) -> Result<Cow<'_, [u8]>, Unreadable> {
        if len <= READ_BUFFER_MAX {
            let held = self.at(offset, len)?;
            return Ok(Cow::Borrowed(held.get(..len).unwrap_or(&[])));
        }
        let mut bytes = vec![0; len];
        self.source.fill(&mut bytes, offset)?;
        Ok(Cow::Owned(bytes))
    }

    /// Whether the checksum of the frame at `offset` fits; its header is in the window.
    pub(super) fn fits(
        &mut self,
        header: &FrameHeader,
        begun: &FrameChecksum,
        offset: u64,
    ) -> Result<bool, Unreadable> {
        let mut at = offset + FRAME_LEN_MIN;
        let mut left = len_usize(header.payload_len);
        let held = self.at(at, 0)?;
        let held = held.get(..left.min(held.len())).unwrap_or(&[]);
        let mut checksum = begun.clone();
        checksum.payload(held);
        let held = held.len();
        left -= held;
        at += len_u64(held);
        while left > 0 {
            let mut scratch = std::mem::take(&mut self.scratch);
            scratch.resize(left.min(SCRATCH_LEN), 0);
            let filled = self.source.fill(&mut scratch, at);
            checksum.payload(&scratch);
            left -= scratch.len();
            at += len_u64(scratch.len());
            self.scratch = scratch;
            filled?;
        }
        Ok(header.is_sum(checksum, offset))
    }

    fn covers(&self, offset: u64, want: usize) -> bool {
        let Some(skip) = offset.checked_sub(self.start) else {
            return false;
        };
        let skip = len_usize(skip);
        !self.bytes.is_empty() && skip.saturating_add(want) <= self.bytes.len()
    }

    fn refill(&mut self, offset: u64, want: usize) -> Result<(), Unreadable> {
        let end = self.start + len_u64(self.bytes.len());
        let moves_on = !self.bytes.is_empty() && (self.start..=end).contains(&offset);
        self.read_len = match moves_on {
            true => (self.read_len * 4).min(READ_BUFFER_MAX),
            false => READ_LEN_MIN,
        };
        let left = self.source.len.saturating_sub(offset);
        let held = len_usize(left).min(self.read_len);
        let mut bytes = std::mem::take(&mut self.bytes);
        // What is in it is overwritten, so it is not cleared.
        bytes.resize(held.max(want), 0);
        self.start = offset;
        match self.source.fill(&mut bytes, offset) {
            Ok(()) => {
                self.bytes = bytes;
                Ok(())
            }
            Err(unreadable) => {
                // What was read in front of the bad page is good.
                let good = unreadable.from.saturating_sub(offset);
                let good = len_usize(good);
                bytes.truncate(good);
                self.bytes = bytes;
                if good >= want && good > 0 {
                    return Ok(());
                }
                Err(unreadable)
            }
        }
    }
}

/// Bytes read at the beginning and behind a jump: of most files nothing more is wanted there.
const READ_LEN_MIN: usize = 16 * 1024;

/// Bytes of a file held at once at most, unless more is wanted.
pub(super) const READ_BUFFER_MAX: usize = 256 * 1024;

const SCRATCH_LEN: usize = 64 * 1024;
