//! Starting a run.

use std::io;
use std::sync::Arc;

use super::error_log::ErrorLog;
use super::lock_file::LockFile;
use super::run::{RunParts, RunWriter};
use super::run_constants::RunConstants;
use super::threads;
use crate::error::{Error, Result};
use crate::event::system::{self, RunOpen};
use crate::format::{FileName, RecordKind};
use crate::recovery::other_runs::{KnownRuns, OtherRuns};
use crate::seeded::{self, Bug};
use crate::seq::{Generation, RunId, SegmentNumber};
use crate::settings::{SEGMENT_LEN_MIN, WriteMode, WriterSettings};
use crate::storage::{FileSystem, Storage};
use crate::writer::append::log_writer::LogWriter;
use crate::writer::segment::active::{ActiveSegment, Making, Mapping, PrepareFailure, is_full};

/// What it takes to start a run.
#[derive(Debug)]
pub(crate) struct OpenRun {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) settings: WriterSettings,
    pub(crate) errors: Arc<ErrorLog>,
    /// One more than the largest there was; the run gets a larger one if others were faster.
    pub(crate) generation: Generation,
    /// Other runs that were looked at.
    pub(crate) known: KnownRuns,
    /// Runs without a `.run` file that may be alive.
    pub(crate) unverified: Vec<RunId>,
    /// Runs are to be put on record before anything else is: see [`RunWriter::finish_recovery`].
    pub(crate) recovers: bool,
}

impl OpenRun {
    /// Starts the run: its `.run` file, its first segment, its first records, its syncer.
    pub(crate) fn open(self) -> Result<Arc<RunWriter>> {
        let storage = Arc::clone(&self.storage);
        let (lock_file, live_runs) = self.begin()?;
        let run = lock_file.run();
        let opened = self.open_with(lock_file, live_runs);
        if opened.is_err() && !seeded::has(Bug::FailedOpeningLeft) {
            let first = FileName::Segment(run, SegmentNumber::FIRST);
            let _ = storage.remove(&first.to_string());
            withdraw(&*storage, run);
        }
        opened
    }

    /// The run's `.run` file, and the runs that are alive beside it.
    fn begin(&self) -> Result<(LockFile, Vec<RunId>)> {
        let storage = &*self.storage;
        let mut generation = self.generation;
        for _ in 0..OVERTAKEN_MAX {
            let lock_file = LockFile::create(&self.storage, generation, &self.settings.program)?;
            let found = OtherRuns::of(storage, lock_file.run(), &self.known);
            match found {
                Ok(found) if found.generation_max <= generation => {
                    let none = seeded::has(Bug::LiveRunsNotListed);
                    return Ok((lock_file, if none { Vec::new() } else { found.live }));
                }
                // A run that began meanwhile has not seen this one and may be over already: it must
                // not come to lie behind this one.
                Ok(found) => {
                    withdraw(storage, lock_file.run());
                    generation = next_generation(found.generation_max.0);
                }
                Err(error) => {
                    withdraw(storage, lock_file.run());
                    return Err(error);
                }
            }
        }
        let busy = io::Error::other("others keep opening it at the same time");
        Err(Error::io("open journal", storage.path(), busy))
    }

    fn open_with(self, lock_file: LockFile, mut live_runs: Vec<RunId>) -> Result<Arc<RunWriter>> {
        live_runs.extend(&self.unverified);
        let len_max = self.storage.file_len_max().max(SEGMENT_LEN_MIN) / 4096 * 4096;
        let segment_len = FIRST_SEGMENT_LEN
            .min(self.settings.segment_bytes_max)
            .next_multiple_of(4096)
            .min(len_max);
        let mode = self.settings.write_mode;
        let first = first_segment(&*self.storage, lock_file.run(), segment_len, mode)?;
        let constants = RunConstants::new(self.storage, self.settings, lock_file.run());
        let constants = Arc::new(constants);
        let log = LogWriter::begin(Arc::clone(&constants), first)?;
        let run_open = run_open(&constants, &lock_file, live_runs)?;
        let segment_len = (segment_len * 4)
            .min(constants.settings().segment_bytes_max)
            .next_multiple_of(4096);
        let is_stepped = constants.settings().is_stepped;
        let run = Arc::new(RunWriter::new(RunParts {
            constants,
            lock_file,
            errors: self.errors,
            log,
            segment_len,
            recovers: self.recovers,
        }));
        run.append(RecordKind::RUN_OPEN, None, &run_open)?;
        if !is_stepped {
            threads::start(&run)
                .map_err(|e| Error::io("start a thread for", run.storage().path(), e))?;
        }
        Ok(run)
    }
}

/// What a run says of itself in its first record.
fn run_open(
    constants: &RunConstants,
    lock_file: &LockFile,
    mut live_runs: Vec<RunId>,
) -> Result<Vec<u8>> {
    let (run, owner) = (constants.run(), lock_file.owner().clone());
    live_runs.sort_unstable();
    let (program, program_version) = &constants.settings().program;
    let said = RunOpen {
        generation: run.generation.0,
        random: run.random,
        boot_id: owner.boot_id.into(),
        pid: owner.pid,
        process_start: owner.started,
        host: owner.host.into(),
        pid_namespace: owner.pid_namespace,
        file_system: owner.file_system,
        device: owner.device,
        inode: owner.inode,
        program: program.into(),
        program_version: program_version.into(),
        library_version: env!("CARGO_PKG_VERSION").into(),
        clocks: constants.clocks(),
        live_runs: live_runs
            .iter()
            .map(|run| (run.generation.0, run.random))
            .collect(),
        resource: constants.settings().resource.as_slice().into(),
        extras: Vec::new(),
    };
    let mut payload = Vec::new();
    system::encode(&said, &mut payload)?;
    Ok(payload)
}

/// The generation of a run that follows one of this generation; behind the largest there is, the
/// same once more.
pub(crate) fn next_generation(largest: u32) -> Generation {
    let is_reused = largest > 0 && seeded::has(Bug::GenerationReused);
    Generation(largest.saturating_add(u32::from(!is_reused)))
}

/// A run that never began must not look like one that died.
fn withdraw(storage: &dyn Storage, run: RunId) {
    let _ = storage.remove(&FileName::Run(run).to_string());
}

/// Makes the first segment in the mode that is wished, or in the one that works here, and
/// overwrites all of it with zeros, so that the first syncs are as fast as later ones.
fn first_segment(
    storage: &dyn Storage,
    run: RunId,
    len: u64,
    mode: WriteMode,
) -> Result<ActiveSegment> {
    // An xfs that stops, as after an error of its device, takes pages away that were writable: a
    // store into one of them would end the process.
    let is_safe = matches!(storage.file_system(), FileSystem::Ext4 | FileSystem::Memory);
    let mapping = match mode {
        WriteMode::Mapped => Mapping::Must,
        WriteMode::Auto if is_safe => Mapping::IfPossible,
        WriteMode::Auto | WriteMode::Positioned => Mapping::No,
    };
    let making = Making {
        mapping,
        is_zeroed: true,
    };
    let prepared = ActiveSegment::prepare(storage, run, SegmentNumber::FIRST, len, making);
    let segment = prepared.map_err(|failure| match failure {
        PrepareFailure::Discarded(error) | PrepareFailure::Poison(error) => error,
    })?;
    match segment.make_writable(WRITABLE_AT_FIRST) {
        Err(error) if mapping == Mapping::Must || is_full(&error) => {
            let path = storage.path().join(segment.name());
            Err(Error::io("prepare", path, error))
        }
        _ => Ok(segment),
    }
}

/// Enough for the first records of a run.
const WRITABLE_AT_FIRST: u64 = 16 << 10;

/// How often others may be faster before it counts as an error.
const OVERTAKEN_MAX: u32 = 64;

/// All of it is overwritten with zeros before the first append.
const FIRST_SEGMENT_LEN: u64 = 256 << 10;
