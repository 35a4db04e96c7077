//! A real directory.

use std::fs::File;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, IoSliceMut};
use std::num::NonZeroU64;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustix::fs::{Advice, AtFlags, Mode, SeekFrom};
use rustix::io::{Errno, ReadWriteFlags};

use super::confirm::Doubt;
use super::directory::{Directory, identity, is_any, look};
use super::map::{AddressSpace, MappedFile};
use super::own_process::OwnProcess;
use super::{
    ClockReading, Durability, Entry, FileIdentity, FileSystem, Lock, LockOutcome, NameFacts,
    PAGE_LEN,
};
use super::{MappedRegion, ProcessFacts, ProcessState, Storage, StorageFile};
use super::{limit, process};
use super::{read_whole, retry, write_whole};
use crate::format::Owner;
use crate::seeded::{self, Bug};
use crate::time::Timestamp;

/// A directory of the operating system.
///
/// It is the directory that was opened, wherever that is moved to and whatever takes its place;
/// the path is only for messages.
#[derive(Debug)]
pub struct DiskStorage {
    path: PathBuf,
    dir: Directory,
    file_system: FileSystem,
    process: OwnProcess,
    space: AddressSpace,
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

    fn of(path: PathBuf, dir: Directory) -> DiskStorage {
        DiskStorage {
            path,
            file_system: dir.file_system(),
            dir,
            process: OwnProcess::here(),
            space: AddressSpace::default(),
        }
    }

    fn file(&self, file: File) -> DiskFile {
        DiskFile {
            file,
            mapped: OnceLock::new(),
            space: self.space.clone(),
            doubt: Doubt::of(self.file_system),
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
        let others = Mode::RGRP | Mode::ROTH;
        let mode = seeded::either(Bug::FilesForEverybody, others, Mode::empty());
        let mode = mode | Mode::RUSR | Mode::WUSR;
        // Looked at before anything is written into the new file.
        limit::file_len_max();
        let file = match seeded::has(Bug::NameResolvedAnew) {
            true => Directory::open(&self.path)?.create_file(name, mode)?,
            false => self.dir.create_file(name, mode)?,
        };
        Ok(Arc::new(self.file(file)))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        let file = self.open_file(name, false)?;
        Ok(Arc::new(self.file(file)))
    }

    fn open_to_sync(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        // Only of a mapping a part is synced by itself, and only if it could be stored into:
        // https://man7.org/linux/man-pages/man2/msync.2.html
        let is_known = self.file_system != FileSystem::Other;
        let Some(file) = is_known
            .then(|| self.open_file(name, true))
            .and_then(Result::ok)
        else {
            return self.open(name);
        };
        let file = self.file(file);
        // What cannot be mapped is synced as a whole.
        let _ = file.map(file.len()?);
        Ok(Arc::new(file))
    }

    fn open_to_lock(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        let file = self.open_file(name, true)?;
        Ok(Arc::new(self.file(file)))
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
        limit::file_len_max()
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
            _ if self.dir.is_unsynced() => Durability::Unknown,
            FileSystem::Memory => Durability::None,
            FileSystem::Ext4 | FileSystem::Xfs | FileSystem::Btrfs => Durability::Disk,
            FileSystem::Other => Durability::Unknown,
        }
    }

    fn clocks(&self) -> ClockReading {
        ClockReading {
            wall: Timestamp::now(),
            boot_nanoseconds: process::boot_nanoseconds(),
        }
    }

    fn random(&self) -> u64 {
        process::random().unwrap_or_else(|| RandomState::new().build_hasher().finish())
    }

    fn process(&self) -> ProcessFacts {
        process::facts()
    }

    fn process_state(&self, owner: &Owner) -> ProcessState {
        process::state(owner)
    }
}

/// A file of the operating system.
#[derive(Debug)]
struct DiskFile {
    file: File,
    /// Its mapping, once it has one: through it, a part of the file can be synced by itself.
    mapped: OnceLock<Arc<MappedFile>>,
    space: AddressSpace,
    doubt: Doubt,
}

impl DiskFile {
    fn forget(&self, (from, to): (u64, u64)) -> io::Result<()> {
        // What is read back is not to bring along what is far behind it.
        rustix::fs::fadvise(&self.file, 0, None, Advice::Random)?;
        // No length means up to the end of the file.
        let len = NonZeroU64::new(to.saturating_sub(from)).filter(|_| to != u64::MAX);
        Ok(rustix::fs::fadvise(
            &self.file,
            from,
            len,
            Advice::DontNeed,
        )?)
    }

    /// Whether the page at this offset can be read without waiting for the disk, or that cannot
    /// be found out: <https://man7.org/linux/man-pages/man2/readv.2.html>.
    fn may_be_cached(&self, offset: u64) -> bool {
        let mut byte = [0];
        let mut buffers = [IoSliceMut::new(&mut byte)];
        let read = rustix::io::preadv2(&self.file, &mut buffers, offset, ReadWriteFlags::NOWAIT);
        read != Err(Errno::AGAIN)
    }
}

/// The smallest range of whole steps that holds this one.
fn around(from: u64, to: u64, step: u64) -> (u64, u64) {
    let end = to.checked_next_multiple_of(step).unwrap_or(u64::MAX);
    (from - from % step, end)
}

impl StorageFile for DiskFile {
    fn len(&self) -> io::Result<u64> {
        Ok(look(&self.file, "", AtFlags::EMPTY_PATH)?.stx_size)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        read_whole(|rest, at| self.file.read_at(rest, at), buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        limit::check_written(offset, bytes.len())?;
        write_whole(|rest, at| self.file.write_at(rest, at), bytes, offset)
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        limit::check(len)?;
        let none = rustix::fs::FallocateFlags::empty();
        // A signal may interrupt it, which std takes care of in its own calls only.
        match retry(|| Ok(rustix::fs::fallocate(&self.file, none, 0, len)?)) {
            Err(error) if is_any(&error, &UNKNOWN) => self.file.set_len(len),
            other => other,
        }
    }

    fn map(&self, len: u64) -> io::Result<Arc<dyn MappedRegion>> {
        let mapped = Arc::new(MappedFile::new(&self.file, len, &self.space)?);
        let _ = self.mapped.set(Arc::clone(&mapped));
        Ok(mapped)
    }

    fn sync(&self, from: u64, to: u64) -> io::Result<()> {
        // Pages of a mapping that were made writable ahead count as changed: syncing the whole
        // file would write them now, and once more when they have been used.
        let part = self.mapped.get().and_then(|mapped| mapped.sync(from, to));
        // fdatasync also writes what is needed to read the data back, the length included:
        // https://man7.org/linux/man-pages/man2/fdatasync.2.html
        let synced = part.unwrap_or_else(|| self.file.sync_data());
        // A limit that is new is noticed here at the latest.
        limit::file_len_max();
        synced
    }

    fn confirm_sync(&self) -> io::Result<()> {
        self.doubt.confirm(&self.file)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        if len > self.len()? {
            limit::check(len)?;
        }
        self.file.set_len(len)
    }

    fn next_data(&self, offset: u64) -> io::Result<Option<(u64, u64)>> {
        let len = self.len()?;
        if offset >= len {
            return Ok(None);
        }
        // Nothing depends on where the file's own cursor is.
        let seek = |to| retry(|| Ok(rustix::fs::seek(&self.file, to)?));
        let found = seek(SeekFrom::Data(offset)).and_then(|from| {
            let to = seek(SeekFrom::Hole(from))?;
            Ok((from, to))
        });
        match found {
            Ok(data) => Ok(Some(data)),
            Err(error) if error.raw_os_error() == Some(Errno::NXIO.raw_os_error()) => Ok(None),
            // Where holes cannot be asked for there may be data everywhere.
            Err(_) => Ok(Some((offset, len))),
        }
    }

    fn drop_cache_exact(&self, from: u64, to: u64) -> io::Result<()> {
        self.forget((from, to))
    }

    fn drop_cache(&self, from: u64, to: u64) -> io::Result<()> {
        let whole = around(from, to, CACHED_PIECE_MAX);
        let pages = around(from, to, PAGE_LEN);
        if pages != whole {
            // More would be written where it has not been, and be waited for behind that.
            self.forget(pages)?;
            let last = pages.1.saturating_sub(PAGE_LEN);
            if !self.may_be_cached(pages.0) && !self.may_be_cached(last) {
                return Ok(());
            }
        }
        // What is cached in one piece is forgotten only as a whole: the range must not cut one.
        self.forget(whole)
    }

    fn is_linked(&self) -> io::Result<bool> {
        Ok(self.file.metadata()?.nlink() > 0)
    }

    fn identity(&self) -> io::Result<FileIdentity> {
        Ok(identity(&look(&self.file, "", AtFlags::EMPTY_PATH)?))
    }

    fn try_lock(&self, lock: Lock) -> io::Result<LockOutcome> {
        let tried = retry(|| match lock {
            Lock::Shared => fs2::FileExt::try_lock_shared(&self.file),
            Lock::Exclusive => fs2::FileExt::try_lock_exclusive(&self.file),
        });
        match tried {
            Ok(()) => Ok(LockOutcome::Held),
            Err(error) if is_contended(&error) => Ok(LockOutcome::Contended),
            Err(error) if is_unsupported(&error) => Ok(LockOutcome::Unsupported),
            Err(error) => Err(error),
        }
    }
}

/// The largest piece of a file that Linux caches as one, a huge page; each begins at a multiple of
/// its own length: <https://docs.kernel.org/admin-guide/mm/transhuge.html>.
const CACHED_PIECE_MAX: u64 = 2 << 20;

/// What file systems say that do not know a call.
const UNKNOWN: [Errno; 2] = [Errno::OPNOTSUPP, Errno::NOSYS];

fn is_contended(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
        || error.raw_os_error() == fs2::lock_contended_error().raw_os_error()
}

fn is_unsupported(error: &io::Error) -> bool {
    let unsupported = [Errno::NOLCK, Errno::OPNOTSUPP];
    error.kind() == io::ErrorKind::Unsupported || is_any(error, &unsupported)
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn files_and_directories_are_their_owners_only() {
        use std::os::unix::fs::PermissionsExt;
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a/b");
        let storage = DiskStorage::create(&path).unwrap();
        Storage::create(&storage, "f").unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o700);
        assert_eq!(mode(&path.join("f")), 0o600);
    }

    #[test]
    fn a_part_of_a_file_is_synced_whatever_its_length_and_mode() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let storage = DiskStorage::open(dir.path()).unwrap();
        for (name, len, mode) in [
            ("a", 3 * 4096, 0o600),
            ("b", 5000, 0o600),
            ("c", 8192, 0o400),
        ] {
            let bytes = vec![7; len];
            let file = Storage::create(&storage, name).unwrap();
            file.write_at(&bytes, 0).unwrap();
            let path = dir.path().join(name);
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let again = storage.open_to_sync(name).unwrap();
            again.sync(0, 4000).unwrap();
            again.sync(4000, 5000).unwrap();
            assert_eq!(std::fs::read(path).unwrap(), bytes);
        }
    }

    #[test]
    fn what_is_dropped_from_the_cache_is_cached_no_more() {
        let dir = tempfile::tempdir().unwrap();
        let storage = DiskStorage::open(dir.path()).unwrap();
        let file = Storage::create(&storage, "f").unwrap();
        let len = 4 << 20;
        file.allocate(len).unwrap();
        file.sync(0, len).unwrap();
        let page = 1 << 20;
        for (from, to) in [
            (0, u64::MAX),
            (0, len),
            (page, page + 100),
            (page + 10, len),
        ] {
            assert_eq!(file.read_at(&mut [0; 4096], page).unwrap(), 4096);
            // On ext4, space that is only reserved shows as data while zeros of it are cached.
            let is_shown = file.next_data(page).unwrap().is_some_and(|at| at.0 == page);
            if is_shown && storage.file_system == FileSystem::Ext4 {
                file.drop_cache(from, to).unwrap();
                let found = file.next_data(page).unwrap();
                assert!(
                    found.is_none_or(|at| at.0 > page),
                    "{from}..{to}: {found:?}"
                );
            }
        }
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

    #[test]
    fn a_directory_is_the_one_that_was_opened_whatever_becomes_of_its_path() {
        let root = tempfile::tempdir().unwrap();
        let (path, moved) = (root.path().join("a/b"), root.path().join("moved"));
        let storage = DiskStorage::create(&path).unwrap();
        Storage::create(&storage, "before").unwrap();
        std::fs::rename(&path, &moved).unwrap();
        std::fs::create_dir(&path).unwrap();
        let made = Storage::create(&storage, "made").unwrap();
        storage.link("made", "linked").unwrap();
        assert_eq!(storage.link("made", "before").unwrap_err().kind(), TAKEN);
        storage.remove("made").unwrap();
        storage.sync_dir().unwrap();
        let mut names = storage.names().unwrap();
        names.sort_unstable();
        assert_eq!(names, ["before", "linked"]);
        assert_eq!(storage.list().unwrap().len(), 2);
        assert_eq!(Storage::open(&storage, "linked").unwrap().len().unwrap(), 0);
        assert_eq!(std::fs::read_dir(&moved).unwrap().count(), 2);
        assert_eq!(std::fs::read_dir(&path).unwrap().count(), 0);
        let identity = storage.identity_of("linked").unwrap();
        assert_eq!(identity, made.identity().unwrap());
        assert_ne!(identity, storage.identity_of("before").unwrap());
        assert!(Storage::is_linked(&storage).unwrap());
        let gone = storage.identity_of("made").unwrap_err();
        assert_eq!(gone.kind(), io::ErrorKind::NotFound);
    }

    const TAKEN: io::ErrorKind = io::ErrorKind::AlreadyExists;

    #[test]
    fn a_removed_directory_is_noticed() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("gone");
        let storage = DiskStorage::create(&path).unwrap();
        assert!(Storage::is_linked(&storage).unwrap());
        std::fs::remove_dir(&path).unwrap();
        assert!(!Storage::is_linked(&storage).unwrap());
    }
}
