//! What an opening found left behind by runs that died.

use std::sync::Arc;

use crate::error::Result;
use crate::reader::{ReadMode, Reader};
use crate::recovery::Report;
use crate::seq::RunId;
use crate::snapshot::Snapshot;
use crate::storage::Storage;

/// What an opening found left behind by runs that died; made by `Journal::recovery`.
#[derive(Clone, Debug)]
pub struct Recovery {
    /// `None`: the journal is disabled, and nothing was found.
    storage: Option<Arc<dyn Storage>>,
    runs: Vec<RunId>,
}

impl Recovery {
    pub(crate) fn new(storage: Option<Arc<dyn Storage>>, runs: Vec<RunId>) -> Recovery {
        Recovery { storage, runs }
    }

    /// The dead runs that this opening was the first to find, oldest first.
    #[must_use]
    pub fn runs(&self) -> &[RunId] {
        &self.runs
    }

    /// The sessions these runs were part of, whole, over all runs of the journal, made as they
    /// are taken. Nothing is read if no run died.
    pub fn sessions(&self) -> impl Iterator<Item = Result<Snapshot>> + use<> {
        let (sessions, error) = match self.reader() {
            Ok(Some(reader)) => (Some(reader.sessions_of(&self.runs)), None),
            Ok(None) => (None, None),
            Err(error) => (None, Some(error)),
        };
        error
            .into_iter()
            .map(Err)
            .chain(sessions.into_iter().flatten())
    }

    /// The ids of the sessions these runs were part of, whatever became of them since. Nothing is
    /// read if no run died.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) if the directory cannot be read.
    pub fn session_ids(&self) -> Result<Vec<String>> {
        let reader = self.reader()?;
        let ids = reader.map(|reader| reader.sessions_of(&self.runs).ids());
        Ok(ids.unwrap_or_default())
    }

    /// What is missing from the journal, and why; `None` if no run died.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) if the directory cannot be read.
    pub fn report(&self) -> Result<Option<Report>> {
        Ok(self.reader()?.map(|reader| reader.report()))
    }

    fn reader(&self) -> Result<Option<Reader>> {
        let storage = self.storage.as_ref().filter(|_| !self.runs.is_empty());
        storage
            .map(|storage| Reader::with_caches(Arc::clone(storage), ReadMode::Salvage))
            .transpose()
    }
}
