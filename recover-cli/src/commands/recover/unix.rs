//! Files, directories and signals as Unix systems have them.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::process;
use std::thread;

use rustix::fs::{CWD, FlockOperation, OFlags, RenameFlags, flock, renameat_with};
use rustix::io::Errno;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::error::ExitStatus;
use crate::signals::not_ignored;

/// Makes a directory and what leads to it, for its owner only.
pub(super) fn make_directory(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// Makes the names in a directory durable.
pub(super) fn sync_directory(dir: &Path) -> io::Result<()> {
    File::open(dir).and_then(|dir| dir.sync_all())
}

/// Removes the file in the making and ends the command at a signal.
pub(super) fn watch_signals<G: 'static>(give_up: fn() -> G) -> io::Result<()> {
    let mut arriving = Signals::new(not_ignored([SIGINT, SIGTERM, SIGHUP]))?;
    let watch = move || {
        if let Some(signal) = arriving.forever().next() {
            // Kept to the end: from now on no file is begun.
            let _at_work = give_up();
            let exit = ExitStatus::Signal(u8::try_from(signal).unwrap_or(u8::MAX));
            process::exit(exit.number().into());
        }
    };
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(watch)?;
    Ok(())
}

/// Opens the file for this process alone; `None` if it is to be tried again, because what was
/// there has gone.
pub(super) fn open(path: &Path) -> io::Result<Option<File>> {
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
    file.set_permissions(Permissions::from_mode(0o600))?;
    Ok(Some(file))
}

/// Renames a file to a name that nothing has.
pub(super) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
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
