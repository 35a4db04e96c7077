//! A program that uses the disk.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use trace_journal::storage::retry;

use super::disk::{SimDisk, State};
use super::fault::{Bug, Need};
use super::folder::Names;

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
    pub(super) fn folder(&self, state: &State) -> usize {
        match state.bug {
            Some(Bug::NameResolvedAnew) => state.here,
            _ => self.disk.folder,
        }
    }

    pub(super) fn names(&self, state: &State) -> Arc<Names> {
        state.names(self.folder(state))
    }

    /// The directory, if a name can be made in it.
    pub(super) fn name_free(&self, state: &State, name: &str) -> io::Result<usize> {
        let folder = self.folder(state);
        if state.names(folder).contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        match state.folders.get(folder) {
            Some(there) if !there.is_removed => Ok(folder),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }
}
