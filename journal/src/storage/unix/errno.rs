//! Which of the system's errors an error is.

use std::io;

use rustix::io::Errno;

pub(super) fn is_any(error: &io::Error, errnos: &[Errno]) -> bool {
    let is = |errno: &Errno| error.raw_os_error() == Some(errno.raw_os_error());
    errnos.iter().any(is)
}
