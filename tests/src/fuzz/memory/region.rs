//! Files of the directory in memory, written as through a mapping.

use std::io;
use std::sync::Arc;

use trace_journal::storage::MappedRegion;

use super::inode::{Handle, Inode, len_of, lock};
use super::meter::Meter;

/// The first bytes of a file, stored into without a call that could fail.
#[derive(Debug)]
pub(super) struct Mapping {
    inode: Arc<Inode>,
    meter: Arc<Meter>,
    len: u64,
}

impl Mapping {
    /// Maps the first `len` bytes.
    pub(super) fn of(handle: &Handle, len: u64) -> io::Result<Arc<dyn MappedRegion>> {
        let there = len_of(&lock(&handle.inode.state).bytes);
        if len > there || !len.is_multiple_of(PAGE) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Ok(Arc::new(Mapping {
            inode: Arc::clone(&handle.inode),
            meter: Arc::clone(&handle.meter),
            len,
        }))
    }

    fn store(&self, bytes: &[u8], offset: u64) {
        let mut contents = lock(&self.inode.state);
        let end = offset + len_of(bytes);
        assert!(end <= self.len, "a store behind the mapping");
        let mut pages = offset / PAGE..end.div_ceil(PAGE);
        let is_writable = pages.all(|page| contents.writable.contains(&page));
        assert!(is_writable, "a store into a page that may have no space");
        let from = usize::try_from(offset).expect("it is in memory");
        // A file that was cut takes the process down here; nothing cuts one that is mapped.
        let there = contents.bytes.get_mut(from..).expect("the file was cut");
        let there = there.get_mut(..bytes.len()).expect("the file was cut");
        there.copy_from_slice(bytes);
        self.meter.change();
    }
}

impl MappedRegion for Mapping {
    fn write(&self, offset: u64, bytes: &[u8]) {
        let mut padded = bytes.to_vec();
        padded.resize(bytes.len().next_multiple_of(8), 0);
        if !padded.is_empty() {
            self.store(&padded, offset);
        }
    }

    fn commit(&self, offset: u64, word: u64) {
        self.store(&word.to_le_bytes(), offset);
    }

    fn word(&self, offset: u64) -> u64 {
        let contents = lock(&self.inode.state);
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let bytes = contents.bytes.get(from..);
        let word = bytes.and_then(|bytes| bytes.first_chunk::<8>());
        word.map_or(0, |word| u64::from_le_bytes(*word))
    }

    fn make_writable(&self, from: u64, to: u64) -> io::Result<()> {
        let mut contents = lock(&self.inode.state);
        contents
            .writable
            .extend(from / PAGE..to.min(self.len).div_ceil(PAGE));
        Ok(())
    }
}

/// Bytes that are made writable, and lose it again in a sync, together.
pub(super) const PAGE: u64 = 4096;
