//! A directory in memory, for cases of which there are to be millions.
//!
//! Reading is counted and has a limit, so that work out of proportion ends as a failed case.

mod inode;
mod locked;
mod meter;
mod region;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use trace_journal::Timestamp;
use trace_journal::format::{FRAMES_OFFSET, released};
use trace_journal::storage::{
    ClockReading, Durability, Entry, FileIdentity, FileSystem, Lock, LockOutcome, MappedRegion,
    ProcessFacts, Storage, StorageFile,
};

use super::rig_defects::{Defect, has, has_now};
use crate::random::Random;
use inode::{Contents, Handle, Inode, len_of, lock};
use locked::Locked;
use meter::Meter;
use region::{Mapping, PAGE};

/// Files by name; clones are the same directory.
#[derive(Clone, Debug)]
pub(super) struct Memory {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    names: Mutex<BTreeMap<String, Arc<Inode>>>,
    /// Names as they are after a power cut.
    durable_names: Mutex<BTreeMap<String, Arc<Inode>>>,
    meter: Arc<Meter>,
    random: Mutex<Random>,
}

impl Memory {
    /// An empty directory whose random numbers are those of a seed.
    #[must_use]
    pub(super) fn new(seed: u64) -> Memory {
        let shared = Shared {
            names: Mutex::default(),
            durable_names: Mutex::default(),
            meter: Arc::default(),
            random: Mutex::new(Random::new(seed)),
        };
        Memory {
            shared: Arc::new(shared),
        }
    }

    /// Puts a durable file there, instead of any of its name.
    pub(super) fn put(&self, name: &str, bytes: Vec<u8>) {
        let inode = Inode::default();
        *lock(&inode.state) = Contents {
            durable: bytes.clone(),
            bytes,
            writable: BTreeSet::new(),
        };
        let inode = Arc::new(inode);
        lock(&self.shared.durable_names).insert(name.to_owned(), Arc::clone(&inode));
        lock(&self.shared.names).insert(name.to_owned(), inode);
    }

    /// Changes the bytes of a file as no program would.
    pub(super) fn harm(&self, name: &str, harm: impl FnOnce(&mut Vec<u8>)) {
        if let Some(inode) = lock(&self.shared.names).get(name) {
            harm(&mut lock(&inode.state).bytes);
        }
    }

    /// Takes the lock another process would hold; it stays for ever.
    pub(super) fn lock_for_ever(&self, name: &str) {
        if let Some(inode) = lock(&self.shared.names).get(name) {
            *lock(&inode.lock) = Locked::Exclusive;
        }
    }

    /// All files.
    #[must_use]
    pub(super) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let names = lock(&self.shared.names);
        let files = names.iter();
        files
            .map(|(name, inode)| (name.clone(), lock(&inode.state).bytes.clone()))
            .collect()
    }

    /// Bytes of all files.
    #[must_use]
    pub(super) fn size(&self) -> u64 {
        let names = lock(&self.shared.names);
        let sizes = names
            .values()
            .map(|inode| len_of(&lock(&inode.state).bytes));
        sizes.sum()
    }

    /// The directory once every process that had files open is dead.
    #[must_use]
    pub(super) fn after_kill(&self, seed: u64) -> Memory {
        let after = Memory::new(seed);
        for (name, mut bytes) in self.files() {
            if name.ends_with(".run") {
                // What owned it is over, and this process is not.
                let (text, at) = released();
                let behind = bytes.iter_mut().skip(at.try_into().expect("offsets fit"));
                behind.zip(text.bytes()).for_each(|(to, from)| *to = from);
            }
            after.put(&name, bytes);
        }
        after
    }

    /// The directory after a power cut: of names, and of un-synced bytes of whole files, `keeps`
    /// decides one by one.
    #[must_use]
    pub(super) fn after_power_cut(&self, seed: u64, mut keeps: impl FnMut() -> bool) -> Memory {
        let after = Memory::new(seed);
        let durable = lock(&self.shared.durable_names).clone();
        let now = lock(&self.shared.names).clone();
        let names = durable.iter().chain(&now);
        for name in names.map(|(name, _)| name) {
            let source = if keeps() { &now } else { &durable };
            // A name of both is met twice, and what the second says stays.
            lock(&after.shared.names).remove(name);
            if let Some(inode) = source.get(name) {
                let contents = lock(&inode.state).clone();
                let Contents { bytes, durable, .. } = contents;
                after.put(name, if keeps() { bytes } else { durable });
            }
        }
        after
    }

    /// Lets `count` more bytes be read; a request counts as some more.
    pub(super) fn let_read(&self, count: u64) {
        self.shared.meter.let_read(count);
    }

    /// Changes made so far, to files or names.
    #[must_use]
    pub(super) fn change_count(&self) -> u64 {
        self.shared.meter.changes()
    }

    /// The storage to open journals on.
    #[must_use]
    pub(super) fn storage(&self) -> Arc<dyn Storage> {
        Arc::new(self.clone())
    }

    fn handle(&self, inode: Arc<Inode>) -> Arc<dyn StorageFile> {
        Arc::new(Handle {
            inode,
            meter: Arc::clone(&self.shared.meter),
            held: Mutex::new(None),
        })
    }
}

impl Storage for Memory {
    fn path(&self) -> &Path {
        Path::new("memory")
    }

    fn list(&self) -> io::Result<Vec<Entry>> {
        let names = lock(&self.shared.names);
        let entries = names.iter().map(|(name, inode)| Entry {
            name: name.clone(),
            len: len_of(&lock(&inode.state).bytes),
            is_file: true,
        });
        Ok(entries.collect())
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        let mut names = lock(&self.shared.names);
        if names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.shared.meter.change();
        let inode = Arc::new(Inode::default());
        names.insert(name.to_owned(), Arc::clone(&inode));
        Ok(self.handle(inode))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        let names = lock(&self.shared.names);
        let inode = names.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(self.handle(Arc::clone(inode)))
    }

    fn link(&self, from: &str, to: &str) -> io::Result<()> {
        let mut names = lock(&self.shared.names);
        if names.contains_key(to) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let inode = names.get(from).cloned().ok_or(io::ErrorKind::NotFound)?;
        names.insert(to.to_owned(), inode);
        self.shared.meter.change();
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let removed = lock(&self.shared.names).remove(name);
        self.shared.meter.change();
        removed.map(|_| ()).ok_or(io::ErrorKind::NotFound.into())
    }

    fn sync_dir(&self) -> io::Result<()> {
        let names = lock(&self.shared.names).clone();
        *lock(&self.shared.durable_names) = names;
        Ok(())
    }

    fn identity_of(&self, name: &str) -> io::Result<FileIdentity> {
        let names = lock(&self.shared.names);
        let inode = names.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(identity(inode))
    }

    fn is_linked(&self) -> io::Result<bool> {
        Ok(true)
    }

    fn file_system(&self) -> FileSystem {
        FileSystem::Other
    }

    fn durability(&self) -> Durability {
        Durability::Disk
    }

    fn clocks(&self) -> ClockReading {
        ClockReading {
            wall: Timestamp::new(1_700_000_000, 0),
            boot_nanoseconds: 1,
        }
    }

    fn random(&self) -> u64 {
        lock(&self.shared.random).draw()
    }

    fn process(&self) -> ProcessFacts {
        ProcessFacts::default()
    }
}

impl StorageFile for Handle {
    fn len(&self) -> io::Result<u64> {
        Ok(len_of(&lock(&self.inode.state).bytes))
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let contents = lock(&self.inode.state);
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let there = contents.bytes.get(from..).unwrap_or_default();
        let count = there.len().min(buffer.len());
        let (into, there) = (buffer.get_mut(..count), there.get(..count));
        if let (Some(into), Some(there)) = (into, there) {
            into.copy_from_slice(there);
            if has_now(Defect::ReadsDiffer)
                && let Some(last) = into.last_mut()
            {
                *last ^= 1;
            }
        }
        if has(Defect::ReadingWrites) {
            self.meter.change();
        }
        drop(contents);
        self.meter.read(count);
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if offset >= FRAMES_OFFSET && has_now(Defect::WriteLost) {
            return Ok(());
        }
        let from = usize::try_from(offset).map_err(io::Error::other)?;
        let end = from.saturating_add(bytes.len());
        let contents = &mut lock(&self.inode.state).bytes;
        if contents.len() < end {
            contents.resize(end, 0);
        }
        if let Some(there) = contents.get_mut(from..end) {
            there.copy_from_slice(bytes);
        }
        self.meter.change();
        Ok(())
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.set_len(len.max(self.len()?))
    }

    fn map(&self, len: u64) -> io::Result<Arc<dyn MappedRegion>> {
        Mapping::of(self, len)
    }

    fn sync(&self, from: u64, to: u64) -> io::Result<()> {
        let mut contents = lock(&self.inode.state);
        let Contents {
            bytes,
            durable,
            writable,
        } = &mut *contents;
        // What is clean may need space again when it is next stored into.
        writable.retain(|page| *page < from / PAGE || *page >= to.div_ceil(PAGE));
        durable.resize(bytes.len(), 0);
        if has(Defect::SyncIgnored) {
            return Ok(());
        }
        let end = usize::try_from(to).unwrap_or(usize::MAX).min(bytes.len());
        let range = usize::try_from(from).unwrap_or(usize::MAX).min(end)..end;
        if let (Some(durable), Some(bytes)) = (durable.get_mut(range.clone()), bytes.get(range)) {
            durable.copy_from_slice(bytes);
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).map_err(io::Error::other)?;
        lock(&self.inode.state).bytes.resize(len, 0);
        self.meter.change();
        Ok(())
    }

    fn drop_cache(&self, _: u64, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn identity(&self) -> io::Result<FileIdentity> {
        Ok(identity(&self.inode))
    }

    fn is_linked(&self) -> io::Result<bool> {
        Ok(true)
    }

    fn try_lock(&self, wanted: Lock) -> io::Result<LockOutcome> {
        let mut held = lock(&self.held);
        let mut locked = lock(&self.inode.lock);
        locked.give_back(held.take());
        let outcome = locked.take(wanted);
        *held = (outcome == LockOutcome::Held).then_some(wanted);
        Ok(outcome)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        lock(&self.inode.lock).give_back(lock(&self.held).take());
    }
}

fn identity(inode: &Arc<Inode>) -> FileIdentity {
    let place = u64::try_from(Arc::as_ptr(inode).addr());
    FileIdentity {
        device: 0,
        inode: place.unwrap_or(u64::MAX),
    }
}
