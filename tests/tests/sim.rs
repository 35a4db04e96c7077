//! Promises: durable, unwaited, killed, poisoned, hands-off, clock.
//!
//! Random workloads on a simulated disk, stopped before every change in every way. `JOURNAL_SEED`
//! and `JOURNAL_CRASH_STATES` change the cases.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use journal_tests::explore::{self, Outcome, explore};
use journal_tests::plain::Plain;
use journal_tests::random::{Random, from_env, seed};
use journal_tests::rigs;
use journal_tests::simdisk::{Fault, Faults, Process, SimDisk, Style};
use trace_journal::format::FileName;
use trace_journal::storage::Storage;
use trace_journal::{Journal, UserKind, WriteMode};

/// Explores workloads on two threads until so many crash states were checked.
fn run(name: &str, states: u64, has_faults: bool) {
    let (seed, begun) = (seed(), Instant::now());
    let next = AtomicU64::new(seed << 32);
    let total = Mutex::new(Outcome::default());
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let mode = match number % 2 {
                0 => WriteMode::Positioned,
                _ => WriteMode::Mapped,
            };
            let outcome = explore(explore::Plan {
                seed: number,
                mode,
                has_faults,
                bug: None,
            });
            let mut total = total.lock().unwrap();
            total.states += outcome.states;
            total.recoveries += outcome.recoveries;
            total.failure = total.failure.take().or(outcome.failure);
            if total.failure.is_some() || total.states >= states {
                return;
            }
        }
    };
    thread::scope(|scope| {
        scope.spawn(work);
        scope.spawn(work);
    });
    let total = total.into_inner().unwrap();
    rigs::counted(name, total.states, seed, begun.elapsed());
    let counts = format!("{} crashes in or after recovery", total.recoveries);
    rigs::done(name, &counts);
    assert_eq!(total.failure, None);
    assert!(total.recoveries > states / 100, "{total:?}");
}

#[test]
fn every_crash_state_keeps_every_promise() {
    run("sim", from_env("JOURNAL_CRASH_STATES", 100_000), false);
}

#[test]
fn every_crash_state_after_failing_calls_keeps_every_promise() {
    run(
        "sim-faults",
        from_env("JOURNAL_CRASH_STATES", 100_000) / 4,
        true,
    );
}

#[test]
fn one_seed_gives_the_same_run_twice() {
    for seed in 0..4 {
        let plan = explore::Plan {
            seed,
            mode: WriteMode::Mapped,
            has_faults: true,
            bug: None,
        };
        let (first, second) = (explore(plan), explore(plan));
        assert_eq!((first.states, first.trace), (second.states, second.trace));
    }
}

#[test]
fn what_a_recovery_reports_is_durable_in_sealed_segments_too() {
    for mode in [WriteMode::Positioned, WriteMode::Mapped] {
        let disk = SimDisk::new(Random::new(1));
        let first = Process::start(&disk);
        let journal = open(&first, mode);
        let kind = UserKind::new(200).unwrap();
        // Sealed and left, and never synced.
        let is_third = || journal.info().run.unwrap().segment.0 >= 3;
        let seqs: Vec<u64> = (0..100)
            .take_while(|_| !is_third())
            .map(|_| journal.append(kind, [7; 1000]).unwrap().get())
            .collect();
        let run = journal.info().run.unwrap().run;
        first.kill();
        drop(journal);
        let second = Process::start(&disk);
        let journal = open(&second, mode);
        second.kill();
        drop(journal);
        let lost = disk.after_power_loss(Random::new(2), Style::Nothing);
        let plain = Plain::of(lost.segments());
        let missing: Vec<&u64> = seqs
            .iter()
            .filter(|seq| !plain.runs.get(&run).is_some_and(|r| r.contains_key(seq)))
            .collect();
        assert!(
            missing.is_empty(),
            "{mode:?}: {missing:?} were reported and are lost"
        );
    }
}

/// A process that dies before it can leave a marker of its failed sync: what only the cache still
/// has must not be put on record as durable.
#[test]
fn a_recovery_reports_what_the_disk_has_and_not_the_cache() {
    for mode in [WriteMode::Positioned, WriteMode::Mapped] {
        let mut lost = 0;
        for number in 0..8 {
            let disk = SimDisk::new(Random::new(number));
            let first = Process::start(&disk);
            let journal = open(&first, mode);
            let kind = UserKind::new(200).unwrap();
            let run = journal.info().run.unwrap().run;
            journal.sync().unwrap();
            let seqs: Vec<u64> = (0..20)
                .map(|_| journal.append(kind, [7; 1000]).unwrap().get())
                .collect();
            disk.set_faults(Faults {
                fault: Some(Fault::Sync),
                skip: 0,
                times: 1,
            });
            journal.sync().unwrap_err();
            first.kill();
            drop(journal);
            let marker = FileName::Poisoned(run).to_string();
            Process::start(&disk).remove(&marker).unwrap();

            let second = Process::start(&disk);
            drop(open(&second, mode));
            second.kill();
            let has = |disk: &SimDisk, seq: &u64| {
                let plain = Plain::of(disk.segments());
                plain.runs.get(&run).is_some_and(|r| r.contains_key(seq))
            };
            let after = disk.after_power_loss(Random::new(2), Style::Nothing);
            let reported = seqs.iter().filter(|seq| has(&disk, seq)).count();
            let kept = seqs.iter().filter(|seq| has(&after, seq)).count();
            assert_eq!(kept, reported, "{mode:?}: reported, and not on the disk");
            lost += seqs.len() - kept;
        }
        assert!(lost > 0, "{mode:?}: the failed sync lost nothing");
    }
}

fn open(process: &Process, mode: WriteMode) -> Journal {
    let options = Journal::options().stepped().write_mode(mode);
    let options = options.segment_bytes_max(16 << 10);
    let storage = Arc::new(process.clone());
    options.storage(storage).open("/simulated").unwrap()
}

#[test]
fn one_workload_by_its_number() {
    // `JOURNAL_WORKLOAD` runs a failing workload again; its number is the seed in the message.
    let number = from_env("JOURNAL_WORKLOAD", 0);
    let mode = match number % 2 {
        0 => WriteMode::Positioned,
        _ => WriteMode::Mapped,
    };
    let outcome = explore(explore::Plan {
        seed: number,
        mode,
        has_faults: from_env("JOURNAL_FAULTS", 0) == 1,
        bug: None,
    });
    assert_eq!(outcome.failure, None);
}
