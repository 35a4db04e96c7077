//! What macOS says of files and directories that other systems do not say, or say otherwise.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, Dir, Stat};
use rustix::io::Errno;

use crate::storage::unix::errno::is_any;
use crate::storage::{FileIdentity, FileSystem, named, retry};

/// Calls `act` with the name of each entry of a directory, itself and its parent included.
pub(crate) fn each_name(
    dir: OwnedFd,
    act: &mut dyn FnMut(&CStr) -> io::Result<()>,
) -> io::Result<()> {
    let mut entries = Dir::new(dir)?;
    while let Some(entry) = entries.read() {
        act(entry?.file_name())?;
    }
    Ok(())
}

/// Which file of a directory has this name.
pub(crate) fn identity_of(dir: &File, name: &str) -> io::Result<FileIdentity> {
    let facts = rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(identity(&facts))
}

/// Which file it is whose facts these are.
pub(super) fn identity(facts: &Stat) -> FileIdentity {
    FileIdentity {
        device: u64::from(facts.st_dev.cast_unsigned()),
        inode: facts.st_ino,
    }
}

/// Makes what a file or directory holds durable; `false` if the drive could not be asked to keep
/// it, so that it is only out of the machine's memory.
///
/// fsync(2) hands it to the drive, which may keep it for a while where power loss takes it;
/// F_FULLFSYNC asks the drive for all of it, and not every file system knows that call:
/// <https://github.com/apple-oss-distributions/xnu/blob/main/bsd/man/man2/fsync.2>,
/// <https://github.com/apple-oss-distributions/xnu/blob/main/bsd/man/man2/fcntl.2>.
pub(crate) fn sync(file: &File) -> io::Result<bool> {
    match retry(|| Ok(rustix::fs::fcntl_fullfsync(file)?)) {
        Ok(()) => Ok(true),
        Err(error) if is_any(&error, &FULL_SYNC_UNKNOWN) => {
            retry(|| Ok(rustix::fs::fsync(file)?))?;
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// The number that tells the file system; 0 if the system does not say.
pub(crate) fn file_system_type(dir: &File) -> u64 {
    let Ok(facts) = rustix::fs::fstatfs(dir) else {
        return 0;
    };
    let name = facts.f_fstypename.iter().map(|byte| byte.cast_unsigned());
    let name: Vec<u8> = name.take_while(|byte| *byte != 0).collect();
    let is_remote = facts.f_flags & MNT_LOCAL == 0;
    named::number_of_name(&String::from_utf8_lossy(&name), is_remote)
}

/// Which file system a directory is on, of those that are told apart.
pub(crate) fn file_system(dir: &File) -> FileSystem {
    named::of_number(file_system_type(dir))
}

/// What file systems say that do not know F_FULLFSYNC.
const FULL_SYNC_UNKNOWN: [Errno; 5] = [
    Errno::NOTSUP,
    Errno::OPNOTSUPP,
    Errno::INVAL,
    Errno::NOTTY,
    Errno::NOSYS,
];

/// The file system is on this machine:
/// <https://github.com/apple-oss-distributions/xnu/blob/main/bsd/man/man2/statfs.2>.
const MNT_LOCAL: u32 = 0x1000;
