//! A file of Linux.

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::num::NonZeroU64;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::{Arc, OnceLock};

use rustix::fs::{Advice, AtFlags, SeekFrom};
use rustix::io::{Errno, ReadWriteFlags};

use super::confirm::Doubt;
use super::look::{identity, look};
use super::map::{AddressSpace, MappedFile};
use crate::storage::unix::directory::Directory;
use crate::storage::unix::errno::is_any;
use crate::storage::unix::{limit, lock};
use crate::storage::{FileIdentity, FileSystem, Lock, LockOutcome, PAGE_LEN};
use crate::storage::{MappedRegion, StorageFile, read_whole, retry, write_whole};

/// Makes files of what was opened in one directory.
#[derive(Debug)]
pub(crate) struct FileMaker {
    file_system: FileSystem,
    space: AddressSpace,
}

impl FileMaker {
    pub(crate) fn new(dir: &Directory) -> FileMaker {
        FileMaker {
            file_system: dir.file_system(),
            space: AddressSpace::default(),
        }
    }

    pub(crate) fn file(&self, file: File) -> DiskFile {
        DiskFile {
            file,
            mapped: OnceLock::new(),
            space: self.space.clone(),
            doubt: Doubt::of(self.file_system),
        }
    }

    /// A file of which parts can be synced by themselves, if it can be.
    pub(crate) fn file_to_sync(
        &self,
        open: impl Fn(bool) -> io::Result<File>,
    ) -> io::Result<DiskFile> {
        // Only of a mapping a part is synced by itself, and only if it could be stored into:
        // https://man7.org/linux/man-pages/man2/msync.2.html
        let is_known = self.file_system != FileSystem::Other;
        let Some(file) = is_known.then(|| open(true)).and_then(Result::ok) else {
            return Ok(self.file(open(false)?));
        };
        let file = self.file(file);
        // What cannot be mapped is synced as a whole.
        let _ = file.map(file.len()?);
        Ok(file)
    }

    /// Whether a sync was found to be worth less than it should.
    pub(crate) fn is_weak(&self) -> bool {
        false
    }
}

/// A file of the operating system.
#[derive(Debug)]
pub(crate) struct DiskFile {
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
        lock::try_lock(&self.file, lock)
    }
}

/// The largest piece of a file that Linux caches as one, a huge page; each begins at a multiple of
/// its own length: <https://docs.kernel.org/admin-guide/mm/transhuge.html>.
const CACHED_PIECE_MAX: u64 = 2 << 20;

/// What file systems say that do not know a call.
const UNKNOWN: [Errno; 2] = [Errno::OPNOTSUPP, Errno::NOSYS];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{DiskStorage, Storage};

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
            if is_shown && storage.file_system() == FileSystem::Ext4 {
                file.drop_cache(from, to).unwrap();
                let found = file.next_data(page).unwrap();
                assert!(
                    found.is_none_or(|at| at.0 > page),
                    "{from}..{to}: {found:?}"
                );
            }
        }
    }
}
