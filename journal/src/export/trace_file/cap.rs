//! Which spans a TraceFile shows when there are too many.

use std::collections::HashMap;
use std::ops::Range;

use crate::snapshot::{Snapshot, SpanSnapshot};

/// The spans shown: all but a range, whose place a marker takes.
#[derive(Debug)]
pub(super) struct Cap {
    pub(super) elided: Range<usize>,
    pub(super) total: usize,
    /// For each span the parent to show; empty when all are shown.
    parents: Vec<usize>,
}

impl Cap {
    pub(super) fn of(snapshot: &Snapshot, max_spans: usize) -> Cap {
        let spans = snapshot.spans();
        let total = spans.len();
        let max_spans = max_spans.max(2);
        if total <= max_spans {
            return Cap {
                elided: 0..0,
                total,
                parents: Vec::new(),
            };
        }
        // Three tenths, without overflow.
        let head = (max_spans / 10 * 3 + max_spans % 10 * 3 / 10).max(1);
        let tail = max_spans - 1 - head;
        let elided = head..total - tail;
        Cap {
            parents: shown_parents(spans, &elided),
            elided,
            total,
        }
    }

    pub(super) fn shows(&self, place: usize) -> bool {
        !self.elided.contains(&place)
    }

    /// The id of the nearest span above that is shown.
    pub(super) fn parent<'s>(
        &self,
        spans: &'s [SpanSnapshot<'s>],
        place: usize,
    ) -> Option<&'s str> {
        match self.parents.get(place) {
            Some(_) if place == 0 => None,
            Some(parent) => spans.get(*parent).map(SpanSnapshot::id),
            None => spans.get(place).and_then(SpanSnapshot::parent),
        }
    }
}

/// Walks up from every span to one that is shown; each elided one is walked through once.
fn shown_parents(spans: &[SpanSnapshot<'_>], elided: &Range<usize>) -> Vec<usize> {
    let places = spans
        .iter()
        .enumerate()
        .map(|(place, span)| (span.id(), place));
    let places: HashMap<&str, usize> = places.collect();
    let above = |span: &SpanSnapshot<'_>| places.get(span.parent()?).copied();
    let mut parents: Vec<usize> = spans.iter().map(|span| above(span).unwrap_or(0)).collect();
    let mut path = Vec::new();
    for start in 0..parents.len() {
        path.push(start);
        let mut current = parents[start];
        while elided.contains(&current) {
            path.push(current);
            current = parents[current];
        }
        for walked in path.drain(..) {
            parents[walked] = current;
        }
    }
    parents
}
