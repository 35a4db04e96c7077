//! A file mapped into the memory of a simulated program.

use std::io;
use std::sync::atomic::Ordering;

use trace_journal::storage::MappedRegion;

use super::calls::{index, size};
use super::fault::Need;
use super::file::{FileId, PAGE};
use super::process::Process;

/// A file that a program writes through memory.
#[derive(Debug)]
pub(super) struct Mapping {
    pub(super) process: Process,
    pub(super) file: FileId,
}

impl Mapping {
    fn store(&self, bytes: &[u8], offset: u64) {
        if self.process.is_dead.load(Ordering::SeqCst) {
            return;
        }
        self.process.about_to_store();
        self.process.disk.about_to_change();
        let mut state = self.process.disk.lock();
        let pages = offset / PAGE..(offset + size(bytes.len())).div_ceil(PAGE);
        let Some(file) = state.files.get(&self.file) else {
            return;
        };
        let missing = pages.into_iter().find(|page| !file.writable.contains(page));
        let is_forgiven = self.process.is_forgiven.load(Ordering::SeqCst);
        if let Some(page) = missing.filter(|_| !is_forgiven) {
            let foul = format!("a store into page {page}, which may have no space");
            state.foul.get_or_insert(foul);
        }
        // Stores cannot fail; whether they could be made was settled before.
        let _ = state.write(self.file, bytes, offset);
    }
}

impl MappedRegion for Mapping {
    fn write(&self, offset: u64, bytes: &[u8]) {
        let whole = bytes.len().next_multiple_of(8);
        let mut padded = bytes.to_vec();
        padded.resize(whole, 0);
        // In two halves: a copy may be met half-way.
        let (first, second) = padded.split_at(whole / 16 * 8);
        if !first.is_empty() {
            self.store(first, offset);
        }
        if !second.is_empty() {
            self.store(second, offset + size(first.len()));
        }
    }

    fn commit(&self, offset: u64, word: u64) {
        self.store(&word.to_le_bytes(), offset);
    }

    fn word(&self, offset: u64) -> u64 {
        let state = self.process.disk.lock();
        let file = state.files.get(&self.file);
        let bytes = file.and_then(|file| file.cached.bytes().get(index(offset)..));
        let word = bytes.and_then(|bytes| bytes.first_chunk::<8>());
        word.map_or(0, |word| u64::from_le_bytes(*word))
    }

    fn make_writable(&self, from: u64, to: u64) -> io::Result<()> {
        self.process.look(Need::Space, |state| {
            let writable = &mut state.file(self.file)?.writable;
            let pages = (from / PAGE..to.div_ceil(PAGE)).filter(|page| !writable.contains(page));
            let pages: Vec<u64> = pages.collect();
            writable.extend(pages);
            Ok(())
        })
    }
}
