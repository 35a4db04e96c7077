//! The hashes of finished spans, kept apart from the rollups, and not all of them.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::len::{len_u64, len_usize};
use crate::rollup::{HASH_LEN, SessionRollup};

/// The hashes of finished spans, kept apart from rollups.
#[derive(Debug, Default)]
pub(crate) struct Apart {
    /// For each row, how many there are, and where they begin, if they are here.
    rows: Vec<(u32, Option<u32>)>,
    hashes: Vec<u8>,
}

impl Apart {
    /// How many spans of a row are finished.
    pub(crate) fn finished(&self, row: usize) -> usize {
        let count = self.rows.get(row).map_or(0, |(count, _)| *count);
        len_usize(count)
    }

    /// A rollup of a row with the hashes of its finished spans; `None` if they are not here.
    pub(crate) fn with_finished<'a>(
        &'a self,
        row: usize,
        rollup: SessionRollup<'a>,
    ) -> Option<SessionRollup<'a>> {
        let (_, from) = self.rows.get(row)?;
        let len = self.finished(row) * HASH_LEN;
        let hashes = self.hashes.get(usize::try_from((*from)?).ok()?..)?;
        rollup.with_finished(hashes.get(..len)?)
    }

    /// Adds a row, whose rollup goes to `rollups` without the hashes. Those of a session that
    /// `is_whole` here are not kept: only those of others are ever compared.
    pub(super) fn add(
        &mut self,
        rollup: Vec<u8>,
        rollups: &mut Vec<u8>,
        is_whole: bool,
        allowance: &Allowance,
    ) {
        let Some((rollup, hashes)) = SessionRollup::decode(&rollup).and_then(|d| d.apart()) else {
            self.rows.push((0, None));
            return;
        };
        rollups.extend_from_slice(&rollup);
        let len = len_u64(hashes.len());
        let count = u32::try_from(hashes.len() / HASH_LEN).unwrap_or(u32::MAX);
        let from = u32::try_from(self.hashes.len()).ok();
        let from = from.filter(|_| !is_whole && allowance.take(len));
        if from.is_some() {
            self.hashes.extend_from_slice(hashes);
        }
        self.rows.push((count, from));
    }
}

/// How much is still to be kept of something, in bytes; many threads take from it.
#[derive(Debug)]
pub(crate) struct Allowance(AtomicU64);

impl Allowance {
    pub(crate) fn new(bytes: u64) -> Allowance {
        Allowance(AtomicU64::new(bytes))
    }

    /// Whether so much is left; it is taken then.
    fn take(&self, bytes: u64) -> bool {
        let less = |left: u64| left.checked_sub(bytes);
        let taken = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        taken.is_ok()
    }
}
