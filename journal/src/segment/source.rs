//! Reads of a file that step over what the disk cannot read.

use std::io;

use crate::len::{len_u64, len_usize};
use crate::storage::{PAGE_LEN, StorageFile};

/// A file of which parts may not be readable; bytes past its end are zeros.
pub(super) struct Source<'a> {
    pub(super) file: &'a dyn StorageFile,
    pub(super) len: u64,
    /// What cannot be read, as far as it was asked for; in order.
    unreadable: Vec<Unreadable>,
    first_error: Option<io::Error>,
    tried: Vec<u8>,
}

/// A range of the file that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unreadable {
    pub(super) from: u64,
    pub(super) to: u64,
}

impl<'a> Source<'a> {
    pub(super) fn new(file: &'a dyn StorageFile, len: u64) -> Source<'a> {
        Source {
            file,
            len,
            unreadable: Vec::new(),
            first_error: None,
            tried: Vec::new(),
        }
    }

    /// What a failed read said first.
    pub(super) fn into_error(self) -> Option<io::Error> {
        self.first_error
    }

    /// Fills `buffer` from `offset` on; if that fails, what is in front of the range given is good.
    pub(super) fn fill(&mut self, buffer: &mut [u8], offset: u64) -> Result<(), Unreadable> {
        let end = offset.saturating_add(len_u64(buffer.len()));
        let Some(known) = self.unreadable_in(offset, end).next() else {
            return self.fill_unknown(buffer, offset);
        };
        let good = len_usize(known.from.saturating_sub(offset));
        let front = buffer.get_mut(..good).unwrap_or(&mut []);
        self.fill_unknown(front, offset)?;
        Err(known)
    }

    /// The ranges found unreadable that have anything in common with this one, in order.
    pub(super) fn unreadable_in(&self, from: u64, to: u64) -> impl Iterator<Item = Unreadable> {
        let first = self.unreadable.partition_point(|range| range.to <= from);
        let behind = self.unreadable.get(first..).unwrap_or(&[]).iter();
        behind.copied().take_while(move |range| range.from < to)
    }

    /// Reads a range only to find out what of it cannot be read.
    pub(super) fn try_range(&mut self, from: u64, to: u64) {
        let mut buffer = std::mem::take(&mut self.tried);
        buffer.resize(TRY_LEN, 0);
        let mut at = from;
        while at < to.min(self.len) {
            let left = len_usize(to.min(self.len) - at);
            let part = buffer.get_mut(..left.min(TRY_LEN)).unwrap_or(&mut []);
            let len = len_u64(part.len());
            at = match self.fill(part, at) {
                Ok(()) => at + len,
                Err(bad) => bad.to.max(at + 1),
            };
        }
        self.tried = buffer;
    }

    /// Where anything but zeros may begin, from `offset` on, as the file system says.
    pub(super) fn data_from(&self, offset: u64) -> u64 {
        match self.file.next_data(offset) {
            Ok(Some((from, _))) => from.max(offset),
            Ok(None) => self.len,
            Err(_) => offset,
        }
    }

    /// The same for bytes that are not known to be unreadable: after a failed read, page by page
    /// to find the bad one.
    fn fill_unknown(&mut self, buffer: &mut [u8], offset: u64) -> Result<(), Unreadable> {
        let Err(error) = self.read(buffer, offset) else {
            return Ok(());
        };
        self.first_error.get_or_insert(error);
        let mut rest = buffer;
        let mut at = offset;
        while !rest.is_empty() {
            let page_end = (at / PAGE_LEN + 1) * PAGE_LEN;
            let len = len_usize(page_end - at);
            let (page, behind) = rest.split_at_mut(len.min(rest.len()));
            if self.read(page, at).is_err() {
                let bad = Unreadable {
                    from: at,
                    to: self.readable_behind(at / PAGE_LEN) * PAGE_LEN,
                };
                let place = self.unreadable.partition_point(|known| known.from < at);
                self.unreadable.insert(place, bad);
                return Err(bad);
            }
            rest = behind;
            at = page_end;
        }
        Ok(())
    }

    /// The first page behind a bad one that can be read, as far as steps that double, and then
    /// halve, find it: each failed read may take seconds.
    fn readable_behind(&self, bad: u64) -> u64 {
        let end = self.len.div_ceil(PAGE_LEN).max(bad + 1);
        // Where so many areas are bad, not every page between them is asked for.
        let doubled = self.unreadable.len() / AREAS_PER_STEP;
        let mut step = 1 << doubled.min(STEP_DOUBLED_MAX);
        let (mut low, mut high) = (bad, bad + step);
        while high < end && !self.is_readable(high) {
            step *= 2;
            low = high;
            high += step;
        }
        high = high.min(end);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            match self.is_readable(middle) {
                true => high = middle,
                false => low = middle,
            }
        }
        high
    }

    fn is_readable(&self, page: u64) -> bool {
        self.read(&mut [0; 4096], page * PAGE_LEN).is_ok()
    }

    fn read(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let left = len_usize(self.len.saturating_sub(offset));
        let (inside, past) = buffer.split_at_mut(left.min(buffer.len()));
        let count = if inside.is_empty() {
            0
        } else {
            self.file.read_at(inside, offset)?
        };
        // The file may have become shorter since its length was taken.
        inside.get_mut(count..).unwrap_or(&mut []).fill(0);
        past.fill(0);
        Ok(())
    }
}

const TRY_LEN: usize = 64 << 10;

/// After so many areas that cannot be read, the end of the next ones is looked for in steps twice
/// as long, and so on.
const AREAS_PER_STEP: usize = 64;
const STEP_DOUBLED_MAX: usize = 14;
