//! How a journal is opened for reading, and what can be asked of it at once.

use std::path::Path;
use std::sync::Arc;

use super::Reader;
use super::journal_view::on_disk;
use super::list;
use super::mode::ReadMode;
use super::verify;
use crate::error::Result;
use crate::recovery::Report;
use crate::snapshot::SessionSummary;
use crate::storage::Storage;

/// How a journal is opened for reading; made by [`Reader::options`].
#[derive(Clone, Debug, Default)]
#[must_use = "nothing is read before `open`, `summaries` or `report`"]
pub struct ReaderOptions {
    mode: ReadMode,
    verify: bool,
    storage: Option<Arc<dyn Storage>>,
}

/// All sessions of a journal, each in a line, and what is missing.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Summaries {
    /// Newest last activity first.
    pub sessions: Vec<SessionSummary>,
    /// What is missing, and why. It names no sessions.
    pub report: Report,
}

impl Reader {
    /// The options a journal is opened for reading with, at their defaults.
    pub fn options() -> ReaderOptions {
        ReaderOptions::default()
    }

    /// All sessions of the journal in `dir`, each in a line.
    ///
    /// # Errors
    /// As [`ReaderOptions::summaries`].
    ///
    /// # Examples
    /// ```
    /// # fn main() -> trace_journal::Result<()> {
    /// # let dir = std::env::temp_dir();
    /// # let dir = dir.join(format!("trace-journal-list-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir).expect("a new directory");
    /// use trace_journal::Reader;
    /// let all = Reader::summaries(&dir)?;
    /// for session in &all.sessions {
    ///     println!("{} {} spans", session.id, session.spans);
    /// }
    /// println!("lost: {}", all.report.loss());
    /// # std::fs::remove_dir_all(&dir).expect("the directory is empty");
    /// # Ok(())
    /// # }
    /// ```
    pub fn summaries(dir: impl AsRef<Path>) -> Result<Summaries> {
        Reader::options().summaries(dir)
    }
}

impl ReaderOptions {
    /// What to do about damage and gaps. Default: [`ReadMode::Salvage`]. The other modes depend on
    /// what is missing and read everything.
    pub fn mode(mut self, mode: ReadMode) -> ReaderOptions {
        self.mode = mode;
        self
    }

    /// Whether every byte of every segment is read and checked, whatever the caches beside them
    /// say. Default: no; then each record is checked when it is asked for.
    pub fn verify(mut self, verify: bool) -> ReaderOptions {
        self.verify = verify;
        self
    }

    /// Another disk than the operating system's, for simulations; the directory then says nothing.
    #[doc(hidden)]
    pub fn storage(mut self, storage: Arc<dyn Storage>) -> ReaderOptions {
        self.storage = Some(storage);
        self
    }

    /// Looks at what the journal in `dir` holds; an empty directory is a journal without sessions.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) if the directory is missing, is a file or cannot be read,
    /// [`Error::NotAJournal`](crate::Error::NotAJournal) if it has only foreign files,
    /// [`Error::Unsupported`](crate::Error::Unsupported) if the only segments it has are of a newer
    /// version, and [`Error::Damage`](crate::Error::Damage) in [`ReadMode::Strict`] if there is
    /// any.
    pub fn open(self, dir: impl AsRef<Path>) -> Result<Reader> {
        let storage = self.storage_of(dir.as_ref())?;
        match self.verify {
            true => Reader::of_storage(storage, self.mode),
            false => Reader::with_caches(storage, self.mode),
        }
    }

    /// All sessions, each in a line, newest last activity first; and what is missing.
    ///
    /// Unless everything is to be verified, of finished segments the caches beside them are read,
    /// where they are there, and believed: what became of the segments since then shows when the
    /// records are read. Of long runs merged caches tell of many segments at once, so that a list
    /// takes as long as there are sessions. A session's records in a segment are read where no
    /// cache tells what they come to, as where they change what a span that ended in another
    /// segment has cost. Other segments are read once.
    ///
    /// # Errors
    /// As [`open`](ReaderOptions::open), and [`Error::Io`](crate::Error::Io) if the records of a
    /// session cannot be read; verified, such a session is left out, and the report says so.
    pub fn summaries(self, dir: impl AsRef<Path>) -> Result<Summaries> {
        let storage = self.storage_of(dir.as_ref())?;
        let (mut sessions, report) = match (self.verify, self.mode) {
            (false, ReadMode::Salvage) => list::of_caches(&storage)?,
            (_, mode) => verify::summaries(storage, mode)?,
        };
        // A stable order takes half as much memory again.
        sessions.sort_unstable_by(|a, b| b.last_at.cmp(&a.last_at).then_with(|| a.id.cmp(&b.id)));
        Ok(Summaries { sessions, report })
    }

    /// What is missing, why, and how each session stands.
    ///
    /// Verified, no cache is believed. The sessions are counted from what was read; the records of
    /// a session are read once more only where that does not tell, as of one with thousands of open
    /// spans. Memory: a few hundred bytes for each session, a few for each span of sessions that
    /// are spread over several segments, up to 24 MiB of them, and what one session with all its
    /// spans takes, a few dozen bytes each.
    ///
    /// # Errors
    /// As [`open`](ReaderOptions::open).
    ///
    /// # Examples
    /// ```
    /// # fn main() -> trace_journal::Result<()> {
    /// # let dir = std::env::temp_dir();
    /// # let dir = dir.join(format!("trace-journal-verify-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir).expect("a new directory");
    /// use trace_journal::Reader;
    /// let report = Reader::options().verify(true).report(&dir)?;
    /// for session in &report.sessions {
    ///     println!("{} lost {}", session.id, session.loss);
    /// }
    /// # std::fs::remove_dir_all(&dir).expect("the directory is empty");
    /// # Ok(())
    /// # }
    /// ```
    pub fn report(self, dir: impl AsRef<Path>) -> Result<Report> {
        let storage = self.storage_of(dir.as_ref())?;
        if self.verify && self.mode == ReadMode::Salvage {
            return verify::report(storage);
        }
        let (sessions, mut report) = match (self.verify, self.mode) {
            (false, ReadMode::Salvage) => list::of_caches(&storage)?,
            (_, mode) => verify::summaries(storage, mode)?,
        };
        report.sessions = sessions.into_iter().map(Into::into).collect();
        Ok(report)
    }

    fn storage_of(&self, dir: &Path) -> Result<Arc<dyn Storage>> {
        match &self.storage {
            Some(storage) => Ok(Arc::clone(storage)),
            None => on_disk(dir),
        }
    }
}
