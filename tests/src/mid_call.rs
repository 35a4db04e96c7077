//! Something that happens in the middle of a call to the system.

use std::fmt;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use crate::observed_storage::{Call, StorageObserver, Verdict};

/// When something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Before the call is made.
    Before,
    /// When it was made.
    After,
}

/// Does something before and after every call.
pub struct MidCall<F>(pub F);

impl<F> fmt::Debug for MidCall<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MidCall")
    }
}

impl<F: Fn(&Call, Moment) + Send + Sync> StorageObserver for MidCall<F> {
    fn before(&self, call: &Call) -> Verdict {
        self.0(call, Moment::Before);
        Verdict::Pass
    }

    fn after(&self, call: &Call, _has_succeeded: bool) {
        self.0(call, Moment::After);
    }
}

/// Does something on another thread, which must not have to wait for this one.
///
/// # Panics
/// If it does not come to an end.
pub fn elsewhere<T: Send + 'static>(what: impl FnOnce() -> T + Send + 'static) -> T {
    let (tell, told) = channel();
    thread::spawn(move || tell.send(what()));
    let done = told.recv_timeout(PATIENCE);
    done.expect("nothing on another thread waits for what this one is at")
}

/// What is waited for takes microseconds, unless it never ends.
const PATIENCE: Duration = Duration::from_secs(20);
