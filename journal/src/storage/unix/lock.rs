//! Locks of whole files: flock(2), which ends with the last descriptor of one opening.

use std::fs::File;
use std::io;

use rustix::io::Errno;

use super::errno::is_any;
use crate::storage::{Lock, LockOutcome, retry};

/// Tries to take a lock, without waiting, in the place of one that this opening holds already:
/// <https://man7.org/linux/man-pages/man2/flock.2.html>.
pub(super) fn try_lock(file: &File, lock: Lock) -> io::Result<LockOutcome> {
    let tried = retry(|| match lock {
        Lock::Shared => fs2::FileExt::try_lock_shared(file),
        Lock::Exclusive => fs2::FileExt::try_lock_exclusive(file),
    });
    match tried {
        Ok(()) => Ok(LockOutcome::Held),
        Err(error) if is_contended(&error) => Ok(LockOutcome::Contended),
        Err(error) if is_unsupported(&error) => Ok(LockOutcome::Unsupported),
        Err(error) => Err(error),
    }
}

fn is_contended(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
        || error.raw_os_error() == fs2::lock_contended_error().raw_os_error()
}

fn is_unsupported(error: &io::Error) -> bool {
    let unsupported = [Errno::NOLCK, Errno::OPNOTSUPP, Errno::NOTSUP];
    error.kind() == io::ErrorKind::Unsupported || is_any(error, &unsupported)
}
