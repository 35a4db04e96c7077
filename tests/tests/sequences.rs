//! Promises: durable, unwaited, killed, hands-off, many-processes.
//!
//! Every sequence of up to four operations on a simulated disk, in both modes, stopped at every
//! change in every way, and again during and after the recovery. `JOURNAL_SEQUENCE_LEN` says how
//! many operations, 2 if it is not set.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::env;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use journal_tests::explore::{Limits, Operation, Sequence, Stats, sequences};
use journal_tests::random::{from_env, seed};
use journal_tests::rigs;
use trace_journal::WriteMode;

/// Does these sequences on two threads; gives the counts, or the first thing that was wrong.
fn explore_all(all: &[Sequence], limits: &Limits) -> Result<Stats, String> {
    let next = AtomicUsize::new(0);
    let total = Mutex::new(Ok(Stats::default()));
    let work = || {
        while let Some(sequence) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
            // Of a long one there are too many states to stop every recovery at every change.
            let (recover_once_in, again_once_in) = match sequence.operations.len() {
                0..=3 => (1, 1),
                _ => (RECOVER_LONG_ONCE_IN, 1),
            };
            let limits = Limits {
                recover_once_in,
                again_once_in,
                ..limits.clone()
            };
            let outcome = sequence.explore(seed(), limits);
            let mut total = total.lock().unwrap();
            match (total.as_mut(), outcome.failure) {
                (Ok(stats), None) => stats.add(&outcome.stats),
                (Ok(_), Some(wrong)) => *total = Err(wrong),
                (Err(_), _) => return,
            }
        }
    };
    thread::scope(|scope| {
        scope.spawn(work);
        scope.spawn(work);
    });
    total.into_inner().unwrap()
}

const RECOVER_LONG_ONCE_IN: u64 = 12;

#[test]
fn every_short_sequence_keeps_every_promise_at_every_crash() {
    let len = usize::try_from(from_env("JOURNAL_SEQUENCE_LEN", 2)).unwrap();
    for mode in [WriteMode::Positioned, WriteMode::Mapped] {
        let begun = Instant::now();
        let (all, limits) = (sequences(mode, len), Limits::default());
        let stats = explore_all(&all, &limits);
        let stats = stats.unwrap_or_else(|wrong| panic!("{wrong}"));
        let name = format!("sequences-{mode:?}").to_lowercase();
        let total = stats.total();
        rigs::counted(&name, total.distinct, seed(), begun.elapsed());
        rigs::done(
            &name,
            &format!("{} sequences\n{}", all.len(), stats.table(&name)),
        );
        assert!(total.distinct > 100 && total.recoveries > 100, "{total:?}");
    }
}

#[test]
fn each_sequence_of_operations_is_generated_once() {
    let all = sequences(WriteMode::Mapped, 2);
    // With one program, all but to open again; then by how many programs are left.
    assert_eq!(all.len(), 1 + 12 + (7 * 12 + 4 * 3 + 12 - 1));
    let is_in = |operations: &[Operation]| all.iter().any(|s| s.operations == operations);
    assert!(is_in(&[Operation::Kill, Operation::Reopen]));
    assert!(!is_in(&[Operation::Reopen]));
    let text = "mapped/Kill,Reopen";
    assert_eq!(text.parse::<Sequence>().unwrap().to_string(), text);
}

#[test]
fn replay_of_one_sequence() {
    // `JOURNAL_SEQUENCE` runs a failing one again, as its message says.
    let text = env::var("JOURNAL_SEQUENCE").unwrap_or("mapped/Uncommitted".into());
    let limits = Limits {
        recover_once_in: 1,
        ..Limits::default()
    };
    let outcome = text.parse::<Sequence>().unwrap().explore(seed(), limits);
    assert_eq!(outcome.failure, None);
    assert!(outcome.states > 0);
}
