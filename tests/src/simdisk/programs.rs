//! The programs of a simulated disk, and what its locks are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use trace_journal::format::Owner;
use trace_journal::storage::{ProcessFacts, ProcessState};

/// What locks are on a disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Locks {
    /// Those of a disk of this machine.
    #[default]
    Own,
    /// The file system has none.
    None,
    /// Those of another machine are not seen, and all that is asked for is given.
    Blind,
    /// On NFS: only a process that may write a file locks it alone.
    Nfs,
}

/// The number by which tmpfs is known.
pub const TMPFS: u64 = 0x0102_1994;

/// The programs of a disk.
#[derive(Clone, Debug, Default)]
pub(super) struct Programs {
    pub(super) locks: Locks,
    pub(super) file_system: u64,
    boot: u32,
    newest: u32,
    /// Whether each was killed.
    dead: BTreeMap<u32, Arc<AtomicBool>>,
    /// Which program opened the file that is locked through a handle.
    pub(super) owners: BTreeMap<u64, u32>,
    /// Handles that forked processes have, too, and those of them their program closed.
    pub(super) kept: BTreeMap<u64, Vec<u64>>,
    pub(super) closed: BTreeSet<u64>,
    /// Files that are open, and the most that ever were.
    pub(super) open: (u64, u64),
}

impl Programs {
    /// A program starts; gives its number.
    pub(super) fn start(&mut self, is_dead: &Arc<AtomicBool>) -> u32 {
        self.newest += 1;
        self.dead.insert(self.newest, Arc::clone(is_dead));
        self.newest
    }

    /// The machine starts anew.
    pub(super) fn reboot(&self) -> Programs {
        Programs {
            locks: self.locks,
            file_system: self.file_system,
            boot: self.boot + 1,
            newest: self.newest,
            ..Programs::default()
        }
    }

    /// All are gone.
    pub(super) fn kill_all(&mut self) {
        *self = Programs {
            boot: self.boot,
            ..self.reboot()
        };
    }

    /// How often the machine was started.
    pub(super) fn boot(&self) -> u32 {
        self.boot
    }

    pub(super) fn facts(&self, pid: u32) -> ProcessFacts {
        ProcessFacts {
            pid,
            started: u64::from(pid),
            host: "simulated".to_owned(),
            boot_id: format!("boot {}", self.boot),
            pid_namespace: 1,
        }
    }

    pub(super) fn state_of(&self, owner: &Owner) -> ProcessState {
        let is_dead = self.dead.get(&owner.pid);
        match is_dead.is_none_or(|is_dead| is_dead.load(Ordering::SeqCst)) {
            true => ProcessState::Gone,
            false => ProcessState::Running,
        }
    }

    pub(super) fn note_owner(&mut self, handle: u64, pid: u32) {
        self.owners.insert(handle, pid);
    }

    /// A program opens a file.
    pub(super) fn open(&mut self) {
        self.open.0 += 1;
        self.open.1 = self.open.1.max(self.open.0);
    }

    /// A program closed a file; `true` if a process it forked has it open still.
    pub(super) fn close(&mut self, handle: u64) -> bool {
        self.open.0 = self.open.0.saturating_sub(1);
        let is_kept = self.is_kept(handle);
        if is_kept {
            self.closed.insert(handle);
        }
        is_kept
    }

    pub(super) fn is_kept(&self, handle: u64) -> bool {
        self.kept.values().flatten().any(|kept| *kept == handle)
    }
}
