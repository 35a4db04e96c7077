//! The sessions of a journal as snapshots, made as they are taken.

use std::collections::VecDeque;
use std::sync::Arc;

use super::places::SessionPlaces;
use super::prefetch::Prefetcher;
use super::record_fetch::{FetchedRecord, RecordFetcher};
use super::view::View;
use crate::error::Result;
use crate::event::codec;
use crate::format::RecordKind;
use crate::recovery::{Loss, Report};
use crate::seq::RunId;
use crate::snapshot::{Fold, Keeper, SessionSummary, Snapshot};

/// Snapshots of sessions, made one by one, in order of the sessions' first runs.
///
/// A session that cannot be read is an error; the ones behind it still come. Where there is much
/// to read, other threads make the next few meanwhile: what is in memory is one session, however
/// large, and as many small ones as take a few dozen MiB.
#[derive(Debug)]
#[must_use]
pub struct Sessions {
    view: Arc<View>,
    ahead: VecDeque<usize>,
    fetcher: RecordFetcher,
    /// `None` before the first one is made, and where one thread does it all.
    prefetcher: Option<Prefetcher>,
    has_begun: bool,
}

impl Sessions {
    pub(super) fn of_all(view: Arc<View>) -> Sessions {
        let ahead = (0..view.sessions.len()).collect();
        Sessions::new(view, ahead)
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

    fn new(view: Arc<View>, ahead: VecDeque<usize>) -> Sessions {
        Sessions {
            view,
            ahead,
            fetcher: RecordFetcher::of_all(),
            prefetcher: None,
            has_begun: false,
        }
    }
}

impl Iterator for Sessions {
    type Item = Result<Snapshot>;

    fn next(&mut self) -> Option<Result<Snapshot>> {
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

/// Folds all records of a session. Damage that a cache did not know of is looked into by reading
/// everything.
pub(super) fn snapshot(
    view: &Arc<View>,
    session: &SessionPlaces,
    fetcher: &mut RecordFetcher,
) -> Result<Snapshot> {
    // Caches that were wrong once are not asked again.
    if let Some(verified) = view.known_verified()
        && let Some(session) = verified.session(&session.id)
    {
        return Ok(fold(verified, session, &mut RecordFetcher::default())?.0);
    }
    let (snapshot, is_as_told) = fold(view, session, fetcher)?;
    if is_as_told {
        return Ok(snapshot);
    }
    let verified = view.verified()?;
    if Arc::ptr_eq(&verified, view) {
        return Ok(snapshot);
    }
    match verified.session(&session.id) {
        Some(session) => Ok(fold(&verified, session, &mut RecordFetcher::default())?.0),
        None => Ok(snapshot),
    }
}

/// The snapshot, and whether all records were where the survey says.
fn fold(
    view: &View,
    session: &SessionPlaces,
    fetcher: &mut RecordFetcher,
) -> Result<(Snapshot, bool)> {
    let mut is_as_told = true;
    let mut snapshot = Fold::snapshot(&session.id, |fold, mut keeper| -> Result<Loss> {
        is_as_told = take_in(view, session, fetcher, fold, &mut keeper)?;
        Ok(match is_as_told {
            true => view.loss(session),
            // It was intact when the journal was opened: damage since then is damage.
            false => Loss::Damage,
        })
    })?;
    let (status, ended_at) = (snapshot.status(), snapshot.ended_at());
    let open = (snapshot.started_at(), ended_at);
    snapshot.set_refused(view.refused(session, status, open));
    Ok((snapshot, is_as_told))
}

/// Takes all records of a session into its fold and says whether they were where the survey says.
fn take_in<'p>(
    view: &View,
    session: &SessionPlaces,
    fetcher: &mut RecordFetcher,
    fold: &mut Fold<'p>,
    keeper: &mut Keeper<'p>,
) -> Result<bool> {
    fold.expect(view.record_count(session));
    let mut is_as_told = true;
    for branch in session.branches.iter() {
        let Some(facts) = view.facts(branch.run) else {
            continue;
        };
        fold.begin_branch(facts.clone());
        is_as_told &= fetcher.branch(view, branch, &mut |found| records(found, fold, keeper))?;
    }
    Ok(is_as_told)
}

/// Takes records into a fold; the payloads that stay do so in one piece.
fn records<'p>(found: &[FetchedRecord<'_>], fold: &mut Fold<'p>, keeper: &mut Keeper<'p>) {
    let stays = |one: &FetchedRecord<'_>| Fold::keeps(one.header.kind);
    let staying = || found.iter().filter(|one| stays(one));
    let len = staying().map(|one| one.payload.len()).sum();
    let mut kept = Vec::with_capacity(len);
    staying().for_each(|one| kept.extend_from_slice(one.payload));
    let mut kept = keeper.keep(kept);
    for one in found {
        let (seq, kind) = (one.seq, one.header.kind);
        if kind.is_user() {
            fold.raw_record(seq, kind, one.payload.len());
            continue;
        }
        let event = match stays(one) {
            true => {
                let payload = kept.split_off(..one.payload.len()).unwrap_or_default();
                codec::decode_bounded(kind, payload).map(|(event, is_cut)| {
                    fold.record(seq, event);
                    is_cut
                })
            }
            // Of its data nothing is kept.
            false if kind == RecordKind::CUSTOM => codec::decode_without_values(kind, one.payload)
                .map(|event| {
                    fold.passing_record(seq, event);
                    false
                }),
            false => codec::decode_bounded(kind, one.payload).map(|(event, is_cut)| {
                fold.passing_record(seq, event);
                is_cut
            }),
        };
        if event == Some(true) {
            fold.kept_as_bytes(seq);
        }
        if event.is_none() {
            fold.unknown_record(seq, kind);
        }
    }
}
