//! A file in the making: beside its place, under a name that says so, and gone if it is not to be.

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use rustix::fs::{CWD, FlockOperation, OFlags, RenameFlags, flock, renameat_with};
use rustix::io::Errno;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::error::ExitStatus;
use crate::signals::not_ignored;

/// The file that is being made, to be removed by a signal. It does not
/// change while its lock is held.
static AT_WORK: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Removes the file in the making and ends the command at a signal.
pub(super) fn watch_signals() -> io::Result<()> {
    let mut arriving = Signals::new(not_ignored([SIGINT, SIGTERM, SIGHUP]))?;
    let watch = move || {
        if let Some(signal) = arriving.forever().next() {
            // Kept to the end: from now on no file is begun.
            let at_work = at_work();
            if let Some(path) = &*at_work {
                let _ = fs::remove_file(path);
            }
            let exit = ExitStatus::Signal(u8::try_from(signal).unwrap_or(u8::MAX));
            process::exit(exit.number().into());
        }
    };
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(watch)?;
    Ok(())
}

fn at_work() -> MutexGuard<'static, Option<PathBuf>> {
    AT_WORK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A file in the making; dropped before it is placed, it is removed.
pub(super) struct Part {
    pub(super) file: File,
    path: PathBuf,
    is_placed: bool,
}

impl Part {
    /// Begins the file of this name, or takes over what is left of one whose maker was killed.
    ///
    /// # Errors
    /// [`ErrorKind::ResourceBusy`] if another process is making it right now.
    pub(super) fn begin(dir: &Path, name: &str) -> io::Result<Part> {
        let path = dir.join(format!(".{name}.part"));
        let mut at_work = at_work();
        let file = loop {
            if let Some(file) = open(&path)? {
                break file;
            }
        };
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.set_len(0)?;
        *at_work = Some(path.clone());
        Ok(Part {
            file,
            path,
            is_placed: false,
        })
    }

    /// Gives it its name, once it is whole and synced.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] if there is such a file and it is not to be replaced.
    pub(super) fn place(mut self, at: &Path, may_replace: bool) -> io::Result<()> {
        let mut at_work = at_work();
        if may_replace {
            fs::rename(&self.path, at)?;
        } else {
            rename_new(&self.path, at)?;
        }
        *at_work = None;
        self.is_placed = true;
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.is_placed {
            let mut at_work = at_work();
            let _ = fs::remove_file(&self.path);
            *at_work = None;
        }
    }
}

/// Opens the file for this process alone; `None` if it is to be tried again, because what was
/// there has gone.
fn open(path: &Path) -> io::Result<Option<File>> {
    let mut options = File::options();
    options.write(true).create(true).truncate(false).mode(0o600);
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    options.custom_flags(i32::try_from(flags.bits()).unwrap_or_default());
    let file = match options.open(path) {
        Ok(file) => file,
        Err(error) if Errno::from_io_error(&error) == Some(Errno::LOOP) => {
            fs::remove_file(path)?;
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    // Where locks do not work, this cannot be told.
    if flock(&file, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK) {
        return Err(ErrorKind::ResourceBusy.into());
    }
    let opened = file.metadata()?;
    let named = match fs::symlink_metadata(path) {
        Ok(named) => named,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    // Its maker may have placed or removed it before the lock was free.
    if (opened.dev(), opened.ino()) != (named.dev(), named.ino()) {
        return Ok(None);
    }
    // What has another name as well, or is no file, is not ours to write into.
    if !opened.is_file() || opened.nlink() > 1 {
        fs::remove_file(path)?;
        return Ok(None);
    }
    Ok(Some(file))
}

/// Renames a file to a name that nothing has.
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
        outcome => return Ok(outcome?),
    }
    match fs::hard_link(from, to) {
        Ok(()) => fs::remove_file(from),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(error),
        // Without either, the moment between looking and renaming is what is left.
        Err(_) if to.symlink_metadata().is_ok() => Err(ErrorKind::AlreadyExists.into()),
        Err(_) => fs::rename(from, to),
    }
}
