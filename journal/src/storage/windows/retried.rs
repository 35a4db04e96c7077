//! Calls that fail for a moment because another program looks at a file.

use std::io;
use std::thread;
use std::time::Duration;

use windows_sys::Win32::Foundation::{ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION, WIN32_ERROR};

/// Makes a call again, a few times, while a virus scanner or an indexer has the file open in a way
/// that forbids it, or a name that was removed waits for its last user to let go of it.
pub(super) fn retried<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let mut pause = Duration::from_millis(1);
    loop {
        match call() {
            Err(error) if is_passing(&error) && pause <= RETRY_PAUSE_MAX => {
                thread::sleep(pause);
                pause *= 2;
            }
            settled => return settled,
        }
    }
}

pub(super) fn is_any(error: &io::Error, codes: &[WIN32_ERROR]) -> bool {
    let code = error.raw_os_error().map(i32::cast_unsigned);
    code.is_some_and(|code| codes.contains(&code))
}

fn is_passing(error: &io::Error) -> bool {
    is_any(error, &[ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION])
}

/// Together, twice as much is waited.
const RETRY_PAUSE_MAX: Duration = Duration::from_millis(32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_waited_for_but_not_for_ever() {
        let code = ERROR_SHARING_VIOLATION.cast_signed();
        let mut left = 3;
        let opened = retried(|| {
            left -= 1;
            match left {
                0 => Ok(()),
                _ => Err(io::Error::from_raw_os_error(code)),
            }
        });
        assert!(opened.is_ok());
        let never = retried::<()>(|| Err(io::Error::from_raw_os_error(code)));
        assert_eq!(never.unwrap_err().raw_os_error(), Some(code));
        let mut count = 0;
        let other = retried::<()>(|| {
            count += 1;
            Err(io::ErrorKind::NotFound.into())
        });
        assert_eq!(
            (other.unwrap_err().kind(), count),
            (io::ErrorKind::NotFound, 1)
        );
    }
}
