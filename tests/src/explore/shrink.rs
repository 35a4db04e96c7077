//! The smallest part of a workload that still fails.

use super::outcome::Outcome;
use super::plan::Plan;
use super::repro::Case;
use super::run::explore_case;

/// Finds out what a failing workload needs to fail: the fewest steps, and one crash; says what is
/// wrong then, what was done, and how to do it again. `None` if the workload does not fail.
#[must_use]
pub fn shrink(plan: Plan) -> Option<String> {
    let mut case = Case::of(plan);
    let mut failed = failing(&case)?;
    let mut steps: Vec<u64> = case.steps_left().iter().map(|step| step.id).collect();
    if let Some(crash) = failed.crash {
        steps.retain(|id| *id <= crash.step);
    }
    let mut chunk = steps.len().div_ceil(2);
    while chunk > 0 {
        let mut at = 0;
        while at < steps.len() {
            let mut fewer = steps.clone();
            fewer.drain(at..fewer.len().min(at + chunk));
            let smaller = Case {
                steps: Some(fewer.clone()),
                ..case.clone()
            };
            match failing(&smaller) {
                Some(outcome) => (case, steps, failed) = (smaller, fewer, outcome),
                None => at += chunk,
            }
        }
        chunk /= 2;
    }
    let only = Case {
        crash: failed.crash,
        ..case.clone()
    };
    if let Some(outcome) = failing(&only) {
        (case, failed) = (only, outcome);
    }
    let wrong = failed.failure.unwrap_or_default();
    let steps = case.steps_left();
    let acts: Vec<String> = steps.iter().map(|s| format!("  {s}\n")).collect();
    Some(format!(
        "{wrong}\n{}again: JOURNAL_CASE='{case}' cargo test -p journal-tests --test sim \
         replay_of_one_case",
        acts.concat()
    ))
}

fn failing(case: &Case) -> Option<Outcome> {
    Some(explore_case(case)).filter(|outcome| outcome.failure.is_some())
}
