//! Runs a workload to its end, or to the first thing that is wrong.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::crash::{Explorer, Limits};
use super::ops::Step;
use super::outcome::Outcome;
use super::plan::Plan;
use super::repro::Case;
use super::steps::Workload;

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
pub(super) fn run(explorer: &Arc<Explorer>, steps: &[Step], from: usize) -> Outcome {
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
