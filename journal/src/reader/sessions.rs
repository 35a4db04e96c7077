//! The sessions of a journal as snapshots, one in memory at a time.

use std::collections::VecDeque;
use std::sync::Arc;

use super::record::Item;
use super::records::Records;
use super::view::{SessionPlaces, View};
use crate::error::{Error, Result};
use crate::recovery::{Loss, Report, SessionReport};
use crate::seq::RunId;
use crate::snapshot::{Fold, Snapshot};

/// Snapshots of sessions, made one by one, in order of the sessions' first runs.
///
/// A session that cannot be read is an error; the ones behind it still come.
#[derive(Debug)]
#[must_use]
pub struct Sessions {
    view: Arc<View>,
    ahead: VecDeque<usize>,
}

impl Sessions {
    pub(super) fn of_all(view: Arc<View>) -> Sessions {
        let ahead = (0..view.sessions.len()).collect();
        Sessions { view, ahead }
    }

    /// The sessions with records in one of these runs.
    pub(super) fn of_runs(view: Arc<View>, runs: &[RunId]) -> Sessions {
        let is_among = |at: usize| view.run(at).is_some_and(|run| runs.contains(&run.run));
        let sessions = view.sessions.iter().enumerate();
        let sessions = sessions.filter(|(_, session)| {
            let mut branches = session.branches.iter();
            branches.any(|branch| is_among(branch.run))
        });
        let ahead = sessions.map(|(at, _)| at).collect();
        Sessions { view, ahead }
    }
}

impl Iterator for Sessions {
    type Item = Result<Snapshot>;

    fn next(&mut self) -> Option<Result<Snapshot>> {
        let at = self.ahead.pop_front()?;
        let session = self.view.sessions.get(at)?;
        Some(snapshot(&self.view, session))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.ahead.len(), Some(self.ahead.len()))
    }
}

impl ExactSizeIterator for Sessions {}

impl Report {
    /// Names a session in the report.
    pub fn add_session(&mut self, snapshot: &Snapshot) {
        let spans = snapshot.spans().iter().filter(|span| span.is_interrupted());
        self.sessions.push(SessionReport {
            id: snapshot.id().to_owned(),
            status: snapshot.status(),
            interrupted: u64::try_from(spans.count()).unwrap_or(u64::MAX),
        });
    }
}

/// Folds all records of a session. Damage that a cache did not know of is looked into by reading
/// everything.
pub(super) fn snapshot(view: &Arc<View>, session: &SessionPlaces) -> Result<Snapshot> {
    let (snapshot, is_as_told) = fold(view, session)?;
    if is_as_told {
        return Ok(snapshot);
    }
    let verified = view.verified()?;
    if Arc::ptr_eq(&verified, view) {
        return Ok(snapshot);
    }
    match verified.session(&session.id) {
        Some(session) => Ok(fold(&verified, session)?.0),
        None => Ok(snapshot),
    }
}

/// The snapshot, and whether all records were where the survey says.
fn fold(view: &Arc<View>, session: &SessionPlaces) -> Result<(Snapshot, bool)> {
    let mut fold = Fold::new(&session.id);
    let mut loss = view.loss(session);
    let mut is_as_told = true;
    for branch in &session.branches {
        let Some(run) = view.run(branch.run) else {
            continue;
        };
        fold.begin_branch(&view.facts(run));
        for item in Records::of_session(view.clone(), std::slice::from_ref(branch)) {
            match item {
                Ok(Item::Record(record)) if record.kind.is_user() => {
                    fold.raw_record(record.seq, record.kind, record.payload.len());
                }
                Ok(Item::Record(record)) => fold.record(record.seq, &record.event()),
                Ok(Item::Gap(_)) => {}
                // It was intact when the journal was opened: damage since then is damage.
                Err(Error::Damage { .. }) => {
                    loss = Loss::Damage;
                    is_as_told = false;
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok((fold.finish(loss), is_as_told))
}
