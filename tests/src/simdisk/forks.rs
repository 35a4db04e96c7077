//! Processes that programs fork, and what locks tell of them.

use trace_journal::storage::LockOutcome;

use super::disk::{SimDisk, State};
use super::file::FileId;
use super::process::Process;
use super::programs::{Locks, TMPFS};

/// A process that a program forked; it has the program's files open, and knows nothing of them.
#[derive(Debug)]
pub struct Forked {
    disk: SimDisk,
    id: u64,
}

impl Process {
    /// Forks a process that lives until it is dropped.
    #[must_use]
    pub fn fork(&self) -> Forked {
        let mut state = self.disk.lock();
        state.next_id += 1;
        let id = state.next_id;
        let owners = state.programs.owners.iter();
        let its = owners.filter(|(_, pid)| **pid == self.pid);
        let handles = its.map(|(handle, _)| *handle).collect();
        state.programs.kept.insert(id, handles);
        Forked {
            disk: self.disk.clone(),
            id,
        }
    }
}

impl Drop for Forked {
    fn drop(&mut self) {
        let mut state = self.disk.lock();
        let handles = state.programs.kept.remove(&self.id).unwrap_or_default();
        for handle in handles {
            if !state.programs.is_kept(handle) && state.programs.closed.remove(&handle) {
                state.unlock(handle);
            }
        }
    }
}

impl SimDisk {
    /// Says what locks are from now on.
    pub fn set_locks(&self, locks: Locks) {
        self.lock().programs.locks = locks;
    }

    /// How many files programs had open at once, at most.
    #[must_use]
    pub fn files_open_max(&self) -> u64 {
        self.lock().programs.open.1
    }

    /// Says what statfs(2) gives for the file system from now on.
    pub fn set_file_system(&self, number: u64) {
        self.lock().programs.file_system = number;
    }

    /// Whether that is a file system in memory.
    #[must_use]
    pub fn is_in_memory(&self) -> bool {
        self.lock().programs.file_system == TMPFS
    }
}

impl State {
    pub(super) fn unlock(&mut self, handle: u64) {
        self.locks.retain(|held| held.1 != handle);
    }

    /// Whether a process has the file locked alone, for a watcher.
    pub(super) fn outcome(&self, file: FileId, handle: u64, is_alone: bool) -> LockOutcome {
        let mut others = self.locks.iter();
        let is_contended =
            others.any(|held| held.0 == file && held.1 != handle && (held.2 || is_alone));
        match self.programs.locks {
            Locks::None => LockOutcome::Unsupported,
            Locks::Blind => LockOutcome::Held,
            Locks::Own | Locks::Nfs if is_contended => LockOutcome::Contended,
            Locks::Own | Locks::Nfs => LockOutcome::Held,
        }
    }
}
