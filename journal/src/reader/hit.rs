//! Which sessions may have lost records, and where.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use super::journal_view::JournalView;
use super::session_records::{BranchPlaces, SessionPlaces};
use crate::event::SessionStatus;
use crate::format::RecordKind;
use crate::recovery::{Loss, Report};
use crate::seeded::{self, Bug};
use crate::snapshot::SessionSummary;
use crate::time::Timestamp;

impl JournalView {
    /// What is missing, and why.
    pub(super) fn report(&self) -> Report {
        let mut report = Report::new(&self.survey);
        self.name_hit(&mut report);
        report
    }

    /// As [`report`](JournalView::report), by what is known best by now.
    pub(super) fn best_report(&self) -> Report {
        let mut report = self.best_known().report();
        report.contradicted = self.known_verified().is_some();
        report
    }

    /// What was lost of a session, as far as can be told: which session a missing record
    /// belonged to is not known.
    ///
    /// A gap before the record that started the session in a run, or behind the one that ended
    /// it there, does not count.
    pub(super) fn loss(&self, session: &SessionPlaces) -> Loss {
        let loss = session.branches.iter().filter_map(|branch| {
            let places = self.losses_of(branch)?;
            Some(self.losses(branch.run)?.worst(places))
        });
        loss.max().unwrap_or(Loss::None)
    }

    /// The places of its run at which a session may have lost records.
    fn losses_of(&self, branch: &BranchPlaces) -> Option<Range<usize>> {
        let losses = self.losses(branch.run)?;
        if losses.ranges.is_empty() {
            return Some(0..0);
        }
        let (first, last) = branch.ends(self.run(branch.run)?)?;
        let from = (first.1 == RecordKind::SESSION_START).then_some(first.0);
        let to = last.1.ends_session().then_some(last.0);
        Some(losses.places(from, to))
    }

    /// Names the sessions that may have lost records in the ranges of the report.
    fn name_hit(&self, report: &mut Report) {
        if seeded::has(Bug::SessionHitNotNamed) {
            return;
        }
        let mut first_range = 0;
        for (at, run) in self.survey.runs.iter().enumerate() {
            let Some(ranges) = self.losses(at).map(|losses| &losses.ranges) else {
                return;
            };
            let mut not_full: BTreeSet<usize> = (0..ranges.len()).collect();
            let mut begins = vec![(0u64, 0u64); ranges.len() + 1];
            let hit = self.sessions.iter().filter(|_| !ranges.is_empty());
            for session in hit {
                let mut branches = session.branches.iter();
                let branch = branches.find(|branch| branch.run == at);
                let Some(places) = branch.and_then(|branch| self.losses_of(branch)) else {
                    continue;
                };
                begins[places.start].0 += 1;
                begins[places.end].1 += 1;
                let open: Vec<usize> = not_full.range(places).copied().collect();
                for place in open {
                    let range = report.ranges.get_mut(first_range + ranges[place]);
                    let Some(range) = range.filter(|r| r.sessions.len() < NAMED_MAX) else {
                        not_full.remove(&place);
                        continue;
                    };
                    range.sessions.push(Arc::clone(&session.id));
                }
            }
            let mut there = 0;
            for (begin, range) in begins.iter().zip(ranges) {
                there = there + begin.0 - begin.1;
                if let Some(range) = report.ranges.get_mut(first_range + range) {
                    let named = u64::try_from(range.sessions.len()).unwrap_or(u64::MAX);
                    range.more_sessions = there.saturating_sub(named);
                }
            }
            first_range += run.findings.iter().filter(|one| one.is_ranged()).count();
        }
    }

    /// How many records of a session were refused, as far as can be told: what notes say that name
    /// it, and those that do not name all sessions and were written while it was open.
    pub(super) fn refused(
        &self,
        session: &SessionPlaces,
        status: SessionStatus,
        (started_at, ended_at): (Timestamp, Option<Timestamp>),
    ) -> u64 {
        // What was refused is what a crashed session would have gone on with.
        let is_over = matches!(status, SessionStatus::Completed | SessionStatus::Error);
        let open = (started_at, ended_at.filter(|_| is_over));
        let refused = session.branches.iter().filter_map(|branch| {
            let run = self.run(branch.run)?;
            let is_its = |index, segment| {
                let nearest = run.sessions.nearest(index, segment);
                nearest.is_none_or(|id| id.is_empty() || **id == *session.id)
            };
            Some(run.refused.of_session(&branch.indices(), &is_its, open))
        });
        refused.fold(0, u64::saturating_add)
    }

    /// A summary with how many records of its session were refused.
    pub(super) fn with_refused(
        &self,
        session: &SessionPlaces,
        summary: SessionSummary,
    ) -> SessionSummary {
        let open = (summary.started_at, summary.ended_at);
        SessionSummary {
            refused: self.refused(session, summary.status, open),
            ..summary
        }
    }
}

/// Sessions that a range of a report names at most.
const NAMED_MAX: usize = 16;
