//! A part of a cache's file that has a checksum of its own.

use crate::format::checksum;
use crate::storage::StorageFile;

/// Where the part is, and what it has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::recovery) struct CheckedSection {
    pub(in crate::recovery) offset: u64,
    pub(in crate::recovery) len: u64,
    pub(in crate::recovery) crc: u32,
}

impl CheckedSection {
    /// Reads it; `None` if it is not what was written.
    pub(in crate::recovery) fn read(self, file: &dyn StorageFile) -> Option<Vec<u8>> {
        let is_there = file.len().ok()? >= self.offset.checked_add(self.len)?;
        let mut bytes = vec![0; usize::try_from(self.len).ok().filter(|_| is_there)?];
        let count = file.read_at(&mut bytes, self.offset).ok()?;
        (count == bytes.len() && checksum(&bytes) == self.crc).then_some(bytes)
    }
}
