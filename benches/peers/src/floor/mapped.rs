//! A file mapped into memory; the one place with unsafe code.
#![expect(unsafe_code, reason = "mapping a file needs it")]

use std::fs::File;

use memmap2::{Advice, MmapMut};

use crate::engine::Outcome;

/// A whole file, mapped shared, its pages made writable already.
pub struct Mapped(MmapMut);

impl Mapped {
    /// Maps a file that nobody cuts while it is mapped.
    pub fn new(file: &File) -> Outcome<Mapped> {
        // SAFETY: the file is in a fresh directory of this process alone, and is only ever
        // changed through this mapping.
        let map = unsafe { MmapMut::map_mut(file)? };
        map.advise(Advice::PopulateWrite)?;
        Ok(Mapped(map))
    }

    /// The mapped bytes.
    pub fn bytes(&mut self) -> &mut [u8] {
        &mut self.0
    }
}
