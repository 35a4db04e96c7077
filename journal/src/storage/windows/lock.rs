//! Locks of files: of one byte far behind their end, because other processes may not read what
//! is locked, and they are to read a `.run` file whose owner lives.
#![expect(unsafe_code, reason = "the system's calls for this are in C only")]

use std::fs::File;
use std::io;
use std::os::windows::io::AsRawHandle;

use windows_sys::Win32::Foundation::{
    ERROR_CALL_NOT_IMPLEMENTED, ERROR_INVALID_FUNCTION, ERROR_IO_PENDING, ERROR_LOCK_VIOLATION,
    ERROR_NOT_SUPPORTED,
};
use windows_sys::Win32::Storage::FileSystem::{
    LOCKFILE_EXCLUSIVE_LOCK, LOCKFILE_FAIL_IMMEDIATELY, LockFileEx, UnlockFileEx,
};
use windows_sys::Win32::System::IO::{OVERLAPPED, OVERLAPPED_0, OVERLAPPED_0_0};

use super::retried::is_any;
use crate::storage::{Lock, LockOutcome};

/// Tries to take a lock, without waiting, in the place of one that this opening holds already; it
/// ends with the handle, or some time after the process:
/// <https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-lockfileex>.
pub(super) fn try_lock(file: &File, lock: Lock) -> io::Result<LockOutcome> {
    let mut at = place();
    // SAFETY: the handle is open for as long as `file` is borrowed, and not for calls that go on
    // after they returned, so that the place is no longer used then. There may be nothing locked.
    unsafe { UnlockFileEx(file.as_raw_handle(), 0, 1, 0, &raw mut at) };
    let flags = match lock {
        Lock::Shared => LOCKFILE_FAIL_IMMEDIATELY,
        Lock::Exclusive => LOCKFILE_FAIL_IMMEDIATELY | LOCKFILE_EXCLUSIVE_LOCK,
    };
    let mut at = place();
    // SAFETY: as above.
    let locked = unsafe { LockFileEx(file.as_raw_handle(), flags, 0, 1, 0, &raw mut at) };
    if locked != 0 {
        return Ok(LockOutcome::Held);
    }
    match io::Error::last_os_error() {
        error if is_any(&error, &CONTENDED) => Ok(LockOutcome::Contended),
        error if is_any(&error, &UNSUPPORTED) => Ok(LockOutcome::Unsupported),
        error => Err(error),
    }
}

/// The byte that is locked, at 2^62.
fn place() -> OVERLAPPED {
    OVERLAPPED {
        Internal: 0,
        InternalHigh: 0,
        Anonymous: OVERLAPPED_0 {
            Anonymous: OVERLAPPED_0_0 {
                Offset: 0,
                OffsetHigh: 1 << 30,
            },
        },
        hEvent: std::ptr::null_mut(),
    }
}

const CONTENDED: [u32; 2] = [ERROR_LOCK_VIOLATION, ERROR_IO_PENDING];

const UNSUPPORTED: [u32; 3] = [
    ERROR_INVALID_FUNCTION,
    ERROR_NOT_SUPPORTED,
    ERROR_CALL_NOT_IMPLEMENTED,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{DiskStorage, Storage};

    #[test]
    fn a_file_that_is_locked_is_read_and_written() {
        let dir = tempfile::tempdir().unwrap();
        let storage = DiskStorage::open(dir.path()).unwrap();
        let owner = Storage::create(&storage, "a.run").unwrap();
        assert_eq!(owner.try_lock(Lock::Exclusive).unwrap(), LockOutcome::Held);
        owner.write_at(b"text", 0).unwrap();
        assert_eq!(std::fs::read(dir.path().join("a.run")).unwrap(), b"text");
        assert_eq!(owner.try_lock(Lock::Shared).unwrap(), LockOutcome::Held);
        let other = Storage::open(&storage, "a.run").unwrap();
        assert_eq!(
            other.try_lock(Lock::Exclusive).unwrap(),
            LockOutcome::Contended
        );
        assert_eq!(other.try_lock(Lock::Shared).unwrap(), LockOutcome::Held);
    }
}
