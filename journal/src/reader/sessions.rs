//! The sessions of a journal as snapshots, made as they are taken.

use std::collections::VecDeque;
use std::sync::Arc;

use super::journal_view::JournalView;
use super::prefetch::Prefetcher;
use super::record_fetch::RecordFetcher;
use super::session_fold::snapshot;
use crate::error::Result;
use crate::recovery::{Outcome, Report, SessionReport};
use crate::seq::RunId;
use crate::snapshot::{SessionSummary, Snapshot};

/// Snapshots of sessions, made one by one, in order of the sessions' first runs.
///
/// A session that cannot be read is an error; the ones behind it still come. Where there is much
/// to read, other threads make the next few meanwhile: what is in memory is one session, however
/// large, and as many small ones as take a few dozen MiB.
#[derive(Debug)]
#[must_use]
pub struct Sessions {
    view: Arc<JournalView>,
    ahead: VecDeque<usize>,
    fetcher: RecordFetcher,
    /// `None` before the first one is made, and where one thread does it all.
    prefetcher: Option<Prefetcher>,
    has_begun: bool,
    /// Those that were given.
    told: Vec<SessionReport>,
    has_failed: bool,
}

impl Sessions {
    pub(super) fn of_all(view: Arc<JournalView>) -> Sessions {
        let ahead = (0..view.sessions.len()).collect();
        Sessions::new(view, ahead)
    }

    /// The sessions with records in one of these runs.
    pub(super) fn of_runs(view: Arc<JournalView>, runs: &[RunId]) -> Sessions {
        let is_among = |at: usize| view.run(at).is_some_and(|run| runs.contains(&run.run));
        let sessions = view.sessions.iter().enumerate();
        let sessions = sessions.filter(|(_, session)| {
            let mut branches = session.branches.iter();
            branches.any(|branch| is_among(branch.run))
        });
        let ahead = sessions.map(|(at, _)| at).collect();
        Sessions::new(view, ahead)
    }

    /// The ids of those still to come.
    pub(crate) fn ids(&self) -> Vec<String> {
        let sessions = self
            .ahead
            .iter()
            .filter_map(|at| self.view.sessions.get(*at));
        sessions.map(|session| session.id.to_string()).collect()
    }

    fn new(view: Arc<JournalView>, ahead: VecDeque<usize>) -> Sessions {
        Sessions {
            view,
            ahead,
            fetcher: RecordFetcher::of_all(),
            prefetcher: None,
            has_begun: false,
            told: Vec::new(),
            has_failed: false,
        }
    }
}

impl Sessions {
    /// What is missing from the journal, and why; it names the sessions that were given so far.
    #[must_use]
    pub fn report(&self) -> Report {
        let mut report = self.view.best_report();
        report.sessions.clone_from(&self.told);
        if self.has_failed {
            report.outcome = Outcome::Unreadable;
        }
        report
    }

    fn make(&mut self) -> Option<Result<Snapshot>> {
        if !self.has_begun {
            self.has_begun = true;
            self.prefetcher = Prefetcher::start(&self.view, self.ahead.iter().copied());
        }
        let at = self.ahead.pop_front()?;
        if let Some(prefetcher) = &mut self.prefetcher {
            return prefetcher.take(&mut self.fetcher);
        }
        let session = self.view.sessions.get(at)?;
        Some(snapshot(&self.view, session, &mut self.fetcher))
    }
}

impl Iterator for Sessions {
    type Item = Result<Snapshot>;

    fn next(&mut self) -> Option<Result<Snapshot>> {
        let made = self.make()?;
        match &made {
            Ok(snapshot) => self.told.push(SessionSummary::from(snapshot).into()),
            Err(_) => self.has_failed = true,
        }
        Some(made)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.ahead.len(), Some(self.ahead.len()))
    }
}

impl ExactSizeIterator for Sessions {}

impl Report {
    /// Names a session in the report.
    pub fn add_session(&mut self, snapshot: &Snapshot) {
        self.sessions.push(SessionSummary::from(snapshot).into());
    }
}
