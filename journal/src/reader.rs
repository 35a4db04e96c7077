//! Reading a journal: nothing is written, and no writer is disturbed.

mod group;
mod hit;
mod journal_view;
mod list;
mod losses;
mod mode;
mod options;
mod prefetch;
mod record;
mod record_fetch;
mod records;
mod said_before;
mod session_fold;
mod session_ids;
mod session_records;
mod sessions;
mod verify;

use std::panic::{RefUnwindSafe, UnwindSafe};
use std::path::Path;
use std::sync::Arc;

pub use mode::ReadMode;
pub use options::{ReaderOptions, Summaries};
pub use record::{Gap, Item, Record};
pub use records::Records;
pub use sessions::Sessions;

use crate::error::{Error, Result};
use crate::recovery::survey::Depth;
use crate::recovery::{Loss, Report};
use crate::seq::RunId;
use crate::snapshot::Snapshot;
use crate::storage::Storage;
use journal_view::JournalView;
use record_fetch::RecordFetcher;
use session_records::SessionPlaces;

/// A journal as it was when it was opened for reading.
///
/// Cheap to clone. Memory: about 8 bytes for each record; payloads are read when asked for.
#[derive(Clone, Debug)]
pub struct Reader {
    view: Arc<JournalView>,
}

// Nothing changes in what was read, and no lock here minds that its holder panicked.
impl UnwindSafe for Reader {}
impl RefUnwindSafe for Reader {}

impl Reader {
    /// Looks at what the journal in `dir` holds; an empty directory is a journal without sessions.
    ///
    /// Finished segments that have a cache beside them are not read, only the records that are
    /// asked for, each of which is checked; [`options`](Reader::options) can ask for more.
    ///
    /// # Errors
    /// As [`ReaderOptions::open`].
    pub fn open(dir: impl AsRef<Path>) -> Result<Reader> {
        Reader::options().open(dir)
    }

    /// Reads every byte of a journal on another disk than the operating system's, for simulations.
    ///
    /// # Errors
    /// As [`ReaderOptions::open`].
    #[doc(hidden)]
    pub fn of_storage(storage: Arc<dyn Storage>, mode: ReadMode) -> Result<Reader> {
        let view = Arc::new(JournalView::new(storage, mode, Depth::Everything)?);
        Ok(Reader { view })
    }

    /// Looks at a journal in the storage given, in the caches where that is enough.
    pub(crate) fn with_caches(storage: Arc<dyn Storage>, mode: ReadMode) -> Result<Reader> {
        let depth = match mode {
            ReadMode::Salvage => Depth::Caches,
            ReadMode::Prefix | ReadMode::Strict => Depth::Everything,
        };
        let view = Arc::new(JournalView::new(storage, mode, depth)?);
        Ok(Reader { view })
    }

    /// The ids of all sessions with at least one intact record, in order of their first run.
    pub fn ids(&self) -> impl ExactSizeIterator<Item = &str> {
        self.view.sessions.iter().map(|session| &*session.id)
    }

    /// One session; one that is not there has no records.
    #[must_use]
    pub fn session(&self, id: &str) -> SessionReader<'_> {
        SessionReader {
            view: &self.view,
            session: self.view.session(id),
        }
    }

    /// Snapshots of all sessions, made one by one.
    pub fn sessions(&self) -> Sessions {
        Sessions::of_all(self.view.clone())
    }

    /// Snapshots of the sessions that have records in one of these runs.
    pub(crate) fn sessions_of(&self, runs: &[RunId]) -> Sessions {
        Sessions::of_runs(self.view.clone(), runs)
    }

    /// One session as it stands after its last intact record. Other sessions are not read.
    ///
    /// # Errors
    /// [`Error::UnknownSession`] if there is no such session, [`Error::Io`] if its records cannot
    /// be read.
    pub fn snapshot(&self, id: &str) -> Result<Snapshot> {
        let session = self.view.session(id);
        let session = session.ok_or_else(|| Error::UnknownSession { id: id.to_owned() })?;
        session_fold::snapshot(&self.view, session, &mut RecordFetcher::default())
    }

    /// All records, the library's own included, and all gaps, in order of generation, run and
    /// sequence number.
    ///
    /// Each is verified before it is given. Where a segment turns out not to be what its cache
    /// says, everything is verified, and what is missing there is a gap like others.
    ///
    /// Of segments of 4 MiB and more another thread reads and verifies up to four pieces ahead, of
    /// 256 KiB or of one record each, where there is a processor for it; it ends with the segment,
    /// or with the iterator.
    pub fn records(&self) -> Records {
        let view = self.view.known_verified().unwrap_or(&self.view);
        Records::of_all(Arc::clone(view))
    }

    /// What is missing, and why. It names no sessions: [`Sessions::report`] does.
    #[must_use]
    pub fn report(&self) -> Report {
        self.view.best_report()
    }
}

/// One session of a journal.
#[derive(Clone, Copy, Debug)]
pub struct SessionReader<'r> {
    view: &'r Arc<JournalView>,
    session: Option<&'r SessionPlaces>,
}

impl SessionReader<'_> {
    /// Whether the journal has an intact record of it.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.session.is_some()
    }

    /// How many intact records it has.
    #[must_use]
    pub fn record_count(&self) -> u64 {
        self.session
            .map_or(0, |session| self.view.record_count(session))
    }

    /// What was lost of it. Which session a missing record belonged to is not known: every gap
    /// that may have held one of this session counts.
    #[must_use]
    pub fn loss(&self) -> Loss {
        self.session
            .map_or(Loss::None, |session| self.view.loss(session))
    }

    /// Its records, and the gaps of its runs, in order.
    pub fn records(&self) -> Records {
        let branches = self.session.map_or(&[][..], |session| &session.branches);
        Records::of_session(self.view.clone(), branches)
    }
}

#[cfg(test)]
mod reused_index_tests;
#[cfg(test)]
mod tests;
