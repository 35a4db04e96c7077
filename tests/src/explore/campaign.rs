//! Many workloads on all processors, one after the other.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use trace_journal::WriteMode;

use super::crash::lock;
use super::plan::Plan;
use super::run::explore;
use super::stats::Stats;
use crate::rigs::Budget;

/// How much is to be done.
#[derive(Clone, Copy, Debug)]
pub struct Campaign {
    /// Decides everything.
    pub seed: u64,
    /// Distinct crash states after which no further workload is begun.
    pub states: u64,
    /// Calls fail.
    pub has_faults: bool,
    /// Threads to do it on.
    pub threads: u64,
    /// Failures after which no further workload is begun.
    pub failures_max: usize,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Found {
    by_mode: BTreeMap<&'static str, Stats>,
    /// Workloads in which something was wrong.
    pub failures: Vec<Plan>,
}

impl Campaign {
    /// Does it, within a budget.
    #[must_use]
    pub fn run(self, budget: &Budget) -> Found {
        let next = AtomicU64::new(self.seed << 32);
        let found = Mutex::new(Found::default());
        let work = || {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let plan = Plan::numbered(number, self.has_faults);
                let outcome = explore(plan);
                let mut found = lock(&found);
                found.add(plan, &outcome.stats);
                if outcome.failure.is_some() {
                    found.failures.push(plan);
                }
                let is_enough = found.total().total().distinct >= self.states;
                if is_enough || found.failures.len() >= self.failures_max || budget.is_over() {
                    return;
                }
            }
        };
        thread::scope(|scope| {
            for _ in 0..self.threads {
                scope.spawn(work);
            }
        });
        found.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Found {
    fn add(&mut self, plan: Plan, stats: &Stats) {
        let mode = match (plan.mode, plan.has_faults) {
            (WriteMode::Mapped, false) => "mapped",
            (WriteMode::Mapped, true) => "mapped, failing calls",
            (_, false) => "positioned",
            (_, true) => "positioned, failing calls",
        };
        self.by_mode.entry(mode).or_default().add(stats);
    }

    /// Everything together.
    #[must_use]
    pub fn total(&self) -> Stats {
        let mut total = Stats::default();
        self.by_mode.values().for_each(|stats| total.add(stats));
        total
    }

    /// A table for each way of writing.
    #[must_use]
    pub fn tables(&self) -> String {
        let tables = self.by_mode.iter().map(|(mode, stats)| stats.table(mode));
        let tables: Vec<String> = tables.collect();
        tables.concat()
    }
}

/// No time at which to stop.
#[must_use]
pub fn unlimited(name: &str) -> Budget {
    Budget::new(name, Duration::MAX, 0)
}
