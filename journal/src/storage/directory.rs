//! What a directory of the operating system is made with, lists and lies on.

use std::fs::File;
use std::io;
use std::path::Path;

use super::{Entry, FileSystem};

/// Makes one directory for its owner only; one that appeared meanwhile will do.
pub(super) fn make_private_dir(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    match std::fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

/// One entry of a listing; `None` for a name that vanished meanwhile.
pub(super) fn read_entry(found: io::Result<std::fs::DirEntry>) -> io::Result<Option<Entry>> {
    let found = found?;
    let name = found.file_name().to_string_lossy().into_owned();
    match found.metadata() {
        Ok(facts) => {
            let is_file = facts.is_file();
            Ok(Some(Entry {
                name,
                len: if is_file { facts.len() } else { 0 },
                is_file,
            }))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Tells the file system by the magic number statfs gives:
/// <https://man7.org/linux/man-pages/man2/statfs.2.html>.
pub(super) fn file_system_of(dir: &File) -> FileSystem {
    let Ok(facts) = rustix::fs::fstatfs(dir) else {
        return FileSystem::Other;
    };
    match i128::from(facts.f_type) {
        0xEF53 => FileSystem::Ext4,
        0x5846_5342 => FileSystem::Xfs,
        0x9123_683E => FileSystem::Btrfs,
        0x0102_1994 | 0x8584_58F6 => FileSystem::Memory,
        _ => FileSystem::Other,
    }
}
