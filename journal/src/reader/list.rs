//! All sessions of a journal, each in a line.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::journal_view::JournalView;
use super::mode::ReadMode;
use super::prefetch::PROCESSORS_MAX;
use super::record_fetch::RecordFetcher;
use super::session_fold::snapshot;
use super::session_records::{BranchPlaces, SessionPlaces};
use crate::error::Result;
use crate::own_thread::without_signals;
use crate::recovery::survey::Depth;
use crate::recovery::{Report, SegmentSurvey};
use crate::rollup::SessionRollup;
use crate::snapshot::{SessionSummary, SummaryFold, Unclear};
use crate::storage::Storage;

/// All sessions of a journal in any order, by the caches where they tell; and what is missing.
pub(super) fn of_caches(storage: &Arc<dyn Storage>) -> Result<(Vec<SessionSummary>, Report)> {
    let look =
        |depth| JournalView::new(Arc::clone(storage), ReadMode::Salvage, depth).map(Arc::new);
    let mut view = look(Depth::Merged)?;
    let mut list = summaries(&view, PARALLEL_MIN);
    if let Ok(None) = list {
        view = look(Depth::Rollups)?;
        list = summaries(&view, 2);
    }
    let contradicted = view.known_verified().is_some();
    if contradicted {
        // A cache was found wrong: nothing that was taken from any of them is told.
        view = view.verified()?;
        list = summaries(&view, 2);
    }
    let list = list?.unwrap_or_default();
    let mut report = view.report();
    report.contradicted = contradicted;
    Ok((list, report))
}

/// Summaries of all sessions in any order, made by several threads if there are `many` or more;
/// `None` if merged caches do not tell one of them.
fn summaries(view: &Arc<JournalView>, many: usize) -> Result<Option<Vec<SessionSummary>>> {
    let is_merged = view.is_merged();
    let next = AtomicUsize::new(0);
    let made = Mutex::new(SummaryRows {
        rows: Vec::with_capacity(view.sessions.len()),
        untold: None,
    });
    let work = || {
        let mut fetcher = RecordFetcher::default();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(session) = view.sessions.get(at) else {
                return;
            };
            let told = match of_rollups(view, session, &mut fetcher) {
                Ok(None) if is_merged => {
                    // The others need not be made.
                    next.store(view.sessions.len(), Ordering::Relaxed);
                    Ok(None)
                }
                Ok(None) => of_records(view, session, &mut fetcher).map(Some),
                told => told,
            };
            let mut made = made.lock().unwrap_or_else(PoisonError::into_inner);
            match told {
                Ok(Some(told)) => made.rows.push(SessionSummary {
                    verified: view.is_read(session),
                    ..told
                }),
                untold => made.untold = Some(untold.map(drop)),
            }
        }
    };
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let sessions = view.sessions.len();
    let helpers = match sessions < many {
        true => 0,
        false => processors
            .min(PROCESSORS_MAX)
            .min(sessions)
            .saturating_sub(1),
    };
    std::thread::scope(|scope| {
        for _ in 0..helpers {
            // Without another thread this one does all the work.
            let builder = std::thread::Builder::new();
            let _ = without_signals(|| builder.spawn_scoped(scope, work));
        }
        work();
    });
    let made = made.into_inner().unwrap_or_else(PoisonError::into_inner);
    match made.untold {
        None => Ok(Some(made.rows)),
        Some(untold) => untold.map(|()| None),
    }
}

/// Summaries as they are made.
struct SummaryRows {
    rows: Vec<SessionSummary>,
    /// One could not be made, or was not to be.
    untold: Option<Result<()>>,
}

/// The summary by all records.
pub(super) fn of_records(
    view: &Arc<JournalView>,
    session: &SessionPlaces,
    fetcher: &mut RecordFetcher,
) -> Result<SessionSummary> {
    let mut fold = SummaryFold::new(&session.id);
    let mut is_as_told = true;
    for branch in session.branches.iter() {
        let Some(facts) = view.facts(branch.run) else {
            continue;
        };
        fold.begin_branch(facts.clone());
        is_as_told &= fetcher.branch(view, branch, &mut |found| {
            for one in found {
                fold.only_record(one.seq, one.header.kind_to_read(), one.payload);
            }
        })?;
    }
    match is_as_told {
        true => Ok(view.with_refused(session, fold.of_records(view.loss(session)))),
        false => snapshot(view, session, fetcher).map(|snapshot| SessionSummary::from(&snapshot)),
    }
}

/// The summary by the rollups of all segments but a few, whose records are read; `None` if all
/// of the session's records have to be.
fn of_rollups(
    view: &JournalView,
    session: &SessionPlaces,
    fetcher: &mut RecordFetcher,
) -> Result<Option<SessionSummary>> {
    let mut to_read = BTreeSet::new();
    for _ in 0..ATTEMPTS_MAX {
        match attempt(view, session, &to_read, fetcher)? {
            Ok(summary) => return Ok(Some(summary)),
            Err(Unclear(parts)) if parts.is_subset(&to_read) => break,
            Err(Unclear(parts)) => to_read.extend(parts),
        }
    }
    Ok(None)
}

/// The summary by rollups alone; `None` if they do not tell.
pub(super) fn of_rollups_only(
    view: &JournalView,
    session: &SessionPlaces,
    fetcher: &mut RecordFetcher,
) -> Result<Option<SessionSummary>> {
    Ok(attempt(view, session, &BTreeSet::new(), fetcher)?.ok())
}

/// The summary, with the records of some of its parts read: a part is what one segment has of the
/// session. Records that are not where the survey says do not tell.
fn attempt(
    view: &JournalView,
    session: &SessionPlaces,
    to_read: &BTreeSet<usize>,
    fetcher: &mut RecordFetcher,
) -> Result<Result<SessionSummary, Unclear>> {
    let mut fold = SummaryFold::new(&session.id);
    let mut parts = 0..;
    let segments = session
        .branches
        .iter()
        .map(|branch| branch.segments().count());
    let is_alone = segments.sum::<usize>() == 1;
    for branch in session.branches.iter() {
        let (Some(run), Some(facts)) = (view.run(branch.run), view.facts(branch.run)) else {
            return Ok(Err(Unclear::default()));
        };
        fold.begin_branch(facts.clone());
        for (at, part) in branch.segments().zip(&mut parts) {
            let segment = run.segments.get(at);
            if !to_read.contains(&part) {
                let told =
                    segment.and_then(|segment| rollup(view, (at, segment), branch, is_alone));
                match told {
                    Some((rollup, spans)) => fold.rollup(part, &rollup, spans),
                    None => fold.unclear(part),
                }
                continue;
            }
            if segment.is_some_and(|segment| segment.part.places.merged.is_some()) {
                return Ok(Err(Unclear::default()));
            }
            let is_whole = fetcher.segment(view, branch, at, &mut |found| {
                for one in found {
                    fold.record(part, one.seq, one.header.kind_to_read(), one.payload);
                }
            })?;
            if !is_whole {
                return Ok(Err(Unclear::default()));
            }
        }
    }
    let (records, loss) = (view.record_count(session), view.loss(session));
    let told = fold.finish(records, loss);
    Ok(told.map(|summary| view.with_refused(session, summary)))
}

/// What a segment's records of the session come to, if that is known, and how many spans are
/// finished there of which the hashes are left out, for there `is_only` this rollup.
fn rollup<'s>(
    view: &JournalView,
    (at, segment): (usize, &'s SegmentSurvey),
    branch: &'s BranchPlaces,
    is_only: bool,
) -> Option<(SessionRollup<'s>, usize)> {
    let mut rows = branch.rows((at, segment));
    let row = rows.next()?;
    // Which of two indices' records come first is not known.
    rows.next().is_none().then_some(())?;
    let places = &segment.part.places;
    let rollup = places.rollup(row)?;
    if let Some(apart) = &places.apart {
        let at = places.position(row.index)?;
        return match is_only {
            true => Some((rollup, apart.finished(at))),
            false => Some((apart.with_finished(at, rollup)?, 0)),
        };
    }
    let Some(merged) = &places.merged else {
        return Some((rollup, 0));
    };
    let at = places.position(row.index)?;
    match is_only {
        true => Some((rollup, merged.finished(at))),
        false => Some((merged.with_finished(&*view.storage, at, rollup)?, 0)),
    }
}

/// What has to be read is known after two attempts: of the rollups the first one tells, of the
/// records that are read instead of missing ones the second.
const ATTEMPTS_MAX: usize = 3;

/// With fewer sessions starting other threads would take longer. Where records have to be read, one
/// session may take as long as thousands.
pub(super) const PARALLEL_MIN: usize = 64;

#[cfg(test)]
mod tests;
