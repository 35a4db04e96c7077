//! A program's view of the disk: the storage seam.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use trace_journal::Timestamp;
use trace_journal::storage::{
    ClockReading, Durability, Entry, FileSystem, Lock, LockOutcome, ProcessFacts, Region, Storage,
    StorageFile,
};

use super::calls::{index, size};
use super::fault::{Bug, Need};
use super::file::PAGE;
use super::{FileId, SimDisk, State};

/// A program that uses the disk.
#[derive(Clone, Debug)]
pub struct Process {
    disk: SimDisk,
    is_dead: Arc<AtomicBool>,
}

impl Process {
    /// A program that starts now.
    #[must_use]
    pub fn start(disk: &SimDisk) -> Process {
        Process {
            disk: disk.clone(),
            is_dead: Arc::default(),
        }
    }

    /// From now on nothing it does has any effect.
    pub fn kill(&self) {
        self.is_dead.store(true, Ordering::SeqCst);
    }

    /// Makes a change, if the program is alive and the call does not fail.
    fn change<T>(
        &self,
        need: Need,
        change: impl FnOnce(&mut State) -> io::Result<T>,
    ) -> io::Result<T> {
        self.check()?;
        self.disk.about_to_change();
        let mut state = self.disk.lock();
        state.faults.next(need)?;
        change(&mut state)
    }

    fn look<T>(&self, need: Need, look: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        self.check()?;
        let mut state = self.disk.lock();
        state.faults.next(need)?;
        look(&mut state)
    }

    fn check(&self) -> io::Result<()> {
        match self.is_dead.load(Ordering::SeqCst) {
            true => Err(io::Error::other("the program is dead")),
            false => Ok(()),
        }
    }

    fn handle(&self, state: &mut State, file: FileId) -> Arc<dyn StorageFile> {
        state.next_id += 1;
        Arc::new(Handle {
            process: self.clone(),
            file,
            id: state.next_id,
        })
    }
}

impl Storage for Process {
    fn path(&self) -> &Path {
        Path::new("/simulated")
    }

    fn list(&self) -> io::Result<Vec<Entry>> {
        self.look(Need::Nothing, |state| {
            let entry = |(name, id): (&String, &FileId)| Entry {
                name: name.clone(),
                len: size(state.files.get(id).map_or(0, |file| file.cached.len())),
                is_file: true,
            };
            Ok(state.names.iter().map(entry).collect())
        })
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        self.change(Need::NewFile, |state| {
            if state.names.contains_key(name) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            state.next_id += 1;
            let id = state.next_id;
            state.files.insert(id, super::File::default());
            state.rename(name, Some(id));
            Ok(self.handle(state, id))
        })
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        self.look(Need::OpenFile, |state| {
            let id = state.names.get(name).copied();
            let id = id.ok_or(io::ErrorKind::NotFound)?;
            Ok(self.handle(state, id))
        })
    }

    fn link(&self, from: &str, to: &str) -> io::Result<()> {
        self.change(Need::Space, |state| {
            let id = state.names.get(from).copied();
            let id = id.ok_or(io::ErrorKind::NotFound)?;
            if state.names.contains_key(to) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            state.rename(to, Some(id));
            Ok(())
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.change(Need::Change, |state| {
            if !state.names.contains_key(name) {
                return Err(io::ErrorKind::NotFound.into());
            }
            state.rename(name, None);
            if state.bug == Some(Bug::RemoveTooMuch) && name.ends_with(".run") {
                let segments = state.names.keys().filter(|name| name.ends_with(".seg"));
                if let Some(first) = segments.min().cloned() {
                    state.rename(&first, None);
                }
            }
            Ok(())
        })
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.change(Need::DirSync, |state| {
            if state.bug != Some(Bug::DirSyncIgnored) {
                state.disk_names = state.names.clone();
                state.name_changes.clear();
            }
            Ok(())
        })
    }

    fn is_linked(&self) -> io::Result<bool> {
        self.look(Need::Nothing, |_| Ok(true))
    }

    fn file_system(&self) -> FileSystem {
        FileSystem::Ext4
    }

    fn durability(&self) -> Durability {
        Durability::Disk
    }

    fn clocks(&self) -> ClockReading {
        let mut state = self.disk.lock();
        let passed = state.random.below(20_000_000);
        state.nanoseconds += passed;
        // The wall clock goes forth and back.
        let jump = i64::try_from(state.nanoseconds % 5).unwrap_or(0);
        ClockReading {
            wall: Timestamp::new(1_700_000_000 - jump * 3600, 0),
            boot_nanoseconds: state.nanoseconds,
        }
    }

    fn random(&self) -> u64 {
        self.disk.lock().random.draw()
    }

    fn process(&self) -> ProcessFacts {
        ProcessFacts::default()
    }
}

/// An open file of a program.
#[derive(Debug)]
struct Handle {
    process: Process,
    file: FileId,
    id: u64,
}

impl Drop for Handle {
    fn drop(&mut self) {
        let mut state = self.process.disk.lock();
        state.locks.retain(|held| held.1 != self.id);
    }
}

impl StorageFile for Handle {
    fn len(&self) -> io::Result<u64> {
        self.process.look(Need::Nothing, |state| {
            Ok(size(state.file(self.file)?.cached.len()))
        })
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.process.look(Need::Nothing, |state| {
            let cached = &state.file(self.file)?.cached;
            let from = cached.get(index(offset)..).unwrap_or(&[]);
            let len = from.len().min(buffer.len());
            if let (Some(to), Some(from)) = (buffer.get_mut(..len), from.get(..len)) {
                to.copy_from_slice(from);
            }
            Ok(len)
        })
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let written = self
            .process
            .change(Need::Space, |state| state.write(self.file, bytes, offset));
        if written.is_err() && self.process.check().is_ok() {
            // A write that fails has written a part.
            let mut state = self.process.disk.lock();
            let len = state.random.below(size(bytes.len()));
            let part = bytes.get(..index(len)).unwrap_or(bytes);
            state.file(self.file)?.write(part, index(offset));
        }
        written
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.process.change(Need::Space, |state| {
            state.file(self.file)?.set_len(index(len));
            Ok(())
        })
    }

    fn map(&self, _len: u64) -> io::Result<Arc<dyn Region>> {
        self.process.look(Need::Nothing, |_| {
            let mapping: Arc<dyn Region> = Arc::new(Mapping {
                process: self.process.clone(),
                file: self.file,
            });
            Ok(mapping)
        })
    }

    fn sync(&self, from: u64, to: u64) -> io::Result<()> {
        self.process.check()?;
        self.process.disk.about_to_change();
        let mut state = self.process.disk.lock();
        state.sync(self.file, index(from), index(to))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.process.change(Need::Change, |state| {
            let len = match state.bug {
                Some(Bug::CutTooFar) => len.saturating_sub(512),
                _ => len,
            };
            state.file(self.file)?.set_len(index(len));
            Ok(())
        })
    }

    fn drop_cache(&self) -> io::Result<()> {
        self.process.look(Need::Nothing, |state| {
            if state.bug != Some(Bug::DropCacheIgnored) {
                state.file(self.file)?.drop_cache();
            }
            Ok(())
        })
    }

    fn is_linked(&self) -> io::Result<bool> {
        self.process.look(Need::Nothing, |state| {
            Ok(state.names.values().any(|id| *id == self.file))
        })
    }

    fn try_lock(&self, lock: Lock) -> io::Result<LockOutcome> {
        self.process.look(Need::Nothing, |state| {
            Ok(state.try_lock(self.file, self.id, lock))
        })
    }
}

/// A file that a program writes through memory.
#[derive(Debug)]
struct Mapping {
    process: Process,
    file: FileId,
}

impl Mapping {
    fn store(&self, bytes: &[u8], offset: u64) {
        if self.process.check().is_err() {
            return;
        }
        self.process.disk.about_to_change();
        let mut state = self.process.disk.lock();
        let pages = offset / PAGE..(offset + size(bytes.len())).div_ceil(PAGE);
        let Ok(file) = state.file(self.file) else {
            return;
        };
        let missing = pages.into_iter().find(|page| !file.writable.contains(page));
        if let Some(page) = missing {
            let foul = format!("a store into page {page}, which may have no space");
            state.foul.get_or_insert(foul);
        }
        // Stores cannot fail; whether they could be made was settled before.
        let _ = state.write(self.file, bytes, offset);
    }
}

impl Region for Mapping {
    fn copy(&self, offset: u64, bytes: &[u8]) {
        let whole = bytes.len().next_multiple_of(8);
        let mut padded = bytes.to_vec();
        padded.resize(whole, 0);
        if !padded.is_empty() {
            self.store(&padded, offset);
        }
    }

    fn commit(&self, offset: u64, word: u64) {
        self.store(&word.to_le_bytes(), offset);
    }

    fn word(&self, offset: u64) -> u64 {
        let state = self.process.disk.lock();
        let file = state.files.get(&self.file);
        let bytes = file.and_then(|file| file.cached.get(index(offset)..));
        let word = bytes.and_then(|bytes| bytes.first_chunk::<8>());
        word.map_or(0, |word| u64::from_le_bytes(*word))
    }

    fn make_writable(&self, from: u64, to: u64) -> io::Result<()> {
        self.process.look(Need::Space, |state| {
            let writable = &mut state.file(self.file)?.writable;
            writable.extend(from / PAGE..to.div_ceil(PAGE));
            Ok(())
        })
    }
}
