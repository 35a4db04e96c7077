//! How many crash states there were, and what was found in them.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::repro::Way;

/// Counts by the way of the crash.
#[derive(Clone, Debug, Default)]
pub struct Stats(BTreeMap<Way, Count>);

/// What there was of one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Crash states.
    pub states: u64,
    /// Of these, states that differ in what is on the disk or in what was promised.
    pub distinct: u64,
    /// Recoveries that were run, each stopped at some steps.
    pub recoveries: u64,
    /// States in which records are missing that nothing proves durable.
    pub unwitnessed: u64,
    /// States that are reported as damaged.
    pub damage: u64,
}

impl Stats {
    pub(super) fn of(&mut self, way: Way) -> &mut Count {
        self.0.entry(way).or_default()
    }

    /// Adds another one.
    pub fn add(&mut self, other: &Stats) {
        for (way, count) in &other.0 {
            let sum = self.of(*way);
            sum.states += count.states;
            sum.distinct += count.distinct;
            sum.recoveries += count.recoveries;
            sum.unwitnessed += count.unwitnessed;
            sum.damage += count.damage;
        }
    }

    /// All ways together.
    #[must_use]
    pub fn total(&self) -> Count {
        let mut total = Stats::default();
        for count in self.0.values() {
            total.add(&Stats(BTreeMap::from([(Way::Kill, *count)])));
        }
        total.0.into_values().next().unwrap_or_default()
    }

    /// A table: a line for each way, each beginning with `what`, and one for all.
    #[must_use]
    pub fn table(&self, what: &str) -> String {
        let mut table = format!(
            "{:<24}{:>11}{:>11}{:>11}{:>12}{:>9}\n",
            what, "states", "distinct", "recoveries", "unwitnessed", "damage"
        );
        let lines = self.0.iter().map(|(way, count)| (way.name(), *count));
        for (name, count) in lines.chain([("all", self.total())]) {
            let _ = writeln!(
                table,
                "  {name:<22}{:>11}{:>11}{:>11}{:>12}{:>9}",
                count.states, count.distinct, count.recoveries, count.unwitnessed, count.damage
            );
        }
        table
    }
}
