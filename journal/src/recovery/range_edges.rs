//! The fate of every sequence number of a run, worked out once for all of them.

use super::witness::{Fate, Witness};
use crate::seeded::{self, Bug};

/// Which numbers were durable, which retention removed; the work and memory of asking about any
/// number of gaps is linear in what the witnesses say.
#[derive(Debug, Default)]
pub(super) struct RangeEdges {
    /// Where each range begins and its fate, in order; the first one begins at 0.
    ranges: Vec<Range>,
    /// How often an answer may still be split. Gaps that share no number split it once for each
    /// of the ranges; only forged numbers make more of it.
    splits_left: usize,
    is_in_memory: bool,
}

/// Numbers from one on, up to the next range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    from: u64,
    is_retired: bool,
    is_durable: bool,
}

impl Range {
    fn fate(self, may_be_retired: bool) -> Fate {
        match (self.is_retired && may_be_retired, self.is_durable) {
            (true, _) => Fate::Retired,
            (false, true) => Fate::Durable,
            (false, false) => Fate::Unwitnessed,
        }
    }
}

impl RangeEdges {
    pub(super) fn of(witness: &Witness) -> RangeEdges {
        let mut turns = Turns::default();
        turns.durable(0, witness.in_band.max(witness.beside), 1);
        for recovered in &witness.recovered {
            let last = recovered.last_seq;
            turns.durable(0, last, 1);
            for (from, to) in disjoint(&recovered.missing) {
                if from <= last {
                    turns.durable(from, to.min(last), -1);
                }
            }
        }
        for (from, to) in &witness.retired {
            if from <= to && !seeded::has(Bug::RetiredMissed) {
                turns.retired(*from, *to);
            }
        }
        let ranges = turns.ranges();
        RangeEdges {
            splits_left: ranges.len(),
            ranges,
            is_in_memory: witness.is_in_memory,
        }
    }

    /// Splits missing numbers, first and last, into ranges of one fate each, in order. Their place
    /// tells whether retention may have removed them.
    pub(super) fn split(
        &mut self,
        first: u64,
        last: u64,
        may_be_retired: bool,
    ) -> Vec<(u64, u64, Fate)> {
        let begin = self.ranges.partition_point(|range| range.from <= first);
        let ranges = self.ranges.get(begin.saturating_sub(1)..).unwrap_or(&[]);
        let mut split: Vec<(u64, u64, Fate)> = Vec::new();
        let may_be_retired = may_be_retired || seeded::has(Bug::BytesRetired);
        for (at, range) in ranges.iter().enumerate() {
            let from = range.from;
            if from > last || (at > 0 && self.splits_left == 0) {
                break;
            }
            let fate = match range.fate(may_be_retired) {
                Fate::Durable if self.is_in_memory => Fate::Written,
                fate => fate,
            };
            if let Some(before) = split.last_mut() {
                self.splits_left -= 1;
                if before.2 == fate {
                    continue;
                }
                before.1 = from - 1;
            }
            split.push((first.max(from), last, fate));
        }
        split
    }
}

/// Places at which something begins to be said of sequence numbers, or ceases to be.
#[derive(Default)]
struct Turns(Vec<(u64, i64, i64)>);

impl Turns {
    /// One more, or one less, says that these numbers were durable.
    fn durable(&mut self, from: u64, to: u64, more: i64) {
        self.turn(from, to, (more, 0));
    }

    fn retired(&mut self, from: u64, to: u64) {
        self.turn(from, to, (0, 1));
    }

    fn turn(&mut self, from: u64, to: u64, (durable, retired): (i64, i64)) {
        self.0.push((from, durable, retired));
        if let Some(behind) = to.checked_add(1) {
            self.0.push((behind, -durable, -retired));
        }
    }

    fn ranges(mut self) -> Vec<Range> {
        self.0.sort_unstable();
        let mut ranges = vec![Range {
            from: 0,
            is_retired: false,
            is_durable: false,
        }];
        let (mut durable, mut retired) = (0, 0);
        for turns in self.0.chunk_by(|a, b| a.0 == b.0) {
            for turn in turns {
                durable += turn.1;
                retired += turn.2;
            }
            let range = Range {
                from: turns.first().map_or(0, |turn| turn.0),
                is_retired: retired > 0,
                is_durable: durable > 0,
            };
            let is_more = |last: &Range| {
                (last.is_retired, last.is_durable) == (range.is_retired, range.is_durable)
            };
            match ranges.last_mut() {
                Some(last) if last.from == range.from => *last = range,
                Some(last) if is_more(last) => {}
                _ => ranges.push(range),
            }
        }
        ranges
    }
}

/// The same numbers in ranges that are in order and have none in common.
fn disjoint(ranges: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let mut sorted: Vec<(u64, u64)> = ranges.iter().copied().filter(|r| r.0 <= r.1).collect();
    sorted.sort_unstable();
    let mut disjoint: Vec<(u64, u64)> = Vec::with_capacity(sorted.len());
    for (from, to) in sorted {
        match disjoint.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => disjoint.push((from, to)),
        }
    }
    disjoint
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recovery::recovered::Recovered;
    use crate::seq::{Generation, RunId};

    fn recovered(last_seq: u64, missing: &[(u64, u64)]) -> Recovered {
        Recovered {
            run: RunId {
                generation: Generation(1),
                random: 1,
            },
            end: (1, 0),
            last_seq,
            missing: missing.to_vec(),
            is_killed: false,
        }
    }

    fn witness() -> Witness {
        Witness {
            in_band: 10,
            beside: 0,
            is_unlocked: false,
            recovered: vec![recovered(30, &[(15, 20)])],
            retired: vec![(1, 4)],
            is_in_memory: false,
            noted: None,
            is_killed: false,
        }
    }

    #[test]
    fn a_gap_splits_at_every_proof() {
        let expected = vec![
            (2, 4, Fate::Retired),
            (5, 14, Fate::Durable),
            (15, 20, Fate::Unwitnessed),
            (21, 30, Fate::Durable),
            (31, 40, Fate::Unwitnessed),
        ];
        let mut fates = RangeEdges::of(&witness());
        assert_eq!(fates.split(2, 40, true), expected);
        assert_eq!(fates.split(6, 6, true), vec![(6, 6, Fate::Durable)]);
        assert_eq!(
            fates.split(u64::MAX, u64::MAX, true),
            vec![(u64::MAX, u64::MAX, Fate::Unwitnessed)]
        );
    }

    #[test]
    fn what_was_in_memory_had_been_written() {
        let witness = Witness {
            is_in_memory: true,
            ..witness()
        };
        assert_eq!((witness.durable(), witness.highest()), (0, 30));
        let expected = vec![(4, 4, Fate::Retired), (5, 5, Fate::Written)];
        assert_eq!(RangeEdges::of(&witness).split(4, 5, true), expected);
    }

    #[test]
    fn fates_are_what_the_witnesses_say_number_by_number() {
        let witness = Witness {
            in_band: 2,
            beside: 3,
            is_unlocked: false,
            recovered: vec![
                recovered(30, &[(22, 25), (5, 9), (8, 12), (9, 7), (29, u64::MAX)]),
                recovered(24, &[(1, 5), (7, 23)]),
                recovered(0, &[(0, 50)]),
            ],
            retired: vec![(11, 12), (12, 13), (40, 39), (60, u64::MAX)],
            is_in_memory: false,
            noted: None,
            is_killed: false,
        };
        let is_in = |seq: u64, range: &(u64, u64)| (range.0..=range.1).contains(&seq);
        for seq in 1..100 {
            let was_there = |r: &Recovered| {
                seq <= r.last_seq && !r.missing.iter().any(|range| is_in(seq, range))
            };
            let fate = if witness.retired.iter().any(|range| is_in(seq, range)) {
                Fate::Retired
            } else if seq <= witness.beside || witness.recovered.iter().any(was_there) {
                Fate::Durable
            } else {
                Fate::Unwitnessed
            };
            let split = RangeEdges::of(&witness).split(seq, seq, true);
            assert_eq!(split, [(seq, seq, fate)], "{seq}");
        }
    }

    #[test]
    fn numbers_that_are_missed_again_and_again_are_told_in_few_ranges() {
        let mut fates = RangeEdges::of(&witness());
        let told = (0..100).map(|_| fates.split(1, 100, true).len());
        // One each, and six splits in all.
        assert_eq!(told.sum::<usize>(), 100 + 6);
        assert_eq!(fates.split(1, 100, true), [(1, 100, Fate::Retired)]);
    }
}
