//! Which sequence numbers the records of a run have.
//!
//! A frame holds the low half of its number, so one known number anywhere before it tells the
//! rest. What may be unknown is how many records are missing in front of the first that is there:
//! the number of a segment's first record tells, if its frame, a mark, or a sealed segment before
//! it is left.

use super::segment_scan::Part;
use crate::format::{FRAMES_OFFSET, seq_from, seq_low};
use crate::seq::SegmentNumber;

/// The number of each segment's first record; relative numbers are moved to fit. `parts` are in
/// order, and `begin` says what comes first.
pub(super) fn number(parts: &mut [Part], begin: (u64, SegmentNumber)) -> Vec<u64> {
    let mut due = begin.0;
    let mut next = begin.1;
    let mut is_certain = true;
    let mut firsts = Vec::with_capacity(parts.len());
    for at in 0..parts.len() {
        let after = parts.get(at + 1).map(|after| {
            let first = after.told_first_seq();
            (after.segment.number, first)
        });
        let Some(part) = parts.get_mut(at) else {
            continue;
        };
        let is_next = part.segment.number == next;
        let first = match part.scanned.base {
            Some(base) => {
                let first = first_of(part, base, due, is_next && is_certain);
                let known = seq_from(first, base);
                let earlier = u32::try_from(known - first).unwrap_or(0);
                part.scanned.begin_earlier(earlier);
                first
            }
            // Behind a missing segment, the segment after this one knows best.
            None => after
                .filter(|(number, _)| !is_next && *number == part.segment.number.next())
                .and_then(|(_, first)| first.filter(|first| *first >= due))
                .unwrap_or(due),
        };
        due = first + part.scanned.last().map_or(0, |last| u64::from(last) + 1);
        next = part.segment.number.next();
        is_certain = part.scanned.is_sealed;
        firsts.push(first);
    }
    firsts
}

/// The number of a segment's first record. `base` are the low bits of one that is as large, or
/// larger if records are missing in front of the first frame there is; `due` comes next in the
/// run, and in this segment for certain if `is_certain`.
fn first_of(part: &Part, base: u32, due: u64, is_certain: bool) -> u64 {
    let known = part.told_first_seq();
    let known = known.map_or_else(|| nearest(due, base), |told| seq_from(told, base));
    let islands = part.scanned.islands.first();
    if islands.is_none_or(|first| first.offset == FRAMES_OFFSET) {
        return known;
    }
    let due = is_certain.then_some(due);
    let told = part.claims.mark.or(due);
    let fits = |first: &u64| (*first..=first + part.scanned.slack()).contains(&known);
    told.filter(fits).unwrap_or(known)
}

/// The number with these low bits that is nearest to `due`.
fn nearest(due: u64, low: u32) -> u64 {
    let ahead = low.wrapping_sub(seq_low(due));
    let back = u64::from(ahead.wrapping_neg());
    match due.checked_sub(back) {
        Some(before) if ahead > 1 << 31 && before > 0 => before,
        _ => seq_from(due, low),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recovery::run::RunSurvey;
    use crate::recovery::survey::{Depth, Scope, survey};
    use crate::recovery::testing::{MemoryStorage, SegmentBuilder};

    /// Two segments; records 1 to 4, and 6 or more in the second one, whose start is gone, and
    /// perhaps the end of the first. `finish` ends them.
    fn cut(
        finish: impl Fn(&SegmentBuilder) -> Vec<u8>,
        change: impl Fn(&mut SegmentBuilder),
    ) -> RunSurvey {
        let mut storage = MemoryStorage::default();
        let mut first = SegmentBuilder::new(1, 1, 1, 0);
        first.raw(0, b"2").raw(0, b"3").raw(0, b"4");
        storage.put(&first, finish(&first));
        let mut second = SegmentBuilder::new(1, 2, 6, 0);
        let (begin, end) = (second.offsets[0], second.bytes.len());
        second.raw(0, b"7").raw(0, b"8");
        change(&mut second);
        second.bytes[begin..end].fill(0);
        storage.put(&second, second.file());
        let found = survey(&storage, Scope::All, Depth::Everything).unwrap();
        found.runs.into_iter().next().unwrap()
    }

    type Missing = Vec<(u64, Option<u64>)>;

    /// The first number of the second segment, the last of the run, and what is missing.
    fn told(run: &RunSurvey) -> (u64, Option<u64>, Missing) {
        let missing = run.findings.iter().filter_map(|finding| finding.missing);
        let missing = missing.map(|missing| (missing.first, missing.last));
        let second = &run.segments[1];
        let last = run.last_seq.map(crate::seq::Seq::get);
        (second.first_seq, last, missing.collect())
    }

    #[test]
    fn records_keep_their_numbers_when_all_that_tells_them_in_full_is_lost() {
        // The end of the first segment was not synced, and is lost as well.
        let run = cut(SegmentBuilder::file, |_| {});
        assert_eq!(told(&run), (6, Some(8), vec![(5, Some(5)), (6, Some(6))]));
        // The second record of the segment, too: it counts as missing from the end before.
        let gone = |second: &mut SegmentBuilder| {
            let from = second.offsets[1];
            second.bytes[from..second.offsets[2]].fill(0);
        };
        let run = cut(SegmentBuilder::file, gone);
        assert_eq!(told(&run), (7, Some(8), vec![(5, Some(6)), (7, Some(7))]));
        // Unless the first segment is sealed, or a mark tells.
        let run = cut(|first| first.sealed(Some(2)), gone);
        assert_eq!(told(&run), (6, Some(8), vec![(6, Some(7))]));
        let run = cut(SegmentBuilder::file, |second| {
            gone(second);
            second.mark(3);
        });
        assert_eq!(told(&run), (6, Some(9), vec![(5, Some(5)), (6, Some(7))]));
    }

    #[test]
    fn the_nearest_number_is_found_on_both_sides() {
        let far = 5 << 32;
        for (due, seq) in [(1, 1), (1, 900), (far, far - 3), (far, far + 3), (2, 1)] {
            assert_eq!(nearest(due, seq_low(seq)), seq);
        }
        assert_eq!(nearest(1, u32::MAX), u64::from(u32::MAX));
    }
}
