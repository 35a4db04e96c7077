//! A surveyed journal with its sessions sorted out; readers of all sorts share one.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use super::losses::{Losses, prefix_end};
use super::mode::ReadMode;
use super::session_records::{BranchPlaces, Few, RowPlace, SessionPlaces, UNKNOWN_ID};
use super::session_records::{join, named, places};
use crate::error::{Error, Result};
use crate::event::{Action, codec};
use crate::format::{FrameSeed, RecordKind};
use crate::recovery::cache;
use crate::recovery::survey::{Depth, Scope, Survey, survey};
use crate::recovery::{
    Extent, RunFacts, RunSurvey, SegmentSurvey, SessionNames, SessionRow, StrayState, Verdict,
};
use crate::seeded::{self, Bug};
use crate::segment::{FrameReader, ReadFailure};
use crate::seq::Seq;
use crate::storage::{DiskStorage, Storage, StorageFile};

/// The directory as a storage.
pub(super) fn on_disk(dir: &Path) -> Result<Arc<dyn Storage>> {
    let storage = DiskStorage::open(dir).map_err(|e| Error::io("open", dir, e))?;
    Ok(Arc::new(storage))
}

/// What was found, and how to get at the bytes.
#[derive(Debug)]
pub(super) struct JournalView {
    pub(super) storage: Arc<dyn Storage>,
    pub(super) survey: Survey,
    pub(super) mode: ReadMode,
    /// In order of their first record.
    pub(super) sessions: Vec<SessionPlaces>,
    /// Which of them they are, in order of their ids.
    by_id: Vec<usize>,
    /// What its sessions need to know of each run.
    runs: Vec<RunView>,
    depth: Depth,
    /// The same journal with every byte read, once that was needed.
    verified: OnceLock<Arc<JournalView>>,
}

/// What is worked out once for all sessions of a run.
#[derive(Debug)]
struct RunView {
    /// The ids of session indices where no record declares them.
    undeclared: BTreeMap<RowPlace, Arc<str>>,
    facts: Arc<RunFacts>,
    losses: Losses,
    /// The first sequence number prefix mode does not read.
    end: Option<u64>,
}

impl JournalView {
    pub(super) fn new(
        storage: Arc<dyn Storage>,
        mode: ReadMode,
        depth: Depth,
    ) -> Result<JournalView> {
        let survey = survey(&*storage, Scope::All, depth)?;
        let mut view = JournalView {
            storage,
            survey,
            mode,
            sessions: Vec::new(),
            by_id: Vec::new(),
            runs: Vec::new(),
            depth,
            verified: OnceLock::new(),
        };
        view.refuse()?;
        for at in 0..view.survey.runs.len() {
            view.add_run(at);
        }
        view.by_id = join(&mut view.sessions);
        if depth.is_brief() {
            view.forget_names();
        }
        Ok(view)
    }

    /// Whether all segments that have records of a session were read.
    pub(super) fn is_read(&self, session: &SessionPlaces) -> bool {
        let mut branches = session.branches.iter();
        branches.all(|branch| {
            let run = self.run(branch.run);
            run.is_some_and(|run| branch.surveys(run).all(|(_, s)| s.part.is_verified))
                || seeded::has(Bug::BelievedNotSaid)
        })
    }

    /// Lets go of what only a look for one session needs, or a step through records.
    fn forget_names(&mut self) {
        self.by_id = Vec::new();
        self.sessions.shrink_to_fit();
        for run in &mut self.survey.runs {
            run.sessions = SessionNames::default();
            for row in run
                .segments
                .iter_mut()
                .flat_map(|s| &mut s.part.places.rows)
            {
                row.turns = Vec::new();
            }
        }
    }

    /// This journal with every byte read.
    pub(super) fn verified(self: &Arc<JournalView>) -> Result<Arc<JournalView>> {
        if self.depth.is_everything() || self.is_verified() {
            return Ok(self.clone());
        }
        if let Some(view) = self.verified.get() {
            return Ok(view.clone());
        }
        let storage = Arc::clone(&self.storage);
        let view = Arc::new(JournalView::new(storage, self.mode, Depth::Everything)?);
        Ok(self.verified.get_or_init(|| view).clone())
    }

    /// The view that read everything, if it was needed.
    pub(super) fn known_verified(&self) -> Option<&Arc<JournalView>> {
        self.verified.get()
    }

    /// The view that read everything, if there is one already, else this one.
    pub(super) fn best_known(&self) -> &JournalView {
        self.verified.get().map_or(self, |view| view)
    }

    /// Whether no segment was taken as its cache tells it.
    fn is_verified(&self) -> bool {
        let segments = self.survey.runs.iter().flat_map(|run| &run.segments);
        segments.into_iter().all(|segment| segment.part.is_verified)
    }

    /// Whether some of the segments have no places of their own, as a merged cache tells of them.
    pub(super) fn is_merged(&self) -> bool {
        let segments = self.survey.runs.iter().flat_map(|run| &run.segments);
        segments.into_iter().any(|s| s.part.places.merged.is_some())
    }

    pub(super) fn session(&self, id: &str) -> Option<&SessionPlaces> {
        let id = if id.is_empty() { UNKNOWN_ID } else { id };
        let found = (self.by_id).binary_search_by(|at| (*self.sessions[*at].id).cmp(id));
        self.sessions.get(*self.by_id.get(found.ok()?)?)
    }

    /// The session of an index in a segment of a run, by their places in the survey.
    pub(super) fn id(&self, (run, segment): (usize, usize), index: u32) -> Option<Arc<str>> {
        if index == 0 {
            return None;
        }
        let (names, survey) = (self.runs.get(run)?, self.run(run)?);
        let number = survey.segments.get(segment)?.part.segment.number;
        let declared = || survey.sessions.declared(index, number).map(named);
        let undeclared = names.undeclared.get(&RowPlace::new(segment, index));
        undeclared.cloned().or_else(declared)
    }

    pub(super) fn losses(&self, run: usize) -> Option<&Losses> {
        self.runs.get(run).map(|run| &run.losses)
    }

    pub(super) fn run(&self, at: usize) -> Option<&RunSurvey> {
        self.survey.runs.get(at)
    }

    pub(super) fn open(&self, run: &RunSurvey, segment: &SegmentSurvey) -> Result<FrameReader> {
        let seed = FrameSeed::new(run.run, segment.part.segment.number);
        Ok(FrameReader::new(self.open_file(segment)?, seed))
    }

    pub(super) fn open_file(&self, segment: &SegmentSurvey) -> Result<Arc<dyn StorageFile>> {
        let segment = &segment.part.segment;
        let file = segment.open(&*self.storage);
        file.map_err(|error| self.io_error("open", &segment.name, error))
    }

    /// The frames of a session's records in a segment, in order. With
    /// `reads_all`, what a cache says of all sessions is kept in memory.
    pub(super) fn extents(
        &self,
        (at, segment): (usize, &SegmentSurvey),
        branch: &BranchPlaces,
        reads_all: bool,
    ) -> Vec<Extent> {
        let mut extents = Vec::new();
        for row in branch.rows((at, segment)) {
            if reads_all {
                cache::keep_lists(&*self.storage, &segment.part);
            }
            extents.extend(cache::extents(&*self.storage, &segment.part, row));
        }
        if branch.has_several(at) {
            extents.sort_unstable();
            // Only a forged cache has the same bytes twice.
            extents.dedup_by(|next, before| next.offset < before.end());
        }
        extents
    }

    pub(super) fn failure(&self, name: &str, offset: u64, failure: ReadFailure) -> Error {
        match failure {
            ReadFailure::Io(error) => self.io_error("read", name, error),
            ReadFailure::Damage(reason) => Error::Damage {
                file: name.to_owned(),
                offset,
                reason,
            },
        }
    }

    /// What a fold needs to know of a run; in prefix mode, of the run up to its first gap.
    pub(super) fn facts(&self, run: usize) -> Option<&Arc<RunFacts>> {
        self.runs.get(run).map(|run| &run.facts)
    }

    /// The first sequence number prefix mode does not read.
    pub(super) fn end(&self, run: usize) -> Option<u64> {
        self.runs.get(run)?.end
    }

    pub(super) fn record_count(&self, session: &SessionPlaces) -> u64 {
        self.sum(session, |row| row.count)
    }

    /// Bytes of all frames of a session.
    pub(super) fn frame_bytes(&self, session: &SessionPlaces) -> u64 {
        self.sum(session, |row| row.bytes)
    }

    fn sum(&self, session: &SessionPlaces, part: impl Fn(&SessionRow) -> u64) -> u64 {
        let mut sum = 0u64;
        for branch in session.branches.iter() {
            let Some(run) = self.run(branch.run) else {
                continue;
            };
            for segment in branch.surveys(run) {
                let rows = branch.rows(segment);
                sum = rows.map(&part).fold(sum, u64::saturating_add);
            }
        }
        sum
    }

    /// What cannot be read as a journal at all, or not in this mode.
    fn refuse(&self) -> Result<()> {
        let survey = &self.survey;
        if survey.runs.iter().all(|run| run.segments.is_empty()) {
            let mut has_foreign = false;
            let is_reported = self.depth.is_everything() && self.mode == ReadMode::Salvage;
            for stray in &survey.strays {
                match &stray.state {
                    // With everything read there is a report that says so.
                    StrayState::Unsupported(_) | StrayState::Unreadable(_) if is_reported => {}
                    StrayState::Unsupported(found) => {
                        let supported = crate::format::VERSION;
                        return Err(Error::Unsupported {
                            file: stray.name.clone(),
                            version: found.needs.map_or(supported + 1, |needs| needs.version),
                            features: found.needs.map_or(0, |needs| needs.incompatible),
                            supported,
                        });
                    }
                    StrayState::Unreadable(error) => return Err(error.clone()),
                    _ => has_foreign = true,
                }
            }
            if has_foreign && survey.runs.is_empty() {
                let path = self.storage.path().to_owned();
                return Err(Error::NotAJournal { path });
            }
        }
        let findings = survey.runs.iter().flat_map(|run| &run.findings);
        let damage = findings.into_iter().find(|f| f.verdict == Verdict::Damage);
        match damage {
            Some(finding) if self.mode == ReadMode::Strict => Err(Error::Damage {
                file: finding.file.clone(),
                offset: finding.offset,
                reason: finding.reason,
            }),
            _ => Ok(()),
        }
    }

    fn add_run(&mut self, at: usize) {
        let Some(run) = self.survey.runs.get(at) else {
            return;
        };
        let mut undeclared = BTreeMap::new();
        let end = prefix_end(run).filter(|_| self.mode == ReadMode::Prefix);
        let (facts, losses) = (Arc::new(facts(run, end)), Losses::of(run));
        let (count, places) = places(run);
        self.sessions.reserve(count);
        let first_session = self.sessions.len();
        let mut is_reused = false;
        for (index, segments) in places {
            let Some(run) = self.survey.runs.get(at) else {
                return;
            };
            let ids = self.ids(run, index, &segments, &mut undeclared);
            is_reused |= ids.len() > 1;
            self.sessions.extend(ids.into_iter().map(|(id, rows)| {
                let branch = BranchPlaces {
                    run: at,
                    rows: rows.into(),
                };
                SessionPlaces {
                    id,
                    branches: Few::One(branch),
                }
            }));
        }
        if is_reused {
            // Indices come in order of first records until they are used again.
            let sessions = self.sessions.get_mut(first_session..).unwrap_or_default();
            sessions.sort_by_key(SessionPlaces::first_segment);
        }
        self.runs.push(RunView {
            facts,
            losses,
            end,
            undeclared,
        });
    }

    fn io_error(&self, operation: &'static str, name: &str, error: std::io::Error) -> Error {
        Error::io(operation, self.storage.path().join(name), error)
    }
}

fn facts(run: &RunSurvey, end: Option<u64>) -> RunFacts {
    let is_read = |seq: &Seq| end.is_none_or(|end| seq.get() < end);
    let notes = run.crashes.iter().filter(|(seq, _)| is_read(seq));
    let mut left = REASONS_LEN_MAX;
    let crash_notes = notes.map(|(seq, payload)| {
        let payload = payload.clone().into();
        let event = codec::decode(RecordKind::CRASH_NOTE, &payload, None);
        let reason = match event.action {
            Action::Crash(crash) => crash.reason.map(|reason| {
                let mut ends = (0..=left.min(reason.len())).rev();
                let len = ends.find(|at| reason.is_char_boundary(*at)).unwrap_or(0);
                left -= len;
                reason.get(..len).unwrap_or_default().to_owned()
            }),
            _ => None,
        };
        (*seq, reason)
    });
    RunFacts {
        run: run.run,
        live_runs: run
            .opened
            .iter()
            .flat_map(|o| o.live_runs.iter().copied())
            .collect(),
        liveness: run.liveness,
        opened_at: run.opened.as_ref().map(|opened| opened.at),
        origin: run.origin(),
        closed: run.closed.filter(is_read),
        crash_notes: crash_notes.collect(),
    }
}

/// What a run's crash notes say is told to each of its sessions, so it is cut to this.
const REASONS_LEN_MAX: usize = 4 << 10;
