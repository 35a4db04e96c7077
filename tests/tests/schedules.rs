//! Promises: durable, poisoned, killed, polite.
//!
//! A journal with its own threads and those of its callers, run in many orders that a seed
//! decides, on a simulated disk that loses power in between. No wait there ends by its time, so
//! nobody may be left asleep. Run with
//! `RUSTFLAGS="--cfg shuttle" cargo test -p journal-tests --test schedules`;
//! `JOURNAL_SCHEDULES` is the number of orders, `JOURNAL_SEED` chooses them.

#![cfg(shuttle)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use journal_tests::oracle::Scans;
use journal_tests::random::{Random, from_env, seed};
use journal_tests::reference_reader::ReferenceJournal;
use journal_tests::rigs::Budget;
use journal_tests::simdisk::{Fault, Faults, Process, SimDisk, Style};
use journal_tests::workload::Sent;
use shuttle::rand::{Rng, thread_rng};
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, MaxSteps, Runner, future, thread};
use trace_journal::{Error, Journal, JournalOptions, OnBacklog, RunId, Seq, WriteMode};

/// What one scene of threads is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum About {
    /// Threads append and wait until it is durable.
    Waiting,
    /// They append more than may wait to become durable.
    Backlog,
    /// One of them closes the journal.
    Closing,
    /// A sync fails.
    Poison,
    /// The disk is full for a while.
    Full,
}

/// What was acknowledged.
#[derive(Default)]
struct Ledger {
    written: BTreeMap<u64, Vec<u8>>,
    durable: u64,
}

/// Threads that share a journal.
struct Scene {
    about: About,
    disk: SimDisk,
    journal: Journal,
    run: RunId,
    // Never held while another thread may run.
    ledger: Mutex<Ledger>,
}

impl Scene {
    fn new(about: About, mode: WriteMode) -> Scene {
        let disk = SimDisk::new(Random::new(thread_rng().r#gen()));
        let watched = disk.watched(Arc::new(|_| thread::yield_now()));
        let storage = Arc::new(Process::start(&watched));
        let options = options(about, mode).storage(storage);
        let journal = options.open("/simulated").unwrap();
        let fault = match about {
            About::Poison => Some((Fault::Sync, 4)),
            About::Full => Some((Fault::Full, 12)),
            _ => None,
        };
        if let Some((fault, skip_max)) = fault {
            disk.set_faults(Faults {
                fault: Some(fault),
                skip: thread_rng().gen_range(0..skip_max),
                times: 1,
            });
        }
        let run = journal.info().run.unwrap().run;
        Scene {
            about,
            disk,
            journal,
            run,
            ledger: Mutex::default(),
        }
    }

    /// What each thread does.
    fn append(&self, thread: u8) {
        for counter in 0..RECORDS {
            let Some(seq) = self.append_one(thread, counter) else {
                match self.about {
                    About::Full => continue,
                    _ => return,
                }
            };
            let waited = match counter % 3 {
                0 => Some(self.journal.wait_durable(seq)),
                1 => Some(future::block_on(self.journal.when_durable(seq))),
                _ => None,
            };
            match waited {
                Some(Ok(())) => self.is_durable(seq),
                Some(Err(error)) => self.may_fail(&error),
                None => {}
            }
        }
        match self.journal.sync() {
            Ok(seq) => self.is_durable(seq),
            Err(error) => self.may_fail(&error),
        }
    }

    fn append_one(&self, thread: u8, counter: u64) -> Option<Seq> {
        let sent = Sent {
            writer: 1,
            thread,
            counter,
        };
        let payload = sent.payload_of(if counter == 1 { 5000 } else { 90 });
        match self.journal.append_raw(sent.kind(), &payload) {
            Ok(seq) => {
                let before = self
                    .ledger
                    .lock()
                    .unwrap()
                    .written
                    .insert(seq.get(), payload);
                assert_eq!(before, None, "number {seq} twice");
                Some(seq)
            }
            Err(error) => {
                self.may_fail(&error);
                None
            }
        }
    }

    fn is_durable(&self, seq: Seq) {
        let mut ledger = self.ledger.lock().unwrap();
        ledger.durable = ledger.durable.max(seq.get());
    }

    fn may_fail(&self, error: &Error) {
        let is_due = match self.about {
            About::Waiting | About::Backlog => false,
            About::Closing => matches!(error, Error::Closed),
            // The sync that fails may be one of the next segment, which is given up and made anew
            // after a pause.
            About::Poison => {
                let is_of_next =
                    matches!(error, Error::Io { operation, .. } if *operation == "prepare");
                is_of_next || matches!(error, Error::Poisoned { .. })
            }
            About::Full => matches!(error, Error::DiskFull { .. }),
        };
        assert!(is_due, "{:?}: {error}", self.about);
    }

    /// Power is lost now: what was told durable is there, and of the rest nothing else.
    fn lose_power(&self) {
        let style = [Style::Nothing, Style::Some, Style::Torn][thread_rng().gen_range(0..3)];
        let random = Random::new(thread_rng().r#gen());
        let found = self.disk.after_power_loss(random, style);
        let plain = plain_of(&found);
        let ledger = self.ledger.lock().unwrap();
        let there = self.own(&plain);
        for (seq, payload) in ledger.written.range(..=ledger.durable) {
            let found = there.get(seq) == Some(&payload);
            assert!(found, "number {seq} was told durable");
        }
        for (seq, payload) in &ledger.written {
            let is_other = there.get(seq).is_some_and(|found| *found != payload);
            assert!(!is_other, "number {seq} is another record");
        }
    }

    /// All threads are over.
    fn finish(&self) {
        match self.journal.close() {
            Ok(()) => {
                let mut ledger = self.ledger.lock().unwrap();
                ledger.durable = ledger.written.keys().last().copied().unwrap_or(0);
            }
            Err(error) => self.may_fail(&error),
        }
        self.lose_power();
        // A sync may overtake a store whose room was taken before it: what that asks of a copy
        // that shares the page is among the assumptions.
        let foul = self.disk.foul();
        let foul = foul.filter(|foul| !foul.starts_with("a store into page"));
        assert_eq!(foul, None);
        // A kill now: written is written, whatever became of the syncs.
        let plain = plain_of(&self.disk);
        let ledger = self.ledger.lock().unwrap();
        let there = self.own(&plain);
        for (seq, payload) in &ledger.written {
            assert!(there.get(seq) == Some(&payload), "number {seq} was written");
        }
    }

    /// Payloads of the threads' records, which are all different: none may be there twice.
    ///
    /// What plain reading takes for a number far behind is one whose low bits come again: those of
    /// a seal that is there though writing it failed.
    fn own<'a>(&self, plain: &'a ReferenceJournal) -> BTreeMap<u64, &'a Vec<u8>> {
        let records = plain.runs.get(&self.run).into_iter().flatten();
        let own: Vec<_> = records
            .filter(|(_, record)| Sent::thread_of(record.kind).is_some())
            .map(|(seq, record)| (seq & u64::from(u32::MAX), &record.payload))
            .collect();
        let payloads: BTreeSet<_> = own.iter().map(|(_, payload)| payload).collect();
        assert_eq!(payloads.len(), own.len(), "a record is there twice");
        let count = own.len();
        let by_number: BTreeMap<_, _> = own.into_iter().collect();
        assert_eq!(by_number.len(), count, "two records have one number");
        by_number
    }
}

/// What the disk holds, read the plain way.
fn plain_of(disk: &SimDisk) -> ReferenceJournal {
    Scans::default().plain(disk.segments())
}

fn options(about: About, mode: WriteMode) -> JournalOptions {
    // A table that outlives an order would take what is the checker's along.
    let options = Journal::options().write_mode(mode).shared(false);
    let options = options.segment_bytes_max(16 << 10);
    match about {
        About::Backlog => options
            .backlog_bytes_max(6000)
            .on_backlog(OnBacklog::Wait(Duration::from_secs(3600))),
        _ => options,
    }
}

fn play(about: About, mode: WriteMode) {
    let scene = Arc::new(Scene::new(about, mode));
    let append = |thread| {
        let scene = Arc::clone(&scene);
        thread::spawn(move || scene.append(thread))
    };
    let mut threads: Vec<_> = (0..2).map(append).collect();
    let observer = Arc::clone(&scene);
    threads.push(thread::spawn(move || {
        for _ in 0..thread_rng().gen_range(0..200) {
            thread::yield_now();
        }
        observer.lose_power();
        if about == About::Closing {
            match observer.journal.close() {
                Ok(()) => {}
                Err(error) => observer.may_fail(&error),
            }
        }
    }));
    for thread in threads {
        thread.join().unwrap();
    }
    scene.finish();
}

/// Runs a scene in its share of the orders, half of them with few changes of thread.
fn explore(name: &str, about: About) {
    let wished = from_env("JOURNAL_SCHEDULES", 400);
    let budget = Budget::new(&format!("schedules-{name}"), LIMIT, wished.min(LEAST));
    let mut done = 0;
    for mode in [WriteMode::Mapped, WriteMode::Positioned] {
        let quarter = usize::try_from(wished.div_ceil(4)).unwrap();
        let random = RandomScheduler::new_from_seed(seed(), quarter);
        done += run(random, about, mode);
        let few_changes = PctScheduler::new_from_seed(seed(), 3, quarter);
        done += run(few_changes, about, mode);
    }
    budget.done(u64::try_from(done).unwrap(), seed());
}

fn run(scheduler: impl Scheduler + 'static, about: About, mode: WriteMode) -> usize {
    let mut config = Config::new();
    config.stack_size = 1 << 20;
    config.max_steps = MaxSteps::FailAfter(200_000);
    config.max_time = Some(LIMIT / 4);
    Runner::new(scheduler, config).run(move || play(about, mode))
}

#[test]
fn waiters_for_durability_are_woken_and_told_what_is_durable() {
    explore("waiting", About::Waiting);
}

#[test]
fn appenders_that_wait_for_the_backlog_are_woken() {
    explore("backlog", About::Backlog);
}

#[test]
fn closing_during_appends_and_waits_loses_nothing_and_wakes_all() {
    explore("closing", About::Closing);
}

#[test]
fn a_failed_sync_wakes_all_waiters_and_calls_nothing_durable() {
    explore("poison", About::Poison);
}

#[test]
fn a_full_disk_refuses_records_and_writes_each_of_the_others_once() {
    explore("full", About::Full);
}

const RECORDS: u64 = 5;

/// All orders of one scene together take at most this long.
const LIMIT: Duration = Duration::from_secs(40);

/// Fewer orders of one scene are no proof.
const LEAST: u64 = 100;
