//! Whether the process of a run is still there.
//!
//! The lock of its `.run` file tells, where locks are what they are on a disk of this machine and
//! the file is the one its writer locked. What else is known of the process tells where they are
//! not, and that a lock is held only by what the process left behind.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::{Mutex, OnceLock, PoisonError};

use super::Liveness;
use crate::event::system::RunOpen;
use crate::format::{DurablePlace, FileName, Owner, RUN_TEXT_LEN_MAX, RunText};
use crate::seeded::{self, Bug};
use crate::seq::RunId;
use crate::storage::{FileIdentity, FileSystem, Lock, LockOutcome, ProcessFacts, ProcessState};
use crate::storage::{Storage, StorageFile};

/// Looks at runs, from this process.
#[derive(Debug)]
pub(crate) struct Prober<'a> {
    storage: &'a dyn Storage,
    here: OnceLock<Here>,
    /// What became of processes, by number and start: one may have opened thousands of runs.
    processes: Mutex<BTreeMap<(u32, u64), ProcessState>>,
}

/// Where this process is.
#[derive(Debug)]
struct Here {
    process: ProcessFacts,
    file_system: u64,
}

/// What is seen of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sight {
    pub(crate) lock: LockSight,
    /// Something names the owner.
    pub(crate) has_owner: bool,
    /// The owner said that it let go of the run.
    pub(crate) is_released: bool,
    /// The file is the one that the owner made; `None` if the file does not say.
    pub(crate) is_same_file: Option<bool>,
    /// The owner's process; `None` if it was in another boot or pid namespace, or nothing says.
    pub(crate) process: Option<ProcessState>,
    /// The owner was on this machine, in this very boot.
    pub(crate) is_same_boot: bool,
    /// The owner was on this machine, in another boot.
    pub(crate) is_earlier_boot: bool,
}

/// What is known of a run that has a `.run` file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Probed {
    pub(crate) liveness: Liveness,
    /// Its process ended, and all that it had written is there: these are the very files it wrote,
    /// and the machine has not been off since.
    pub(crate) is_killed: bool,
    /// What its `.run` file notes.
    pub(crate) durable: Option<DurablePlace>,
}

impl Probed {
    /// A run of which nothing more is known.
    pub(super) fn of(liveness: Liveness) -> Probed {
        Probed {
            liveness,
            is_killed: false,
            durable: None,
        }
    }
}

/// How the lock is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LockSight {
    /// Locks tell nothing here.
    Unusable,
    Held,
    Free,
    /// There is no file to lock.
    NoFile,
}

impl<'a> Prober<'a> {
    pub(crate) fn new(storage: &'a dyn Storage) -> Prober<'a> {
        Prober {
            storage,
            here: OnceLock::new(),
            processes: Mutex::default(),
        }
    }

    pub(crate) fn storage(&self) -> &'a dyn Storage {
        self.storage
    }

    /// Tries the lock of a run and lets go of it at once; `None` if the run has no `.run` file.
    pub(crate) fn probe(&self, run: RunId) -> Option<Liveness> {
        self.probe_and_read(run).map(|found| found.liveness)
    }

    /// The same, and what the file says as far as it can be read.
    pub(super) fn probe_and_read(&self, run: RunId) -> Option<Probed> {
        let file = match self.storage.open(&FileName::Run(run).to_string()) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return None,
            Err(_) => return Some(Probed::of(Liveness::Unknown)),
        };
        let lock = match file.try_lock(Lock::Shared) {
            Ok(LockOutcome::Held) => LockSight::Free,
            Ok(LockOutcome::Contended) if seeded::has(Bug::LiveRunTakenForDead) => LockSight::Free,
            Ok(LockOutcome::Contended) => LockSight::Held,
            Ok(LockOutcome::Unsupported) | Err(_) => LockSight::Unusable,
        };
        let text = read_text(&*file, run);
        // Of one that is held, it does not matter.
        let identity = match lock {
            LockSight::Free => file.identity().ok(),
            _ => None,
        };
        let sight = self.sight(lock, text.as_ref(), identity);
        Some(Probed {
            liveness: sight.liveness(),
            is_killed: sight.is_killed(),
            durable: text.and_then(|text| text.durable),
        })
    }

    /// How a run stands that has no `.run` file, is not closed, and was not recovered; `opened`
    /// is what its `RunOpen` says, if that is there.
    pub(crate) fn without_file(&self, opened: Option<&Owner>) -> Liveness {
        let text = opened.map(|owner| RunText {
            owner: Some(owner.clone()),
            durable: None,
            is_released: false,
        });
        let sight = self.sight(LockSight::NoFile, text.as_ref(), None);
        sight.liveness()
    }

    fn sight(&self, lock: LockSight, text: Option<&RunText>, file: Option<FileIdentity>) -> Sight {
        let here = self.here.get_or_init(|| Here {
            process: self.storage.process(),
            file_system: self.storage.file_system_type(),
        });
        let is_remote = !has_own_locks(here.file_system) && !seeded::has(Bug::RemoteLockBelieved);
        let owner = text.and_then(|text| text.owner.as_ref());
        let own = &here.process;
        let is_same_boot =
            owner.is_some_and(|owner| !owner.boot_id.is_empty() && owner.boot_id == own.boot_id);
        let is_same_space = owner.is_some_and(|owner| {
            owner.pid_namespace != 0 && owner.pid_namespace == own.pid_namespace
        });
        let is_same_file = |owner: &Owner| {
            let file = file?;
            let is_same_device = owner.device == file.device || !is_same_boot;
            let is_same_type = owner.file_system == here.file_system;
            Some(is_same_type && is_same_device && owner.inode == file.inode)
        };
        let mut process = owner
            .filter(|_| is_same_boot && is_same_space)
            .map(|owner| self.process_state(owner));
        if seeded::has(Bug::OrphanTakenForLive) && lock == LockSight::Held {
            process = None;
        }
        Sight {
            lock: if is_remote { LockSight::Unusable } else { lock },
            has_owner: owner.is_some(),
            is_released: text.is_some_and(|text| text.is_released),
            is_same_file: owner.and_then(is_same_file),
            process,
            is_same_boot,
            is_earlier_boot: owner.is_some_and(|owner| {
                !is_same_boot && !owner.host.is_empty() && owner.host == own.host
            }),
        }
    }
}

impl Prober<'_> {
    /// What became of a process of this boot and pid namespace, when it was first asked for.
    fn process_state(&self, owner: &Owner) -> ProcessState {
        let mut known = self
            .processes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let state = known.entry((owner.pid, owner.started));
        *state.or_insert_with(|| self.storage.process_state(owner))
    }
}

impl Sight {
    /// What it comes to.
    pub(crate) fn liveness(self) -> Liveness {
        let is_gone = self.process == Some(ProcessState::Gone);
        match self.lock {
            LockSight::Unusable => Liveness::Unknown,
            // The writer is gone; the holder was forked and knows nothing of it.
            LockSight::Held if is_gone || self.is_released => Liveness::Orphaned,
            LockSight::Held => Liveness::Live,
            _ if self.is_released || is_gone => Liveness::Dead,
            LockSight::Free if self.is_same_file == Some(false) => Liveness::Unverified,
            // It is there, and does not hold its own lock: such locks tell nothing.
            LockSight::Free if self.process == Some(ProcessState::Running) => Liveness::Unknown,
            LockSight::Free => Liveness::Dead,
            LockSight::NoFile if self.is_earlier_boot => Liveness::Dead,
            LockSight::NoFile if !self.has_owner => Liveness::Dead,
            LockSight::NoFile => Liveness::Unverified,
        }
    }

    fn is_killed(self) -> bool {
        let is_own = self.lock == LockSight::Free && self.is_same_file == Some(true);
        is_own && self.is_same_boot && self.liveness() == Liveness::Dead
    }
}

/// Whether locks are held by processes of one machine only, and seen by all of these: not so where
/// others mount the same files, or a program answers for them.
fn has_own_locks(file_system: u64) -> bool {
    !REMOTE.contains(&file_system) && !FileSystem::is_remote(file_system)
}

/// The run's writer.
pub(super) fn owner_of(open: &RunOpen<'_>) -> Owner {
    Owner {
        pid: open.pid,
        started: open.process_start,
        pid_namespace: open.pid_namespace,
        boot_id: open.boot_id.clone().into_owned(),
        host: open.host.clone().into_owned(),
        file_system: open.file_system,
        device: open.device,
        inode: open.inode,
    }
}

/// What the `.run` file of a run says; `None` if there is none that can be read.
pub(super) fn run_text(storage: &dyn Storage, run: RunId) -> Option<RunText> {
    let file = storage.open(&FileName::Run(run).to_string()).ok()?;
    read_text(&*file, run)
}

fn read_text(file: &dyn StorageFile, run: RunId) -> Option<RunText> {
    let mut text = vec![0; RUN_TEXT_LEN_MAX];
    let len = file.read_at(&mut text, 0).ok()?;
    text.truncate(len);
    Some(RunText::parse(run, &text))
}

/// What statfs(2) gives for network file systems, FUSE and 9p.
const REMOTE: &[u64] = &[
    0x6969,      // NFS
    0x517b,      // SMB
    0xff53_4d42, // CIFS
    0xfe53_4d42, // SMB2
    0x6573_5546, // FUSE
    0x0102_1997, // 9p
    0x5346_414f, // AFS
    0x6b41_4653, // kAFS
    0x7375_7245, // Coda
    0x00c3_6400, // Ceph
    0x0bd0_0bd0, // Lustre
    0x0116_1970, // GFS2
    0x7461_636f, // OCFS2
    0x4750_4653, // GPFS
    0x2003_0528, // OrangeFS
    0x1983_0326, // BeeGFS
    0xaad7_aaea, // PanFS
    0xbeef_dead, // SNFS
    0x564c,      // NCP
    0x786f_4256, // VirtualBox
    0xbacb_acbc, // VMware
    0x7c7c_6673, // Parallels
];

#[cfg(test)]
mod tests {
    use super::*;
    use Liveness::{Dead, Live, Orphaned, Unknown, Unverified};
    use ProcessState::{Gone, Running};

    /// A run that was killed: its lock is free, the file its own.
    const KILLED: Sight = Sight {
        lock: LockSight::Free,
        has_owner: true,
        is_released: false,
        is_same_file: Some(true),
        process: Some(Gone),
        is_same_boot: true,
        is_earlier_boot: false,
    };

    fn all() -> Vec<Sight> {
        let locks = [
            LockSight::Unusable,
            LockSight::Held,
            LockSight::Free,
            LockSight::NoFile,
        ];
        let processes = [None, Some(Running), Some(Gone), Some(ProcessState::Unknown)];
        let mut sights = Vec::new();
        for lock in locks {
            for process in processes {
                for is_same_file in [None, Some(true), Some(false)] {
                    for bits in 0..8 {
                        sights.push(Sight {
                            lock,
                            has_owner: bits & 1 != 0,
                            is_released: bits & 2 != 0,
                            is_same_boot: process.is_some(),
                            is_earlier_boot: bits & 4 != 0,
                            is_same_file,
                            process,
                        });
                    }
                }
            }
        }
        sights
    }

    #[test]
    fn a_process_that_is_there_is_never_called_dead_unless_it_let_go() {
        for sight in all() {
            let liveness = sight.liveness();
            let is_there = sight.process == Some(Running) && !sight.is_released;
            let may_end =
                sight.lock == LockSight::NoFile && (sight.is_earlier_boot || !sight.has_owner);
            if is_there && !may_end {
                assert!(!matches!(liveness, Dead | Orphaned), "{sight:?}");
            }
            if sight.lock == LockSight::Unusable {
                assert_eq!(liveness, Unknown);
            }
            if sight.lock == LockSight::Held {
                assert!(matches!(liveness, Live | Orphaned), "{sight:?}");
            }
        }
    }

    fn sight(lock: LockSight, process: Option<ProcessState>, is_same_file: Option<bool>) -> Sight {
        Sight {
            lock,
            process,
            is_same_file,
            ..KILLED
        }
    }

    #[test]
    fn each_sight_comes_to_what_it_should() {
        use LockSight::{Free, Held, NoFile};
        let (own, other) = (Some(true), Some(false));
        let released = |sight| Sight {
            is_released: true,
            ..sight
        };
        let rebooted = |sight| Sight {
            is_earlier_boot: true,
            ..sight
        };
        let nobody = Sight {
            has_owner: false,
            ..sight(NoFile, None, None)
        };
        let table = [
            (KILLED, Dead),
            (sight(Free, None, own), Dead),
            (sight(Free, Some(Running), own), Unknown),
            (sight(Free, Some(Gone), other), Dead),
            (sight(Free, None, other), Unverified),
            (sight(Free, Some(Running), other), Unverified),
            (released(sight(Free, None, other)), Dead),
            (sight(Held, Some(Gone), own), Orphaned),
            (sight(Held, Some(Running), own), Live),
            (sight(Held, None, own), Live),
            (released(sight(Held, None, own)), Orphaned),
            (sight(NoFile, None, None), Unverified),
            (rebooted(sight(NoFile, None, None)), Dead),
            (sight(NoFile, Some(Gone), None), Dead),
            (sight(NoFile, Some(Running), None), Unverified),
            (nobody, Dead),
        ];
        for (sight, liveness) in table {
            assert_eq!(sight.liveness(), liveness, "{sight:?}");
        }
    }
}
