//! Opening a journal: look at what is there, start a run, recover the runs that died.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Error, Result};
use crate::event::system::{self, RunRecovered};
use crate::format::RecordKind;
use crate::journal::Journal;
use crate::options::JournalOptions;
use crate::recovery::apply::{recover, tidy};
use crate::recovery::plan::plan;
use crate::seq::RunId;
use crate::settings::WriterSettings;
use crate::storage::{DiskStorage, Storage};
use crate::writer::{ErrorLog, FailoverWriter, OpenRun, Reopen, RunWriter, next_generation};

impl JournalOptions {
    /// Opens the journal in `dir`, which is made if it is missing, and recovers what runs that
    /// died left there. Any number of processes may have it open at once.
    ///
    /// # Durability
    /// What [`Journal::recovery`] reports as there is durable when this returns.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] for a value out of its bounds, [`Error::Io`] or
    /// [`Error::DiskFull`] if the directory cannot be used. Old damage never refuses an open.
    pub fn open(mut self, dir: impl AsRef<Path>) -> Result<Journal> {
        self.validate()?;
        open(&mut self, dir.as_ref())
    }

    /// As [`open`](JournalOptions::open), but never fails: where the directory cannot be used, the
    /// journal is disabled and refuses records; after a failed sync it goes on in a new run,
    /// tried at most every 10 s. Errors go to [`on_error`](JournalOptions::on_error).
    pub fn open_best_effort(mut self, dir: impl AsRef<Path>) -> Journal {
        open_best_effort(&mut self, dir.as_ref())
    }
}

fn open(options: &mut JournalOptions, dir: &Path) -> Result<Journal> {
    let errors = Arc::new(ErrorLog::new(options.on_error.take()));
    let storage = match &options.storage {
        Some(storage) => Arc::clone(storage),
        None => disk(dir)?,
    };
    let (run, recovered) = open_run(storage, options.settings.clone(), Arc::clone(&errors))?;
    let writer = FailoverWriter::new(Ok(run), errors, None);
    Ok(Journal::new(
        writer,
        (options.redact.take(), options.sharing()),
        recovered,
    ))
}

fn open_best_effort(options: &mut JournalOptions, dir: &Path) -> Journal {
    let errors = Arc::new(ErrorLog::new(options.on_error.take()));
    let is_valid = options.validate();
    let reopen = reopener(options, dir, &errors);
    // What cannot work does not work later, either.
    let reopen = move || is_valid.clone().and_then(|()| reopen());
    let opened = reopen();
    if let Err(error) = &opened {
        errors.report(error);
    }
    let (run, recovered) = match opened {
        Ok((run, recovered)) => (Ok(run), recovered),
        Err(error) => (Err(error), Vec::new()),
    };
    let reopen: Reopen = Box::new(move || Ok(reopen()?.0));
    let writer = FailoverWriter::new(run, errors, Some(reopen));
    Journal::new(
        writer,
        (options.redact.take(), options.sharing()),
        recovered,
    )
}

/// Opens a run of the same journal, as often as it is called.
fn reopener(
    options: &JournalOptions,
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
    let run = OpenRun {
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
        run.append(RecordKind::RUN_RECOVERED, 0, &payload)?;
    }
    if !records.is_empty() {
        run.sync()?;
    }
    Ok(())
}
