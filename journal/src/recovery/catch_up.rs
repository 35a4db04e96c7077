//! Segments of a live run that were made, or begun, after they were looked for.

use super::files::{FoundFile, HeaderFact, SegmentFile, identify};
use super::segment_scan::Part;
use crate::format::FileName;
use crate::seeded::{self, Bug};
use crate::seq::{RunId, SegmentNumber};
use crate::storage::{Entry, Storage};

/// Looks once more for each segment that a seal names and that was not there or not begun: it was
/// when the seal was written. `parts` are those of a run that is being written, in order.
pub(super) fn catch_up(
    storage: &dyn Storage,
    run: RunId,
    parts: &mut Vec<Part>,
    read: &dyn Fn(SegmentFile) -> Part,
) {
    if seeded::has(Bug::LiveRunReadOnce) {
        return;
    }
    let named: Vec<SegmentNumber> = parts.iter().filter_map(named_next).collect();
    for number in named {
        let place = parts.binary_search_by_key(&number, |part| part.segment.number);
        let known = place.ok().and_then(|at| parts.get(at));
        if known.is_some_and(|part| !is_pageless(part)) {
            continue;
        }
        let entry = Entry {
            name: FileName::Segment(run, number).to_string(),
            len: 0,
            is_file: true,
        };
        let FoundFile::Segment(file) = identify(storage, &entry) else {
            continue;
        };
        if (file.run, file.number) != (run, number) {
            continue;
        }
        let mut part = read(file);
        match place {
            Ok(at) => parts.splice(at..=at, [part]).for_each(drop),
            Err(at) => {
                // What is behind it was not looked for: the run may go on for as long as it is
                // read.
                part.claims.next_segment = None;
                parts.insert(at, part);
            }
        }
    }
}

/// The segment that a seal says comes next.
fn named_next(part: &Part) -> Option<SegmentNumber> {
    let next = part.claims.next_segment.map(SegmentNumber)?;
    (next == part.segment.number.next()).then_some(next)
}

fn is_pageless(part: &Part) -> bool {
    matches!(part.segment.header, HeaderFact::Broken | HeaderFact::Zeros)
}
