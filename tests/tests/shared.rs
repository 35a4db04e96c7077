//! Promises: many-processes, killed, poisoned, polite.
//!
//! Openings of one directory in one process: they share one run, each is closed by itself, and the
//! last one closes it. A worker that is started again goes on with its sessions.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Duration;

use journal_tests::io_ledger::{EIO, Failure, Ledger};
use journal_tests::observed_storage::Operation;
use journal_tests::workload::kind;
use tempfile::TempDir;
use trace_journal::report::RunState;
use trace_journal::storage::{DiskStorage, Storage};
use trace_journal::{Error, Journal, JournalOptions, Reader, RunId, SessionStatus, SpanStatus};

fn dir() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn open(dir: &Path) -> Journal {
    Journal::open(dir).unwrap()
}

fn run_of(journal: &Journal) -> RunId {
    journal.info().run.unwrap().run
}

/// The runs there are, as their first segments name them.
fn runs(dir: &Path) -> BTreeSet<String> {
    let names = fs::read_dir(dir).unwrap();
    let names = names.map(|found| found.unwrap().file_name().into_string().unwrap());
    let segments = names.filter(|name| name.ends_with(".seg"));
    segments.map(|name| name[..25].to_owned()).collect()
}

fn status(dir: &Path, session: &str) -> SessionStatus {
    let reader = Reader::open(dir).unwrap();
    reader.snapshot(session).unwrap().status()
}

#[test]
fn openings_share_a_run_whatever_the_path_and_each_is_closed_by_itself() {
    let dir = dir();
    let link = dir.path().join("link");
    let place = dir.path().join("journal");
    let first = open(&place);
    std::os::unix::fs::symlink(&place, &link).unwrap();
    let second = open(&link);
    let best_effort = Journal::options().open_best_effort(place.join("../journal"));
    assert_eq!(run_of(&first), run_of(&second));
    assert_eq!(run_of(&first), run_of(&best_effort));
    let session = first.session("s").start();
    let held = second.session_by_id("s");
    first.close().unwrap();
    let refused = [
        first.append_raw(kind(), b"late").unwrap_err(),
        session.append_raw(kind(), b"late").unwrap_err(),
        session.set("title", "late").result().unwrap_err(),
    ];
    let codes = refused.map(|error| error.to_string());
    assert!(
        codes.iter().all(|text| text.contains("closed")),
        "{codes:?}"
    );
    assert!(first.info().run.unwrap().is_closed);
    assert!(!second.info().run.unwrap().is_closed);
    let last = held.end().result().unwrap();
    second.wait_durable(last).unwrap();
    // What a closed opening wrote can still be asked for.
    first.wait_durable(last).unwrap();
    drop(second);
    assert_eq!(
        best_effort.append_raw(kind(), b"goes on").unwrap(),
        last.next()
    );
    best_effort.close().unwrap();
    assert_eq!(first.close().map_err(|error| error.code()), Ok(()));
    assert_eq!(runs(&place).len(), 1);
    assert_eq!(status(&place, "s"), SessionStatus::Completed);
    let report = Reader::open(&place).unwrap().report();
    assert_eq!(report.runs[0].state, RunState::Closed);
}

#[test]
fn unshared_openings_have_runs_of_their_own() {
    let dir = dir();
    let first = open(dir.path());
    let second = Journal::options().shared(false).open(dir.path()).unwrap();
    assert_ne!(run_of(&first), run_of(&second));
    // Nobody finds it, either.
    drop(first);
    let third = open(dir.path());
    assert_ne!(run_of(&third), run_of(&second));
}

#[test]
fn a_worker_that_is_started_again_goes_on_with_its_session_and_ends_it() {
    let dir = dir();
    let host = open(dir.path());
    let work = |is_first: bool| {
        let journal = open(dir.path());
        if is_first {
            journal.session("s").start();
        }
        let session = journal.session_by_id("s");
        let before = host.info().run.unwrap().written;
        assert_eq!(session.started(), None);
        assert_eq!(host.info().run.unwrap().written, before, "it is recorded");
        session.span("step").start_detached().end(SpanStatus::Ok);
        if !is_first {
            session.end().result().unwrap();
        }
    };
    thread::scope(|scope| scope.spawn(|| work(true)).join().unwrap());
    thread::scope(|scope| scope.spawn(|| work(false)).join().unwrap());
    host.close().unwrap();
    let snapshot = Reader::open(dir.path()).unwrap().snapshot("s").unwrap();
    assert_eq!(snapshot.status(), SessionStatus::Completed);
    assert_eq!((snapshot.spans().len(), runs(dir.path()).len()), (3, 1));
}

#[test]
fn later_options_are_the_same_or_left_out_and_hooks_are_the_first_ones() {
    let dir = dir();
    let told = Arc::new(Mutex::new(Vec::new()));
    let hook = |name: &'static str| {
        let told = Arc::clone(&told);
        move |_: &mut trace_journal::Event<'_>| told.lock().unwrap().push(name)
    };
    let interval = Duration::from_millis(20);
    let options = || Journal::options().sync_interval(interval);
    let first = options().redact(hook("first")).open(dir.path()).unwrap();
    let same = options().redact(hook("second")).open(dir.path()).unwrap();
    same.session("s").start();
    assert_eq!(*told.lock().unwrap(), ["first"]);
    type Set = fn(JournalOptions) -> JournalOptions;
    let others: [(&str, Set); 4] = [
        ("sync_interval", |o| o.sync_interval(Duration::from_secs(1))),
        ("sync_bytes", |o| o.sync_bytes(1)),
        ("program", |o| o.program("other", "1")),
        ("backlog_bytes_max", |o| o.backlog_bytes_max(7)),
    ];
    for (option, set) in others {
        let error = set(Journal::options()).open(dir.path()).unwrap_err();
        assert!(matches!(&error, Error::InvalidOption { option: it, .. } if *it == option));
        let disabled = set(Journal::options()).open_best_effort(dir.path());
        let refused = disabled.append_raw(kind(), b"nowhere").unwrap_err();
        assert_eq!(refused.code(), "disabled");
        assert!(disabled.info().errors.contains(&("invalid-option", 1)));
    }
    drop((first, same));
    // Nothing is left of them.
    Journal::options().sync_bytes(1).open(dir.path()).unwrap();
    assert_eq!(runs(dir.path()).len(), 2);
}

#[test]
fn a_directory_that_took_anothers_place_has_a_run_of_its_own() {
    let dir = dir();
    let (place, moved) = (dir.path().join("journal"), dir.path().join("moved"));
    let first = open(&place);
    fs::rename(&place, &moved).unwrap();
    let second = open(&place);
    assert_ne!(run_of(&first), run_of(&second));
    let third = open(&moved);
    assert_eq!(run_of(&first), run_of(&third));
    first.append_raw(kind(), b"to where it is").unwrap();
    drop((first, second, third));
    assert_eq!((runs(&place).len(), runs(&moved).len()), (1, 1));
}

#[test]
fn every_opening_is_told_what_the_first_one_found() {
    let dir = dir();
    let dead = Journal::options().shared(false).open(dir.path()).unwrap();
    dead.session("s").start();
    dead.leave(Duration::from_secs(60)).unwrap();
    let first = open(dir.path());
    let found = first.recovery().runs().to_vec();
    assert_eq!(found.len(), 1);
    let second = open(dir.path());
    drop(first);
    assert_eq!(second.recovery().runs(), found);
    assert_eq!(second.recovery().session_ids().unwrap(), ["s"]);
    drop(second);
    assert!(open(dir.path()).recovery().runs().is_empty());
}

#[test]
fn openings_and_closings_that_race_leave_no_run_beside_another() {
    for _ in 0..12 {
        let dir = dir();
        let workers = 4;
        let start = Barrier::new(workers);
        thread::scope(|scope| {
            for worker in 0..workers {
                let (start, dir) = (&start, dir.path());
                scope.spawn(move || {
                    start.wait();
                    for _ in 0..3 {
                        let journal = open(dir);
                        let id = format!("{worker}");
                        journal
                            .session_by_id(id)
                            .set("title", "t")
                            .result()
                            .unwrap();
                        match worker % 2 {
                            0 => journal.close().unwrap(),
                            _ => drop(journal),
                        }
                    }
                });
            }
        });
        let report = Reader::open(dir.path()).unwrap().report();
        assert_eq!(report.runs.len(), runs(dir.path()).len());
        assert!(report.runs.iter().all(|run| run.state == RunState::Closed));
        let mut generations: Vec<_> = report.runs.iter().map(|run| run.run.generation()).collect();
        generations.sort_unstable();
        generations.dedup();
        assert_eq!(generations.len(), report.runs.len(), "two at one time");
    }
}

#[test]
fn an_opening_while_the_last_one_is_closed_waits_and_its_run_follows() {
    let dir = dir();
    for number in 0..12 {
        let id = format!("{number}");
        let first = open(dir.path());
        first.session(id.as_str()).start();
        thread::scope(|scope| {
            scope.spawn(move || drop(first));
            let next = open(dir.path());
            next.session_by_id(id.as_str()).end().result().unwrap();
        });
        assert_eq!(
            status(dir.path(), &id),
            SessionStatus::Completed,
            "{number}"
        );
    }
}

/// A disk whose next sync fails.
fn failing(dir: &Path) -> (Arc<Ledger>, Arc<dyn Storage>) {
    let ledger = Arc::<Ledger>::default();
    let storage = ledger.watch(Arc::new(DiskStorage::create(dir).unwrap()));
    (ledger, storage)
}

fn next_sync() -> Failure {
    Failure::next(Operation::Sync, ".seg", EIO)
}

#[test]
fn a_run_that_failed_is_shared_only_by_those_that_go_on() {
    let dir = dir();
    let (ledger, storage) = failing(dir.path());
    let options = || Journal::options().storage(Arc::clone(&storage));
    let strict = options().open(dir.path()).unwrap();
    let again = options().open(dir.path()).unwrap();
    ledger.fail(next_sync());
    strict.append_raw(kind(), b"lost").unwrap();
    assert_eq!(strict.sync().unwrap_err().code(), "poisoned");
    assert_eq!(
        again.append_raw(kind(), b"x").unwrap_err().code(),
        "poisoned"
    );
    let next = options().open(dir.path()).unwrap();
    assert_ne!(run_of(&strict), run_of(&next));
    assert_eq!(
        strict.append_raw(kind(), b"x").unwrap_err().code(),
        "poisoned"
    );
    assert_eq!(strict.close().unwrap_err().code(), "poisoned");
    assert_eq!(again.close().unwrap_err().code(), "poisoned");
    next.append_raw(kind(), b"goes on").unwrap();

    let goes_on = options().open_best_effort(dir.path());
    assert_eq!(run_of(&goes_on), run_of(&next));
    ledger.fail(next_sync());
    let lost = next.append_raw(kind(), b"lost").unwrap();
    assert_eq!(next.sync().unwrap_err().code(), "poisoned");
    // The next opening needs one that works.
    let third = options().open(dir.path()).unwrap();
    let seq = third.append_raw(kind(), b"in the third run").unwrap();
    third.wait_durable(seq).unwrap();
    assert!(goes_on.append_raw(kind(), b"there, too").unwrap() > seq);
    assert_eq!(run_of(&goes_on), run_of(&third));
    for refused in [
        next.append_raw(kind(), b"x"),
        next.wait_durable(lost).map(|()| lost),
    ] {
        assert_eq!(refused.unwrap_err().code(), "poisoned");
    }
    assert!(seq.to_bits() > lost.to_bits());
    drop((next, third, goes_on));
}
