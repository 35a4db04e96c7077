//! Carrying out a plan: dead runs are taken on, made durable and put on record.

use super::cache;
use super::claim::{Claim, remove_signs, remove_temporaries};
use super::dead_run::DeadRun;
use super::liveness::Prober;
use super::plan::Plan;
use super::tail::survey_tail;
use crate::error::{Error, Result};
use crate::event::system::RunRecovered;
use crate::format::FRAMES_OFFSET;
use crate::parallel::at_once;
use crate::seeded::{self, Bug};
use crate::segment::ScanResult;
use crate::seq::{RunId, SegmentNumber};
use crate::storage::Storage;

/// Runs that were put on record.
#[derive(Debug, Default)]
pub(crate) struct RecoveredRuns {
    pub(crate) runs: Vec<RunId>,
    /// Their segments that have no cache and are long.
    pub(crate) uncached: Vec<Uncached>,
}

/// A segment of a run that was recovered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Uncached {
    pub(crate) run: RunId,
    pub(crate) number: SegmentNumber,
    /// Where its frames end, if not in a seal.
    pub(crate) end: Option<u64>,
}

impl Uncached {
    /// What is read of it to write its cache, or counts as that.
    fn len(self) -> u64 {
        let len = self.end.unwrap_or(u64::MAX);
        len.saturating_sub(FRAMES_OFFSET).max(CACHED_AT_LEAST)
    }

    /// Writes the cache. That it could not be written costs a reader time, and nothing else.
    pub(crate) fn write(self, storage: &dyn Storage) {
        let _ = match self.end {
            None => cache::write(storage, self.run, self.number),
            Some(end) => cache::write_recovered(storage, self.run, self.number, end),
        };
    }
}

/// Takes on the dead runs of a plan, makes what they left durable, and has `record` put that on
/// durable record; gives the runs that are. Names of files are to be made durable before.
///
/// As few at a time as can be kept open anywhere, and others take on the rest meanwhile. A run
/// that cannot be read or synced is left as it is for a later opening, and the error goes to
/// `report`: old damage never keeps a journal from being opened.
///
/// # Errors
/// As `record` fails; what was not put on record is as it was.
pub(crate) fn recover(
    storage: &dyn Storage,
    plan: &Plan,
    record: &mut dyn FnMut(&[RunRecovered]) -> Result<()>,
    report: &mut dyn FnMut(&Error),
) -> Result<RecoveredRuns> {
    let prober = Prober::new(storage);
    let mut recovered = RecoveredRuns::default();
    let mut bytes_left = CACHED_AT_ONCE;
    for runs in plan.unrecovered.chunks(TAKEN_AT_ONCE) {
        let (mut taken, mut records) = (Vec::new(), Vec::new());
        let take = |run: &RunId| take_on(&prober, plan, *run);
        for found in at_once(runs, threads(runs.len()), take) {
            match found {
                Ok(Some((claim, record, its))) => {
                    let (now, later) = its.into_iter().partition(|uncached| {
                        let left = bytes_left.checked_sub(uncached.len());
                        bytes_left = left.unwrap_or(bytes_left);
                        left.is_some()
                    });
                    taken.push((claim, now, later));
                    records.push(record);
                }
                Ok(None) => {}
                Err(error) => report(&error),
            }
        }
        if let Err(error) = record(&records) {
            let withdraw = |(claim, ..): (Claim, Vec<_>, Vec<_>)| claim.withdraw(storage);
            taken.into_iter().for_each(withdraw);
            return Err(error);
        }
        at_once(&taken, threads(taken.len()), |(claim, now, _)| {
            now.iter().for_each(|uncached| uncached.write(storage));
            claim.release(storage);
        });
        for (claim, _, later) in taken {
            recovered.runs.push(claim.run());
            recovered.uncached.extend(later);
        }
    }
    Ok(recovered)
}

/// Takes down what is left of runs that are over; to be called once all that the plan names is on
/// record.
pub(crate) fn tidy(storage: &dyn Storage, plan: &Plan) {
    for run in &plan.stale {
        remove_signs(storage, *run);
    }
    // Not synced: names that come back after a crash are removed by the next opening.
    remove_temporaries(&Prober::new(storage), &plan.temporaries);
}

/// How many threads take on so many runs: each waits for the disk, which takes hardly longer for
/// all of them.
fn threads(runs: usize) -> usize {
    runs.div_ceil(TAKEN_BY_ONE)
}

type TakenRun = Result<Option<(Claim, RunRecovered, Vec<Uncached>)>>;

fn take_on(prober: &Prober<'_>, plan: &Plan, run: RunId) -> TakenRun {
    let storage = prober.storage();
    let had_file = plan.locks.contains(&run);
    let Some((claim, probed)) = Claim::take(prober, run, had_file)? else {
        return Ok(None);
    };
    let dead = DeadRun {
        run,
        segments: plan.segments.get(&run).cloned().unwrap_or_default(),
        place: probed.and_then(|found| found.durable),
        is_killed: probed.is_some_and(|found| found.is_killed) && !plan.poisoned.contains(&run),
    };
    let found = match survey_tail(storage, &dead) {
        Ok(Some(found)) => found,
        Ok(None) => {
            claim.withdraw(storage);
            return Ok(None);
        }
        Err(error) => {
            claim.withdraw(storage);
            return Err(error);
        }
    };
    if seeded::has(Bug::EmptySegmentRemoved) {
        let empty = found.segments.iter().filter(|s| s.part.records == 0);
        empty.for_each(|s| drop(storage.remove(&s.part.segment.name)));
    }
    let record = found.to_record();
    let uncached = dead.segments.iter().filter_map(|number| {
        let read = found
            .segments
            .iter()
            .find(|read| read.part.segment.number == *number);
        let unsealed = read
            .map(|read| &read.part.scanned)
            .filter(|scanned| !scanned.is_sealed);
        let end = unsealed.map(ScanResult::frames_end);
        let may_have_one = match unsealed {
            Some(scanned) => !scanned.has_content_behind(),
            None => !plan.cached.contains(&(run, *number)),
        };
        may_have_one.then_some(Uncached {
            run,
            number: *number,
            end,
        })
    });
    Ok(Some((claim, record, uncached.collect())))
}

/// As many runs as one thread takes on.
const TAKEN_BY_ONE: usize = 4;

/// Each has a file open for as long as it is taken on.
const TAKEN_AT_ONCE: usize = 64;

/// Bytes of segments whose caches are written at once, so that the next opening finds them though
/// this process ends soon; and how many each counts at least.
const CACHED_AT_ONCE: u64 = 16 << 20;
const CACHED_AT_LEAST: u64 = 4 << 10;
