//! What a run lost, and where, ready to be asked about by any number of sessions.

use std::ops::Range;

use crate::recovery::{Fate, Loss, RunSurvey, Verdict};
use crate::seq::SegmentNumber;

/// A segment and an offset in it.
pub(super) type At = (SegmentNumber, u64);

/// Places at which records are missing, in order.
#[derive(Debug)]
pub(super) struct Losses {
    places: Vec<At>,
    /// How many of the places before this one, and at it, are damage or a torn end.
    damaged: Vec<usize>,
    torn: Vec<usize>,
    /// Which of the run's ranges in a report tells of each.
    pub(super) ranges: Vec<usize>,
}

impl Losses {
    pub(super) fn of(run: &RunSurvey) -> Losses {
        let ranged = run.findings.iter().filter(|finding| finding.is_ranged());
        let missing = ranged.enumerate().filter(|(_, f)| f.missing.is_some());
        let mut found: Vec<(At, Verdict, usize)> = missing
            .map(|(at, finding)| ((finding.segment, finding.offset), finding.verdict, at))
            .filter(|(_, verdict, _)| matches!(verdict, Verdict::Damage | Verdict::Torn))
            .collect();
        found.sort_by_key(|(at, ..)| *at);
        let counts = |wanted| {
            let mut count = 0;
            let count_to = |(_, verdict, _): &(At, Verdict, usize)| {
                count += usize::from(*verdict == wanted);
                count
            };
            found.iter().map(count_to).collect()
        };
        Losses {
            damaged: counts(Verdict::Damage),
            torn: counts(Verdict::Torn),
            ranges: found.iter().map(|(.., range)| *range).collect(),
            places: found.into_iter().map(|(at, ..)| at).collect(),
        }
    }

    /// The places that are not before `from` and not behind `to`.
    pub(super) fn places(&self, from: Option<At>, to: Option<At>) -> Range<usize> {
        let from = from.map_or(0, |from| self.places.partition_point(|at| *at < from));
        let len = self.places.len();
        let to = to.map_or(len, |to| self.places.partition_point(|at| *at <= to));
        from..to.max(from)
    }

    /// The worst at these places.
    pub(super) fn worst(&self, places: Range<usize>) -> Loss {
        let before = |counts: &[usize], end: usize| {
            let last = end.checked_sub(1);
            last.and_then(|last| counts.get(last)).copied().unwrap_or(0)
        };
        let has = |counts: &[usize]| before(counts, places.end) > before(counts, places.start);
        match (has(&self.damaged), has(&self.torn)) {
            (true, _) => Loss::Damage,
            (false, true) => Loss::Tail,
            (false, false) => Loss::None,
        }
    }
}

/// Where prefix mode stops; what retention removed is no gap, nor is what never came to be. In a
/// run that is being written it may still.
pub(super) fn prefix_end(run: &RunSurvey) -> Option<u64> {
    let may_come = run.liveness.may_be_alive();
    let gaps = run
        .findings
        .iter()
        .filter(|finding| may_come || finding.is_told());
    let missing = gaps.filter_map(|finding| finding.missing);
    let missing = missing.filter(|missing| missing.fate != Fate::Retired);
    let unread = run.unread_from;
    missing.map(|missing| missing.first).chain(unread).min()
}
