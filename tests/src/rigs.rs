//! What a rig says about itself: what it could not do here, and how much it did.
//!
//! Lines go to standard error past the test harness, and to the file `JOURNAL_RIG_NOTES` names.

use std::env;
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::source;

/// Whether every rig must do all it can: `JOURNAL_RIGS=strict`, as `.ci/run` sets it.
#[must_use]
pub fn is_strict() -> bool {
    env::var_os("JOURNAL_RIGS").is_some_and(|value| value == "strict")
}

/// Says that this machine lacks what the rig needs, as in `SKIP realdata: no such directory`.
pub fn skip(what: &str, why: &str) {
    note(&format!("SKIP {what}: {why}"));
}

/// Says what a rig did, as in `RIG kill: 200 kills, 0 lost`.
pub fn done(what: &str, counts: &str) {
    note(&format!("RIG {what}: {counts}"));
}

/// Says what a rig did and how to do it again, as in `RIG kill cases=200 seed=1 seconds=7`.
pub fn counted(what: &str, cases: u64, seed: u64, time: Duration) {
    let seconds = time.as_secs_f64();
    note(&format!(
        "RIG {what} cases={cases} seed={seed} seconds={seconds:.1}"
    ));
}

/// The time a rig may take and the cases it must reach.
///
/// A rig begins no case when its time is over, and fails if it has done too few by then: a rig
/// that does next to nothing would be believed like one that does much.
#[derive(Debug)]
pub struct Budget {
    rig: String,
    limit: Duration,
    least: u64,
    begun: Instant,
}

impl Budget {
    /// Begins now; `least` cases are the fewest that count as a proof.
    #[must_use]
    pub fn new(rig: &str, limit: Duration, least: u64) -> Budget {
        Budget {
            rig: rig.to_owned(),
            limit,
            least,
            begun: Instant::now(),
        }
    }

    /// Whether no further case is to be begun.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.begun.elapsed() > self.limit
    }

    /// Says what was done, as [`counted`].
    ///
    /// # Panics
    /// If that is less than the least.
    pub fn done(&self, cases: u64, seed: u64) {
        counted(&self.rig, cases, seed, self.begun.elapsed());
        let (rig, least) = (&self.rig, self.least);
        assert!(
            cases >= least,
            "{rig}: {cases} cases, {least} are the least"
        );
    }
}

/// The recorded sessions beside the project, or `None` after a word about their absence.
#[must_use]
pub fn real_data(what: &str) -> Option<PathBuf> {
    let root = source::root();
    let directory = root.parent()?.join("shared").join("realdata");
    if directory.is_dir() {
        return Some(directory);
    }
    skip("realdata", &format!("{what} needs ../shared/realdata"));
    None
}

/// One write for the whole line, so that lines of several tests stay apart.
fn note(line: &str) {
    let line = format!("{line}\n");
    // Nothing may be listening; the line is a courtesy.
    let _ = io::stderr().write_all(line.as_bytes());
    if let Some(path) = env::var_os("JOURNAL_RIG_NOTES") {
        let file = File::options().append(true).create(true).open(path);
        let _ = file.and_then(|mut file| file.write_all(line.as_bytes()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_ends_with_its_time_and_fails_below_its_least() {
        assert!(!Budget::new("budget", Duration::MAX, 0).is_over());
        let budget = Budget::new("budget", Duration::ZERO, 2);
        while !budget.is_over() {}
        budget.done(2, 1);
        let too_few = std::panic::catch_unwind(|| budget.done(1, 1));
        assert!(too_few.is_err());
    }
}
