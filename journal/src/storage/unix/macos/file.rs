//! A file of macOS.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::FallocateFlags;

use super::look::{identity, sync};
use crate::storage::unix::directory::Directory;
use crate::storage::unix::{limit, lock};
use crate::storage::{FileIdentity, Lock, LockOutcome, StorageFile};
use crate::storage::{read_whole, retry, write_whole};

/// Makes files of what was opened in one directory.
#[derive(Debug)]
pub(crate) struct FileMaker {
    /// A sync could not ask the drive.
    is_weak: Arc<AtomicBool>,
}

impl FileMaker {
    pub(crate) fn new(_: &Directory) -> FileMaker {
        FileMaker {
            is_weak: Arc::default(),
        }
    }

    pub(crate) fn file(&self, file: File) -> DiskFile {
        DiskFile {
            file,
            is_weak: Arc::clone(&self.is_weak),
        }
    }

    /// A file to be synced: here it is always the whole file.
    pub(crate) fn file_to_sync(
        &self,
        open: impl Fn(bool) -> io::Result<File>,
    ) -> io::Result<DiskFile> {
        Ok(self.file(open(false)?))
    }

    /// Whether a sync was found to be worth less than it should.
    pub(crate) fn is_weak(&self) -> bool {
        self.is_weak.load(Ordering::Relaxed)
    }
}

/// A file of the operating system.
#[derive(Debug)]
pub(crate) struct DiskFile {
    file: File,
    is_weak: Arc<AtomicBool>,
}

impl StorageFile for DiskFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
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
        // F_PREALLOCATE, then the length:
        // https://github.com/apple-oss-distributions/xnu/blob/main/bsd/man/man2/fcntl.2
        let none = FallocateFlags::empty();
        match retry(|| Ok(rustix::fs::fallocate(&self.file, none, 0, len)?)) {
            Err(error) if error.kind() == io::ErrorKind::StorageFull => Err(error),
            // Where space cannot be reserved, a write finds out that there is none.
            Err(_) => self.file.set_len(len),
            Ok(()) => Ok(()),
        }
    }

    fn sync(&self, _: u64, _: u64) -> io::Result<()> {
        let is_whole = sync(&self.file)?;
        self.is_weak.fetch_or(!is_whole, Ordering::Relaxed);
        limit::file_len_max();
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        if len > self.len()? {
            limit::check(len)?;
        }
        self.file.set_len(len)
    }

    /// Nothing is forgotten: the system has no call for it.
    fn drop_cache(&self, _: u64, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn is_linked(&self) -> io::Result<bool> {
        Ok(self.file.metadata()?.nlink() > 0)
    }

    fn identity(&self) -> io::Result<FileIdentity> {
        Ok(identity(&rustix::fs::fstat(&self.file)?))
    }

    fn try_lock(&self, lock: Lock) -> io::Result<LockOutcome> {
        lock::try_lock(&self.file, lock)
    }
}
