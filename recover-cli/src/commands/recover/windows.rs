//! Files and directories as Windows has them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::windows::fs::OpenOptionsExt;
use std::path::Path;

/// Makes a directory and what leads to it, with the rights its parent gives.
pub(super) fn make_directory(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)
}

/// Makes the names in a directory durable, where the file system does that for one that is open
/// for writing.
pub(super) fn sync_directory(dir: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).custom_flags(FOR_DIRECTORIES);
    match options.open(dir).and_then(|dir| dir.sync_all()) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(()),
        synced => synced,
    }
}

/// A command that is ended leaves the file in the making, which the next one takes over.
pub(super) fn watch_signals<G>(_: fn() -> G) -> io::Result<()> {
    Ok(())
}

/// Opens the file for this process alone.
pub(super) fn open(path: &Path) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    options.share_mode(FOR_RENAMING);
    match options.open(path) {
        Err(error) if error.raw_os_error() == Some(SHARING_VIOLATION) => {
            Err(ErrorKind::ResourceBusy.into())
        }
        opened => opened.map(Some),
    }
}

/// Renames a file to a name that nothing has.
pub(super) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Ok(()) => fs::remove_file(from),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(error),
        // Without a second name, the moment between looking and renaming is what is left.
        Err(_) if to.symlink_metadata().is_ok() => Err(ErrorKind::AlreadyExists.into()),
        Err(_) => fs::rename(from, to),
    }
}

/// `FILE_FLAG_BACKUP_SEMANTICS`, which directories are opened with, and `FILE_SHARE_DELETE`, which
/// lets a file get another name while it is open:
/// <https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-createfilew>.
const FOR_DIRECTORIES: u32 = 0x0200_0000;
const FOR_RENAMING: u32 = 4;

/// `ERROR_SHARING_VIOLATION`: another process has it open.
const SHARING_VIOLATION: i32 = 32;
