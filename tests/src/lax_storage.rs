//! A storage that leaves something out: the control that a rig with real disks can fail.

use std::io;
use std::path::Path;
use std::sync::Arc;

use trace_journal::format::Owner;
use trace_journal::storage::{
    ClockReading, Durability, Entry, FileIdentity, FileSystem, Lock, LockOutcome, MappedRegion,
    ProcessFacts, ProcessState, Storage, StorageFile,
};

/// What is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// Syncs do nothing and succeed.
    Sync,
    /// No space is reserved before it is stored into.
    Space,
}

/// A storage that leaves something out, and says it did it.
#[derive(Clone, Debug)]
pub struct LaxStorage(Arc<dyn Storage>, Lack);

impl LaxStorage {
    /// The same storage without that.
    #[must_use]
    pub fn new(inner: Arc<dyn Storage>, lack: Lack) -> LaxStorage {
        LaxStorage(inner, lack)
    }
}

impl Storage for LaxStorage {
    fn path(&self) -> &Path {
        self.0.path()
    }

    fn list(&self) -> io::Result<Vec<Entry>> {
        self.0.list()
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        Ok(Arc::new(LaxFile(self.0.create(name)?, self.1)))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        Ok(Arc::new(LaxFile(self.0.open(name)?, self.1)))
    }

    fn open_to_lock(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        Ok(Arc::new(LaxFile(self.0.open_to_lock(name)?, self.1)))
    }

    fn link(&self, from: &str, to: &str) -> io::Result<()> {
        self.0.link(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.0.remove(name)
    }

    fn stamp(&self) -> io::Result<Option<u64>> {
        self.0.stamp()
    }

    fn sync_dir(&self) -> io::Result<()> {
        match self.1 {
            Lack::Sync => Ok(()),
            Lack::Space => self.0.sync_dir(),
        }
    }

    fn is_own_process(&self) -> bool {
        self.0.is_own_process()
    }

    fn identity_of(&self, name: &str) -> io::Result<FileIdentity> {
        self.0.identity_of(name)
    }

    fn is_linked(&self) -> io::Result<bool> {
        self.0.is_linked()
    }

    fn file_len_max(&self) -> u64 {
        self.0.file_len_max()
    }

    fn file_system(&self) -> FileSystem {
        self.0.file_system()
    }

    fn durability(&self) -> Durability {
        self.0.durability()
    }

    fn clocks(&self) -> ClockReading {
        self.0.clocks()
    }

    fn random(&self) -> u64 {
        self.0.random()
    }

    fn process(&self) -> ProcessFacts {
        self.0.process()
    }

    fn process_state(&self, owner: &Owner) -> ProcessState {
        self.0.process_state(owner)
    }

    fn file_system_type(&self) -> u64 {
        self.0.file_system_type()
    }
}

#[derive(Debug)]
struct LaxFile(Arc<dyn StorageFile>, Lack);

impl StorageFile for LaxFile {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let is_blank = bytes.iter().all(|byte| *byte == 0);
        match self.1 {
            Lack::Space if is_blank => Ok(()),
            _ => self.0.write_at(bytes, offset),
        }
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        match self.1 {
            Lack::Sync => self.0.allocate(len),
            Lack::Space => self.0.set_len(len),
        }
    }

    fn map(&self, len: u64) -> io::Result<Arc<dyn MappedRegion>> {
        let region = self.0.map(len)?;
        Ok(match self.1 {
            Lack::Sync => region,
            Lack::Space => Arc::new(Unreserved(region)),
        })
    }

    fn confirm_sync(&self) -> io::Result<()> {
        self.0.confirm_sync()
    }

    fn sync(&self, from: u64, to: u64) -> io::Result<()> {
        match self.1 {
            Lack::Sync => Ok(()),
            Lack::Space => self.0.sync(from, to),
        }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn next_data(&self, offset: u64) -> io::Result<Option<(u64, u64)>> {
        self.0.next_data(offset)
    }

    fn drop_cache(&self, from: u64, to: u64) -> io::Result<()> {
        self.0.drop_cache(from, to)
    }

    fn drop_cache_exact(&self, from: u64, to: u64) -> io::Result<()> {
        self.0.drop_cache_exact(from, to)
    }

    fn identity(&self) -> io::Result<FileIdentity> {
        self.0.identity()
    }

    fn is_linked(&self) -> io::Result<bool> {
        self.0.is_linked()
    }

    fn try_lock(&self, lock: Lock) -> io::Result<LockOutcome> {
        self.0.try_lock(lock)
    }
}

#[derive(Debug)]
struct Unreserved(Arc<dyn MappedRegion>);

impl MappedRegion for Unreserved {
    fn write(&self, offset: u64, bytes: &[u8]) {
        self.0.write(offset, bytes);
    }

    fn commit(&self, offset: u64, word: u64) {
        self.0.commit(offset, word);
    }

    fn word(&self, offset: u64) -> u64 {
        self.0.word(offset)
    }

    fn make_writable(&self, _from: u64, _to: u64) -> io::Result<()> {
        Ok(())
    }
}
