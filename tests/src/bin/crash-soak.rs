//! Checks any number of crash states of a simulated disk and prints what was found.
//!
//! `crash-soak [STATES [SEED]]`: distinct states in all, a million unless said otherwise, half of
//! them after failing calls. Ends with 1 if anything was wrong, after a line to do it again.

#![expect(
    clippy::print_stdout,
    reason = "a program for people says what it found"
)]

use std::env;
use std::num::NonZero;
use std::process::ExitCode;
use std::thread;

use journal_tests::explore::{Campaign, shrink, unlimited};

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1).map(|text| text.parse::<u64>());
    let (states, seed) = (arguments.next(), arguments.next());
    let (Ok(states), Ok(seed)) = (states.unwrap_or(Ok(1_000_000)), seed.unwrap_or(Ok(1))) else {
        println!("crash-soak [STATES [SEED]]");
        return ExitCode::from(2);
    };
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    let mut failures = Vec::new();
    for has_faults in [false, true] {
        let campaign = Campaign {
            seed,
            states: states / 2,
            has_faults,
            threads: u64::try_from(processors).unwrap_or(1),
            failures_max: FAILURES_MAX,
        };
        let found = campaign.run(&unlimited("crash-soak"));
        println!("{}", found.tables());
        failures.extend(found.failures);
    }
    println!("{} workloads failed", failures.len());
    for wrong in failures.iter().filter_map(|plan| shrink(*plan)) {
        println!("{wrong}\n");
    }
    match failures.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// More of them tell little more.
const FAILURES_MAX: usize = 20;
