//! Everything read, and every session counted.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::Reader;
use super::group::Group;
use super::journal_view::JournalView;
use super::list::{PARALLEL_MIN, of_records, of_rollups_only};
use super::mode::ReadMode;
use super::record_fetch::RecordFetcher;
use crate::error::Result;
use crate::recovery::survey::Depth;
use crate::recovery::{Outcome, Report, SessionReport};
use crate::seeded::{self, Bug};
use crate::snapshot::SessionSummary;
use crate::storage::Storage;

/// Reads every byte of every segment, and says what is missing, why, and how each session stands.
pub(super) fn report(storage: Arc<dyn Storage>) -> Result<Report> {
    if seeded::has(Bug::EverySessionFolded) {
        let reader = Reader::of_storage(storage, ReadMode::Salvage)?;
        let mut report = reader.report();
        let sessions = reader.sessions().flatten();
        sessions.for_each(|snapshot| report.add_session(&snapshot));
        return Ok(report);
    }
    let view = JournalView::new(storage, ReadMode::Salvage, Depth::Counts)?;
    let mut report = view.report();
    let mut sessions = Vec::with_capacity(view.sessions.len());
    let mut has_failed = false;
    tell(&view, &mut |at, told| match told {
        Ok(told) => sessions.push((at, SessionReport::from(told))),
        Err(_) => has_failed = true,
    });
    if has_failed {
        report.outcome = Outcome::Unreadable;
    }
    sessions.sort_unstable_by_key(|(at, _)| *at);
    report.sessions = sessions.into_iter().map(|(_, session)| session).collect();
    Ok(report)
}

/// Reads every byte of every segment: the sessions as they are found, and what is missing.
pub(super) fn summaries(
    storage: Arc<dyn Storage>,
    mode: ReadMode,
) -> Result<(Vec<SessionSummary>, Report)> {
    let depth = match mode {
        ReadMode::Salvage => Depth::Counts,
        ReadMode::Prefix | ReadMode::Strict => Depth::Everything,
    };
    let view = Arc::new(JournalView::new(storage, mode, depth)?);
    let mut report = view.report();
    let mut sessions = Vec::with_capacity(view.sessions.len());
    let mut take = |told: Result<SessionSummary>| match told {
        Ok(told) => sessions.push(SessionSummary {
            verified: true,
            ..told
        }),
        // The others are told all the same.
        Err(_) => report.outcome = Outcome::Unreadable,
    };
    if mode == ReadMode::Salvage {
        tell(&view, &mut |_, told| take(told));
    } else {
        let mut fetcher = RecordFetcher::of_all();
        let all = view.sessions.iter();
        all.for_each(|session| take(of_records(&view, session, &mut fetcher)));
    }
    Ok((sessions, report))
}

impl From<SessionSummary> for SessionReport {
    fn from(told: SessionSummary) -> SessionReport {
        SessionReport {
            id: told.id,
            status: told.status,
            interrupted: told.interrupted,
            loss: told.loss,
            records: told.records,
            spans: told.spans,
            refused: told.refused,
        }
    }
}

/// The summary of every session of a view that has rollups of everything, in any order.
pub(super) fn tell(
    view: &JournalView,
    give: &mut (dyn FnMut(usize, Result<SessionSummary>) + Send),
) {
    let needy = Mutex::new(Vec::new());
    let give = Mutex::new(give);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut fetcher = RecordFetcher::default();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(session) = view.sessions.get(at) else {
                return;
            };
            match of_rollups_only(view, session, &mut fetcher) {
                Ok(Some(told)) => {
                    let mut give = give.lock().unwrap_or_else(PoisonError::into_inner);
                    (*give)(at, Ok(told));
                }
                _ => {
                    let mut needy = needy.lock().unwrap_or_else(PoisonError::into_inner);
                    needy.push(at);
                }
            }
        }
    };
    std::thread::scope(|scope| {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        if processors > 1 && view.sessions.len() >= PARALLEL_MIN {
            // Without another thread this one does all the work.
            let _ = std::thread::Builder::new().spawn_scoped(scope, work);
        }
        work();
    });
    let mut needy = needy.into_inner().unwrap_or_else(PoisonError::into_inner);
    let give = give.into_inner().unwrap_or_else(PoisonError::into_inner);
    needy.sort_unstable();
    let mut rest = &needy[..];
    while let Some((group, behind)) = rest.split_at_checked(group_len(view, rest))
        && !group.is_empty()
    {
        Group::new(view, group).read(give);
        rest = behind;
    }
}

/// How many of the first of these sessions to read at once: at least one if there is one.
fn group_len(view: &JournalView, sessions: &[usize]) -> usize {
    let mut records = 0u64;
    let fitting = sessions.iter().enumerate().take_while(|(place, at)| {
        let session = view.sessions.get(**at);
        records += session.map_or(0, |session| view.record_count(session));
        *place == 0 || (records <= GROUP_RECORDS_MAX && *place < GROUP_SESSIONS_MAX)
    });
    fitting.count()
}

/// Records that are read at once at most, unless one session has more: each may be of a span of its
/// own, which takes a few dozen bytes.
const GROUP_RECORDS_MAX: u64 = 1 << 20;

/// Sessions that are read at once at most; each takes about a kilobyte.
const GROUP_SESSIONS_MAX: usize = 8192;
