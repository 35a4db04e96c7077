//! A surveyed journal with its sessions sorted out; readers of all sorts share one.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use super::Mode;
use crate::error::{Error, Result};
use crate::event::{Action, codec};
use crate::format::{FrameSeed, RecordKind};
use crate::recovery::cache;
use crate::recovery::survey::{Depth, Scope, Survey, survey};
use crate::recovery::{
    Extent, Finding, Loss, Place, RunFacts, RunSurvey, SegmentSurvey, SessionRow, StrayState,
    Verdict,
};
use crate::segment::{FrameReader, ReadFailure};
use crate::seq::{SegmentNumber, Seq};
use crate::storage::{Storage, StorageFile};

/// What was found, and how to get at the bytes.
#[derive(Debug)]
pub(super) struct View {
    pub(super) storage: Arc<dyn Storage>,
    pub(super) survey: Survey,
    pub(super) mode: Mode,
    /// In order of their first record.
    pub(super) sessions: Vec<SessionPlaces>,
    by_id: BTreeMap<Arc<str>, usize>,
    /// The id of each session index, for each run.
    ids: Vec<BTreeMap<u32, Arc<str>>>,
    depth: Depth,
    /// The same journal with every byte read, once somebody needed that.
    verified: OnceLock<Arc<View>>,
}

/// Where the records of a session are.
#[derive(Debug)]
pub(super) struct SessionPlaces {
    pub(super) id: Arc<str>,
    /// In order of generation and run.
    pub(super) branches: Vec<BranchPlaces>,
}

/// Where the records of a session in one run are.
#[derive(Clone, Debug)]
pub(super) struct BranchPlaces {
    /// Which of the survey's runs.
    pub(super) run: usize,
    /// Its session indices there; one, unless the id was declared more than once.
    pub(super) indices: Vec<u32>,
}

impl View {
    pub(super) fn new(storage: Arc<dyn Storage>, mode: Mode, depth: Depth) -> Result<View> {
        let survey = survey(&*storage, Scope::All, depth)?;
        let mut view = View {
            storage,
            survey,
            mode,
            sessions: Vec::new(),
            by_id: BTreeMap::new(),
            ids: Vec::new(),
            depth,
            verified: OnceLock::new(),
        };
        view.refuse()?;
        for at in 0..view.survey.runs.len() {
            view.add_run(at);
        }
        Ok(view)
    }

    /// This journal with every byte read.
    pub(super) fn verified(self: &Arc<View>) -> Result<Arc<View>> {
        if self.depth == Depth::Everything || self.is_verified() {
            return Ok(self.clone());
        }
        if let Some(view) = self.verified.get() {
            return Ok(view.clone());
        }
        let storage = Arc::clone(&self.storage);
        let view = Arc::new(View::new(storage, self.mode, Depth::Everything)?);
        Ok(self.verified.get_or_init(|| view).clone())
    }

    /// The view that read everything, if there is one already, else this one.
    pub(super) fn best_known(&self) -> &View {
        self.verified.get().map_or(self, |view| view)
    }

    /// Whether no segment was taken as its cache tells it.
    fn is_verified(&self) -> bool {
        let segments = self.survey.runs.iter().flat_map(|run| &run.segments);
        segments.into_iter().all(|segment| segment.part.is_verified)
    }

    pub(super) fn session(&self, id: &str) -> Option<&SessionPlaces> {
        let id = if id.is_empty() { UNKNOWN_ID } else { id };
        self.by_id.get(id).and_then(|at| self.sessions.get(*at))
    }

    pub(super) fn id(&self, run: usize, index: u32) -> Option<Arc<str>> {
        self.ids.get(run)?.get(&index).cloned()
    }

    pub(super) fn run(&self, at: usize) -> Option<&RunSurvey> {
        self.survey.runs.get(at)
    }

    pub(super) fn open(&self, run: &RunSurvey, segment: &SegmentSurvey) -> Result<FrameReader> {
        let seed = FrameSeed::new(run.run, segment.part.segment.number);
        Ok(FrameReader::new(self.open_file(segment)?, seed))
    }

    pub(super) fn open_file(&self, segment: &SegmentSurvey) -> Result<Arc<dyn StorageFile>> {
        let name = &segment.part.segment.name;
        let file = self.storage.open(name);
        file.map_err(|error| self.io_error("open", name, error))
    }

    /// The frames of a session's records in a segment, in order. Who `reads_all` sessions has
    /// what a cache says of all of them kept in memory.
    pub(super) fn extents(
        &self,
        segment: &SegmentSurvey,
        indices: &[u32],
        reads_all: bool,
    ) -> Vec<Extent> {
        let mut extents = Vec::new();
        for index in indices {
            if let Some(row) = segment.part.places.row(*index) {
                if reads_all {
                    cache::keep_lists(&*self.storage, &segment.part);
                }
                extents.extend(cache::extents(&*self.storage, &segment.part, row));
            }
        }
        if indices.len() > 1 {
            extents.sort_unstable();
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
    pub(super) fn facts(&self, run: &RunSurvey) -> RunFacts {
        let end = self.end(run);
        let is_read = |seq: &Seq| end.is_none_or(|end| seq.get() < end);
        let notes = run.crashes.iter().filter(|(seq, _)| is_read(seq));
        let crash_notes = notes.map(|(seq, payload)| {
            let payload = payload.clone().into();
            let event = codec::decode(RecordKind::CRASH_NOTE, &payload, None);
            let reason = match event.action {
                Action::Crash(crash) => crash.reason.map(|reason| reason.into_owned()),
                _ => None,
            };
            (*seq, reason)
        });
        RunFacts {
            run: run.run,
            live_runs: run
                .opened
                .iter()
                .flat_map(|o| o.live_runs.clone())
                .collect(),
            liveness: run.liveness,
            opened_at: run.opened.as_ref().map(|opened| opened.at),
            closed: run.closed.filter(is_read),
            crash_notes: crash_notes.collect(),
        }
    }

    /// The first sequence number prefix mode does not read.
    pub(super) fn end(&self, run: &RunSurvey) -> Option<u64> {
        let missing = run
            .findings
            .iter()
            .filter(|f| f.verdict != Verdict::Retired);
        let first = missing.filter_map(|f| f.missing).map(|m| m.first).min();
        first.filter(|_| self.mode == Mode::Prefix)
    }

    /// What was lost of a session, as far as can be told: which session a missing record
    /// belonged to is not known.
    ///
    /// A gap before the record that started the session in a run, or behind the one that ended
    /// it there, does not count.
    pub(super) fn loss(&self, session: &SessionPlaces) -> Loss {
        let mut loss = Loss::None;
        for branch in &session.branches {
            let Some(run) = self.run(branch.run) else {
                continue;
            };
            let Some((first, last)) = ends(run, &branch.indices) else {
                continue;
            };
            for finding in &run.findings {
                let at = (finding.segment, finding.offset);
                let is_before = at < first.0 && first.1 == RecordKind::SESSION_START;
                let is_behind = at > last.0 && is_terminal(last.1);
                if finding.missing.is_some() && !is_before && !is_behind {
                    loss = loss.max(loss_of(finding));
                }
            }
        }
        loss
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
        for branch in &session.branches {
            let segments = self
                .run(branch.run)
                .into_iter()
                .flat_map(|run| &run.segments);
            for segment in segments {
                let rows = branch.indices.iter();
                let rows = rows.filter_map(|index| segment.part.places.row(*index));
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
            for stray in &survey.strays {
                match &stray.state {
                    StrayState::Newer(version) => {
                        return Err(Error::Unsupported {
                            file: stray.name.clone(),
                            version: *version,
                            supported: crate::format::VERSION,
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
            Some(finding) if self.mode == Mode::Strict => Err(Error::Damage {
                file: finding.file.clone(),
                offset: finding.offset,
                reason: finding.reason,
            }),
            _ => Ok(()),
        }
    }

    fn add_run(&mut self, at: usize) {
        let mut ids = BTreeMap::new();
        if let Some(run) = self.survey.runs.get(at) {
            for index in indices(run) {
                let id = match run.sessions.get(&index) {
                    Some(id) if id.is_empty() => Arc::from(UNKNOWN_ID),
                    Some(id) => id.clone(),
                    None => self.undeclared(run, index),
                };
                ids.insert(index, id);
            }
        }
        for (index, id) in &ids {
            let session = *self.by_id.entry(id.clone()).or_insert(self.sessions.len());
            if session == self.sessions.len() {
                self.sessions.push(SessionPlaces {
                    id: id.clone(),
                    branches: Vec::new(),
                });
            }
            let Some(session) = self.sessions.get_mut(session) else {
                continue;
            };
            match session.branches.last_mut() {
                Some(branch) if branch.run == at => branch.indices.push(*index),
                _ => session.branches.push(BranchPlaces {
                    run: at,
                    indices: vec![*index],
                }),
            }
        }
        self.ids.push(ids);
    }

    /// The id of a session index whose declaration is lost: its start says it again, else it
    /// gets a name of its own.
    fn undeclared(&self, run: &RunSurvey, index: u32) -> Arc<str> {
        for segment in &run.segments {
            let turns = segment.part.places.row(index).map(|row| &row.turns);
            let mut turns = turns.into_iter().flatten();
            let Some(start) = turns.find(|p| p.kind == RecordKind::SESSION_START) else {
                continue;
            };
            let Ok(mut reader) = self.open(run, segment) else {
                continue;
            };
            let Ok((header, payload)) = reader.frame(start.offset(), || 0) else {
                continue;
            };
            let event = codec::decode(header.kind, &payload, None);
            if let Some(id) = event.session.filter(|id| !id.is_empty()) {
                return Arc::from(&*id);
            }
        }
        Arc::from(format!("unknown-{}-{index}", run.run))
    }

    fn io_error(&self, operation: &'static str, name: &str, error: std::io::Error) -> Error {
        Error::io(operation, self.storage.path().join(name), error)
    }
}

/// The session indices a run has records of, in order.
fn indices(run: &RunSurvey) -> Vec<u32> {
    let mut seen = std::collections::BTreeSet::new();
    for segment in &run.segments {
        seen.extend(segment.part.places.rows.iter().map(|row| row.index));
    }
    seen.into_iter().collect()
}

type End = ((SegmentNumber, u64), RecordKind);

/// Place and kind of the first and the last record of a session in a run.
fn ends(run: &RunSurvey, indices: &[u32]) -> Option<(End, End)> {
    let mut ends: Option<(End, End)> = None;
    for segment in &run.segments {
        for index in indices {
            let Some(row) = segment.part.places.row(*index) else {
                continue;
            };
            let end = |place: Place| ((segment.part.segment.number, place.offset()), place.kind);
            let (first, last) = (end(row.first), end(row.last));
            ends = Some(match ends {
                None => (first, last),
                Some((was_first, was_last)) => (
                    if first.0 < was_first.0 {
                        first
                    } else {
                        was_first
                    },
                    if last.0 > was_last.0 { last } else { was_last },
                ),
            });
        }
    }
    ends
}

fn is_terminal(kind: RecordKind) -> bool {
    kind == RecordKind::SESSION_END || kind == RecordKind::CRASH_NOTE
}

fn loss_of(finding: &Finding) -> Loss {
    match finding.verdict {
        Verdict::Damage => Loss::Damage,
        Verdict::Torn => Loss::Tail,
        Verdict::Sound | Verdict::InFlight | Verdict::Retired => Loss::None,
    }
}

/// The session of records whose session has no name.
const UNKNOWN_ID: &str = "unknown";
