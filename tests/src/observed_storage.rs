//! A storage that shows every call to a watcher, which may let it fail.

use std::fmt::Debug;
use std::io;
use std::path::Path;
use std::sync::Arc;

use trace_journal::format::Owner;
use trace_journal::storage::{
    ClockReading, Durability, Entry, FileIdentity, FileSystem, Lock, LockOutcome, MappedRegion,
    ProcessFacts, ProcessState, Storage, StorageFile,
};

/// What is asked of the storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// [`Storage::list`].
    List,
    /// [`Storage::create`].
    Create,
    /// [`Storage::open`].
    Open,
    /// [`Storage::link`].
    Link,
    /// [`Storage::remove`].
    Remove,
    /// [`Storage::sync_dir`].
    SyncDir,
    /// [`Storage::is_linked`] or [`StorageFile::is_linked`].
    IsLinked,
    /// [`Storage::identity_of`] or [`StorageFile::identity`].
    Identity,
    /// [`StorageFile::len`].
    Len,
    /// [`StorageFile::read_at`].
    Read,
    /// [`StorageFile::write_at`].
    Write,
    /// [`StorageFile::allocate`].
    Allocate,
    /// [`StorageFile::map`].
    Map,
    /// [`MappedRegion::write`].
    Copy,
    /// [`MappedRegion::commit`].
    Commit,
    /// [`MappedRegion::make_writable`].
    MakeWritable,
    /// [`StorageFile::sync`].
    Sync,
    /// [`StorageFile::confirm_sync`].
    ConfirmSync,
    /// [`StorageFile::set_len`].
    SetLen,
    /// [`StorageFile::next_data`].
    DataBehind,
    /// [`StorageFile::drop_cache`].
    DropCache,
    /// [`StorageFile::try_lock`].
    TryLock,
}

/// A call about to be made, or just made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// What is asked.
    pub operation: Operation,
    /// The file it is asked of; empty for the directory.
    pub name: String,
    /// Where in the file it begins.
    pub from: u64,
    /// Where in the file it ends; the new length for a change of length.
    pub to: u64,
}

/// What becomes of a call.
#[derive(Debug)]
pub enum Verdict {
    /// It is made.
    Pass,
    /// It fails and nothing is done.
    Fail(io::Error),
    /// Of a write, this many bytes are written, then it fails.
    FailAfter(usize, io::Error),
}

/// Sees every call.
pub trait StorageObserver: Debug + Send + Sync {
    /// Before a call is made: says what becomes of it.
    fn before(&self, call: &Call) -> Verdict;

    /// After a call was made or had to fail.
    fn after(&self, _call: &Call, _has_succeeded: bool) {}
}

/// A storage with a watcher.
#[derive(Clone, Debug)]
pub struct ObservedStorage {
    inner: Arc<dyn Storage>,
    watcher: Arc<dyn StorageObserver>,
}

impl ObservedStorage {
    /// Puts a watcher in front of a storage.
    #[must_use]
    pub fn new(inner: Arc<dyn Storage>, watcher: Arc<dyn StorageObserver>) -> ObservedStorage {
        ObservedStorage { inner, watcher }
    }

    fn make<T>(
        &self,
        operation: Operation,
        name: &str,
        make: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        let (from, to) = (0, 0);
        let name = name.to_owned();
        let call = Call {
            operation,
            name,
            from,
            to,
        };
        watch(&*self.watcher, &call, make)
    }

    fn file(&self, name: &str, inner: Arc<dyn StorageFile>) -> Arc<dyn StorageFile> {
        Arc::new(WatchedFile {
            name: name.to_owned(),
            inner,
            watcher: Arc::clone(&self.watcher),
        })
    }
}

fn watch<T>(
    watcher: &dyn StorageObserver,
    call: &Call,
    make: impl FnOnce() -> io::Result<T>,
) -> io::Result<T> {
    let made = match watcher.before(call) {
        Verdict::Pass => make(),
        Verdict::Fail(error) | Verdict::FailAfter(_, error) => Err(error),
    };
    watcher.after(call, made.is_ok());
    made
}

impl Storage for ObservedStorage {
    fn path(&self) -> &Path {
        self.inner.path()
    }

    fn list(&self) -> io::Result<Vec<Entry>> {
        self.make(Operation::List, "", || self.inner.list())
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        let made = self.make(Operation::Create, name, || self.inner.create(name))?;
        Ok(self.file(name, made))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        let opened = self.make(Operation::Open, name, || self.inner.open(name))?;
        Ok(self.file(name, opened))
    }

    fn open_to_sync(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        let opened = self.make(Operation::Open, name, || self.inner.open_to_sync(name))?;
        Ok(self.file(name, opened))
    }

    fn open_to_lock(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        let opened = self.make(Operation::Open, name, || self.inner.open_to_lock(name))?;
        Ok(self.file(name, opened))
    }

    fn link(&self, from: &str, to: &str) -> io::Result<()> {
        self.make(Operation::Link, to, || self.inner.link(from, to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.make(Operation::Remove, name, || self.inner.remove(name))
    }

    fn stamp(&self) -> io::Result<Option<u64>> {
        self.inner.stamp()
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.make(Operation::SyncDir, "", || self.inner.sync_dir())
    }

    fn is_own_process(&self) -> bool {
        self.inner.is_own_process()
    }

    fn identity_of(&self, name: &str) -> io::Result<FileIdentity> {
        self.make(Operation::Identity, name, || self.inner.identity_of(name))
    }

    fn is_linked(&self) -> io::Result<bool> {
        self.make(Operation::IsLinked, "", || self.inner.is_linked())
    }

    fn file_len_max(&self) -> u64 {
        self.inner.file_len_max()
    }

    fn file_system(&self) -> FileSystem {
        self.inner.file_system()
    }

    fn durability(&self) -> Durability {
        self.inner.durability()
    }

    fn clocks(&self) -> ClockReading {
        self.inner.clocks()
    }

    fn random(&self) -> u64 {
        self.inner.random()
    }

    fn process(&self) -> ProcessFacts {
        self.inner.process()
    }

    fn process_state(&self, owner: &Owner) -> ProcessState {
        self.inner.process_state(owner)
    }

    fn file_system_type(&self) -> u64 {
        self.inner.file_system_type()
    }
}

#[derive(Debug)]
struct WatchedFile {
    name: String,
    inner: Arc<dyn StorageFile>,
    watcher: Arc<dyn StorageObserver>,
}

impl WatchedFile {
    fn make<T>(
        &self,
        operation: Operation,
        (from, to): (u64, u64),
        make: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        let name = self.name.clone();
        let call = Call {
            operation,
            name,
            from,
            to,
        };
        watch(&*self.watcher, &call, make)
    }
}

impl StorageFile for WatchedFile {
    fn len(&self) -> io::Result<u64> {
        self.make(Operation::Len, (0, 0), || self.inner.len())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let range = (offset, offset + len_of(buffer));
        let read = || self.inner.read_at(buffer, offset);
        self.make(Operation::Read, range, read)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let call = Call {
            operation: Operation::Write,
            name: self.name.clone(),
            from: offset,
            to: offset + len_of(bytes),
        };
        let made = match self.watcher.before(&call) {
            Verdict::Pass => self.inner.write_at(bytes, offset),
            Verdict::Fail(error) => Err(error),
            Verdict::FailAfter(len, error) => {
                let part = bytes.get(..len).unwrap_or(bytes);
                self.inner.write_at(part, offset).and(Err(error))
            }
        };
        self.watcher.after(&call, made.is_ok());
        made
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.make(Operation::Allocate, (0, len), || self.inner.allocate(len))
    }

    fn map(&self, len: u64) -> io::Result<Arc<dyn MappedRegion>> {
        let inner = self.make(Operation::Map, (0, len), || self.inner.map(len))?;
        Ok(Arc::new(WatchedRegion {
            name: self.name.clone(),
            inner,
            watcher: Arc::clone(&self.watcher),
        }))
    }

    fn sync(&self, from: u64, to: u64) -> io::Result<()> {
        self.make(Operation::Sync, (from, to), || self.inner.sync(from, to))
    }

    fn confirm_sync(&self) -> io::Result<()> {
        self.make(Operation::ConfirmSync, (0, 0), || self.inner.confirm_sync())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.make(Operation::SetLen, (len, len), || self.inner.set_len(len))
    }

    fn next_data(&self, offset: u64) -> io::Result<Option<(u64, u64)>> {
        let found = || self.inner.next_data(offset);
        self.make(Operation::DataBehind, (offset, offset), found)
    }

    fn drop_cache(&self, from: u64, to: u64) -> io::Result<()> {
        let range = (from, to);
        let call = || self.inner.drop_cache(from, to);
        self.make(Operation::DropCache, range, call)
    }

    fn drop_cache_exact(&self, from: u64, to: u64) -> io::Result<()> {
        let range = (from, to);
        self.make(Operation::DropCache, range, || {
            self.inner.drop_cache_exact(from, to)
        })
    }

    fn identity(&self) -> io::Result<FileIdentity> {
        self.make(Operation::Identity, (0, 0), || self.inner.identity())
    }

    fn is_linked(&self) -> io::Result<bool> {
        self.make(Operation::IsLinked, (0, 0), || self.inner.is_linked())
    }

    fn try_lock(&self, lock: Lock) -> io::Result<LockOutcome> {
        self.make(Operation::TryLock, (0, 0), || self.inner.try_lock(lock))
    }
}

/// Stores cannot fail, whatever the watcher says; it can only look on, or end the process.
#[derive(Debug)]
struct WatchedRegion {
    name: String,
    inner: Arc<dyn MappedRegion>,
    watcher: Arc<dyn StorageObserver>,
}

impl WatchedRegion {
    fn call(&self, operation: Operation, from: u64, to: u64) -> Call {
        let name = self.name.clone();
        Call {
            operation,
            name,
            from,
            to,
        }
    }
}

impl MappedRegion for WatchedRegion {
    fn write(&self, offset: u64, bytes: &[u8]) {
        let call = self.call(Operation::Copy, offset, offset + len_of(bytes));
        let len = match self.watcher.before(&call) {
            Verdict::FailAfter(len, _) => len / 8 * 8,
            _ => bytes.len(),
        };
        self.inner.write(offset, bytes.get(..len).unwrap_or(bytes));
        self.watcher.after(&call, true);
    }

    fn commit(&self, offset: u64, word: u64) {
        let call = self.call(Operation::Commit, offset, offset + 8);
        self.watcher.before(&call);
        self.inner.commit(offset, word);
        self.watcher.after(&call, true);
    }

    fn word(&self, offset: u64) -> u64 {
        self.inner.word(offset)
    }

    fn make_writable(&self, from: u64, to: u64) -> io::Result<()> {
        let call = self.call(Operation::MakeWritable, from, to);
        watch(&*self.watcher, &call, || self.inner.make_writable(from, to))
    }
}

fn len_of(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
