//! Where the records of sessions are in the runs of a journal.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::losses::At;
use crate::format::RecordKind;
use crate::recovery::{Place, RunSurvey, SegmentSurvey, SessionRow};

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
    /// Its session indices there, in order; one, unless the id was declared more than once.
    pub(super) indices: Vec<u32>,
    /// Which of the run's segments have records of it, in order.
    pub(super) segments: Vec<usize>,
}

/// Place and kind of a record.
pub(super) type End = (At, RecordKind);

impl BranchPlaces {
    /// The segments that have records of the session.
    pub(super) fn segments<'a>(
        &'a self,
        run: &'a RunSurvey,
    ) -> impl DoubleEndedIterator<Item = &'a SegmentSurvey> {
        let segments = self.segments.iter();
        segments.filter_map(|at| run.segments.get(*at))
    }

    /// What a segment holds of the session: of its indices and the segment's rows, the fewer are
    /// gone through.
    pub(super) fn rows<'a>(
        &'a self,
        segment: &'a SegmentSurvey,
    ) -> impl Iterator<Item = &'a SessionRow> {
        let places = &segment.part.places;
        let (by_index, by_row) = match self.indices.len() < places.rows.len() {
            true => (&self.indices[..], &[][..]),
            false => (&[][..], &places.rows[..]),
        };
        let by_index = by_index.iter().filter_map(|index| places.row(*index));
        by_index.chain(by_row.iter().filter(|row| self.has(row.index)))
    }

    /// Whether a session index is one of the session's.
    pub(super) fn has(&self, index: u32) -> bool {
        self.indices.binary_search(&index).is_ok()
    }

    /// The first and the last record of the session in the run.
    pub(super) fn ends(&self, run: &RunSurvey) -> Option<(End, End)> {
        let first = self.segments(run).next()?;
        let last = self.segments(run).next_back()?;
        let firsts = self.rows(first).map(|row| ends(first, row).0);
        let lasts = self.rows(last).map(|row| ends(last, row).1);
        Some((
            firsts.min_by_key(|end| end.0)?,
            lasts.max_by_key(|end| end.0)?,
        ))
    }
}

/// The first and the last record of a row.
fn ends(segment: &SegmentSurvey, row: &SessionRow) -> (End, End) {
    let places = &segment.part.places;
    let number = segment.part.segment.number;
    let joint = places.joint.as_ref();
    let numbers = joint.and_then(|joint| joint.ends(places.position(row.index)?));
    let numbers = numbers.unwrap_or((number, number));
    let end = |number, place: Place| ((number, place.offset()), place.kind);
    (end(numbers.0, row.first), end(numbers.1, row.last))
}

/// The session indices a run has records of, each with the segments they are in.
pub(super) fn places(run: &RunSurvey) -> BTreeMap<u32, Vec<usize>> {
    let mut places = BTreeMap::<u32, Vec<usize>>::new();
    for (at, segment) in run.segments.iter().enumerate() {
        for row in &segment.part.places.rows {
            places.entry(row.index).or_default().push(at);
        }
    }
    places
}

/// Whether a record of this kind ends its session.
pub(super) fn is_terminal(kind: RecordKind) -> bool {
    kind == RecordKind::SESSION_END || kind == RecordKind::CRASH_NOTE
}
