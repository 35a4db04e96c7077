//! What a merged cache says of its rows, beyond what a segment's own rows say.

use std::ops::Range;
use std::sync::OnceLock;

use crate::recovery::cache::CheckedSection;
use crate::rollup::{HASH_LEN, SessionRollup};
use crate::seq::SegmentNumber;
use crate::storage::Storage;

/// What a merged cache says of its rows, beyond what a segment's own rows say.
#[derive(Debug)]
pub(crate) struct MergedPlaces {
    pub(super) name: String,
    pub(super) first: SegmentNumber,
    /// How many segments behind the first the first and the last record of each row are.
    pub(super) ends: Vec<(u32, u32)>,
    /// Where the hashes of each row are among all of them.
    pub(super) spans: Vec<Range<usize>>,
    pub(super) section: CheckedSection,
    /// The hashes, once they were needed; `None` if they are not there any more.
    pub(super) hashes: OnceLock<Option<Vec<u8>>>,
}

impl MergedPlaces {
    /// The first of the segments.
    pub(crate) fn first(&self) -> SegmentNumber {
        self.first
    }

    /// The segments of the first and the last record of a row.
    pub(crate) fn ends(&self, row: usize) -> Option<(SegmentNumber, SegmentNumber)> {
        let (first, last) = self.ends.get(row)?;
        let segment = |behind: &u32| self.first.0.checked_add(*behind).map(SegmentNumber);
        Some((segment(first)?, segment(last)?))
    }

    /// How many spans of a row are finished.
    pub(crate) fn finished(&self, row: usize) -> usize {
        self.spans.get(row).map_or(0, |span| span.len() / HASH_LEN)
    }

    /// A rollup of a row with the hashes of its finished spans, which are read.
    pub(crate) fn with_finished<'a>(
        &'a self,
        storage: &dyn Storage,
        row: usize,
        rollup: SessionRollup<'a>,
    ) -> Option<SessionRollup<'a>> {
        let span = self.spans.get(row)?;
        if span.is_empty() {
            return Some(rollup);
        }
        let read = || self.section.read(&*storage.open(&self.name).ok()?);
        let hashes = self.hashes.get_or_init(read).as_ref()?;
        rollup.with_finished(hashes.get(span.clone())?)
    }
}
