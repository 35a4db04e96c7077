//! The sum of any range of a file in constant time: from the sums of everything in front of the
//! blocks that it begins and ends in.

use super::source::{Source, Unreadable};
use crate::format::{ByteSum, FRAME_LEN_MIN, FrameHeader, FrameSeed};
use crate::len::len_usize;
use crate::storage::{PAGE_LEN, StorageFile};

/// Sums of what is in front of blocks, as far as they were asked for. Some of them are forgotten
/// again: as many are kept as the longest frame has.
pub(super) struct Sums<'a> {
    source: Source<'a>,
    /// Where the sums begin, and up to where they are there.
    origin: u64,
    front: u64,
    at_front: ByteSum,
    /// In front of each block, in the place that its number leaves.
    ring: Vec<ByteSum>,
    chunk: Vec<u8>,
    /// Zeros from the front up to here, as the file system says.
    hole_end: u64,
    /// The page that a range began in, then pages that some ended in.
    pages: Vec<Page>,
    /// Pages may change, so none is kept.
    is_moving: bool,
}

#[derive(Clone, Default)]
struct Page {
    /// 1 more than its number, 0 for none.
    number: u64,
    bytes: Vec<u8>,
}

impl<'a> Sums<'a> {
    pub(super) fn new(file: &'a dyn StorageFile, len: u64, is_moving: bool) -> Sums<'a> {
        Sums {
            source: Source::new(file, len),
            origin: 0,
            front: 0,
            at_front: ByteSum::default(),
            ring: Vec::new(),
            chunk: Vec::new(),
            hole_end: 0,
            pages: vec![Page::default(); 1 + len_usize(PAGES)],
            is_moving,
        }
    }

    /// Whether the checksum of the frame that may be at `offset` fits.
    pub(super) fn fits(
        &mut self,
        header: &FrameHeader,
        seed: FrameSeed,
        offset: u64,
    ) -> Result<bool, Unreadable> {
        let from = offset + FRAME_LEN_MIN;
        let sum = self.range(from, from + u64::from(header.payload_len))?;
        Ok(header.is_sum_of(seed, sum, offset))
    }

    /// The sum of a range; whatever is around it has no part in it.
    fn range(&mut self, from: u64, to: u64) -> Result<ByteSum, Unreadable> {
        let end = to.min(self.source.len).max(from);
        let first = from.next_multiple_of(BLOCK_LEN);
        let last = end / BLOCK_LEN * BLOCK_LEN;
        let sum = if first >= last {
            self.add_bytes(ByteSum::default(), (from, end), true)?
        } else {
            let sum = self.add_bytes(ByteSum::default(), (from, first), true)?;
            let sum = sum.and_behind(self.blocks(first, last)?, last - first);
            self.add_bytes(sum, (last, end), false)?
        };
        Ok(sum.shift(to - end))
    }

    /// Goes on over a few bytes.
    fn add_bytes(
        &mut self,
        mut sum: ByteSum,
        (from, to): (u64, u64),
        is_begin: bool,
    ) -> Result<ByteSum, Unreadable> {
        let mut at = from;
        while at < to {
            let page = at / PAGE_LEN;
            let end = to.min((page + 1) * PAGE_LEN);
            let skip = len_usize(at - page * PAGE_LEN);
            let until = len_usize(end - page * PAGE_LEN);
            let bytes = self.page(page, is_begin)?;
            sum = sum.after(bytes.get(skip..until).unwrap_or(&[]));
            at = end;
        }
        Ok(sum)
    }

    fn page(&mut self, number: u64, is_begin: bool) -> Result<&[u8], Unreadable> {
        let slot = match is_begin {
            true => 0,
            false => len_usize(1 + number % PAGES),
        };
        let Some(page) = self.pages.get_mut(slot) else {
            return Ok(&[]);
        };
        if page.number != number + 1 || self.is_moving {
            page.number = 0;
            page.bytes.resize(len_usize(PAGE_LEN), 0);
            self.source.fill(&mut page.bytes, number * PAGE_LEN)?;
            page.number = number + 1;
        }
        Ok(&page.bytes)
    }

    /// The sum of whole blocks.
    fn blocks(&mut self, from: u64, to: u64) -> Result<ByteSum, Unreadable> {
        if self.ring.is_empty() {
            let count = (self.source.len / BLOCK_LEN + 1).min(RING_MAX);
            let count = usize::try_from(count).unwrap_or(1);
            self.ring = vec![ByteSum::default(); count];
        }
        let kept = u64::try_from(self.ring.len()).unwrap_or(1) * BLOCK_LEN;
        if !(self.origin..=self.front).contains(&from) || self.front - from >= kept {
            self.origin = from;
            self.front = from;
            self.at_front = ByteSum::default();
            self.keep();
        }
        while self.front < to {
            self.advance();
        }
        if let Some(bad) = self.source.unreadable_in(from, to).next() {
            return Err(bad);
        }
        Ok(self.kept(to).without(self.kept(from), to - from))
    }

    /// Takes in some more blocks.
    fn advance(&mut self) {
        let left = (self.source.len - self.front) / BLOCK_LEN * BLOCK_LEN;
        let len = left.clamp(BLOCK_LEN, CHUNK_LEN);
        let mut chunk = std::mem::take(&mut self.chunk);
        let is_hole = self.front + len <= self.hole_end;
        chunk.resize(len_usize(len), 0);
        if is_hole {
            chunk.fill(0);
        } else if let Err(bad) = self.source.fill(&mut chunk, self.front) {
            // Nothing that has any of it in it is asked for: zeros stand for it.
            let good = bad.from.saturating_sub(self.front) / BLOCK_LEN * BLOCK_LEN;
            let behind = bad
                .to
                .saturating_sub(self.front)
                .next_multiple_of(BLOCK_LEN);
            let (good, behind) = (good.min(len), behind.clamp(BLOCK_LEN, len));
            chunk.truncate(len_usize(behind));
            let good = len_usize(good);
            chunk.get_mut(good..).unwrap_or(&mut []).fill(0);
        }
        let mut is_zero = true;
        for block in chunk.chunks(len_usize(BLOCK_LEN)) {
            let is_blank = *block == BLANK_BLOCK;
            is_zero &= is_blank;
            self.at_front = match is_blank {
                true => self.at_front.shift(BLOCK_LEN),
                false => self.at_front.after(block),
            };
            self.front += BLOCK_LEN;
            self.keep();
        }
        self.chunk = chunk;
        if is_zero && !is_hole && !self.is_moving {
            self.hole_end = self.source.data_from(self.front);
        }
    }

    fn keep(&mut self) {
        let at = self.place(self.front);
        if let Some(kept) = self.ring.get_mut(at) {
            *kept = self.at_front;
        }
    }

    fn kept(&self, offset: u64) -> ByteSum {
        let kept = self.ring.get(self.place(offset));
        kept.copied().unwrap_or_default()
    }

    fn place(&self, offset: u64) -> usize {
        let count = u64::try_from(self.ring.len().max(1)).unwrap_or(1);
        len_usize(offset / BLOCK_LEN % count)
    }
}

const BLOCK_LEN: u64 = 1 << 10;
const BLANK_BLOCK: [u8; 1 << 10] = [0; 1 << 10];
const CHUNK_LEN: u64 = 256 << 10;

/// Blocks of the longest payload, of what is read at once behind it, and the two at its ends.
const RING_MAX: u64 = ((1 << 29) + CHUNK_LEN) / BLOCK_LEN + 2;

const PAGES: u64 = 64;
