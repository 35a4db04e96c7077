//! Taking on a dead run, so that one process announces its crash.

use std::io::{self, ErrorKind};
use std::sync::Arc;

use super::Liveness;
use super::liveness::{Probed, Prober};
use crate::error::{Error, Result};
use crate::format::FileName;
use crate::seeded::{self, Bug};
use crate::seq::RunId;
use crate::storage::{Lock, LockOutcome, Storage, StorageFile};

/// A dead run that this process took on; no other can until it is dropped.
///
/// What is locked is a file of its own: a process that asks for the run's own lock must not find it
/// held, as that of a run that is alive.
#[derive(Debug)]
pub(crate) struct Claim {
    run: RunId,
    /// Held open for its lock.
    _file: Arc<dyn StorageFile>,
}

impl Claim {
    /// Takes the run on, which `had_file` if it had a `.run` file; `None` if it is not dead, or
    /// another process has taken it on or has already recovered it, or locks do not work here.
    /// Gives what is known of it by its `.run` file, too.
    pub(crate) fn take(
        prober: &Prober<'_>,
        run: RunId,
        had_file: bool,
    ) -> Result<Option<(Claim, Option<Probed>)>> {
        let storage = prober.storage();
        let own = seeded::either(
            Bug::ClaimLooksLive,
            FileName::Run(run),
            FileName::Claim(run),
        );
        let name = own.to_string();
        let path = || storage.path().join(&name);
        let file = lock(storage, &name).map_err(|e| Error::io("lock", path(), e))?;
        let Some(file) = file else {
            return Ok(None);
        };
        let claim = Claim { run, _file: file };
        match prober.probe_and_read(run) {
            Some(found) if found.liveness == Liveness::Dead => {
                return Ok(Some((claim, Some(found))));
            }
            // The process that recovered it has removed its file before the claim's.
            None if !had_file || seeded::has(Bug::ClaimedTwice) => return Ok(Some((claim, None))),
            _ => {}
        }
        claim.withdraw(storage);
        Ok(None)
    }

    /// Keeps others from taking the run on, as its owner; `None` if one has.
    pub(crate) fn hold(storage: &dyn Storage, run: RunId) -> io::Result<Option<Claim>> {
        let file = lock(storage, &FileName::Claim(run).to_string())?;
        Ok(file.map(|file| Claim { run, _file: file }))
    }

    pub(crate) fn run(&self) -> RunId {
        self.run
    }

    /// Takes down the run's signs of life; to be called when its end is on durable record.
    pub(crate) fn release(&self, storage: &dyn Storage) {
        remove_signs(storage, self.run);
        self.remove(storage);
    }

    /// Leaves the run as it is.
    pub(crate) fn withdraw(self, storage: &dyn Storage) {
        self.remove(storage);
    }

    fn remove(&self, storage: &dyn Storage) {
        // One that stays is removed by the next opening.
        let _ = storage.remove(&FileName::Claim(self.run).to_string());
    }
}

/// Takes down the signs of life of a run that is over.
pub(crate) fn remove_signs(storage: &dyn Storage, run: RunId) {
    // A name that stays is looked at once more by the next opening, nothing worse.
    let _ = storage.remove(&FileName::Poisoned(run).to_string());
    // A second name of the same file, if its maker died in between.
    let _ = storage.remove(&FileName::RunTemporary(run).to_string());
    let _ = storage.remove(&FileName::Run(run).to_string());
}

/// Makes and locks the file of this name; `None` if another process has it locked, or locks do not
/// work here.
fn lock(storage: &dyn Storage, name: &str) -> io::Result<Option<Arc<dyn StorageFile>>> {
    for _ in 0..CLAIM_ATTEMPTS {
        let made = storage.create(name);
        let file = match made {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => storage.open_to_lock(name),
            made => made,
        };
        let file = match file {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            file => file?,
        };
        match file.try_lock(Lock::Exclusive)? {
            LockOutcome::Held => {}
            LockOutcome::Contended => return Ok(None),
            LockOutcome::Unsupported => {
                let _ = storage.remove(name);
                return Ok(None);
            }
        }
        // The process that had it before has perhaps removed the name.
        let is_named = storage
            .identity_of(name)
            .and_then(|named| Ok(named == file.identity()?));
        match is_named {
            Ok(true) => return Ok(Some(file)),
            Ok(false) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Removes those of the `.run` files, caches and claims in the making whose makers are dead.
pub(crate) fn remove_temporaries(prober: &Prober<'_>, names: &[String]) {
    let storage = prober.storage();
    let is_over = |run| {
        prober
            .probe(run)
            .is_none_or(|found| found == Liveness::Dead)
    };
    for name in names {
        match FileName::parse(name) {
            Some(FileName::IndexTemporary(run, _) | FileName::MergedTemporary(run, ..))
                if is_over(run) =>
            {
                let _ = storage.remove(name);
            }
            Some(FileName::RunTemporary(_)) => {
                let file = storage.open(name).ok();
                let lock = file.and_then(|file| Some((file.try_lock(Lock::Shared).ok()?, file)));
                if let Some((LockOutcome::Held, _file)) = lock {
                    let _ = storage.remove(name);
                }
            }
            Some(FileName::Claim(_)) => {
                if let Ok(Some(_file)) = lock(storage, name) {
                    let _ = storage.remove(name);
                }
            }
            _ => {}
        }
    }
}

const CLAIM_ATTEMPTS: u32 = 8;

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
        let prober = Prober::new(&storage);
        let take = || Claim::take(&prober, RUN, true).unwrap();
        let (claim, _) = take().unwrap();
        assert!(take().is_none());
        // No process takes it for alive meanwhile.
        assert_eq!(prober.probe(RUN), Some(Liveness::Dead));
        claim.withdraw(&storage);
        take().unwrap().0.release(&storage);
        assert_eq!(storage.list().unwrap(), []);
        // A process that planned to before it was over, comes too late.
        assert!(take().is_none());
        assert_eq!(storage.list().unwrap(), []);
    }

    #[test]
    fn a_claim_that_a_dead_process_left_is_taken_over_or_removed() {
        let dir = tempfile::tempdir().unwrap();
        let storage = DiskStorage::open(dir.path()).unwrap();
        let prober = Prober::new(&storage);
        let name = FileName::Claim(RUN).to_string();
        drop(Storage::create(&storage, &name).unwrap());
        let claim = Claim::take(&prober, RUN, false).unwrap().unwrap();
        remove_temporaries(&prober, std::slice::from_ref(&name));
        assert_eq!(storage.list().unwrap().len(), 1);
        drop(claim);
        remove_temporaries(&prober, &[name]);
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
        let merged = FileName::MergedTemporary(RUN, first, last).to_string();
        let names = [cache, merged];
        for name in &names {
            Storage::create(&storage, name).unwrap();
        }
        remove_temporaries(&Prober::new(&storage), &names);
        assert_eq!(storage.list().unwrap().len(), 3);
        drop(owner);
        remove_temporaries(&Prober::new(&storage), &names);
        assert_eq!(storage.list().unwrap().len(), 1);
    }

    #[test]
    fn a_live_run_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let storage = DiskStorage::open(dir.path()).unwrap();
        let owner = Storage::create(&storage, &FileName::Run(RUN).to_string()).unwrap();
        assert_eq!(owner.try_lock(Lock::Exclusive).unwrap(), LockOutcome::Held);
        let prober = Prober::new(&storage);
        assert!(Claim::take(&prober, RUN, true).unwrap().is_none());
        drop(owner);
        assert!(Claim::take(&prober, RUN, true).unwrap().is_some());
    }
}
