//! Sessions that end with the opening they were begun through.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Those that have not ended, with the openings they were begun through.
#[derive(Debug, Default)]
pub(super) struct EndingSessions(Mutex<HashMap<String, u64>>);

impl EndingSessions {
    pub(super) fn add(&self, session: &str, opening: u64) {
        self.lock().insert(session.to_owned(), opening);
    }

    /// A session has ended, by whatever handle.
    pub(super) fn remove(&self, session: &str) {
        self.lock().remove(session);
    }

    /// Those of an opening that is being closed.
    pub(super) fn take(&self, opening: u64) -> Vec<String> {
        let mut sessions = self.lock();
        let taken = sessions.extract_if(|_, owner| *owner == opening);
        let mut taken: Vec<String> = taken.map(|(session, _)| session).collect();
        taken.sort_unstable();
        taken
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
