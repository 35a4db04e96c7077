//! Promises: durable, unwaited, killed, poisoned, hands-off, damage, hostile, disk-full, clock.
//!
//! Random workloads on a simulated disk, stopped before every change in every way; then files rot.
//! `JOURNAL_SEED` and `JOURNAL_CRASH_STATES` change the cases.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::env;
use std::sync::Arc;
use std::time::Duration;

use journal_tests::explore::{
    Campaign, Case, CrashPoint, Plan, Way, explore, explore_case, shrink,
};
use journal_tests::oracle::Scans;
use journal_tests::random::{Random, from_env, seed};
use journal_tests::rigs::{self, Budget};
use journal_tests::simdisk::{Fault, Faults, Process, SimDisk, Style};
use journal_tests::workload::kind;
use trace_journal::format::FileName;
use trace_journal::storage::Storage;
use trace_journal::{Journal, WriteMode};

/// Explores workloads on two threads until so many distinct crash states were checked, within a
/// time in which half of them are certain.
fn run(name: &str, states: u64, has_faults: bool) {
    let campaign = Campaign {
        seed: seed(),
        states,
        has_faults,
        threads: 2,
        failures_max: 1,
    };
    let limit = Duration::from_micros(states.saturating_mul(450)) + Duration::from_secs(30);
    let budget = Budget::new(name, limit, states / 2);
    let found = campaign.run(&budget);
    let count = found.total().total();
    rigs::done(name, &format!("\n{}", found.tables()));
    if let Some(wrong) = found.failures.first().and_then(|plan| shrink(*plan)) {
        panic!("{wrong}");
    }
    budget.done(count.distinct, seed());
    assert!(count.recoveries > count.distinct / 100, "{count:?}");
}

#[test]
fn every_crash_state_keeps_every_promise() {
    run("sim", from_env("JOURNAL_CRASH_STATES", 80_000), false);
}

#[test]
fn every_crash_state_after_failing_calls_keeps_every_promise() {
    let states = from_env("JOURNAL_CRASH_STATES", 80_000);
    run("sim-faults", states / 4, true);
}

#[test]
fn names_moved_or_removed_make_no_durable_answer_false() {
    // Without crashes there are many in no time.
    let nowhere = CrashPoint {
        step: u64::MAX,
        change: 0,
        way: Way::Kill,
    };
    let budget = Budget::new("sim-names", Duration::from_secs(5), 50);
    let cases = meddled(&budget, 400, &mut |plan| {
        let case = Case {
            crash: Some(nowhere),
            ..Case::of(plan)
        };
        explore_case(&case).failure.and_then(|_| shrink(plan))
    });
    budget.done(cases, seed());
    let budget = Budget::new("sim-names-crashes", Duration::from_secs(5), 1);
    let cases = meddled(&budget, 64, &mut shrink);
    budget.done(cases, seed());
}

/// Runs workloads in whose directory somebody else meddles.
fn meddled(budget: &Budget, most: usize, run: &mut dyn FnMut(Plan) -> Option<String>) -> u64 {
    let mut cases = 0;
    for number in (seed() << 32..).take(most) {
        if budget.is_over() {
            break;
        }
        let plan = Plan {
            has_meddlers: true,
            ..Plan::numbered(number, false)
        };
        if let Some(wrong) = run(plan) {
            panic!("{wrong}");
        }
        cases += 1;
    }
    cases
}

#[test]
fn one_seed_gives_the_same_run_twice() {
    for seed in 0..4 {
        let plan = Plan {
            mode: WriteMode::Mapped,
            ..Plan::numbered(seed, true)
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
        let kind = kind();
        // Sealed and left, and never synced.
        let is_third = || journal.info().run.unwrap().segment.get() >= 3;
        let seqs: Vec<u64> = (0..100)
            .take_while(|_| !is_third())
            .map(|_| journal.append_raw(kind, [7; 1000]).unwrap().get())
            .collect();
        let run = journal.info().run.unwrap().run;
        first.kill();
        drop(journal);
        let second = Process::start(&disk);
        let journal = open(&second, mode);
        second.kill();
        drop(journal);
        let lost = disk.after_power_loss(Random::new(2), Style::Nothing);
        let plain = Scans::default().plain(lost.segments());
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
            // In a large segment the search for its end drops other parts of the cache than the
            // reading back of what is not proved.
            let (segment_len, filled) = match number {
                0..6 => (16 << 10, 0),
                _ => (4 << 20, 52),
            };
            let journal = open_with(&first, mode, segment_len);
            let kind = kind();
            let run = journal.info().run.unwrap().run;
            // With marks that prove these durable, only what is behind has to be looked at.
            for _ in 0..filled {
                journal.append_raw(kind, [5; 64 << 10]).unwrap();
            }
            for _ in 0..number {
                journal.append_raw(kind, [6; 300]).unwrap();
                journal.sync().unwrap();
            }
            let seqs: Vec<u64> = (0..20)
                .map(|_| journal.append_raw(kind, [7; 1000]).unwrap().get())
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
                let plain = Scans::default().plain(disk.segments());
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

/// Under load not all that may be stored into is made so anew after each sync; what the sync took
/// away has to be.
#[test]
fn a_page_where_a_large_sync_ended_is_made_writable_again() {
    let disk = SimDisk::new(Random::new(1));
    let process = Process::start(&disk);
    let journal = open_with(&process, WriteMode::Mapped, 8 << 20);
    let kind = kind();
    for len in [300, 1000, 4000] {
        for _ in 0..4 {
            for _ in 0..(256 << 10) / len {
                journal.append_raw(kind, vec![1; len]).unwrap();
            }
            journal.sync().unwrap();
            journal
                .append_raw(kind, b"into the page where it ended")
                .unwrap();
        }
    }
    journal.close().unwrap();
    assert_eq!(disk.foul(), None);
}

fn open(process: &Process, mode: WriteMode) -> Journal {
    open_with(process, mode, 16 << 10)
}

fn open_with(process: &Process, mode: WriteMode, segment_len: u64) -> Journal {
    let options = Journal::options().stepped().shared(false).write_mode(mode);
    let options = options.segment_bytes_max(segment_len);
    let storage = Arc::new(process.clone());
    options.storage(storage).open("/simulated").unwrap()
}

#[test]
fn replay_of_one_case() {
    // `JOURNAL_CASE` runs a failing workload again, or what is left of it, as its message says.
    let text = env::var("JOURNAL_CASE").unwrap_or("0/positioned/none".into());
    let outcome = explore_case(&text.parse::<Case>().unwrap());
    assert_eq!(outcome.failure, None);
}

#[test]
fn replay_of_one_workload() {
    // `JOURNAL_WORKLOAD` runs a workload again and says what it needs to fail.
    let number = from_env("JOURNAL_WORKLOAD", 0);
    let plan = Plan::numbered(number, from_env("JOURNAL_FAULTS", 0) == 1);
    if let Some(wrong) = shrink(plan) {
        panic!("{wrong}");
    }
}
