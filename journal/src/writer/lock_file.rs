//! The file that shows a run to be alive: locked for as long as its process has it open.

use std::io;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::format::{DurablePlace, FileName, Owner, RunText, released};
use crate::recovery::{Claim, is_recovered};
use crate::seeded::{self, Bug};
use crate::seq::{Generation, RunId};
use crate::storage::{Lock, LockOutcome, Storage, StorageFile};

/// A `.run` file of this process; the lock ends when it is dropped.
#[derive(Debug)]
pub(crate) struct LockFile {
    storage: Arc<dyn Storage>,
    run: RunId,
    program: (String, String),
    owner: Owner,
    file: Arc<dyn StorageFile>,
    /// The last durable record, as the file notes it.
    noted: Option<DurablePlace>,
    /// Files that lost their name; a process that has one open must not find it unlocked.
    nameless: Vec<Arc<dyn StorageFile>>,
}

impl LockFile {
    /// Makes the `.run` file of a new run of this generation.
    ///
    /// It is made under a temporary name, locked and written before it gets its own, so that a
    /// run is never seen unlocked while it starts.
    pub(crate) fn create(
        storage: &Arc<dyn Storage>,
        generation: Generation,
        program: &(String, String),
    ) -> Result<LockFile> {
        let mut attempts_left = ATTEMPTS;
        loop {
            let run = RunId {
                generation,
                random: storage.random(),
            };
            match try_create(&**storage, run, program) {
                Ok((file, owner)) => {
                    return Ok(LockFile {
                        storage: Arc::clone(storage),
                        run,
                        program: program.clone(),
                        owner,
                        file,
                        noted: None,
                        nameless: Vec::new(),
                    });
                }
                // A process that clears stale files away took this one for one of them.
                Err(error) if is_lost(&error) && attempts_left > 0 => attempts_left -= 1,
                Err(error) => {
                    let path = storage.path().join(FileName::Run(run).to_string());
                    return Err(Error::io("create", path, error));
                }
            }
        }
    }

    pub(crate) fn run(&self) -> RunId {
        self.run
    }

    /// The process that writes the run, as the file says.
    pub(crate) fn owner(&self) -> &Owner {
        &self.owner
    }

    /// Looks whether the file is where others look for it, and makes it anew if it is not: there
    /// are programs that clear away what is old.
    ///
    /// # Errors
    /// As the system says; the run is then as safe as it was.
    pub(crate) fn look(&mut self) -> io::Result<Presence> {
        let storage = &*Arc::clone(&self.storage);
        let name = FileName::Run(self.run).to_string();
        match storage.identity_of(&name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            looked => return looked.map(|_| Presence::Known),
        }
        if seeded::has(Bug::SweptRunFileUnnoticed) {
            return Ok(Presence::Known);
        }
        // A process that is about to put the run on record is waited for.
        let Some(claim) = Claim::hold(storage, self.run)? else {
            return Ok(Presence::Known);
        };
        let presence = match is_recovered(storage, self.run) {
            true => Ok(Presence::Recovered),
            false => try_create(storage, self.run, &self.program).map(|(file, owner)| {
                self.nameless.push(std::mem::replace(&mut self.file, file));
                self.owner = owner;
                if let Some(place) = self.noted.take() {
                    self.note_durable(place);
                }
                Presence::Renewed
            }),
        };
        claim.withdraw(storage);
        presence
    }

    /// Whether the file system still keeps what it is given, the last sync's bytes among it.
    pub(crate) fn confirm_sync(&self) -> Result<()> {
        if seeded::has(Bug::SyncNotConfirmed) {
            return Ok(());
        }
        self.file.confirm_sync().map_err(|error| {
            let path = self
                .storage
                .path()
                .join(FileName::Run(self.run).to_string());
            Error::io("sync", path, error)
        })
    }

    /// Notes the last record that is durable; that is not synced, because an old note is still
    /// true.
    pub(crate) fn note_durable(&mut self, place: DurablePlace) {
        if self.noted == Some(place) {
            return;
        }
        let (line, at) = place.line(self.run);
        // Without it, the next opening has more to read, and what is lost counts as what a crash
        // leaves until a mark says more.
        let written = self.file.write_at(line.as_bytes(), at);
        self.noted = written.is_ok().then_some(place);
    }
}

/// Whether others find the run as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// They do, or it is not known yet.
    Known,
    /// They did not, and do again.
    Renewed,
    /// They took it for dead and put it on record.
    Recovered,
}

impl Drop for LockFile {
    /// Says that the run is over: a process forked meanwhile may hold the lock for long.
    fn drop(&mut self) {
        if self.storage.is_own_process() {
            let (text, at) = released();
            let _ = self.file.write_at(text.as_bytes(), at);
        }
    }
}

fn try_create(
    storage: &dyn Storage,
    run: RunId,
    program: &(String, String),
) -> io::Result<(Arc<dyn StorageFile>, Owner)> {
    let temporary = FileName::RunTemporary(run).to_string();
    let file = storage.create(&temporary)?;
    let owner = owner(storage, &*file);
    let text = RunText::first(&owner, program);
    let made = lock_alone(&*file)
        .and_then(|()| file.write_at(text.as_bytes(), 0))
        .and_then(|()| storage.link(&temporary, &FileName::Run(run).to_string()));
    let removed = storage.remove(&temporary);
    made?;
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            let _ = storage.remove(&FileName::Run(run).to_string());
            Err(error)
        }
        _ => Ok((file, owner)),
    }
}

fn lock_alone(file: &dyn StorageFile) -> io::Result<()> {
    match file.try_lock(Lock::Exclusive)? {
        LockOutcome::Contended => Err(io::ErrorKind::AlreadyExists.into()),
        _ => Ok(()),
    }
}

/// What identifies this process, with this `.run` file.
fn owner(storage: &dyn Storage, file: &dyn StorageFile) -> Owner {
    let process = storage.process();
    let identity = file.identity().ok();
    Owner {
        pid: process.pid,
        started: process.started,
        pid_namespace: process.pid_namespace,
        boot_id: process.boot_id,
        host: process.host,
        file_system: storage.file_system_type(),
        device: identity.map_or(0, |identity| identity.device),
        inode: identity.map_or(0, |identity| identity.inode),
    }
}

fn is_lost(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound
    )
}

const ATTEMPTS: u32 = 8;
