//! Whether a file system still keeps what it says it does.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::OnceLock;

use rustix::fs::{FallocateFlags, major, minor};
use rustix::io::Errno;

use crate::storage::unix::errno::is_any;
use crate::storage::{FileSystem, retry};

/// What a sync that ended well is worth in a file system that may have given up.
///
/// Between the moment when ext4 gives up its own journal and the moment when it says so, a sync
/// ends well whose data went to blocks that no file will have (seen with Linux 6.18, as the suite
/// `fs_stops` does it).
#[derive(Debug)]
pub(super) struct Doubt {
    is_ext4: bool,
    /// Found out at the first sync.
    has_journal: OnceLock<bool>,
}

impl Doubt {
    pub(super) fn of(file_system: FileSystem) -> Doubt {
        Doubt {
            is_ext4: file_system == FileSystem::Ext4,
            has_journal: OnceLock::new(),
        }
    }

    /// Fails if the file system of `file` has given up. A change that it has to put on record
    /// finds that out: here that space is wanted which the file has already.
    pub(super) fn confirm(&self, file: &File) -> io::Result<()> {
        if !self.is_ext4 || !*self.has_journal.get_or_init(|| has_journal(file)) {
            return Ok(());
        }
        let keep = FallocateFlags::KEEP_SIZE;
        match retry(|| Ok(rustix::fs::fallocate(file, keep, 0, 1)?)) {
            Err(error) if is_any(&error, &GIVEN_UP) => Err(error),
            _ => Ok(()),
        }
    }
}

/// Whether the ext4 that a file is in has a journal, or that cannot be found out. Without one it
/// writes the changed inode with the next sync, of whatever file, which takes a third as long
/// again, and has nothing to give up. Linux 6.18 says `<none>` there.
fn has_journal(file: &File) -> bool {
    let task = file.metadata().and_then(|facts| {
        let device = (major(facts.dev()), minor(facts.dev()));
        let name = std::fs::read_link(format!("/sys/dev/block/{}:{}", device.0, device.1))?;
        let name = name.file_name().unwrap_or_default().to_owned();
        let path = std::path::Path::new("/sys/fs/ext4").join(name);
        std::fs::read_to_string(path.join("journal_task"))
    });
    !task.is_ok_and(|task| task.trim() == "<none>")
}

const GIVEN_UP: [Errno; 3] = [Errno::ROFS, Errno::IO, Errno::SHUTDOWN];
