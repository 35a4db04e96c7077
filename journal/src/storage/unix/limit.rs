//! The longest a file of this process may be.
//!
//! A thread that goes beyond it gets a signal that ends the program, unless the program has taken
//! care of it: <https://man7.org/linux/man-pages/man2/getrlimit.2.html>. So nothing goes beyond it.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};

use crate::len::len_u64;
use crate::seeded::{self, Bug};

/// The longest a file may be now; the limit may change at any time.
pub(crate) fn file_len_max() -> u64 {
    let limit = getrlimit(Resource::Fsize).current;
    IS_LIMITED.store(limit.is_some(), Ordering::Relaxed);
    match seeded::has(Bug::FileSizeLimitIgnored) {
        true => u64::MAX,
        false => limit.unwrap_or(u64::MAX),
    }
}

/// Refuses what goes beyond the limit, as the system does where the signal is ignored.
pub(super) fn check(end: u64) -> io::Result<()> {
    match end <= file_len_max() {
        true => Ok(()),
        false => Err(Errno::FBIG.into()),
    }
}

/// As [`check`], for what is written. Asking the system takes half as long as writing a small
/// record, so for those it is asked only where there was a limit when it was last asked.
pub(super) fn check_written(offset: u64, len: usize) -> io::Result<()> {
    if len <= SMALL && !IS_LIMITED.load(Ordering::Relaxed) {
        return Ok(());
    }
    check(offset.saturating_add(len_u64(len)))
}

static IS_LIMITED: AtomicBool = AtomicBool::new(true);

/// Writing more takes so long that asking does not count.
const SMALL: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_within_the_limit_may_be_written() {
        let limit = file_len_max();
        assert!(check(limit).is_ok() && check_written(0, 1 << 20).is_ok());
        if let Some(beyond) = limit.checked_add(1) {
            assert_eq!(check(beyond).unwrap_err().raw_os_error(), Some(27));
        }
    }
}
