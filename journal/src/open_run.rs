//! Starting a run: look at what is there, begin, put the runs that died on record.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::event::system::{self, RunRecovered};
use crate::format::RecordKind;
use crate::recovery::apply::{recover, tidy};
use crate::recovery::plan::plan;
use crate::seq::RunId;
use crate::settings::WriterSettings;
use crate::storage::Storage;
use crate::writer::{ErrorLog, OpenRun, RunWriter, next_generation};

/// Starts a run in the generation after the largest one there is, and puts the runs that died
/// on record in it; gives them too. What could not be done for them, and stops nothing, is among
/// the problems.
pub(crate) fn open_run(
    storage: Arc<dyn Storage>,
    settings: WriterSettings,
    errors: Arc<ErrorLog>,
    problems: &mut Vec<Error>,
) -> Result<(Arc<RunWriter>, Vec<RunId>)> {
    let plan = plan(&*storage)?;
    let generation = next_generation(plan.generation_max);
    // Making its first segment makes all names durable: of what dead runs left, too.
    let run = OpenRun {
        storage: Arc::clone(&storage),
        settings,
        errors,
        generation,
        known: plan.known.clone(),
        unverified: plan.unverified.clone(),
        recovers: !plan.unrecovered.is_empty(),
    }
    .open()?;
    let mut report = |error: &Error| problems.push(error.clone());
    let recovered = recover(
        &*storage,
        &plan,
        &mut |records| record(&run, records),
        &mut report,
    );
    let recovered = recovered.inspect_err(|_| {
        // Without durable records the runs stay as they are for a later opening.
        let _ = run.close(None);
    })?;
    run.finish_recovery(recovered.uncached);
    tidy(&*storage, &plan);
    Ok((run, recovered.runs))
}

fn record(run: &RunWriter, records: &[RunRecovered]) -> Result<()> {
    let mut payload = Vec::new();
    for record in records {
        payload.clear();
        let record = RunRecovered {
            clocks: run.clocks(),
            ..record.clone()
        };
        system::encode(&record, &mut payload)?;
        run.append(RecordKind::RUN_RECOVERED, None, &payload)?;
    }
    if !records.is_empty() {
        run.sync(None)?;
    }
    Ok(())
}
