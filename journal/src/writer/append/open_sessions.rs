//! The sessions of a run that may still go on, by their ids.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::run_session::RunSession;
use crate::error::{Error, Result};
use crate::format::SESSION_ID_LEN_MAX;
use crate::writer::sync_primitives::{PoisonError, RwLock};

/// Sessions of a run that may still go on.
///
/// One that ended is forgotten, and so is, once there are many, one that has no handle and is not
/// declared in the active segment: if it does go on, it is declared anew. So a run takes
/// memory for the sessions that are open, however many there were.
#[derive(Debug, Default)]
pub(crate) struct OpenSessions {
    known: RwLock<Known>,
}

#[derive(Debug, Default)]
struct Known {
    sessions: HashSet<ById>,
    /// How many there have been.
    serial: u64,
    /// Once there are so many, those are forgotten that seem to be over.
    sweep_at: usize,
}

/// A session, found by its id.
#[derive(Debug)]
struct ById(Arc<RunSession>);

impl OpenSessions {
    /// The session of this id; the empty id is `unknown`. `is_in_use` says whether one is that
    /// has no handle.
    pub(crate) fn session(
        &self,
        id: &str,
        is_in_use: impl Fn(&RunSession) -> bool,
    ) -> Result<Arc<RunSession>> {
        let id = if id.is_empty() { EMPTY_ID } else { id };
        let size = u64::try_from(id.len()).unwrap_or(u64::MAX);
        if size > SESSION_ID_LEN_MAX {
            let (what, limit) = ("session id", SESSION_ID_LEN_MAX);
            return Err(Error::LimitExceeded { what, size, limit });
        }
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(ById(session)) = known.sessions.get(id) {
            return Ok(Arc::clone(session));
        }
        drop(known);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(ById(session)) = known.sessions.get(id) {
            return Ok(Arc::clone(session));
        }
        if known.sessions.len() >= known.sweep_at {
            known.sweep(is_in_use);
        }
        known.serial += 1;
        let session = Arc::new(RunSession::new(id, known.serial));
        known.sessions.insert(ById(Arc::clone(&session)));
        Ok(session)
    }

    /// Lets go of a session that ended.
    pub(crate) fn forget(&self, session: &RunSession) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let found = known.sessions.get(session.id());
        if found.is_some_and(|ById(found)| found.serial() == session.serial()) {
            known.sessions.remove(session.id());
        }
    }
}

impl Known {
    fn sweep(&mut self, is_in_use: impl Fn(&RunSession) -> bool) {
        let is_open = |ById(session): &ById| Arc::strong_count(session) > 1 || is_in_use(session);
        self.sessions.retain(is_open);
        self.sessions.shrink_to(SWEEP_MIN);
        self.sweep_at = (self.sessions.len() * 2).max(SWEEP_MIN);
    }
}

impl Borrow<str> for ById {
    fn borrow(&self) -> &str {
        self.0.id()
    }
}

impl Hash for ById {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.id().hash(state);
    }
}

impl PartialEq for ById {
    fn eq(&self, other: &ById) -> bool {
        self.0.id() == other.0.id()
    }
}

impl Eq for ById {}

/// What the empty session id is called.
const EMPTY_ID: &str = "unknown";

/// With fewer sessions, none is looked at whether it is over.
const SWEEP_MIN: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn serial(sessions: &OpenSessions, id: &str) -> u64 {
        sessions.session(id, |_| false).unwrap().serial()
    }

    #[test]
    fn a_session_is_one_until_it_ends() {
        let sessions = OpenSessions::default();
        assert_eq!(serial(&sessions, "a"), 1);
        assert_eq!(serial(&sessions, ""), 2);
        assert_eq!(serial(&sessions, "a"), 1);
        assert_eq!(serial(&sessions, "unknown"), 2);
        let first = sessions.session("a", |_| false).unwrap();
        sessions.forget(&first);
        assert_eq!(serial(&sessions, "a"), 3);
        // The new one does not go with it.
        sessions.forget(&first);
        assert_eq!(serial(&sessions, "a"), 3);
    }

    #[test]
    fn sessions_without_an_end_are_forgotten_unless_they_are_in_use() {
        let sessions = OpenSessions::default();
        let held = sessions.session("held", |_| false).unwrap();
        for number in 0..10 * SWEEP_MIN {
            let is_in_use = |session: &RunSession| session.id() == "session 1";
            sessions
                .session(&format!("session {number}"), is_in_use)
                .unwrap();
        }
        let known = sessions.known.read().unwrap().sessions.len();
        assert!(known <= SWEEP_MIN, "{known}");
        assert_eq!(serial(&sessions, "held"), held.serial());
        assert_eq!(serial(&sessions, "session 1"), 3);
        assert!(serial(&sessions, "session 2") > 4);
    }
}
