//! All sessions of a journal, each in a line.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::gather::Gatherer;
use super::places::SessionPlaces;
use super::sessions::snapshot;
use super::view::View;
use super::{Mode, on_disk};
use crate::error::Result;
use crate::recovery::Report;
use crate::recovery::survey::Depth;
use crate::snapshot::{SessionSummary, SummaryFold};
use crate::storage::Storage;

/// All sessions of a journal, each in a line, newest last activity first; and what is missing.
///
/// Of finished segments only the caches beside them are read, where they are there, and believed:
/// what became of the segments since then shows when the records are read. Other segments are
/// read once, and no session is put together.
///
/// # Errors
/// As [`Reader::open`](super::Reader::open), and [`Error::Io`](crate::Error::Io) if the records of
/// a session cannot be read.
///
/// # Examples
/// ```
/// # fn main() -> trace_journal::Result<()> {
/// # let dir = std::env::temp_dir();
/// # let dir = dir.join(format!("trace-journal-list-{}", std::process::id()));
/// # std::fs::create_dir_all(&dir).expect("a new directory");
/// let (sessions, report) = trace_journal::list(&dir)?;
/// for session in sessions {
///     println!("{} {} spans", session.id, session.spans);
/// }
/// println!("lost: {}", report.loss().as_str());
/// # std::fs::remove_dir_all(&dir).expect("the directory is empty");
/// # Ok(())
/// # }
/// ```
pub fn list(dir: impl AsRef<Path>) -> Result<(Vec<SessionSummary>, Report)> {
    list_storage(on_disk(dir.as_ref())?)
}

/// As [`list`], of a journal on another disk than the operating system's, for simulations.
///
/// # Errors
/// As [`list`].
#[doc(hidden)]
pub fn list_storage(storage: Arc<dyn Storage>) -> Result<(Vec<SessionSummary>, Report)> {
    let view = View::new(storage, Mode::Salvage, Depth::Digests)?;
    let mut view = Arc::new(view);
    let mut list = summaries(&view);
    if view.known_verified().is_some() {
        // A cache was found wrong: nothing that was taken from any of them is told.
        view = view.verified()?;
        list = summaries(&view);
    }
    let mut list = list?;
    list.sort_by(|a, b| b.last_at.cmp(&a.last_at).then_with(|| a.id.cmp(&b.id)));
    Ok((list, Report::new(&view.survey)))
}

/// Summaries of all sessions, made by several threads if there are many.
fn summaries(view: &Arc<View>) -> Result<Vec<SessionSummary>> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(view.sessions.len()));
    let work = || {
        let mut gatherer = Gatherer::default();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(session) = view.sessions.get(at) else {
                return;
            };
            let made = summary(view, session, &mut gatherer);
            let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
            done.push((at, made));
        }
    };
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let helpers = match view.sessions.len() {
        0..PARALLEL_MIN => 0,
        _ => processors.min(PROCESSORS_MAX) - 1,
    };
    std::thread::scope(|scope| {
        for _ in 0..helpers {
            // Without another thread this one does all the work.
            let _ = std::thread::Builder::new().spawn_scoped(scope, work);
        }
        work();
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, made)| made).collect()
}

/// A session's summary, from digests if they can tell it, else from its records.
fn summary(
    view: &Arc<View>,
    session: &SessionPlaces,
    gatherer: &mut Gatherer,
) -> Result<SessionSummary> {
    if let Some(summary) = of_digests(view, session) {
        return Ok(summary);
    }
    let snapshot = snapshot(view, session, gatherer)?;
    Ok(SessionSummary::from(&snapshot))
}

fn of_digests(view: &View, session: &SessionPlaces) -> Option<SessionSummary> {
    let mut fold = SummaryFold::new(&session.id);
    let mut records = 0u64;
    for branch in &session.branches {
        let run = view.run(branch.run)?;
        fold.begin_branch(view.facts(branch.run)?.clone());
        for segment in branch.segments(run) {
            let mut rows = branch.rows(segment);
            let row = rows.next()?;
            if rows.next().is_some() {
                // Which of two indices' records come first is not known.
                return None;
            }
            fold.digest(&segment.part.places.digest(row)?)?;
            records = records.saturating_add(row.count);
        }
    }
    fold.finish(records, view.loss(session))
}

const PROCESSORS_MAX: usize = 4;

/// With fewer sessions starting other threads would take longer.
const PARALLEL_MIN: usize = 64;

#[cfg(test)]
mod tests;
