//! Forks of this process.
#![expect(unsafe_code, reason = "there is no safe way to fork, and hosts do it")]

use std::panic::{AssertUnwindSafe, catch_unwind};

use rustix::process::{Pid, WaitOptions, waitpid};

/// Runs `body` in a fork of this process, which then ends without running exit handlers. The
/// journal's claim to be safe there is what is tested: `body` calls hardly anything else.
///
/// # Panics
/// If `body` panics, or the process cannot be forked.
pub fn in_fork(body: impl FnOnce()) {
    // SAFETY: the child calls only the body, which claims to be safe in a fork, and ends at once.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "a process can be forked");
    if child == 0 {
        let ended = catch_unwind(AssertUnwindSafe(body));
        // SAFETY: ends the process at once.
        unsafe { libc::_exit(i32::from(ended.is_err())) };
    }
    let child = Pid::from_raw(child);
    let ended = waitpid(child, WaitOptions::empty()).expect("the child ends");
    let status = ended.map(|(_, status)| status.exit_status());
    assert_eq!(status, Some(Some(0)), "the child failed");
}
