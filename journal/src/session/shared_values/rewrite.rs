//! A payload with values in it that were said before, made shorter.

use std::ops::Range;

use super::table::Said;
use crate::event::codec::{Mark, Reference, put_reference};
use crate::len::{len_u64, len_usize};

/// What is known of values that were said before.
pub(super) trait SaidBefore {
    /// Where bytes that may be these were said.
    fn find(&mut self, value: &[u8]) -> Option<Said>;

    /// Whether they are the very bytes that stand there.
    fn is_same(&mut self, bytes: &[u8], frame: u64, from: u64) -> bool;
}

/// A payload that refers to what was said before.
#[derive(Debug, Default)]
pub(super) struct Rewritten {
    pub(super) payload: Vec<u8>,
    /// The values that it says itself, whole: where they stand in it.
    pub(super) said: Vec<Range<usize>>,
    /// How many references there are.
    pub(super) references: usize,
}

/// Refers to every marked value of `inline` that was said before, the largest ones first, and to
/// neighbours in a list together where they were neighbours before.
pub(super) fn rewrite(inline: &[u8], marks: &[Mark], before: &mut impl SaidBefore) -> Rewritten {
    let mut made = Rewritten::default();
    let mut copied = 0;
    let mut places = Vec::new();
    let mut rest = marks;
    while let Some((mark, behind)) = rest.split_first() {
        rest = behind;
        let Some(found) = longest(inline, mark, behind, before) else {
            let start = made.payload.len() + (mark.start - copied);
            made.said.push(start..start + (mark.end - mark.start));
            continue;
        };
        let begin = inline.get(copied..mark.start).unwrap_or_default();
        made.payload.extend_from_slice(begin);
        places.push(made.payload.len());
        put_reference(&mut made.payload, &found);
        copied = mark.start + len_usize(found.len);
        rest = from(behind, copied);
    }
    let end = inline.get(copied..).unwrap_or_default();
    made.payload.extend_from_slice(end);
    made.references = places.len();
    // What has a reference in it cannot be referred to.
    made.said.retain(|value| {
        let behind = places.partition_point(|place| *place < value.start);
        places.get(behind).is_none_or(|place| *place >= value.end)
    });
    made
}

/// A reference to a value, with as many of those next to it as were next to it before; `None` if
/// it was not said before.
fn longest(
    inline: &[u8],
    mark: &Mark,
    behind: &[Mark],
    before: &mut impl SaidBefore,
) -> Option<Reference> {
    let said = before.find(inline.get(mark.start..mark.end)?)?;
    let (mut end, mut stands_for) = (mark.end, 1);
    let mut rest = from(behind, end);
    while let Some((next, further)) = rest.split_first() {
        let is_neighbour = next.start == end && mark.list.is_some() && next.list == mark.list;
        if !is_neighbour {
            break;
        }
        let due = said.from + len_u64(end - mark.start);
        let there = inline.get(next.start..next.end);
        let there = there.and_then(|value| before.find(value));
        if there.is_none_or(|there| (there.frame, there.from) != (said.frame, due)) {
            break;
        }
        (end, stands_for) = (next.end, stands_for + 1);
        rest = from(further, end);
    }
    for (end, stands_for) in [(end, stands_for), (mark.end, 1)] {
        let bytes = inline.get(mark.start..end)?;
        if before.is_same(bytes, said.frame, said.from) {
            return Some(Reference {
                frame: said.frame,
                from: said.from,
                len: len_u64(end - mark.start),
                stands_for,
            });
        }
        if stands_for == 1 {
            break;
        }
    }
    None
}

/// The marks of values that do not begin before this place.
fn from(marks: &[Mark], place: usize) -> &[Mark] {
    let inside = marks.partition_point(|mark| mark.start < place);
    marks.get(inside..).unwrap_or_default()
}
