//! Errors no caller was there to be given: counted, and the first of each code reported.

use super::sync_primitives::{Mutex, PoisonError};
use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::error::Error;

/// A caller's function that is told of errors.
pub(crate) type ErrorHook = Arc<dyn Fn(&Error) + Send + Sync>;

/// Counts of errors by code, and the hook that hears of the first of each.
#[derive(Default)]
pub(crate) struct ErrorLog {
    counts: Mutex<BTreeMap<&'static str, u64>>,
    hook: Option<ErrorHook>,
}

impl ErrorLog {
    pub(crate) fn new(hook: Option<ErrorHook>) -> ErrorLog {
        ErrorLog {
            counts: Mutex::default(),
            hook,
        }
    }

    /// Counts an error; the first of its code goes to the hook. Not for the journal's own threads
    /// and not while a lock is held: the hook is the caller's code.
    pub(crate) fn report(&self, error: &Error) {
        if self.count(error) {
            self.tell(error);
        }
    }

    /// Counts an error; says whether the hook is to be told of it.
    pub(crate) fn count(&self, error: &Error) -> bool {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(error.code()).or_insert(0);
        *count += 1;
        *count == 1 && self.hook.is_some()
    }

    /// Tells the hook, whose panics are contained: they must not take the host program down.
    pub(crate) fn tell(&self, error: &Error) {
        if let Some(hook) = &self.hook {
            let _ = catch_unwind(AssertUnwindSafe(|| hook(error)));
        }
    }

    /// How many errors of each code there were.
    pub(crate) fn counts(&self) -> Vec<(&'static str, u64)> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|(code, count)| (*code, *count)).collect()
    }
}

impl fmt::Debug for ErrorLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErrorLog")
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn the_hook_hears_of_the_first_error_of_each_code_and_may_panic() {
        let heard = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&heard);
        let log = ErrorLog::new(Some(Arc::new(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
            panic!("of the hook's own");
        })));
        log.report(&Error::Closed);
        log.report(&Error::Closed);
        log.report(&Error::Timeout);
        assert_eq!(heard.load(Ordering::Relaxed), 2);
        assert_eq!(log.counts(), [("closed", 2), ("timeout", 1)]);
    }
}
