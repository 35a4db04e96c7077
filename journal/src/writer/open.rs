//! Starting a run.

use std::sync::Arc;

use super::close::clocks;
use super::core::{Core, Parts};
use super::errors::ErrorLog;
use super::lane::Lane;
use super::run_file::RunFile;
use super::segment::{PrepareFailure, Segment};
use super::thread;
use crate::error::{Error, Result};
use crate::event::system::{self, RunOpen};
use crate::format::{FileName, RecordKind};
use crate::seq::{Generation, RunId, SegmentNumber};
use crate::settings::{WriteMode, WriterSettings};
use crate::storage::{FileSystem, Storage};

/// What it takes to start a run.
#[derive(Debug)]
pub(crate) struct OpenRun {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) settings: WriterSettings,
    pub(crate) errors: Arc<ErrorLog>,
    pub(crate) generation: Generation,
    /// Runs seen alive in the listing the generation was taken from.
    pub(crate) live_runs: Vec<RunId>,
}

impl OpenRun {
    /// Starts the run: its `.run` file, its first segment, its first records, its syncer.
    pub(crate) fn open(self) -> Result<Arc<Core>> {
        let program = &self.settings.program;
        let run_file = RunFile::create(&*self.storage, self.generation, program)?;
        let name = FileName::Run(run_file.run()).to_string();
        let storage = Arc::clone(&self.storage);
        let opened = self.open_with(run_file);
        if opened.is_err() {
            // A run that never began must not look like one that died.
            let _ = storage.remove(&name);
        }
        opened
    }

    fn open_with(self, run_file: RunFile) -> Result<Arc<Core>> {
        let segment_len = FIRST_SEGMENT_LEN
            .min(self.settings.segment_bytes_max)
            .next_multiple_of(4096);
        let mode = self.settings.write_mode;
        let first = first_segment(&*self.storage, run_file.run(), segment_len, mode)?;
        let lane = Lane::begin(first)?;
        let run_open = self.run_open(run_file.run())?;
        let segment_len = (segment_len * 2).min(self.settings.segment_bytes_max);
        let core = Arc::new(Core::new(Parts {
            storage: self.storage,
            settings: self.settings,
            run_file,
            errors: self.errors,
            lane,
            segment_len,
        }));
        core.append(RecordKind::RUN_OPEN, 0, &run_open)?;
        if !core.settings.is_stepped {
            thread::start(&core)
                .map_err(|e| Error::io("start a thread for", core.storage.path(), e))?;
        }
        Ok(core)
    }

    fn run_open(&self, run: RunId) -> Result<Vec<u8>> {
        let process = self.storage.process();
        let (program, program_version) = &self.settings.program;
        let said = RunOpen {
            generation: run.generation.0,
            random: run.random,
            boot_id: process.boot_id.into(),
            pid: process.pid,
            process_start: process.started,
            host: process.host.into(),
            program: program.into(),
            program_version: program_version.into(),
            library_version: env!("CARGO_PKG_VERSION").into(),
            clocks: clocks(self.storage.clocks()),
            live_runs: self
                .live_runs
                .iter()
                .map(|run| (run.generation.0, run.random))
                .collect(),
            resource: Vec::new(),
            extras: Vec::new(),
        };
        let mut payload = Vec::new();
        system::encode(&said, &mut payload)?;
        Ok(payload)
    }
}

/// Makes the first segment in the mode that is wished, or in the one that works here.
fn first_segment(
    storage: &dyn Storage,
    run: RunId,
    len: u64,
    mode: WriteMode,
) -> Result<Arc<Segment>> {
    let is_safe = matches!(
        storage.file_system(),
        FileSystem::Ext4 | FileSystem::Xfs | FileSystem::Memory
    );
    match mode {
        WriteMode::Mapped => prepare_first(storage, run, len, true),
        WriteMode::Auto if is_safe => match prepare_first(storage, run, len, true) {
            // Too old a kernel, or a file system that looks safe and is not.
            Err(Error::Io { .. }) => prepare_first(storage, run, len, false),
            made => made,
        },
        _ => prepare_first(storage, run, len, false),
    }
}

/// Makes the first segment and overwrites all of it with zeros, so that the first syncs are as
/// fast as later ones.
fn prepare_first(
    storage: &dyn Storage,
    run: RunId,
    len: u64,
    is_mapped: bool,
) -> Result<Arc<Segment>> {
    let kind = (is_mapped, true);
    let prepared = Segment::prepare(storage, run, SegmentNumber::FIRST, len, kind);
    let segment = prepared.map_err(|failure| match failure {
        PrepareFailure::Discarded(error) | PrepareFailure::Poison(error) => error,
    })?;
    let path = || storage.path().join(&segment.name);
    let writable = segment.make_writable(WRITABLE_AT_FIRST);
    writable.map_err(|e| Error::io("prepare", path(), e))?;
    Ok(Arc::new(segment))
}

/// Enough for the first records of a run.
const WRITABLE_AT_FIRST: u64 = 16 << 10;

const FIRST_SEGMENT_LEN: u64 = 1 << 20;
