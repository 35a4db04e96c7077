//! What Linux says of files and directories that other systems do not say, or say otherwise.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

use rustix::fd::AsFd;
use rustix::fs::{AtFlags, RawDir, Statx, StatxFlags};

use crate::storage::{FileIdentity, FileSystem, retry};

/// Calls `act` with the name of each entry of a directory, itself and its parent included.
pub(crate) fn each_name(
    dir: OwnedFd,
    act: &mut dyn FnMut(&CStr) -> io::Result<()>,
) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(LISTED_AT_ONCE);
    let mut entries = RawDir::new(dir, buffer.spare_capacity_mut());
    while let Some(entry) = entries.next() {
        act(entry?.file_name())?;
    }
    Ok(())
}

/// Which file of a directory has this name.
pub(crate) fn identity_of(dir: &File, name: &str) -> io::Result<FileIdentity> {
    Ok(identity(&look(dir, name, AtFlags::SYMLINK_NOFOLLOW)?))
}

/// Makes names made and removed in a directory durable; `false` if that is not known to have been
/// done.
pub(crate) fn sync(dir: &File) -> io::Result<bool> {
    retry(|| dir.sync_all()).map(|()| true)
}

/// The number that tells the file system; 0 if the system does not say.
pub(crate) fn file_system_type(dir: &File) -> u64 {
    let facts = rustix::fs::fstatfs(dir).ok();
    let number = facts.and_then(|facts| u64::try_from(facts.f_type).ok());
    number.unwrap_or(0)
}

/// Tells the file system by the magic number statfs gives:
/// <https://man7.org/linux/man-pages/man2/statfs.2.html>.
pub(crate) fn file_system(dir: &File) -> FileSystem {
    match file_system_type(dir) {
        0xEF53 => FileSystem::Ext4,
        0x5846_5342 => FileSystem::Xfs,
        0x9123_683E => FileSystem::Btrfs,
        number if FileSystem::is_memory(number) => FileSystem::Memory,
        _ => FileSystem::Other,
    }
}

/// Looks at a file for what does not change with each write.
///
/// Its times are not asked for: a file whose times were looked at gets finer ones at its next
/// write, so that the sync behind that writes the inode, too, which takes half as long again:
/// <https://docs.kernel.org/filesystems/multigrain-ts.html>.
pub(super) fn look(dir: impl AsFd, name: &str, flags: AtFlags) -> io::Result<Statx> {
    let mask = StatxFlags::INO | StatxFlags::SIZE | StatxFlags::TYPE;
    retry(|| Ok(rustix::fs::statx(&dir, name, flags, mask)?))
}

/// Which file it is whose facts these are.
pub(super) fn identity(facts: &Statx) -> FileIdentity {
    FileIdentity {
        device: rustix::fs::makedev(facts.stx_dev_major, facts.stx_dev_minor),
        inode: facts.stx_ino,
    }
}

/// Bytes of entries asked for with one call.
const LISTED_AT_ONCE: usize = 64 << 10;
