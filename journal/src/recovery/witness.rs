//! What proves that sequence numbers were durable, and the fate of those that are missing.

use super::part::Recovered;
use crate::seeded::{self, Bug};

/// What became of a missing sequence number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fate {
    /// A witness proves that its record was durable: it was lost to damage.
    Durable,
    /// Retention removed its record, and a record says so.
    Retired,
    /// Nothing proves that its record was durable: a crash can explain the loss.
    Unwitnessed,
}

/// All proofs about one run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Witness {
    /// The highest sequence number a record of the run itself proves durable, 0 for none.
    pub(crate) in_band: u64,
    /// What later runs found when they recovered it.
    pub(crate) recovered: Vec<Recovered>,
    /// What retention removed, first and last of each range.
    pub(crate) retired: Vec<(u64, u64)>,
}

impl Witness {
    /// The highest sequence number known to have been durable, 0 for none.
    pub(crate) fn durable(&self) -> u64 {
        let recovered = self.recovered.iter().map(|r| r.last_seq);
        recovered.max().unwrap_or(0).max(self.in_band)
    }

    /// The highest sequence number known to have been given out and then removed or made durable.
    pub(crate) fn highest(&self) -> u64 {
        let retired = self.retired.iter().map(|(_, last)| *last);
        retired.max().unwrap_or(0).max(self.durable())
    }

    /// Splits missing numbers, first and last, into ranges of one fate each, in order.
    pub(crate) fn fates(&self, first: u64, last: u64) -> Vec<(u64, u64, Fate)> {
        let mut cuts = vec![first, self.in_band.saturating_add(1)];
        for recovered in &self.recovered {
            cuts.push(recovered.last_seq.saturating_add(1));
            for (from, to) in &recovered.missing {
                cuts.extend([*from, to.saturating_add(1)]);
            }
        }
        for (from, to) in &self.retired {
            cuts.extend([*from, to.saturating_add(1)]);
        }
        cuts.retain(|cut| (first..=last).contains(cut));
        cuts.sort_unstable();
        cuts.dedup();
        let mut ranges: Vec<(u64, u64, Fate)> = Vec::new();
        for (at, from) in cuts.iter().enumerate() {
            let to = cuts.get(at + 1).map_or(last, |next| next - 1);
            let fate = self.fate(*from);
            match ranges.last_mut() {
                Some(range) if range.2 == fate => range.1 = to,
                _ => ranges.push((*from, to, fate)),
            }
        }
        ranges
    }

    fn fate(&self, seq: u64) -> Fate {
        let is_in = |range: &(u64, u64)| (range.0..=range.1).contains(&seq);
        let was_there = |r: &Recovered| seq <= r.last_seq && !r.missing.iter().any(is_in);
        if self.retired.iter().any(is_in) && !seeded::has(Bug::RetiredMissed) {
            Fate::Retired
        } else if seq <= self.in_band || self.recovered.iter().any(was_there) {
            Fate::Durable
        } else {
            Fate::Unwitnessed
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seq::{Generation, RunId};

    #[test]
    fn a_gap_splits_at_every_proof() {
        let witness = Witness {
            in_band: 10,
            recovered: vec![Recovered {
                run: RunId {
                    generation: Generation(1),
                    random: 1,
                },
                last_seq: 30,
                missing: vec![(15, 20)],
            }],
            retired: vec![(1, 4)],
        };
        let expected = vec![
            (2, 4, Fate::Retired),
            (5, 14, Fate::Durable),
            (15, 20, Fate::Unwitnessed),
            (21, 30, Fate::Durable),
            (31, 40, Fate::Unwitnessed),
        ];
        assert_eq!(witness.fates(2, 40), expected);
        assert_eq!(witness.fates(6, 6), vec![(6, 6, Fate::Durable)]);
        assert_eq!(witness.durable(), 30);
    }
}
