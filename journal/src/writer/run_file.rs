//! The file that shows a run to be alive: locked for as long as its process has it open.

use std::io;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::format::FileName;
use crate::seq::{Generation, RunId};
use crate::storage::{Lock, LockOutcome, Storage, StorageFile};

/// A `.run` file of this process; the lock ends when it is dropped.
#[derive(Debug)]
pub(crate) struct RunFile {
    run: RunId,
    // Held open only for its lock.
    _file: Arc<dyn StorageFile>,
}

impl RunFile {
    /// Makes the `.run` file of a new run of this generation.
    ///
    /// It is made under a temporary name, locked and written before it gets its own, so that a
    /// run is never seen unlocked while it starts.
    pub(crate) fn create(
        storage: &dyn Storage,
        generation: Generation,
        program: &(String, String),
    ) -> Result<RunFile> {
        let mut attempts_left = ATTEMPTS;
        loop {
            let run = RunId {
                generation,
                random: storage.random(),
            };
            match RunFile::try_create(storage, run, program) {
                Ok(file) => return Ok(RunFile { run, _file: file }),
                // Somebody who clears stale files away took this one for one of them.
                Err(error) if is_lost(&error) && attempts_left > 0 => attempts_left -= 1,
                Err(error) => {
                    let path = storage.path().join(FileName::Run(run).to_string());
                    return Err(Error::io("create", path, error));
                }
            }
        }
    }

    fn try_create(
        storage: &dyn Storage,
        run: RunId,
        program: &(String, String),
    ) -> io::Result<Arc<dyn StorageFile>> {
        let temporary = FileName::RunTemporary(run).to_string();
        let file = storage.create(&temporary)?;
        if file.try_lock(Lock::Exclusive)? == LockOutcome::Contended {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let made = file
            .write_at(describe(storage, program).as_bytes(), 0)
            .and_then(|()| storage.link(&temporary, &FileName::Run(run).to_string()));
        let removed = storage.remove(&temporary);
        made?;
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(file),
        }
    }

    pub(crate) fn run(&self) -> RunId {
        self.run
    }
}

/// What a person finds in the file.
fn describe(storage: &dyn Storage, program: &(String, String)) -> String {
    let process = storage.process();
    let (name, version) = program;
    let clean = |text: &str| text.replace(char::is_control, " ");
    format!(
        "pid {}\nhost {}\nprogram {} {}\nstarted {}\nboot {}\n",
        process.pid,
        clean(&process.host),
        clean(name),
        clean(version),
        process.started,
        clean(&process.boot_id),
    )
}

fn is_lost(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound
    )
}

const ATTEMPTS: u32 = 8;
