//! Promises: durable, killed, many-processes, poisoned.
//!
//! The control of the simulated disk: a disk that breaks its word in one way must be noticed, each
//! time, and the same workloads on an honest disk must not be. The bugs of the library itself are
//! tried by the program `seeded-bugs`; here is checked that none is left out.

use std::collections::BTreeSet;
use std::fs;
use std::time::Instant;

use journal_tests::explore::{Plan, explore};
use journal_tests::random::seed;
use journal_tests::rigs;
use journal_tests::seeded::{UNIT_TESTS, hunts};
use journal_tests::simdisk::Bug;
use journal_tests::source::root;
use journal_tests::tidy::{promises, suites_of_promises};
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
            has_meddlers: bug == Bug::NameResolvedAnew,
            is_in_memory: false,
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

#[test]
fn every_bug_and_every_promise_has_its_suite() {
    let read = |path: &str| fs::read_to_string(root().join(path)).unwrap_or_default();
    let library = read("journal/src/seeded.rs");
    let of_enum = library
        .split("bugs! {")
        .last()
        .and_then(|s| s.split("\n}").next());
    let names = of_enum.unwrap_or_default().lines().map(str::trim);
    let bugs: BTreeSet<&str> = names.filter_map(|line| line.strip_suffix(',')).collect();
    assert!(bugs.len() > 20, "{bugs:?}");
    let hunts = hunts();
    let hunted: BTreeSet<&str> = hunts.iter().map(|hunt| hunt.bug).collect();
    assert_eq!(bugs, hunted);
    let guarantees = read("journal/GUARANTEES.md");
    let contributing = read("CONTRIBUTING.md");
    let suites_of = suites_of_promises(&contributing);
    let broken: BTreeSet<&str> = hunts.iter().map(|hunt| hunt.promise).collect();
    assert_eq!(promises(&guarantees).collect::<BTreeSet<_>>(), broken);
    for hunt in hunts.iter().filter(|hunt| hunt.suite != UNIT_TESTS) {
        let suites = &suites_of[hunt.promise];
        assert!(suites.contains(&hunt.suite), "{hunt:?}");
    }
}
