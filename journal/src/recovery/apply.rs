//! Carrying out a plan: dead runs are taken on, made durable and put on record.

use super::claim::{Claim, remove_temporaries};
use super::plan::Plan;
use super::probe::run_text;
use super::tail::{DeadRun, survey_tail};
use crate::error::{Error, Result};
use crate::event::system::RunRecovered;
use crate::seeded::{self, Bug};
use crate::seq::{RunId, SegmentNumber};
use crate::storage::Storage;

/// Dead runs that this process took on, and what is to be put on record about them.
#[derive(Debug, Default)]
pub(crate) struct Applied {
    claims: Vec<Claim>,
    /// What is to be written into the new run, in order.
    pub(crate) records: Vec<RunRecovered>,
}

impl Applied {
    /// Takes on the dead runs of a plan and makes what they left durable, but for the names of
    /// files: the new run makes all names durable before anything can be put on record in it.
    ///
    /// A run that cannot be read or synced is left as it is for a later opening, and the error
    /// goes to `report`: old damage never keeps a journal from being opened.
    pub(crate) fn begin(
        storage: &dyn Storage,
        plan: &Plan,
        report: &mut dyn FnMut(&Error),
    ) -> Applied {
        let mut applied = Applied::default();
        for run in &plan.unrecovered {
            let segments = plan.segments.get(run).cloned().unwrap_or_default();
            match take_on(storage, *run, segments) {
                Ok(Some((claim, record))) => {
                    applied.claims.push(claim);
                    applied.records.push(record);
                }
                Ok(None) => {}
                Err(error) => report(&error),
            }
        }
        applied
    }

    /// The runs that were taken on.
    pub(crate) fn runs(&self) -> Vec<RunId> {
        self.claims.iter().map(Claim::run).collect()
    }

    /// Takes down the signs of life of runs that are over; to be called when the records are
    /// durable, and only then.
    pub(crate) fn finish(self, storage: &dyn Storage, plan: &Plan) {
        for claim in self.claims {
            claim.release(storage);
        }
        for run in &plan.stale {
            if let Ok(Some(claim)) = Claim::take(storage, *run) {
                claim.release(storage);
            }
        }
        // Not synced: names that come back after a crash are removed by the next opening.
        remove_temporaries(storage, &plan.temporaries);
    }
}

fn take_on(
    storage: &dyn Storage,
    run: RunId,
    segments: Vec<SegmentNumber>,
) -> Result<Option<(Claim, RunRecovered)>> {
    let Some(claim) = Claim::take(storage, run)? else {
        return Ok(None);
    };
    let dead = DeadRun {
        run,
        segments,
        place: run_text(storage, run).and_then(|text| text.durable),
    };
    let Some(found) = survey_tail(storage, &dead)? else {
        return Ok(None);
    };
    if seeded::has(Bug::EmptySegmentRemoved) {
        let empty = found.segments.iter().filter(|s| s.part.records == 0);
        empty.for_each(|s| drop(storage.remove(&s.part.segment.name)));
    }
    let record = found.to_record();
    Ok(Some((claim, record)))
}
