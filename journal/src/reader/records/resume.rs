//! Goes on where a segment turned out not to be what its cache says.

use std::sync::Arc;

use super::{Records, RunCursor};
use crate::reader::record::{Gap, Item};
use crate::recovery::{RunSurvey, SegmentSurvey};
use crate::seq::{SegmentNumber, Seq};

impl Records {
    /// After a segment turned out not to be what its cache says: the same steps from here on
    /// through what there is, with everything verified. `None` if the segment was read when the
    /// journal was opened.
    pub(super) fn look_at_everything(&self) -> Option<Records> {
        let branch = self.current.as_ref().filter(|_| self.is_whole)?;
        let run = self.view.run(branch.places.run)?;
        let segment = branch
            .segment_before(run)
            .filter(|segment| !segment.part.is_verified)?;
        let verified = self.view.verified().ok()?;
        let mut runs = verified.survey.runs.iter();
        let at = runs.position(|same| same.run == run.run)?;
        let mut records = Records::of_all(Arc::clone(&verified));
        let places = records.ahead.drain(..=at).next_back()?;
        let run = verified.run(at)?;
        let begun = RunCursor::new(places, run, verified.end(at));
        records.current = Some(begun.resume(branch, run, segment.part.segment.number));
        Some(records)
    }
}

impl RunCursor {
    /// Goes on where `before` failed in a segment.
    fn resume(mut self, before: &RunCursor, run: &RunSurvey, segment: SegmentNumber) -> RunCursor {
        let number = |at: &usize| run.segments.get(*at).map(|s| s.part.segment.number);
        let is_done = |at: &usize| number(at) < Some(segment);
        self.segment = self.segments.partition_point(is_done);
        self.resumed = Some((segment, before.failed_at));
        // What could be read then may be part of a gap now.
        let is_behind = |gap: &Gap| gap.last.is_none_or(|last| last.get() >= before.due);
        self.gaps.retain(is_behind);
        for gap in &mut self.gaps {
            gap.first = Seq::new(before.due).map_or(gap.first, |due| due.max(gap.first));
        }
        self.due = before.due;
        self
    }

    /// Takes note of what is given.
    pub(super) fn note(&mut self, item: &Item) {
        let last = match item {
            Item::Record(record) => Some(record.seq),
            Item::Gap(gap) => gap.last,
        };
        self.due = last.map_or(u64::MAX, |last| last.get() + 1);
    }

    /// The segment that is read, or the last one that was.
    fn segment_before<'r>(&self, run: &'r RunSurvey) -> Option<&'r SegmentSurvey> {
        let at = self.segment.checked_sub(1)?;
        run.segments.get(*self.segments.get(at)?)
    }
}
