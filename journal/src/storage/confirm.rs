//! Whether a file system still keeps what it says it does.

use std::fs::File;
use std::io;

use rustix::fs::FallocateFlags;
use rustix::io::Errno;

use super::directory::is_any;
use super::retry;

/// Fails if the file system of `file` has given up.
///
/// Between the moment when ext4 gives up its own journal and the moment when it says so, a sync
/// ends well whose data went to blocks that no file will have (seen with Linux 6.18, as the suite
/// `fs_stops` does it). A change that it has to put on record finds that out: here that space is
/// wanted which the file has already.
pub(super) fn takes_changes(file: &File) -> io::Result<()> {
    let wanted = || {
        Ok(rustix::fs::fallocate(
            file,
            FallocateFlags::KEEP_SIZE,
            0,
            1,
        )?)
    };
    match retry(wanted) {
        Err(error) if is_any(&error, &GIVEN_UP) => Err(error),
        _ => Ok(()),
    }
}

const GIVEN_UP: [Errno; 3] = [Errno::ROFS, Errno::IO, Errno::SHUTDOWN];
