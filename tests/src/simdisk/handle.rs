//! A program's view of the disk: the storage seam.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use trace_journal::Timestamp;
use trace_journal::format::Owner;
use trace_journal::storage::{
    ClockReading, Durability, Entry, FileIdentity, FileSystem, ProcessFacts, ProcessState, Storage,
    StorageFile, retry,
};

use super::calls::size;
use super::fault::{Bug, Need};
use super::folder::Names;
use super::opened::{Handle, identity};
use super::programs::TMPFS;
use super::{FileId, SimDisk, State};

/// A program that uses the disk.
#[derive(Clone, Debug)]
pub struct Process {
    pub(super) disk: SimDisk,
    pub(super) is_dead: Arc<AtomicBool>,
    pub(super) pid: u32,
    mid_store: Arc<Mutex<Option<MidStore>>>,
    pub(super) is_forgiven: Arc<AtomicBool>,
}

/// What another thread of the program does in the middle of an append.
struct MidStore {
    /// Stores into a mapping before it.
    stores: u64,
    what: Box<dyn FnOnce() + Send>,
}

impl fmt::Debug for MidStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MidStore({})", self.stores)
    }
}

impl Process {
    /// A program that starts now.
    #[must_use]
    pub fn start(disk: &SimDisk) -> Process {
        let is_dead = Arc::default();
        let pid = disk.lock().programs.start(&is_dead);
        Process {
            disk: disk.clone(),
            is_dead,
            pid,
            mid_store: Arc::default(),
            is_forgiven: Arc::default(),
        }
    }

    /// Before the store into a mapping that comes after so many others, something else is to be
    /// done once, as by another thread: never if any other call comes before it, because the
    /// process that makes one may hold a lock.
    pub fn mid_store(&self, stores: u64, what: impl FnOnce() + Send + 'static) {
        let what = Box::new(what);
        *self.lock_mid_store() = Some(MidStore { stores, what });
    }

    /// A sync fell between the room an append took and its stores: until it is over, pages need
    /// not be asked for anew. That their space is gone in that moment is assumed not to happen.
    pub fn forgive(&self) {
        self.is_forgiven.store(true, Ordering::SeqCst);
    }

    /// Drops what has not been done in the middle of a store; gives whether it was done.
    #[must_use]
    pub fn was_mid_store(&self) -> bool {
        self.is_forgiven.store(false, Ordering::SeqCst);
        self.lock_mid_store().take().is_none()
    }

    fn lock_mid_store(&self) -> MutexGuard<'_, Option<MidStore>> {
        self.mid_store
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// To be called before each store into a mapping.
    pub(super) fn about_to_store(&self) {
        let due = {
            let mut waiting = self.lock_mid_store();
            match waiting.as_mut().filter(|waiting| waiting.stores > 0) {
                Some(waiting) => {
                    waiting.stores -= 1;
                    None
                }
                None => waiting.take(),
            }
        };
        if let Some(mid_store) = due {
            (mid_store.what)();
        }
    }

    /// From now on nothing it does has any effect.
    pub fn kill(&self) {
        self.is_dead.store(true, Ordering::SeqCst);
    }

    /// Makes a change, if the program is alive and the call does not fail.
    pub(super) fn change<T>(
        &self,
        need: Need,
        mut change: impl FnMut(&mut State) -> io::Result<T>,
    ) -> io::Result<T> {
        retry(|| {
            self.check()?;
            self.disk.about_to_change();
            let mut state = self.disk.lock();
            state.faults.next(need)?;
            change(&mut state)
        })
    }

    pub(super) fn look<T>(
        &self,
        need: Need,
        mut look: impl FnMut(&mut State) -> io::Result<T>,
    ) -> io::Result<T> {
        retry(|| {
            self.check()?;
            let mut state = self.disk.lock();
            state.faults.next(need)?;
            look(&mut state)
        })
    }

    /// Whether the program is still there; what it does outside of mappings ends what could be
    /// done meanwhile.
    pub(super) fn check(&self) -> io::Result<()> {
        if self.is_dead.load(Ordering::SeqCst) {
            return Err(io::Error::other("the program is dead"));
        }
        drop(self.lock_mid_store().take());
        Ok(())
    }

    /// The directory that names are looked up in: the one that was opened.
    fn folder(&self, state: &State) -> usize {
        match state.bug {
            Some(Bug::NameResolvedAnew) => state.here,
            _ => self.disk.folder,
        }
    }

    fn names(&self, state: &State) -> Arc<Names> {
        state.names(self.folder(state))
    }

    /// The directory, if a name can be made in it.
    fn name_free(&self, state: &State, name: &str) -> io::Result<usize> {
        let folder = self.folder(state);
        if state.names(folder).contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        match state.folders.get(folder) {
            Some(there) if !there.is_removed => Ok(folder),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn handle(&self, state: &mut State, file: FileId, is_writable: bool) -> Arc<dyn StorageFile> {
        state.next_id += 1;
        state.programs.open();
        Arc::new(Handle::new(self, file, state.next_id, is_writable))
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
            Ok(self.names(state).iter().map(entry).collect())
        })
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        self.change(Need::NewFile, |state| {
            let folder = self.name_free(state, name)?;
            state.next_id += 1;
            let id = state.next_id;
            state.files.insert(id, Arc::default());
            state.rename(folder, name, Some(id));
            Ok(self.handle(state, id, true))
        })
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        self.look(Need::OpenFile, |state| {
            let id = self.names(state).get(name).copied();
            let id = id.ok_or(io::ErrorKind::NotFound)?;
            Ok(self.handle(state, id, false))
        })
    }

    fn open_to_lock(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        self.look(Need::OpenFile, |state| {
            let id = self.names(state).get(name).copied();
            let id = id.ok_or(io::ErrorKind::NotFound)?;
            Ok(self.handle(state, id, true))
        })
    }

    fn link(&self, from: &str, to: &str) -> io::Result<()> {
        self.change(Need::Space, |state| {
            let id = self.names(state).get(from).copied();
            let id = id.ok_or(io::ErrorKind::NotFound)?;
            let folder = self.name_free(state, to)?;
            state.rename(folder, to, Some(id));
            Ok(())
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.change(Need::Change, |state| {
            let folder = self.folder(state);
            if !state.names(folder).contains_key(name) {
                return Err(io::ErrorKind::NotFound.into());
            }
            state.rename(folder, name, None);
            if state.bug == Some(Bug::RemoveTooMuch) && name.ends_with(".run") {
                let names = state.names(folder);
                let first = names.keys().find(|name| name.ends_with(".seg"));
                if let Some(first) = first {
                    state.rename(folder, first, None);
                }
            }
            Ok(())
        })
    }

    fn stamp(&self) -> io::Result<Option<u64>> {
        self.look(Need::Nothing, |state| {
            let folder = state.folders.get(self.disk.folder);
            Ok(folder.map(|folder| folder.stamp))
        })
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.change(Need::DirSync, |state| {
            if state.bug != Some(Bug::DirSyncIgnored) {
                let folder = state.folders.get_mut(self.disk.folder);
                let folder = folder.ok_or(io::ErrorKind::NotFound)?;
                let has_changed = !folder.name_changes.is_empty();
                folder.disk_names = Arc::clone(&folder.names);
                folder.name_changes.clear();
                state.note(has_changed);
            }
            Ok(())
        })
    }

    fn identity_of(&self, name: &str) -> io::Result<FileIdentity> {
        self.look(Need::Nothing, |state| {
            let id = self.names(state).get(name).copied();
            Ok(identity(id.ok_or(io::ErrorKind::NotFound)?))
        })
    }

    fn is_linked(&self) -> io::Result<bool> {
        self.look(Need::Nothing, |state| {
            let folder = state.folders.get(self.disk.folder);
            Ok(folder.is_some_and(|folder| !folder.is_removed))
        })
    }

    fn file_system(&self) -> FileSystem {
        FileSystem::Ext4
    }

    fn durability(&self) -> Durability {
        match self.disk.lock().programs.file_system {
            TMPFS => Durability::None,
            _ => Durability::Disk,
        }
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
        self.disk.lock().programs.facts(self.pid)
    }

    fn file_system_type(&self) -> u64 {
        self.disk.lock().programs.file_system
    }

    fn process_state(&self, owner: &Owner) -> ProcessState {
        self.disk.lock().programs.state_of(owner)
    }
}
