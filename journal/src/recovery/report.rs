//! What recovery found, in plain data: files, ranges, runs and sessions.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::byte_classes::ByteClasses;
use super::files::Stray;
use super::finding::Finding;
use super::origin::RunOrigin;
use super::outcome::Outcome;
use super::refusals::RefusedReport;
use super::run::{RunSurvey, SegmentSurvey};
use super::run_state::RunState;
use super::serialize::{is_true, is_zero, origin_members, texts};
use super::survey::Survey;
use super::verdict::Verdict;
use super::witness::Fate;
use super::{Loss, SegmentState};
use crate::error::DamageReason;
use crate::event::SessionStatus;
use crate::format::{FRAMES_OFFSET, ReadNeeds};
use crate::seq::{RunId, Seq};

/// What is there, what is missing, and why.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The worst of what was lost.
    pub loss: Loss,
    /// How many records are there and are missing.
    pub counts: RecordCounts,
    /// Bytes of torn ends: left by a crash, never seen durable.
    pub tail_bytes: u64,
    /// Segments that were not read, but taken as the caches beside them tell them.
    pub believed: u64,
    /// Caches that were believed at first told otherwise, so that everything was read.
    pub contradicted: bool,
    /// Records of kinds that only a later version knows. Serialised only where there are any.
    #[serde(skip_serializing_if = "is_zero")]
    pub later_kinds: u64,
    /// Every file that is, or might be, a segment.
    pub segments: Vec<SegmentReport>,
    /// Every place that is not as it should be.
    pub ranges: Vec<DamagedRange>,
    /// Every run, in order.
    pub runs: Vec<RunReport>,
    /// Every session that was asked for.
    pub sessions: Vec<SessionReport>,
    /// What the look came to; left out when it is serialised, as the other members say why.
    #[serde(skip)]
    pub outcome: Outcome,
}

/// How many records are there and are missing, as far as sequence numbers tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RecordCounts {
    /// Intact records, the library's own included.
    pub recovered: u64,
    /// Missing ones that were durable.
    pub lost_durable: u64,
    /// Missing ones that nothing proves durable.
    pub lost_unwitnessed: u64,
    /// Missing ones that retention removed.
    pub retired: u64,
    /// Ones that never became part of the journal, because an append was refused: the disk was
    /// full, say. They are on record, and have no sequence numbers.
    pub refused: u64,
}

/// One file.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct SegmentReport {
    /// Its name.
    pub file: String,
    /// Its length in bytes.
    pub size: u64,
    /// Up to here all frames are intact and none is missing.
    pub ok_up_to: u64,
    /// Intact records.
    pub records: u64,
    /// Sequence number of the first intact record.
    pub first_seq: Option<Seq>,
    /// Sequence number of the last intact record.
    pub last_seq: Option<Seq>,
    /// What it is.
    pub state: SegmentState,
    /// Its bytes were read and checked; otherwise this is what the cache beside it says. Serialised
    /// only if it is false.
    #[serde(skip_serializing_if = "is_true")]
    pub verified: bool,
    /// The format version it is of, if it is `unsupported` for that. Serialised only then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// The bits of the features it takes to read it, if it is `unsupported` and has any.
    /// Serialised only then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub features: Option<u32>,
    /// What its bytes are.
    #[serde(skip)]
    pub bytes: ByteClasses,
    /// What is wrong with it first, if anything is.
    #[serde(skip)]
    pub reason: Option<DamageReason>,
    /// Why it could not be read, or not to its end, in the system's words.
    #[serde(skip)]
    pub failure: Option<String>,
    /// Where it leads, if it is a symbolic link. Serialised only then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// A place that is not as it should be.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct DamagedRange {
    /// Name of the file, also of one that is missing.
    pub file: String,
    /// Where in the file.
    pub offset: u64,
    /// How many bytes; 0 if the bytes are not there or are counted in the range before.
    pub len: u64,
    /// What is wrong.
    pub reason: DamageReason,
    /// First sequence number that is missing for it, if one is.
    pub first_missing: Option<Seq>,
    /// Last one; `None` also if it is not known how many were given out.
    pub last_missing: Option<Seq>,
    /// Whether a witness proves that the missing records were durable: in memory none ever was.
    pub durable: bool,
    /// First and last number of valid frames that are no records, for others behind them
    /// contradict them. Serialised only where there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contested: Option<(Seq, Seq)>,
    /// Sessions that may have lost records there, the first sixteen of them: those of the run but
    /// for what was over before, or began behind it.
    #[serde(serialize_with = "texts")]
    pub sessions: Vec<Arc<str>>,
    /// How many more there are.
    #[serde(skip_serializing_if = "is_zero")]
    pub more_sessions: u64,
}

/// One run.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct RunReport {
    /// Its name.
    pub run: RunId,
    /// Its place among the runs.
    pub generation: u32,
    /// Whether it is still there, and how it ended if not.
    pub state: RunState,
    /// The format version it is of, if it is `unsupported` for that. Serialised only then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// The process that opened it, if the record that says so is there.
    #[serde(flatten, serialize_with = "origin_members")]
    pub origin: Option<Arc<RunOrigin>>,
    /// The last sequence number known to have been durable; none is in a file system in memory.
    pub durable_seq: Option<Seq>,
    /// The last one of an intact record.
    pub last_seq: Option<Seq>,
    /// How many records it refused.
    pub refused: u64,
    /// Why and when, if it refused any.
    pub refusals: Option<RefusedReport>,
}

/// One session, in short.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct SessionReport {
    /// Its id.
    pub id: String,
    /// How it stands.
    pub status: SessionStatus,
    /// Spans that were open when their run died.
    pub interrupted: u64,
    /// What was lost of it.
    pub loss: Loss,
    /// Its intact records.
    pub records: u64,
    /// Its spans, the root included.
    pub spans: u64,
    /// Records that were refused while it was open, as far as is known; see
    /// [`Snapshot::refused`](crate::Snapshot::refused).
    pub refused: u64,
}

impl Report {
    /// The report of a survey, without sessions.
    pub(crate) fn new(survey: &Survey) -> Report {
        let mut report = Report {
            loss: survey.loss(),
            counts: RecordCounts::default(),
            tail_bytes: 0,
            believed: 0,
            contradicted: false,
            later_kinds: 0,
            segments: Vec::new(),
            ranges: Vec::new(),
            runs: Vec::new(),
            sessions: Vec::new(),
            outcome: Outcome::of(survey),
        };
        for run in &survey.runs {
            report.add_run(run);
        }
        for stray in &survey.strays {
            report.add_stray(stray);
        }
        report
    }

    /// The worst of what was lost.
    #[must_use]
    pub fn loss(&self) -> Loss {
        self.loss
    }

    /// How many records are known to be missing, those removed by retention left out.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.counts
            .lost_durable
            .saturating_add(self.counts.lost_unwitnessed)
    }

    /// Whether every segment was read; otherwise some were taken as the caches beside them tell
    /// them.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.segments.iter().all(|segment| segment.verified)
    }

    fn add_run(&mut self, run: &RunSurvey) {
        self.runs.push(RunReport {
            run: run.run,
            generation: run.run.generation.0,
            state: RunState::of(run),
            version: run.unsupported.and_then(|found| Some(found.needs?.version)),
            origin: run.origin(),
            durable_seq: Seq::new(run.witness.durable()),
            last_seq: run.last_seq,
            refused: run.refused.count,
            refusals: run.refused.report(),
        });
        self.counts.refused = self.counts.refused.saturating_add(run.refused.count);
        let mut reasons = BTreeMap::new();
        for finding in &run.findings {
            if matches!(finding.verdict, Verdict::Torn | Verdict::Damage) {
                reasons.entry(finding.segment).or_insert(finding.reason);
            }
        }
        for segment in &run.segments {
            self.counts.recovered += segment.part.records;
            self.later_kinds += segment.part.notes.later_kinds;
            self.believed += u64::from(!segment.part.is_verified);
            let reason = reasons.get(&segment.part.segment.number).copied();
            self.segments.push(segment_report(segment, reason));
        }
        for finding in &run.findings {
            self.add_finding(run, finding);
        }
    }

    fn add_finding(&mut self, run: &RunSurvey, finding: &Finding) {
        if matches!(finding.verdict, Verdict::Sound | Verdict::InFlight) {
            return;
        }
        if let Some(missing) = finding.missing
            && let Some(last) = missing.last
        {
            let count = match missing.fate {
                Fate::Durable => &mut self.counts.lost_durable,
                Fate::Written | Fate::Unwitnessed => &mut self.counts.lost_unwitnessed,
                Fate::Retired => &mut self.counts.retired,
            };
            *count = count.saturating_add((last - missing.first).saturating_add(1));
        }
        match finding.verdict {
            Verdict::Retired => return,
            Verdict::Torn => self.tail_bytes += finding.len,
            _ => {}
        }
        let missing = finding.missing;
        // Bytes past the end of a file count as zeros, so a frame may end behind it.
        let segments = &run.segments;
        let at = segments.binary_search_by_key(&finding.segment, |s| s.part.segment.number);
        let file = at.ok().and_then(|at| Some(&segments.get(at)?.part.segment));
        let len_max = file.map_or(finding.len, |s| s.len.saturating_sub(finding.offset));
        self.ranges.push(DamagedRange {
            file: finding.file.clone(),
            offset: finding.offset,
            len: finding.len.min(len_max),
            reason: finding.reason,
            first_missing: missing.and_then(|missing| Seq::new(missing.first)),
            last_missing: missing.and_then(|missing| missing.last).and_then(Seq::new),
            durable: missing.is_some_and(|missing| missing.fate == Fate::Durable),
            contested: finding.contested.and_then(|(first, last)| {
                let first = Seq::new(first.max(1))?;
                Some((first, Seq::new(last.max(1))?))
            }),
            sessions: Vec::new(),
            more_sessions: 0,
        });
    }

    fn add_stray(&mut self, stray: &Stray) {
        let (state, reason, failure) = stray.state.told();
        let needs = stray.state.needs();
        if let Some(reason) = reason
            && state != SegmentState::Unsupported
        {
            self.ranges.push(DamagedRange {
                file: stray.name.clone(),
                offset: 0,
                len: stray.len,
                reason,
                first_missing: None,
                last_missing: None,
                durable: false,
                contested: None,
                sessions: Vec::new(),
                more_sessions: 0,
            });
        }
        self.segments.push(SegmentReport {
            file: stray.name.clone(),
            size: stray.len,
            ok_up_to: 0,
            records: 0,
            first_seq: None,
            last_seq: None,
            state,
            verified: true,
            version: needs.map(|needs| needs.version),
            features: needs.and_then(ReadNeeds::features),
            bytes: ByteClasses::foreign(stray.len),
            reason,
            failure,
            link: None,
        });
    }
}

fn segment_report(segment: &SegmentSurvey, reason: Option<DamageReason>) -> SegmentReport {
    let part = &segment.part;
    let scanned = &part.scanned;
    let seq = |relative: u32| Seq::new(segment.first_seq + u64::from(relative));
    let first = scanned.islands.first();
    SegmentReport {
        file: part.segment.name.clone(),
        size: part.segment.len,
        ok_up_to: match first {
            Some(island) if island.offset == FRAMES_OFFSET => island.end.min(part.segment.len),
            _ => FRAMES_OFFSET.min(part.segment.len),
        },
        records: part.records,
        first_seq: first.and_then(|island| seq(island.first)),
        last_seq: scanned.last().and_then(seq),
        state: segment.state,
        verified: part.is_verified,
        version: None,
        features: None,
        bytes: segment.classes,
        reason,
        failure: match &part.segment.barred {
            Some(why) => Some(why.clone()),
            None => scanned.error.as_ref().map(ToString::to_string),
        },
        link: part.segment.link.clone(),
    }
}
