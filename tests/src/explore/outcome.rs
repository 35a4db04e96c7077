//! What came of a workload.

use super::repro::CrashPoint;
use super::stats::Stats;

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
