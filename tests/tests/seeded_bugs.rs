//! Promises: durable, killed, many-processes, poisoned.
//!
//! The control of the simulated disk: a disk that breaks its word in one way must be noticed, each
//! time, and the same workloads on an honest disk must not be.

use std::time::Instant;

use journal_tests::explore::{Plan, explore};
use journal_tests::random::seed;
use journal_tests::rigs;
use journal_tests::simdisk::Bug;
use trace_journal::WriteMode;

/// Workloads after which a bug counts as not noticed.
const WORKLOADS_MAX: u64 = 40;

/// Explores workloads on a disk with this bug until something is wrong that is not wrong on an
/// honest one; gives the crash states that took, and what was wrong.
fn hunt(bug: Bug, has_faults: bool) -> Option<(u64, String)> {
    let mut states = 0;
    for number in 0..WORKLOADS_MAX {
        let honest = Plan {
            seed: seed() << 32 | number,
            mode: match number % 2 {
                0 => WriteMode::Positioned,
                _ => WriteMode::Mapped,
            },
            has_faults,
            bug: None,
        };
        let outcome = explore(Plan {
            bug: Some(bug),
            ..honest
        });
        states += outcome.states;
        if let Some(wrong) = outcome.failure {
            let control = explore(honest);
            assert_eq!(control.failure, None, "without {bug:?} it is wrong as well");
            return Some((states, wrong));
        }
    }
    None
}

#[test]
fn every_seeded_bug_of_the_disk_is_noticed() {
    let mut missed = Vec::new();
    for bug in Bug::ALL {
        let begun = Instant::now();
        let has_faults = matches!(bug, Bug::SyncErrorSwallowed | Bug::DropCacheIgnored);
        let Some((states, wrong)) = hunt(bug, has_faults) else {
            missed.push(bug);
            continue;
        };
        rigs::counted(
            &format!("seeded-bug-{bug:?}"),
            states,
            seed(),
            begun.elapsed(),
        );
        rigs::done(&format!("seeded-bug-{bug:?}"), &wrong);
    }
    assert!(missed.is_empty(), "not noticed: {missed:?}");
}
