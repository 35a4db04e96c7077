//! A file of Windows.

use std::fs::File;
use std::io;
use std::os::windows::fs::FileExt;

use super::directory::Directory;
use super::lock;
use super::look::{identity, is_linked};
use crate::storage::{FileIdentity, Lock, LockOutcome, StorageFile};
use crate::storage::{read_whole, write_whole};

/// Makes files of what was opened in one directory.
#[derive(Debug)]
pub(crate) struct FileMaker {
    volume: u64,
}

impl FileMaker {
    pub(crate) fn new(dir: &Directory) -> FileMaker {
        FileMaker {
            volume: dir.volume(),
        }
    }

    pub(crate) fn file(&self, file: File) -> DiskFile {
        let volume = self.volume;
        DiskFile { file, volume }
    }

    /// A file to be synced: here it is always the whole file.
    pub(crate) fn file_to_sync(
        &self,
        open: impl Fn(bool) -> io::Result<File>,
    ) -> io::Result<DiskFile> {
        Ok(self.file(open(true)?))
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
    volume: u64,
}

impl StorageFile for DiskFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        read_whole(|rest, at| self.file.seek_read(rest, at), buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        write_whole(|rest, at| self.file.seek_write(rest, at), bytes, offset)
    }

    /// A file that is not sparse gets its space with its length:
    /// <https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-setendoffile>.
    fn allocate(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    /// FlushFileBuffers, which also asks the drive to keep what it has:
    /// <https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-flushfilebuffers>.
    fn sync(&self, _: u64, _: u64) -> io::Result<()> {
        self.file.sync_all()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    /// Nothing is forgotten: the system has no call for it.
    fn drop_cache(&self, _: u64, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn is_linked(&self) -> io::Result<bool> {
        is_linked(&self.file)
    }

    fn identity(&self) -> io::Result<FileIdentity> {
        identity(&self.file, self.volume)
    }

    fn try_lock(&self, lock: Lock) -> io::Result<LockOutcome> {
        lock::try_lock(&self.file, lock)
    }
}
