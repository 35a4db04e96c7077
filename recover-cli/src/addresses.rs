//! Places of records as people see them.

use std::collections::BTreeMap;

use trace_journal::{Report, RunId};

/// How runs are named: by their generation, and where several processes began at one moment and
/// share it, by the start of their random part as well.
pub(crate) struct Addresses {
    shared: BTreeMap<u32, usize>,
}

impl Addresses {
    /// Names for the runs of a journal.
    pub(crate) fn of(report: &Report) -> Addresses {
        let runs: Vec<RunId> = report.runs.iter().map(|run| run.run).collect();
        Addresses::of_runs(&runs)
    }

    /// The digits that tell runs of each shared generation apart.
    fn of_runs(runs: &[RunId]) -> Addresses {
        let mut runs = runs.to_vec();
        runs.sort_unstable();
        runs.dedup();
        let mut shared = BTreeMap::new();
        for pair in runs.windows(2) {
            let [one, other] = pair else { continue };
            if one.generation() == other.generation() {
                let alike = (one.random() ^ other.random()).leading_zeros() / 4;
                let digits = usize::try_from(alike).unwrap_or(DIGITS_MAX) + 1;
                let most = shared.entry(one.generation()).or_insert(DIGITS_MIN);
                *most = digits.min(DIGITS_MAX).max(*most);
            }
        }
        Addresses { shared }
    }

    /// `6`, or `6-5d55` where others have generation 6 as well.
    pub(crate) fn run(&self, run: RunId) -> String {
        let generation = run.generation();
        match self.shared.get(&generation) {
            Some(digits) => format!(
                "{generation}-{}",
                &format!("{:016x}", run.random())[..*digits]
            ),
            None => generation.to_string(),
        }
    }
}

const DIGITS_MIN: usize = 4;
const DIGITS_MAX: usize = 16;

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn runs_that_share_a_generation_are_told_apart() {
        let run = |generation, random| RunId::new(generation, random);
        let runs = [
            run(1, 7),
            run(2, 0x5d55_04de_0000_0000),
            run(2, 0x9000_0000_0000_0000),
            run(3, 0x1234_5600_0000_0001),
            run(3, 0x1234_5600_0000_0002),
        ];
        let addresses = Addresses::of_runs(&runs);
        let shown = runs.map(|run| addresses.run(run));
        let expected = [
            "1",
            "2-5d55",
            "2-9000",
            "3-1234560000000001",
            "3-1234560000000002",
        ];
        assert_eq!(shown, expected);
    }
}
