//! Whether the process of a run is still there.

use std::io::ErrorKind;

use super::Liveness;
use crate::format::{FileName, RunText};
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

/// What the `.run` file of a run says; `None` if there is none that can be read.
pub(super) fn run_text(storage: &dyn Storage, run: RunId) -> Option<RunText> {
    let file = storage.open(&FileName::Run(run).to_string()).ok()?;
    let mut text = vec![0; RUN_TEXT_LEN_MAX];
    let len = file.read_at(&mut text, 0).ok()?;
    text.truncate(len);
    Some(RunText::parse(run, &text))
}

/// A `.run` file takes less, unless names in it are very long.
const RUN_TEXT_LEN_MAX: usize = 4096;
