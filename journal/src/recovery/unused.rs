//! Which segments at the end of a run were only made ahead: nothing can be missing from these.

use super::segment_scan::Part;
use super::witness::Witness;
use crate::format::FRAMES_OFFSET;
use crate::seeded::{self, Bug};
use crate::seq::SegmentNumber;

/// The last segment of a run in which anything was put: one that holds something, one that a seal
/// names, one of which something else tells, or the first.
pub(super) fn used_to(parts: &[Part], begin: SegmentNumber, witness: &Witness) -> SegmentNumber {
    if seeded::has(Bug::MadeAheadMissed) {
        return SegmentNumber(u32::MAX);
    }
    let is_used = |part: &&Part| {
        part.records > 0 || part.segment.barred.is_some() || !part.scanned.is_blank()
    };
    let used = parts.iter().rev().find(is_used);
    let named = parts.iter().filter_map(|part| part.claims.next_segment);
    let ends = witness.recovered.iter().map(|recovered| recovered.end);
    let ended = ends.filter(|(_, offset)| *offset > FRAMES_OFFSET);
    let told = named.chain(ended.map(|(number, _)| number)).max();
    let known = [
        used.map(|part| part.segment.number),
        told.map(SegmentNumber),
        witness.noted.map(|place| place.segment),
    ];
    known.into_iter().flatten().fold(begin, SegmentNumber::max)
}
