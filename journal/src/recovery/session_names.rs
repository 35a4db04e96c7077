//! What the session indices of a run stand for, as their declarations say.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use super::segment_scan::Part;
use crate::seq::SegmentNumber;

/// The ids of the session indices of a run.
///
/// An index stands for one id within a segment. Where the declaration is lost, the nearest segment
/// that has one tells, of two the earlier one.
#[derive(Default)]
pub(crate) struct SessionNames(BTreeMap<u32, IndexIds>);

/// What one index stands for; mostly that is one id.
enum IndexIds {
    One(Named),
    Several(Vec<Named>),
}

/// An id, and the segments from the first to the last one where it is declared, with none of
/// another id between them.
#[derive(Clone)]
struct Named {
    id: Arc<str>,
    first: SegmentNumber,
    last: SegmentNumber,
}

impl SessionNames {
    /// Takes the declarations of a segment, which is not before any other one.
    pub(super) fn take(&mut self, part: &mut Part) {
        let number = part.segment.number;
        let merged = part.places.merged.as_ref();
        let first = merged.map_or(number, |merged| merged.first());
        for (index, id) in std::mem::take(&mut part.notes.sessions) {
            self.add(index, id, first..=number);
        }
    }

    /// Takes in a declaration in these segments, which are not before any other ones.
    pub(super) fn add(
        &mut self,
        index: u32,
        id: Arc<str>,
        segments: RangeInclusive<SegmentNumber>,
    ) {
        let (first, last) = segments.into_inner();
        let named = Named { id, first, last };
        match self.0.get_mut(&index) {
            None => {
                self.0.insert(index, IndexIds::One(named));
            }
            Some(names) => names.add(named),
        }
    }

    /// The id that is declared in the segment, or both before and behind it.
    pub(crate) fn declared(&self, index: u32, segment: SegmentNumber) -> Option<&Arc<str>> {
        let near = self.near(index, segment)?;
        near.has(segment).then_some(&near.id)
    }

    /// The id that the nearest declaration says.
    pub(crate) fn nearest(&self, index: u32, segment: SegmentNumber) -> Option<&Arc<str>> {
        Some(&self.near(index, segment)?.id)
    }

    fn near(&self, index: u32, segment: SegmentNumber) -> Option<&Named> {
        let all = self.0.get(&index)?.all();
        all.iter().min_by_key(|named| named.distance(segment))
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl IndexIds {
    fn all(&self) -> &[Named] {
        match self {
            IndexIds::One(named) => std::slice::from_ref(named),
            IndexIds::Several(all) => all,
        }
    }

    fn add(&mut self, named: Named) {
        let newest = match self {
            IndexIds::One(one) => Some(one),
            IndexIds::Several(all) => all.last_mut(),
        };
        if let Some(newest) = newest.filter(|newest| newest.id == named.id) {
            newest.last = named.last.max(newest.last);
            return;
        }
        match self {
            IndexIds::One(one) => *self = IndexIds::Several(vec![one.clone(), named]),
            IndexIds::Several(all) => all.push(named),
        }
    }
}

impl Named {
    fn has(&self, segment: SegmentNumber) -> bool {
        (self.first..=self.last).contains(&segment)
    }

    fn distance(&self, segment: SegmentNumber) -> u32 {
        let before = self.first.0.saturating_sub(segment.0);
        before.max(segment.0.saturating_sub(self.last.0))
    }
}

impl fmt::Debug for SessionNames {
    /// What it says, but not how it knows.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids = |names: &IndexIds| -> Vec<String> {
            let all = names.all().iter();
            all.map(|named| named.id.to_string()).collect()
        };
        let names = self.0.iter().map(|(index, names)| (index, ids(names)));
        f.debug_map().entries(names).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_what_the_nearest_declaration_says() {
        let mut names = SessionNames::default();
        let number = SegmentNumber;
        for (id, first, last) in [("a", 2, 2), ("a", 5, 5), ("b", 9, 12), ("a", 15, 15)] {
            names.add(7, id.into(), number(first)..=number(last));
        }
        let said = |segment| {
            let (declared, nearest) = (
                names.declared(7, number(segment)),
                names.nearest(7, number(segment)),
            );
            (declared.map(|id| &**id), nearest.map(|id| &**id))
        };
        assert_eq!(said(1), (None, Some("a")));
        assert_eq!(said(3), (Some("a"), Some("a")));
        assert_eq!(said(7), (None, Some("a")));
        assert_eq!(said(8), (None, Some("b")));
        assert_eq!(said(11), (Some("b"), Some("b")));
        assert_eq!(said(14), (None, Some("a")));
        assert_eq!(said(99), (None, Some("a")));
        assert_eq!(names.nearest(8, number(1)), None);
    }
}
