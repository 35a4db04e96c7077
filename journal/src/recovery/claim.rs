//! Taking on a dead run, so that one process announces its crash.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use super::Liveness;
use super::probe::probe;
use crate::error::{Error, Result};
use crate::format::FileName;
use crate::seeded::{self, Bug};
use crate::seq::RunId;
use crate::storage::{Lock, LockOutcome, Storage, StorageFile};

/// A dead run that this process took on; nobody else can until it is dropped.
#[derive(Debug)]
pub(crate) struct Claim {
    run: RunId,
    /// Held open for its lock; `None` if the run has no `.run` file any more.
    _file: Option<Arc<dyn StorageFile>>,
}

impl Claim {
    /// Takes the run on; `None` if it is alive, or somebody else has taken it on or has already
    /// recovered it, or locks do not work here.
    pub(crate) fn take(storage: &dyn Storage, run: RunId) -> Result<Option<Claim>> {
        let name = FileName::Run(run).to_string();
        let file = match storage.open(&name) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(Some(Claim { run, _file: None }));
            }
            Err(error) => return Err(Error::io("open", storage.path().join(name), error)),
        };
        let path = || storage.path().join(&name);
        for attempt in 0..ATTEMPTS {
            let tried = file.try_lock(Lock::Exclusive);
            match tried.map_err(|e| Error::io("lock", path(), e))? {
                LockOutcome::Unsupported => return Ok(None),
                LockOutcome::Held => {
                    // Whoever recovered it first has unlinked the file behind this lock.
                    let is_linked = file
                        .is_linked()
                        .map_err(|e| Error::io("look at", path(), e))?;
                    let is_mine = is_linked || seeded::has(Bug::ClaimedTwice);
                    return Ok(is_mine.then(|| Claim {
                        run,
                        _file: Some(file),
                    }));
                }
                // Perhaps only a probe, which lets go at once.
                LockOutcome::Contended if attempt + 1 < ATTEMPTS => std::thread::sleep(PAUSE),
                LockOutcome::Contended => {}
            }
        }
        Ok(None)
    }

    pub(crate) fn run(&self) -> RunId {
        self.run
    }

    /// Takes down the run's signs of life; to be called when its end is on durable record.
    pub(crate) fn release(self, storage: &dyn Storage) {
        // A name that stays is looked at once more by the next opening, nothing worse.
        let _ = storage.remove(&FileName::Poisoned(self.run).to_string());
        // A second name of the same file, if its maker died in between. Somebody else who asked
        // for its lock could be told that it is held: by a process forked meanwhile, for one.
        let _ = storage.remove(&FileName::RunTemporary(self.run).to_string());
        let _ = storage.remove(&FileName::Run(self.run).to_string());
    }
}

/// Removes those of the `.run` files and caches in the making whose makers are dead.
pub(crate) fn remove_temporaries(storage: &dyn Storage, names: &[String]) {
    for name in names {
        let parsed = FileName::parse(name);
        if let Some(FileName::IndexTemporary(run, _) | FileName::JointTemporary(run, ..)) = parsed
            && probe(storage, run) == Liveness::Dead
        {
            let _ = storage.remove(name);
        }
        let is_temporary = matches!(parsed, Some(FileName::RunTemporary(_)));
        let Some(file) = is_temporary.then(|| storage.open(name).ok()).flatten() else {
            continue;
        };
        if matches!(file.try_lock(Lock::Exclusive), Ok(LockOutcome::Held)) {
            let _ = storage.remove(name);
        }
    }
}

const ATTEMPTS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(2);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seq::{Generation, SegmentNumber};
    use crate::storage::DiskStorage;

    const RUN: RunId = RunId {
        generation: Generation(1),
        random: 7,
    };

    #[test]
    fn a_run_is_taken_on_once() {
        let dir = tempfile::tempdir().unwrap();
        let storage = DiskStorage::open(dir.path()).unwrap();
        Storage::create(&storage, &FileName::Run(RUN).to_string()).unwrap();
        let claim = Claim::take(&storage, RUN).unwrap().unwrap();
        assert!(Claim::take(&storage, RUN).unwrap().is_none());
        claim.release(&storage);
        assert_eq!(storage.list().unwrap(), []);
    }

    #[test]
    fn caches_in_the_making_are_removed_once_their_maker_is_dead() {
        let dir = tempfile::tempdir().unwrap();
        let storage = DiskStorage::open(dir.path()).unwrap();
        let owner = Storage::create(&storage, &FileName::Run(RUN).to_string()).unwrap();
        assert_eq!(owner.try_lock(Lock::Exclusive).unwrap(), LockOutcome::Held);
        let (first, last) = (SegmentNumber(1), SegmentNumber(8));
        let cache = FileName::IndexTemporary(RUN, last).to_string();
        let joint = FileName::JointTemporary(RUN, first, last).to_string();
        let names = [cache, joint];
        for name in &names {
            Storage::create(&storage, name).unwrap();
        }
        remove_temporaries(&storage, &names);
        assert_eq!(storage.list().unwrap().len(), 3);
        drop(owner);
        remove_temporaries(&storage, &names);
        assert_eq!(storage.list().unwrap().len(), 1);
    }

    #[test]
    fn a_live_run_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let storage = DiskStorage::open(dir.path()).unwrap();
        let owner = Storage::create(&storage, &FileName::Run(RUN).to_string()).unwrap();
        assert_eq!(owner.try_lock(Lock::Exclusive).unwrap(), LockOutcome::Held);
        assert!(Claim::take(&storage, RUN).unwrap().is_none());
        drop(owner);
        assert!(Claim::take(&storage, RUN).unwrap().is_some());
    }
}
