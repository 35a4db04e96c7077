//! One run: its segments in order, what is missing from it, and why.

use std::collections::BTreeSet;

use serde_bytes::ByteBuf;

use super::Liveness;
use super::byte_classes::ByteClasses;
use super::files::Unsupported;
use super::finding::{Finding, MissingRange};
use super::range_edges::RangeEdges;
use super::recovered::Recovered;
use super::refusals::Refusals;
use super::segment_scan::{OpenFacts, Part};
use super::segment_state::SegmentState;
use super::seq_assignment::number;
use super::session_names::SessionNames;
use super::unused::used_to;
use super::verdict::Verdict;
use super::witness::{Witness, in_band, last_there};
use crate::error::DamageReason;
use crate::event::system::{Clocks, KILLED_TAG, RunRecovered};
use crate::format::{FRAMES_OFFSET, seq_from};
use crate::seeded::{self, Bug};
use crate::seq::{RunId, SegmentNumber, Seq};

/// What the survey found out about a run.
#[derive(Debug)]
pub(crate) struct RunSurvey {
    pub(crate) run: RunId,
    pub(crate) liveness: Liveness,
    /// In order of their numbers.
    pub(crate) segments: Vec<SegmentSurvey>,
    pub(crate) sessions: SessionNames,
    pub(crate) opened: Option<OpenFacts>,
    pub(crate) closed: Option<Seq>,
    /// Payloads of crash notes of the run as a whole.
    pub(crate) crashes: Vec<(Seq, Vec<u8>)>,
    /// What its notes say was refused.
    pub(crate) refused: Refusals,
    pub(crate) witness: Witness,
    pub(super) fates: RangeEdges,
    /// The highest sequence number of an intact record.
    pub(crate) last_seq: Option<Seq>,
    /// In order of their place.
    pub(crate) findings: Vec<Finding>,
    /// The lowest number that may be in a segment that may not be read.
    pub(crate) unread_from: Option<u64>,
    /// Only a later version of the library reads it, so nothing else is known of it.
    pub(crate) unsupported: Option<Unsupported>,
}

/// A segment in its place in the run.
#[derive(Debug)]
pub(crate) struct SegmentSurvey {
    pub(crate) part: Part,
    /// Sequence number of the record whose relative one is 0.
    pub(crate) first_seq: u64,
    pub(crate) classes: ByteClasses,
    pub(crate) state: SegmentState,
}

impl RunSurvey {
    /// Puts the segments of a run in order and judges every place between intact records.
    ///
    /// `witness` holds what other runs say of this one; `in_band_max` bounds what its own records
    /// may prove, for a run that is being written while it is read.
    pub(crate) fn assemble(
        run: RunId,
        liveness: Liveness,
        parts: Vec<Part>,
        witness: Witness,
        in_band_max: Option<u64>,
    ) -> RunSurvey {
        let begin = (1, SegmentNumber::FIRST);
        RunSurvey::assemble_from(begin, run, liveness, parts, witness, in_band_max)
    }

    /// As [`assemble`](RunSurvey::assemble), for the end of a run that begins with this sequence
    /// number and segment.
    pub(crate) fn assemble_from(
        begin: (u64, SegmentNumber),
        run: RunId,
        liveness: Liveness,
        mut parts: Vec<Part>,
        mut witness: Witness,
        in_band_max: Option<u64>,
    ) -> RunSurvey {
        parts.sort_by_key(|part| part.segment.number);
        let firsts = number(&mut parts, begin);
        witness.look_at_note(last_there(&parts, &firsts));
        let used_to = used_to(&parts, begin.1, &witness);
        witness.note_place(&parts);
        witness.in_band = in_band(&parts, &firsts).min(in_band_max.unwrap_or(u64::MAX));
        let mut survey = RunSurvey {
            run,
            liveness,
            segments: Vec::with_capacity(parts.len()),
            sessions: SessionNames::default(),
            opened: None,
            closed: None,
            crashes: Vec::new(),
            refused: Refusals::default(),
            fates: RangeEdges::of(&witness),
            witness,
            last_seq: None,
            findings: Vec::new(),
            unread_from: None,
            unsupported: None,
        };
        let mut due = NextDue {
            seq: begin.0,
            segment: begin.1,
            used_to,
            // No other segment is made before the first one is whole.
            is_promised: begin.1 == SegmentNumber::FIRST
                && parts.len() > 1
                && parts.first().is_some_and(|part| part.records == 0),
            is_unread: false,
        };
        let follows: Vec<_> = parts
            .iter()
            .zip(&firsts)
            .skip(1)
            .map(|(part, first)| {
                // What may not be read does not say where it begins.
                let is_barred = part.segment.barred.is_some();
                let next = (part.segment.number, if is_barred { 0 } else { *first });
                Some(next).filter(|(number, _)| *number <= used_to)
            })
            .chain([None])
            .collect();
        for ((part, first_seq), next) in parts.into_iter().zip(firsts).zip(follows) {
            due = survey.add(part, first_seq, due, next);
        }
        survey.end(due);
        survey.bound_open_ranges();
        survey
    }

    /// A run that only a later version of the library reads.
    pub(crate) fn unsupported(run: RunId, liveness: Liveness, found: Unsupported) -> RunSurvey {
        let witness = Witness::default();
        let survey = RunSurvey::assemble(run, liveness, Vec::new(), witness, None);
        RunSurvey {
            unsupported: Some(found),
            ..survey
        }
    }

    /// Whether anything no crash explains was found.
    pub(crate) fn is_damaged(&self) -> bool {
        self.findings.iter().any(|f| f.verdict == Verdict::Damage)
    }

    /// Whether nothing says that it is over: neither it itself nor a later run.
    pub(super) fn is_open(&self) -> bool {
        let has_end = self.closed.is_some() || !self.witness.recovered.is_empty();
        !has_end && !self.segments.is_empty()
    }

    /// What a later run writes down after it has synced them; when, is for that one to say.
    pub(crate) fn to_record(&self) -> RunRecovered {
        // What only files beside the segments prove durable must be proved by this record then.
        let is_proved = |missing: &MissingRange| missing.fate.is_proved();
        let missing = self.findings.iter().filter_map(|finding| finding.missing);
        let missing = missing.filter(|missing| !is_proved(missing));
        let missing = missing.filter_map(|missing| Some((missing.first, missing.last?)));
        let newest = self.segments.last().map(|segment| &segment.part);
        let mut stretches = self.segments.iter().flat_map(|s| &s.part.scanned.stretches);
        let extras = match self.witness.is_killed && stretches.any(|place| place.is_begun) {
            true => vec![(KILLED_TAG, ByteBuf::new())],
            false => Vec::new(),
        };
        RunRecovered {
            generation: self.run.generation.0,
            random: self.run.random,
            end_segment: newest.map_or(0, |part| part.segment.number.0),
            end_offset: newest.map_or(0, |part| part.scanned.frames_end()),
            last_seq: self.last_seq.map_or(0, Seq::get).max(self.witness.beside),
            missing: missing.collect(),
            clocks: Clocks::default(),
            extras,
        }
    }

    pub(super) fn is_live(&self) -> bool {
        self.liveness == Liveness::Live
    }

    /// Whether its files are seen as its process sees, or left, them.
    fn is_known(&self) -> bool {
        self.is_live() || !self.liveness.may_be_alive()
    }

    /// Adds the next segment and says what is due behind it.
    fn add(
        &mut self,
        mut part: Part,
        first_seq: u64,
        mut due: NextDue,
        next: Option<(SegmentNumber, u64)>,
    ) -> NextDue {
        let number = part.segment.number;
        let is_barred = part.segment.barred.is_some();
        if number > due.segment && (is_barred || due.is_unread) {
            self.miss_unnumbered(due);
        } else if number > due.segment && !seeded::has(Bug::MissingSegmentPassedOver) {
            let last = (first_seq > due.seq).then(|| first_seq - 1);
            due = self.miss_behind(due, last, number > due.used_to);
        }
        if is_barred {
            return self.add_barred(part, first_seq, due);
        }
        if number == due.segment && first_seq > due.seq && self.segments.is_empty() {
            self.miss_beginning(&part, (due.seq, first_seq - 1));
        }
        if first_seq < due.seq {
            let (at, reason) = ((FRAMES_OFFSET, 0), DamageReason::SeqGap);
            let finding = Finding::costless(&part.segment, at, reason);
            self.findings.push(finding);
        }
        let found_before = self.findings.len();
        let is_header_torn = self.judge_header(&part);
        let mut verdicts = self.judge_gaps(&part, first_seq);
        let due_seq = first_seq + part.scanned.last().map_or(0, |last| u64::from(last) + 1);
        let follower = next.filter(|(next, _)| *next == number.next());
        // Nothing tells how many are in what may not be read.
        let is_unread = due.is_unread && part.records == 0;
        let names_next = part.claims.next_segment.is_some();
        let given_out = match (follower, next) {
            (Some((_, first)), _) if !is_unread => first,
            // What comes behind its seal is missing from the segment that this one names, and
            // nothing is from one that was made ahead.
            (None, None) if !is_unread && !names_next && number <= due.used_to => {
                self.witness.highest().saturating_add(1)
            }
            _ => due_seq,
        };
        let given_out = given_out.max(due_seq);
        let neighbours = (due.is_promised && number == due.segment, follower.is_some());
        verdicts.push(self.judge_end(&part, (due_seq, given_out), neighbours));
        self.judge_details(&part, first_seq);
        self.take_notes(&mut part, first_seq);
        let classes = ByteClasses::of(&part, is_header_torn, &verdicts);
        let state = self.state(&part, found_before);
        if part.records > 0 {
            let last = Seq::new(due_seq - 1);
            self.last_seq = self.last_seq.max(last);
        }
        self.segments.push(SegmentSurvey {
            part,
            first_seq,
            classes,
            state,
        });
        NextDue {
            seq: given_out,
            segment: number.next(),
            is_promised: names_next,
            is_unread,
            ..due
        }
    }

    /// Judges what is between the intact frames of a segment.
    fn judge_gaps(&mut self, part: &Part, first_seq: u64) -> Vec<Verdict> {
        let mut verdicts = Vec::with_capacity(part.scanned.stretches.len() + 1);
        for stretch in &part.scanned.stretches {
            if let Some(next) = stretch.next {
                let missing = (first_seq + stretch.due, first_seq + u64::from(next));
                verdicts.push(self.judge_gap(part, stretch, missing));
            }
        }
        verdicts
    }

    /// Misses a segment in front of one that is there and says where the missing one ends, unless
    /// that one was made ahead; gives what is due then.
    fn miss_behind(&mut self, due: NextDue, last: Option<u64>, is_made_ahead: bool) -> NextDue {
        let proved = Some(self.witness.highest()).filter(|highest| *highest >= due.seq);
        let last = last.or(proved.filter(|_| is_made_ahead));
        self.miss_segment(due, last);
        let seq = last.map_or(due.seq, |last| last.saturating_add(1));
        NextDue { seq, ..due }
    }

    /// Adds a segment that may not be read: what it holds is neither there nor missing.
    fn add_barred(&mut self, part: Part, first_seq: u64, due: NextDue) -> NextDue {
        self.unread_from = self.unread_from.or(Some(due.seq));
        let segment = part.segment.number.next();
        self.segments.push(SegmentSurvey {
            first_seq,
            classes: ByteClasses::unreadable(part.segment.len),
            state: SegmentState::Unreadable,
            part,
        });
        NextDue {
            segment,
            is_promised: false,
            is_unread: true,
            ..due
        }
    }

    /// Judges what should come behind the newest segment there is.
    fn end(&mut self, due: NextDue) {
        let highest = self.witness.highest();
        let is_due = self.segments.is_empty() || due.is_promised;
        if is_due && highest >= due.seq {
            self.miss_segment(due, Some(highest));
        } else if due.is_promised && (self.witness.is_unlocked || self.is_known()) {
            // The recovery of the run saw it, and that there was nothing in it.
            let saw = |r: &Recovered| r.end.0 >= due.segment.0 && r.last_seq < due.seq;
            if !self.witness.recovered.iter().any(saw) {
                self.miss_segment(due, None);
            }
        }
    }

    /// Where it is not known how many records are missing, the range ends where the next one
    /// begins: a number has one fate.
    fn bound_open_ranges(&mut self) {
        let missing = self.findings.iter().filter_map(|finding| finding.missing);
        let bounded = missing.filter(|missing| missing.last.is_some());
        let mut firsts: BTreeSet<u64> = bounded.map(|missing| missing.first).collect();
        for finding in &mut self.findings {
            let Some(open) = finding.missing.filter(|missing| missing.last.is_none()) else {
                continue;
            };
            finding.missing = match firsts.range(open.first..).next() {
                None => Some(open),
                Some(next) => (*next > open.first).then_some(MissingRange {
                    last: Some(*next - 1),
                    ..open
                }),
            };
            firsts.insert(open.first);
        }
    }

    fn take_notes(&mut self, part: &mut Part, first_seq: u64) {
        let number = part.segment.number;
        self.sessions.take(part);
        if self.opened.is_none() {
            self.opened.clone_from(&part.notes.open);
        }
        if let Some((low, _)) = part.claims.closed {
            self.closed = Seq::new(seq_from(first_seq, low));
        }
        self.refused.merge(part.notes.refused.in_segment(number));
        for (low, payload) in &part.notes.crashes {
            if let Some(seq) = Seq::new(seq_from(first_seq, *low)) {
                self.crashes.push((seq, payload.clone()));
            }
        }
    }

    /// The state of a segment, after all findings about it from `found_before` on were made.
    fn state(&self, part: &Part, found_before: usize) -> SegmentState {
        let findings = self.findings.get(found_before..).unwrap_or(&[]);
        let has = |verdict| findings.iter().any(|finding| finding.verdict == verdict);
        if has(Verdict::Damage) {
            SegmentState::Damaged
        } else if has(Verdict::Torn) {
            SegmentState::Torn
        } else if part.records == 0 {
            SegmentState::Empty
        } else if part.scanned.is_sealed {
            SegmentState::Sealed
        } else {
            SegmentState::Active
        }
    }
}

/// What should come next in a run.
#[derive(Clone, Copy)]
pub(super) struct NextDue {
    pub(super) seq: u64,
    pub(super) segment: SegmentNumber,
    /// The last segment in which anything was put.
    used_to: SegmentNumber,
    /// A seal says that there is such a segment.
    is_promised: bool,
    /// What is in front of it may not be read, so that its number may be larger.
    is_unread: bool,
}
