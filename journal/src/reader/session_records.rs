//! Where the records of sessions are in the runs of a journal.

use std::ops::Deref;
use std::sync::Arc;

use super::losses::At;
use crate::format::RecordKind;
use crate::recovery::{RecordPlace, RunSurvey, SegmentSurvey, SessionRow};

/// Where the records of a session are.
#[derive(Debug)]
pub(super) struct SessionPlaces {
    pub(super) id: Arc<str>,
    /// In order of generation and run.
    pub(super) branches: Few<BranchPlaces>,
}

/// Where the records of a session in one run are.
#[derive(Clone, Debug)]
pub(super) struct BranchPlaces {
    /// Which of the survey's runs.
    pub(super) run: usize,
    /// In order; one for each segment, unless the id has several indices there.
    pub(super) rows: Few<RowPlace>,
}

/// In which segment of a run a session has records, by its place in the survey, and its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RowPlace {
    segment: u32,
    index: u32,
}

impl RowPlace {
    pub(super) fn new(segment: usize, index: u32) -> RowPlace {
        RowPlace {
            segment: u32::try_from(segment).unwrap_or(u32::MAX),
            index,
        }
    }

    fn at(self) -> usize {
        usize::try_from(self.segment).unwrap_or(usize::MAX)
    }
}

/// Mostly one thing, which then takes no memory of its own.
#[derive(Clone, Debug)]
pub(super) enum Few<T> {
    One(T),
    Several(Vec<T>),
}

impl<T: Clone> Few<T> {
    fn iter_mut(&mut self) -> std::slice::IterMut<'_, T> {
        match self {
            Few::One(one) => std::slice::from_mut(one).iter_mut(),
            Few::Several(several) => several.iter_mut(),
        }
    }

    pub(super) fn push(&mut self, thing: T) {
        match self {
            Few::One(one) => *self = Few::Several(vec![one.clone(), thing]),
            Few::Several(several) => several.push(thing),
        }
    }
}

impl<T: Copy + Ord> Few<T> {
    /// Adds things, which are to be put in order when all are there.
    fn append(&mut self, others: &[T]) {
        match self {
            Few::One(one) => *self = Few::Several([&[*one], others].concat()),
            Few::Several(several) => several.extend_from_slice(others),
        }
    }

    /// Puts all in order, each of them once.
    fn settle(&mut self) {
        if let Few::Several(several) = self {
            several.sort_unstable();
            several.dedup();
        }
    }
}

impl<T> Default for Few<T> {
    fn default() -> Few<T> {
        Few::Several(Vec::new())
    }
}

impl<T: Copy> From<Vec<T>> for Few<T> {
    fn from(things: Vec<T>) -> Few<T> {
        match things.as_slice() {
            [one] => Few::One(*one),
            _ => Few::Several(things),
        }
    }
}

impl<T> Deref for Few<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Few::One(one) => std::slice::from_ref(one),
            Few::Several(things) => things,
        }
    }
}

/// Place and kind of a record.
pub(super) type LastRecord = (At, RecordKind);

impl SessionPlaces {
    /// The first segment of its run that has records of it.
    pub(super) fn first_segment(&self) -> Option<usize> {
        self.branches.first()?.segments().next()
    }

    /// Adds what is behind everything there is.
    fn add(&mut self, later: &BranchPlaces) {
        match &mut self.branches {
            Few::One(last) if last.run == later.run => last.join(later),
            Few::Several(all) if all.last().is_some_and(|last| last.run == later.run) => {
                all.last_mut().into_iter().for_each(|last| last.join(later));
            }
            branches => branches.push(later.clone()),
        }
    }
}

/// Joins what several runs, or several indices of one, have of a session; it stays where the first
/// was. Gives where all sessions are, in order of their ids.
pub(super) fn join(sessions: &mut Vec<SessionPlaces>) -> Vec<usize> {
    let mut by_id: Vec<usize> = (0..sessions.len()).collect();
    by_id.sort_unstable_by(|a, b| (&sessions[*a].id, a).cmp(&(&sessions[*b].id, b)));
    let count = by_id.len();
    let mut first = None;
    by_id.retain(|at| {
        let Some(first) = first.filter(|first: &usize| sessions[*first].id == sessions[*at].id)
        else {
            first = Some(*at);
            return true;
        };
        for branch in std::mem::take(&mut sessions[*at].branches).iter() {
            sessions[first].add(branch);
        }
        false
    });
    if by_id.len() < count {
        let mut left = 0;
        let places: Vec<usize> = (sessions.iter())
            .map(|session| {
                left += usize::from(!session.branches.is_empty());
                left
            })
            .collect();
        by_id.iter_mut().for_each(|at| *at = places[*at] - 1);
        sessions.retain(|session| !session.branches.is_empty());
        let branches = sessions
            .iter_mut()
            .flat_map(|session| session.branches.iter_mut());
        branches.for_each(|branch| branch.rows.settle());
    }
    by_id
}

impl BranchPlaces {
    /// All records of a run of so many segments.
    pub(super) fn whole(run: usize, segments: usize) -> BranchPlaces {
        let rows = (0..segments).map(|at| RowPlace::new(at, ANY_INDEX));
        let rows: Vec<RowPlace> = rows.collect();
        BranchPlaces {
            run,
            rows: rows.into(),
        }
    }

    fn join(&mut self, later: &BranchPlaces) {
        self.rows.append(&later.rows);
    }

    /// Which of the run's segments have records of the session, in order.
    pub(super) fn segments(&self) -> impl DoubleEndedIterator<Item = usize> {
        let segments = self.rows.chunk_by(|a, b| a.segment == b.segment);
        segments.filter_map(|rows| rows.first()).map(|row| row.at())
    }

    /// The same, with what was found out about each.
    pub(super) fn surveys<'a>(
        &'a self,
        run: &'a RunSurvey,
    ) -> impl DoubleEndedIterator<Item = (usize, &'a SegmentSurvey)> {
        let segments = self.segments();
        segments.filter_map(|at| Some((at, run.segments.get(at)?)))
    }

    /// What a segment, which is at this place in the survey, holds of the session.
    pub(super) fn rows<'a>(
        &'a self,
        (at, segment): (usize, &'a SegmentSurvey),
    ) -> impl Iterator<Item = &'a SessionRow> {
        let rows = self.rows_at(at).iter();
        rows.filter_map(|row| segment.part.places.row(row.index))
    }

    fn rows_at(&self, at: usize) -> &[RowPlace] {
        let from = self.rows.partition_point(|row| row.at() < at);
        let rest = self.rows.get(from..).unwrap_or_default();
        let len = rest.partition_point(|row| row.at() == at);
        rest.get(..len).unwrap_or_default()
    }

    /// Whether a session index is one of the session's in a segment.
    pub(super) fn has(&self, at: usize, index: u32) -> bool {
        let rows = self.rows_at(at);
        let is_any = rows.first().is_some_and(|row| row.index == ANY_INDEX);
        is_any || rows.binary_search_by_key(&index, |row| row.index).is_ok()
    }

    /// Whether the session has several indices in a segment.
    pub(super) fn has_several(&self, at: usize) -> bool {
        self.rows_at(at).len() > 1
    }

    /// All its indices, each once.
    pub(super) fn indices(&self) -> Vec<u32> {
        let mut indices: Vec<u32> = self.rows.iter().map(|row| row.index).collect();
        indices.sort_unstable();
        indices.dedup();
        indices
    }

    /// The first and the last record of the session in the run.
    pub(super) fn ends(&self, run: &RunSurvey) -> Option<(LastRecord, LastRecord)> {
        let first = self.surveys(run).next()?;
        let last = self.surveys(run).next_back()?;
        let firsts = self.rows(first).map(|row| ends(first.1, row).0);
        let lasts = self.rows(last).map(|row| ends(last.1, row).1);
        Some((
            firsts.min_by_key(|end| end.0)?,
            lasts.max_by_key(|end| end.0)?,
        ))
    }
}

/// Stands for all indices.
const ANY_INDEX: u32 = 0;

/// The first and the last record of a row.
fn ends(segment: &SegmentSurvey, row: &SessionRow) -> (LastRecord, LastRecord) {
    let places = &segment.part.places;
    let number = segment.part.segment.number;
    let merged = places.merged.as_ref();
    let numbers = merged.and_then(|merged| merged.ends(places.position(row.index)?));
    let numbers = numbers.unwrap_or((number, number));
    let end = |number, place: RecordPlace| ((number, place.offset()), place.kind);
    (end(numbers.0, row.first), end(numbers.1, row.last))
}

/// The session indices a run has records of, in order, each with the segments they are in; and how
/// many they are.
pub(super) fn places(run: &RunSurvey) -> (usize, impl Iterator<Item = (u32, Vec<usize>)> + use<>) {
    let segments = run.segments.iter().enumerate();
    let rows = segments.flat_map(|(at, segment)| {
        let rows = segment.part.places.rows.iter();
        rows.map(move |row| (row.index, at))
    });
    let mut rows: Vec<(u32, usize)> = rows.collect();
    rows.sort_unstable();
    let count = rows.chunk_by(|a, b| a.0 == b.0).count();
    let mut from = 0;
    let places = std::iter::from_fn(move || {
        let (index, _) = *rows.get(from)?;
        let its = rows.iter().skip(from);
        let its = its.take_while(|(same, _)| *same == index);
        let segments: Vec<usize> = its.map(|(_, at)| *at).collect();
        from += segments.len();
        Some((index, segments))
    });
    (count, places)
}

/// A declared id; the empty one is `unknown`.
pub(super) fn named(id: &Arc<str>) -> Arc<str> {
    match id.is_empty() {
        true => Arc::from(UNKNOWN_ID),
        false => Arc::clone(id),
    }
}

/// The session of records whose session has no name.
pub(super) const UNKNOWN_ID: &str = "unknown";
