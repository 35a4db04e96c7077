//! Which spans are part of which, ready to be walked without recursion.

use super::span::SpanSnapshot;

/// The children of every span, by place in the list of spans.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Children {
    /// Where the children of each span begin in `places`, and where the last ones end.
    starts: Vec<usize>,
    places: Vec<usize>,
}

impl Children {
    /// From the place of each span's parent: counts the children of each span, then puts each
    /// child in its parent's part of the list.
    pub(super) fn of(parents: &[Option<usize>]) -> Children {
        let mut starts = vec![0; parents.len() + 1];
        for parent in parents.iter().flatten() {
            starts[parent + 1] += 1;
        }
        for place in 1..starts.len() {
            starts[place] += starts[place - 1];
        }
        let mut next = starts.clone();
        let mut places = vec![0; parents.iter().flatten().count()];
        for (place, parent) in parents.iter().enumerate() {
            if let Some(parent) = parent {
                places[next[*parent]] = place;
                next[*parent] += 1;
            }
        }
        Children { starts, places }
    }

    /// The places of the children of the span at `place`, in the order of the list.
    pub(super) fn at(&self, place: usize) -> &[usize] {
        match (self.starts.get(place), self.starts.get(place + 1)) {
            (Some(start), Some(end)) => &self.places[*start..*end],
            _ => &[],
        }
    }
}

/// Spans of a snapshot with their depth, each parent before its children.
#[derive(Clone, Debug)]
pub(super) struct Walk<'s> {
    pub(super) spans: &'s [SpanSnapshot<'s>],
    pub(super) children: &'s Children,
    /// Depths and places of the spans still to come, the next one last.
    pub(super) stack: Vec<(usize, usize)>,
}

impl<'s> Iterator for Walk<'s> {
    type Item = (usize, &'s SpanSnapshot<'s>);

    fn next(&mut self) -> Option<Self::Item> {
        let (depth, place) = self.stack.pop()?;
        let children = self.children.at(place).iter().rev();
        self.stack.extend(children.map(|child| (depth + 1, *child)));
        Some((depth, self.spans.get(place)?))
    }
}
