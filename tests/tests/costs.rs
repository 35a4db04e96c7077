//! Promises: many-processes, polite.
//!
//! What opening and listing cost as runs, sessions and spans add up: counted in calls and in bytes
//! of memory, never in time.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;

use journal_tests::counting_allocator::{CountingAllocator, alone, held_by_all, peak_of_all};
use journal_tests::io_ledger::Ledger;
use journal_tests::observed_storage::Operation;
use journal_tests::random::Random;
use journal_tests::requests::serve;
use journal_tests::rigs;
use journal_tests::simdisk::{Process, SimDisk};
use journal_tests::workload::kind;
use trace_journal::storage::Storage;
use trace_journal::{Journal, Reader, SpanStatus};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Numbers of runs, each twice the one before.
const COUNTS: [u64; 3] = [40, 80, 160];

/// Files that are open at once, at most, however many runs are taken on.
const OPEN_MAX: u64 = 160;

fn open(storage: Arc<dyn Storage>) -> Journal {
    let options = Journal::options().stepped().storage(storage);
    options.open("/simulated").unwrap()
}

/// A disk on which so many runs died together, each with a session of its own.
fn died_together(count: u64) -> SimDisk {
    let disk = SimDisk::new(Random::new(count));
    let mut journals = Vec::new();
    for number in 0..count {
        let journal = open(Arc::new(Process::start(&disk)));
        let session = journal.session(format!("session {number}")).start();
        session.append_raw(kind(), b"work").unwrap();
        drop(session);
        journal.sync().unwrap();
        journals.push(journal);
    }
    let after = disk.after_kill(Random::new(count));
    drop(journals);
    after
}

/// What it takes of a program that starts on this disk: calls, and listings among them.
fn calls(disk: &SimDisk, act: impl FnOnce(Arc<dyn Storage>)) -> (u64, usize) {
    let ledger = Arc::new(Ledger::default());
    act(ledger.watch(Arc::new(Process::start(disk))));
    let listings = ledger.made(Operation::List).len();
    (ledger.now(), listings)
}

fn open_and_close(storage: Arc<dyn Storage>) {
    open(storage).close().unwrap();
}

fn list(storage: Arc<dyn Storage>) {
    Reader::options().storage(storage).summaries("").unwrap();
}

/// What is twice as much takes at most twice as many calls, give or take what threads that share
/// the work do in another order, and no more listings.
fn assert_linear(what: &str, found: [(u64, usize); 3]) {
    let [(a, first), (b, second), (c, third)] = found;
    assert!(
        c - b <= (b - a) * 2 + (b - a) / 20 + 20,
        "{what}: {found:?}"
    );
    assert_eq!((first, first), (second, third), "{what}: {found:?}");
}

#[test]
fn what_it_takes_to_recover_runs_grows_with_their_number() {
    let _alone = alone();
    let found = COUNTS.map(|count| {
        let disk = died_together(count);
        let found = calls(&disk, open_and_close);
        assert!(
            disk.files_open_max() <= OPEN_MAX,
            "{}",
            disk.files_open_max()
        );
        found
    });
    assert_linear("open", found);
}

#[test]
fn what_it_takes_to_open_beside_recovered_runs_does_not_grow() {
    let _alone = alone();
    let found = COUNTS.map(|count| {
        let disk = died_together(count);
        calls(&disk, open_and_close);
        calls(&disk, open_and_close)
    });
    assert_eq!((found[0], found[0]), (found[1], found[2]), "{found:?}");
}

#[test]
fn what_it_takes_to_list_recovered_runs_grows_with_their_number() {
    let _alone = alone();
    let found = COUNTS.map(|count| {
        let disk = died_together(count);
        calls(&disk, open_and_close);
        calls(&disk, list)
    });
    assert_linear("list", found);
    // As for runs that were closed: nothing but headers, caches and ends.
    let per_run = (found[2].0 - found[1].0) / (COUNTS[2] - COUNTS[1]);
    assert!(per_run <= CALLS_PER_LISTED, "{per_run}: {found:?}");
}

/// Calls that begin and calls that end.
const CALLS_PER_LISTED: u64 = 2 * 16;

#[test]
fn what_is_recovered_is_synced_once() {
    let _alone = alone();
    let found = COUNTS.map(|count| {
        let disk = died_together(count);
        let ledger = Arc::new(Ledger::default());
        open_and_close(ledger.watch(Arc::new(Process::start(&disk))));
        u64::try_from(ledger.made(Operation::Sync).len()).unwrap()
    });
    // Each segment, and the records of as many runs as are taken on at once.
    let more = COUNTS[2] - COUNTS[1];
    assert!(found[2] - found[1] <= more + more / 16, "{found:?}");
}

#[test]
fn what_it_takes_to_open_beside_live_runs_is_a_look_at_each() {
    let _alone = alone();
    let found = COUNTS.map(|count| {
        let disk = SimDisk::new(Random::new(count));
        let others = Process::start(&disk);
        let others: Vec<_> = (0..count).map(|_| open(Arc::new(others.clone()))).collect();
        let found = calls(&disk, open_and_close);
        drop(others);
        found
    });
    assert_linear("open beside live runs", found);
    let per_run = (found[2].0 - found[1].0) / (COUNTS[2] - COUNTS[1]);
    assert!(per_run <= CALLS_PER_LIVE, "{per_run}: {found:?}");
}

/// To open its file, to try its lock and to read it: each begins and ends.
const CALLS_PER_LIVE: u64 = 2 * 3;

/// A disk with one closed run, of so many sessions with so many spans each.
fn closed(sessions: u64, spans: u64) -> SimDisk {
    let disk = SimDisk::new(Random::new(sessions + spans));
    let journal = open(Arc::new(Process::start(&disk)));
    for number in 0..sessions {
        let session = journal.session(format!("session {number}")).start();
        for _ in 0..spans {
            session.span("work").start().finish().end(SpanStatus::Ok);
        }
        drop(session);
    }
    journal.close().unwrap();
    disk
}

#[test]
fn what_it_takes_to_open_and_list_does_not_grow_with_sessions_and_spans() {
    let _alone = alone();
    for of_sessions in [true, false] {
        let made = COUNTS.map(|count| match of_sessions {
            true => closed(count, 1),
            false => closed(1, count),
        });
        let opened = made.each_ref().map(|disk| calls(disk, open_and_close));
        assert_eq!(opened[0], opened[1], "{opened:?}");
        assert_eq!(opened[1], opened[2], "{opened:?}");
        let listed = made.each_ref().map(|disk| calls(disk, list));
        assert_linear("list", listed);
        let more = (listed[2].0 - listed[1].0) / (COUNTS[2] - COUNTS[1]);
        assert_eq!(more, 0, "{listed:?}");
    }
}

/// The most memory it takes of a program that starts on this disk.
fn peak(disk: &SimDisk, act: impl FnOnce(Arc<dyn Storage>)) -> u64 {
    let storage = Arc::new(Process::start(disk));
    peak_of_all(|| act(storage)).1
}

/// What is twice as much takes less than with its square, for which this would be four times as
/// much, and so many bytes for each at most.
fn assert_memory(what: &str, found: [u64; 3], each_max: u64) {
    let [a, b, c] = found;
    let (more, before) = (c.saturating_sub(b), b.saturating_sub(a));
    let each = more / (COUNTS[2] - COUNTS[1]);
    rigs::done(
        "costs",
        &format!("{what}: {each} bytes each, at most {each_max}"),
    );
    assert!(more <= before * 3 + (64 << 10), "{what}: {found:?}");
    assert!(each <= each_max, "{what}: {each} bytes each, {found:?}");
}

/// What a list takes for each run, with all that is read of it at the same time, and session.
const LISTED_BYTES: [u64; 2] = [16 << 10, 1024];

/// What opening takes for each run it takes on: threads read their segments, the more of them the
/// more runs there are, and how many do so at the same moment is another number each time.
const RECOVERED_BYTES: u64 = 64 << 10;

/// What it takes however few there are.
const RECOVERING_BYTES: u64 = 2 << 20;

/// No more than so many bytes for each, besides some for all together.
fn assert_bounded(what: &str, found: [u64; 3], each_max: u64, besides: u64) {
    let most = COUNTS.map(|count| count * each_max + besides);
    rigs::done(
        "costs",
        &format!("{what}: {found:?} bytes, at most {most:?}"),
    );
    let is_bounded = found.iter().zip(most).all(|(found, most)| *found <= most);
    assert!(is_bounded, "{what}: {found:?}, at most {most:?}");
}

#[test]
fn memory_of_opening_and_listing_grows_with_the_runs() {
    let _alone = alone();
    let died = COUNTS.map(died_together);
    let opened = died.each_ref().map(|disk| peak(disk, open_and_close));
    let (each, besides) = (RECOVERED_BYTES, RECOVERING_BYTES);
    assert_bounded("memory of recovering runs", opened, each, besides);
    let listed = died.each_ref().map(|disk| peak(disk, list));
    assert_memory("memory of listing runs", listed, LISTED_BYTES[0]);
}

#[test]
fn memory_of_opening_and_listing_grows_with_sessions_and_not_with_spans() {
    let _alone = alone();
    for (what, each_max) in [("sessions", LISTED_BYTES[1]), ("spans", 32)] {
        let made = COUNTS.map(|count| match what {
            "sessions" => closed(count, 1),
            _ => closed(1, count),
        });
        let opened = made.each_ref().map(|disk| peak(disk, open_and_close));
        assert_memory(&format!("memory of opening beside {what}"), opened, 256);
        let listed = made.each_ref().map(|disk| peak(disk, list));
        assert_memory(&format!("memory of listing {what}"), listed, each_max);
    }
}

#[test]
fn an_oracle_of_costs_notices_what_grows_faster() {
    let _alone = alone();
    let linear = [(100, 2), (200, 2), (400, 2)];
    assert_linear("linear", linear);
    let quadratic = [(100, 2), (400, 2), (1600, 2)];
    let noticed = std::panic::catch_unwind(|| assert_linear("quadratic", quadratic));
    noticed.unwrap_err();
    let relisted = [(100, 2), (200, 4), (400, 8)];
    let noticed = std::panic::catch_unwind(|| assert_linear("listings", relisted));
    noticed.unwrap_err();
    let squares = COUNTS.map(|count| {
        let disk = died_together(2);
        let len = usize::try_from(count * count * 64).unwrap();
        peak(&disk, |_| drop(std::hint::black_box(vec![1u8; len])))
    });
    let noticed = std::panic::catch_unwind(|| assert_memory("squares", squares, u64::MAX));
    noticed.unwrap_err();
    let besides = RECOVERING_BYTES;
    let noticed =
        std::panic::catch_unwind(|| assert_bounded("more", [0, 0, 8 << 20], 32 << 10, besides));
    noticed.unwrap_err();
    let much = [0, 40 << 20, 120 << 20];
    let noticed = std::panic::catch_unwind(|| assert_memory("much", much, LISTED_BYTES[0]));
    noticed.unwrap_err();
}

#[test]
fn sessions_that_are_over_take_no_memory_of_their_run() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::options().stepped().open(dir.path()).unwrap();
    serve(&journal, 0..10_000, &mut || {}).unwrap();
    let before = held_by_all();
    serve(&journal, 10_000..50_000, &mut || {}).unwrap();
    let more = held_by_all().saturating_sub(before);
    println!("RIG sessions-without-end sessions=40000 bytes={more}");
    assert!(more < 256 << 10, "{more}");
    journal.close().unwrap();
}
