//! A real directory.

use std::fs::File;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::own_process::OwnProcess;
use super::system::{self, Directory, FileMaker, process};
use super::{
    ClockReading, Durability, Entry, FileIdentity, FileSystem, NameFacts, ProcessFacts,
    ProcessState, Storage, StorageFile,
};
use crate::format::Owner;
use crate::seeded::{self, Bug};
use crate::time::Timestamp;

/// A directory of the operating system.
///
/// It is the directory that was opened, wherever that is moved to and whatever takes its place;
/// the path is only for messages. Windows does not let it be moved or removed meanwhile.
#[derive(Debug)]
pub struct DiskStorage {
    path: PathBuf,
    dir: Directory,
    file_system: FileSystem,
    process: OwnProcess,
    files: FileMaker,
}

impl DiskStorage {
    /// Opens a directory that exists.
    ///
    /// # Errors
    /// As the system says; `NotADirectory` for a file.
    pub fn open(path: &Path) -> io::Result<DiskStorage> {
        Ok(DiskStorage::of(path.to_owned(), Directory::open(path)?))
    }

    /// Opens a directory, making it and what leads to it first where they are missing.
    ///
    /// # Durability
    /// Names made here are synced before this returns, where the file system does that.
    ///
    /// # Errors
    /// As the system says.
    pub fn create(path: &Path) -> io::Result<DiskStorage> {
        let dir = Directory::create(path)?;
        // The process may go somewhere else, where a relative path would say nothing.
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        Ok(DiskStorage::of(path, dir))
    }

    /// The same directory, opened by this process, which may be a fork of the one that has it open.
    pub(crate) fn opened_again(&self) -> io::Result<DiskStorage> {
        Ok(DiskStorage::of(self.path.clone(), self.dir.opened_again()?))
    }

    /// Which directory it is, whatever its path.
    pub(crate) fn identity(&self) -> io::Result<FileIdentity> {
        self.dir.own_identity()
    }

    fn of(path: PathBuf, dir: Directory) -> DiskStorage {
        DiskStorage {
            path,
            file_system: dir.file_system(),
            files: FileMaker::new(&dir),
            dir,
            process: OwnProcess::here(),
        }
    }

    fn open_file(&self, name: &str, is_writable: bool) -> io::Result<File> {
        match seeded::has(Bug::NameResolvedAnew) {
            true => Directory::open(&self.path)?.open_file(name, is_writable),
            false => self.dir.open_file(name, is_writable),
        }
    }
}

impl Storage for DiskStorage {
    fn path(&self) -> &Path {
        &self.path
    }

    fn list(&self) -> io::Result<Vec<Entry>> {
        self.dir.list()
    }

    fn facts(&self, name: &str) -> io::Result<NameFacts> {
        self.dir.facts(name)
    }

    fn names(&self) -> io::Result<Vec<String>> {
        self.dir.names()
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        // Looked at before anything is written into the new file.
        system::file_len_max();
        let file = match seeded::has(Bug::NameResolvedAnew) {
            true => Directory::open(&self.path)?.create_file(name)?,
            false => self.dir.create_file(name)?,
        };
        Ok(Arc::new(self.files.file(file)))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        let file = self.open_file(name, false)?;
        Ok(Arc::new(self.files.file(file)))
    }

    fn open_to_sync(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        let file = self
            .files
            .file_to_sync(|is_writable| self.open_file(name, is_writable))?;
        Ok(Arc::new(file))
    }

    fn open_to_lock(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        let file = self.open_file(name, true)?;
        Ok(Arc::new(self.files.file(file)))
    }

    fn link(&self, from: &str, to: &str) -> io::Result<()> {
        self.dir.link(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.dir.remove(name)
    }

    fn identity_of(&self, name: &str) -> io::Result<FileIdentity> {
        self.dir.identity_of(name)
    }

    fn stamp(&self) -> io::Result<Option<u64>> {
        self.dir.stamp().map(Some)
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.dir.sync()
    }

    fn is_own_process(&self) -> bool {
        self.process.is_here()
    }

    fn is_linked(&self) -> io::Result<bool> {
        self.dir.is_linked()
    }

    fn file_len_max(&self) -> u64 {
        system::file_len_max()
    }

    fn file_system(&self) -> FileSystem {
        self.file_system
    }

    fn file_system_type(&self) -> u64 {
        self.dir.file_system_type()
    }

    fn durability(&self) -> Durability {
        match self.file_system {
            // Names that are not synced may be gone after power loss, and the files with them.
            _ if self.dir.is_unsynced() || self.files.is_weak() => Durability::Unknown,
            FileSystem::Memory => Durability::None,
            FileSystem::Other => Durability::Unknown,
            _ => Durability::Disk,
        }
    }

    fn clocks(&self) -> ClockReading {
        ClockReading {
            wall: Timestamp::now(),
            boot_nanoseconds: process::boot_nanoseconds(),
        }
    }

    fn random(&self) -> u64 {
        system::random().unwrap_or_else(|| RandomState::new().build_hasher().finish())
    }

    fn process(&self) -> ProcessFacts {
        process::facts()
    }

    fn process_state(&self, owner: &Owner) -> ProcessState {
        process::state(owner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{Lock, LockOutcome};

    #[test]
    fn a_lock_excludes_other_openings_of_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let storage = DiskStorage::open(dir.path()).unwrap();
        let owner = Storage::create(&storage, "a.run").unwrap();
        assert_eq!(owner.try_lock(Lock::Exclusive).unwrap(), LockOutcome::Held);
        let probe = Storage::open(&storage, "a.run").unwrap();
        assert_eq!(
            probe.try_lock(Lock::Shared).unwrap(),
            LockOutcome::Contended
        );
        drop(owner);
        assert_eq!(probe.try_lock(Lock::Shared).unwrap(), LockOutcome::Held);
        let second = Storage::open(&storage, "a.run").unwrap();
        assert_eq!(second.try_lock(Lock::Shared).unwrap(), LockOutcome::Held);
    }

    #[test]
    fn reading_stops_at_the_end_of_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let storage = DiskStorage::open(dir.path()).unwrap();
        let file = Storage::create(&storage, "f").unwrap();
        file.write_at(b"abc", 5).unwrap();
        let mut buffer = [9; 16];
        assert_eq!(file.read_at(&mut buffer, 4).unwrap(), 4);
        assert_eq!(&buffer[..5], b"\0abc\x09");
        assert_eq!(file.read_at(&mut buffer, 100).unwrap(), 0);
    }
}
