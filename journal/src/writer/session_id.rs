//! The id of a session, as a handle has it, and what the run written to has of it.

use std::ops::Deref;
use std::sync::{Arc, Mutex, OnceLock};

use super::append::run_session::RunSession;
use super::run::RunWriter;
use super::sync_primitives::PoisonError;
use crate::error::Result;

/// The id of a session, and the session in the run written to last.
#[derive(Debug)]
pub(crate) struct SessionId {
    id: String,
    /// In the first run it was asked for, which mostly is the only one.
    first: OnceLock<InOpening>,
    /// In a later one.
    later: Mutex<Option<InOpening>>,
}

/// A session in the run that is this one of the journal's.
#[derive(Clone, Debug)]
struct InOpening {
    opening: u16,
    session: Arc<RunSession>,
}

/// A session in a run, for as long as it is looked at.
pub(crate) enum RunSessionRef<'a> {
    First(&'a RunSession),
    Later(Arc<RunSession>),
}

impl SessionId {
    pub(crate) fn new(id: impl Into<String>) -> SessionId {
        SessionId {
            id: id.into(),
            first: OnceLock::new(),
            later: Mutex::default(),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.id
    }

    /// The session in a run; the run is asked once.
    #[inline]
    pub(crate) fn in_run(&self, run: &RunWriter, opening: u16) -> Result<RunSessionRef<'_>> {
        match self.first.get() {
            Some(first) if first.opening == opening => Ok(RunSessionRef::First(&first.session)),
            _ => self.ask(run, opening),
        }
    }

    #[cold]
    fn ask(&self, run: &RunWriter, opening: u16) -> Result<RunSessionRef<'_>> {
        let mut later = self.later.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(later) = later.as_ref().filter(|later| later.opening == opening) {
            return Ok(RunSessionRef::Later(Arc::clone(&later.session)));
        }
        let session = run.session(&self.id)?;
        let asked = InOpening {
            opening,
            session: Arc::clone(&session),
        };
        if let Err(asked) = self.first.set(asked) {
            *later = Some(asked);
        }
        Ok(RunSessionRef::Later(session))
    }
}

impl Deref for RunSessionRef<'_> {
    type Target = RunSession;

    fn deref(&self) -> &RunSession {
        match self {
            RunSessionRef::First(session) => session,
            RunSessionRef::Later(session) => session,
        }
    }
}
