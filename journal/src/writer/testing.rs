//! A file for tests, in whose writes somebody meddles.

use std::fmt;
use std::io;
use std::sync::Arc;

use crate::storage::{FileIdentity, Lock, LockOutcome, StorageFile};

type Write = dyn Fn(&dyn StorageFile, &[u8], u64) -> io::Result<()> + Send + Sync;

/// A file that leaves its writes to a function.
pub(super) struct Meddled {
    inner: Arc<dyn StorageFile>,
    write: Box<Write>,
}

impl Meddled {
    /// The function is given the file itself, and what is to be written to it and where.
    pub(super) fn file<W>(file: &Arc<dyn StorageFile>, write: W) -> Arc<dyn StorageFile>
    where
        W: Fn(&dyn StorageFile, &[u8], u64) -> io::Result<()> + Send + Sync + 'static,
    {
        Arc::new(Meddled {
            inner: Arc::clone(file),
            write: Box::new(write),
        })
    }
}

impl fmt::Debug for Meddled {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Meddled");
        shown.field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl StorageFile for Meddled {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        (self.write)(&*self.inner, bytes, offset)
    }

    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.inner.read_at(buffer, offset)
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.inner.allocate(len)
    }

    fn sync(&self, from: u64, to: u64) -> io::Result<()> {
        self.inner.sync(from, to)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.inner.set_len(len)
    }

    fn drop_cache(&self, from: u64, to: u64) -> io::Result<()> {
        self.inner.drop_cache(from, to)
    }

    fn is_linked(&self) -> io::Result<bool> {
        self.inner.is_linked()
    }

    fn identity(&self) -> io::Result<FileIdentity> {
        self.inner.identity()
    }

    fn try_lock(&self, lock: Lock) -> io::Result<LockOutcome> {
        self.inner.try_lock(lock)
    }
}
