//! Workloads on the simulated disk, stopped at every step in every way.

mod campaign;
mod crash;
mod meddling;
mod ops;
mod repro;
mod second_crash;
mod sequences;
mod shrink;
mod stats;
mod steps;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use trace_journal::WriteMode;

use crate::simdisk::Bug;
pub use campaign::{Campaign, Found, unlimited};
use crash::Explorer;
pub use crash::Limits;
pub use ops::{Act, Interleaved, Meddling, Step};
pub use repro::{Case, CrashPoint, Way};
pub use sequences::{Operation, Sequence, sequences};
pub use shrink::shrink;
pub use stats::{Count, Stats};
use steps::Workload;

/// One workload and what is to be done to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Decides everything.
    pub seed: u64,
    /// How journals are written.
    pub mode: WriteMode,
    /// Calls fail.
    pub has_faults: bool,
    /// Another program moves and removes what the journal has.
    pub has_meddlers: bool,
    /// The disk is a file system in memory, where power is not lost: nothing would be left.
    pub is_in_memory: bool,
    /// The disk breaks its word.
    pub bug: Option<Bug>,
}

impl Plan {
    /// The workload of a number, on an honest disk: each second one is written mapped.
    #[must_use]
    pub fn numbered(seed: u64, has_faults: bool) -> Plan {
        Plan {
            seed,
            mode: match seed % 2 {
                0 => WriteMode::Positioned,
                _ => WriteMode::Mapped,
            },
            has_faults,
            has_meddlers: false,
            is_in_memory: false,
            bug: None,
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Crash states that were met.
    pub states: u64,
    /// Of these, crashes during recovery, or after one.
    pub recoveries: u64,
    /// The same and more, by the way of the crash.
    pub stats: Stats,
    /// What was wrong first.
    pub failure: Option<String>,
    /// Where that was, if it was after a crash.
    pub crash: Option<CrashPoint>,
    /// A sum over all that happened; the same for the same plan.
    pub trace: u64,
}

/// Runs one workload.
#[must_use]
pub fn explore(plan: Plan) -> Outcome {
    explore_case(&Case::of(plan))
}

/// Runs one workload, or what is left of it.
#[must_use]
pub fn explore_case(case: &Case) -> Outcome {
    let steps = case.steps_left();
    let explorer = Explorer::new(case.plan, case.crash, Limits::default());
    run(&explorer, &steps, 0)
}

/// Does some steps; crashes are looked at from the one at `from` on.
fn run(explorer: &Arc<Explorer>, steps: &[Step], from: usize) -> Outcome {
    let ran = catch_unwind(AssertUnwindSafe(|| {
        Workload::new(explorer).run(steps, from)
    }));
    match ran {
        Ok(Ok(())) => {}
        Ok(Err(wrong)) => explorer.fail(wrong, None),
        Err(panic) => {
            let said = panic.downcast_ref::<String>().cloned();
            let said = said.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
            let point = explorer.point();
            explorer.fail(format!("panic: {}", said.unwrap_or_default()), point);
        }
    }
    explorer.outcome()
}
