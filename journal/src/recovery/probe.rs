//! Whether the process of a run is still there.

use std::io::ErrorKind;

use super::Liveness;
use crate::format::FileName;
use crate::seeded::{self, Bug};
use crate::seq::RunId;
use crate::storage::{Lock, LockOutcome, Storage};

/// Tries the lock of a run and lets go of it at once.
pub(crate) fn probe(storage: &dyn Storage, run: RunId) -> Liveness {
    let file = match storage.open(&FileName::Run(run).to_string()) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Liveness::Dead,
        Err(_) => return Liveness::Unknown,
    };
    match file.try_lock(Lock::Shared) {
        Ok(LockOutcome::Held) => Liveness::Dead,
        Ok(LockOutcome::Contended) if seeded::has(Bug::LiveRunTakenForDead) => Liveness::Dead,
        Ok(LockOutcome::Contended) => Liveness::Live,
        Ok(LockOutcome::Unsupported) | Err(_) => Liveness::Unknown,
    }
}
