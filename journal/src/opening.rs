//! Opening a journal: look at what is there, start a run, recover the runs that died.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Error, Result};
use crate::event::system::{self, RunRecovered};
use crate::format::RecordKind;
use crate::options::Options;
use crate::recovery::apply::{recover, tidy};
use crate::recovery::plan::plan;
use crate::seq::RunId;
use crate::session::{Recorder, Sink};
use crate::settings::WriterSettings;
use crate::storage::{DiskStorage, Storage};
use crate::writer::{ErrorLog, FailoverWriter, OpenRun, Reopen, RunWriter, next_generation};

/// A journal that was opened.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) slot: Arc<FailoverWriter>,
    pub(crate) recorder: Arc<Recorder>,
    /// Runs that died and were put on record by this opening.
    pub(crate) recovered: Vec<RunId>,
}

pub(crate) fn open(options: &mut Options, dir: &Path) -> Result<Opened> {
    let errors = Arc::new(ErrorLog::new(options.on_error.take()));
    let storage = match &options.storage {
        Some(storage) => Arc::clone(storage),
        None => disk(dir)?,
    };
    let (core, recovered) = open_run(storage, options.settings.clone(), Arc::clone(&errors))?;
    let slot = FailoverWriter::new(Ok(core), errors, None);
    Ok(Opened::new(slot, options, recovered))
}

pub(crate) fn open_best_effort(options: &mut Options, dir: &Path) -> Opened {
    let errors = Arc::new(ErrorLog::new(options.on_error.take()));
    let is_valid = options.validate();
    let reopen = reopener(options, dir, &errors);
    // What cannot work does not work later, either.
    let reopen = move || is_valid.clone().and_then(|()| reopen());
    let opened = reopen();
    if let Err(error) = &opened {
        errors.report(error);
    }
    let (core, recovered) = match opened {
        Ok((core, recovered)) => (Ok(core), recovered),
        Err(error) => (Err(error), Vec::new()),
    };
    let reopen: Reopen = Box::new(move || Ok(reopen()?.0));
    let slot = FailoverWriter::new(core, errors, Some(reopen));
    Opened::new(slot, options, recovered)
}

impl Opened {
    fn new(slot: FailoverWriter, options: &mut Options, recovered: Vec<RunId>) -> Opened {
        let slot = Arc::new(slot);
        let sink: Arc<dyn Sink> = slot.clone();
        Opened {
            recorder: Arc::new(Recorder::new(sink, options.redact.take())),
            slot,
            recovered,
        }
    }
}

/// Opens a run of the same journal, as often as it is called.
fn reopener(
    options: &Options,
    dir: &Path,
    errors: &Arc<ErrorLog>,
) -> impl Fn() -> Result<(Arc<RunWriter>, Vec<RunId>)> + Send + Sync + 'static {
    let storage = options.storage.clone();
    let (settings, errors) = (options.settings.clone(), Arc::clone(errors));
    // Whatever directory the process works in by then.
    let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    let last = Mutex::new(None);
    move || {
        let storage = match &storage {
            Some(storage) => Arc::clone(storage),
            None => disk_again(
                &mut last.lock().unwrap_or_else(PoisonError::into_inner),
                &dir,
            )?,
        };
        open_run(storage, settings.clone(), Arc::clone(&errors))
    }
}

fn disk(dir: &Path) -> Result<Arc<dyn Storage>> {
    let storage = DiskStorage::create(dir).map_err(|e| Error::io("open journal", dir, e))?;
    Ok(Arc::new(storage))
}

/// The directory that was opened last, if it is still somewhere, else the one at this path.
fn disk_again(last: &mut Option<Arc<dyn Storage>>, dir: &Path) -> Result<Arc<dyn Storage>> {
    let held = last
        .take()
        .filter(|held| matches!(held.is_linked(), Ok(true)));
    let storage = match held {
        Some(held) => held,
        None => disk(dir)?,
    };
    *last = Some(Arc::clone(&storage));
    Ok(storage)
}

/// Starts a run in the generation after the largest one there is, and puts the runs that died
/// on record in it; gives them too.
fn open_run(
    storage: Arc<dyn Storage>,
    settings: WriterSettings,
    errors: Arc<ErrorLog>,
) -> Result<(Arc<RunWriter>, Vec<RunId>)> {
    let plan = plan(&*storage)?;
    let generation = next_generation(plan.generation_max);
    // Making its first segment makes all names durable: of what dead runs left, too.
    let core = OpenRun {
        storage: Arc::clone(&storage),
        settings,
        errors: Arc::clone(&errors),
        generation,
        known: plan.known.clone(),
        unverified: plan.unverified.clone(),
        recovers: !plan.unrecovered.is_empty(),
    }
    .open()?;
    let mut report = |error: &Error| errors.report(error);
    let recovered = recover(
        &*storage,
        &plan,
        &mut |records| record(&core, records),
        &mut report,
    );
    let recovered = recovered.inspect_err(|_| {
        // Without durable records the runs stay as they are for a later opening.
        let _ = core.close(None);
    })?;
    core.finish_recovery(recovered.uncached);
    tidy(&*storage, &plan);
    Ok((core, recovered.runs))
}

fn record(core: &RunWriter, records: &[RunRecovered]) -> Result<()> {
    let mut payload = Vec::new();
    for record in records {
        payload.clear();
        let record = RunRecovered {
            clocks: core.clocks(),
            ..record.clone()
        };
        system::encode(&record, &mut payload)?;
        core.append(RecordKind::RUN_RECOVERED, 0, &payload)?;
    }
    if !records.is_empty() {
        core.sync()?;
    }
    Ok(())
}
