//! A file mapped into memory; the one place with unsafe code.
#![expect(unsafe_code, reason = "using mapped memory needs it")]

use std::fs::File;
use std::sync::Arc;

use memmap2::{Advice, MmapRaw};

use crate::engine::Outcome;

/// A whole file, mapped shared.
pub struct Mapped(Arc<MmapRaw>);

/// Makes a mapping's pages writable, from another thread than the one that writes to them.
pub struct Populator(Arc<MmapRaw>);

impl Mapped {
    /// Maps a file that nobody cuts while it is mapped, its pages made writable already.
    pub fn new(file: &File) -> Outcome<Mapped> {
        let map = Mapped::cold(file)?;
        map.0.advise(Advice::PopulateWrite)?;
        Ok(map)
    }

    /// As [`new`](Mapped::new), but no page is there yet.
    pub fn cold(file: &File) -> Outcome<Mapped> {
        Ok(Mapped(Arc::new(MmapRaw::map_raw(file)?)))
    }

    /// The mapped bytes.
    pub fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: the file is in a fresh directory of this process alone, and is only ever
        // changed through this mapping, of which nobody else gives out bytes; a populator changes
        // none.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr(), self.0.len()) }
    }

    /// What makes its pages writable.
    pub fn populator(&self) -> Populator {
        Populator(Arc::clone(&self.0))
    }
}

impl Populator {
    /// Makes the pages of a part of the mapping writable; what is behind its end is left out.
    pub fn populate(&self, from: usize, len: usize) -> Outcome<()> {
        let len = len.min(self.0.len().saturating_sub(from));
        if len > 0 {
            self.0.advise_range(Advice::PopulateWrite, from, len)?;
        }
        Ok(())
    }
}
