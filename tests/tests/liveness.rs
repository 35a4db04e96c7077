//! Promises: many-processes.
//!
//! Which runs are taken for alive, and which are put on record as dead, whatever locks are worth.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use journal_tests::left_behind;
use journal_tests::listing::copy;
use journal_tests::random::Random;
use journal_tests::simdisk::{Locks, Process, SimDisk, Style};
use journal_tests::workload::kind;
use trace_journal::format::FileName;
use trace_journal::report::RunState;
use trace_journal::storage::Storage;
use trace_journal::{Journal, Liveness, ReadMode, Reader, RunId};

const SESSION: &str = "session";

/// The network file system that most have.
const NFS: u64 = 0x6969;

fn disk() -> SimDisk {
    SimDisk::new(Random::new(1))
}

fn open(program: &Process) -> Journal {
    let options = Journal::options().stepped();
    let options = options.storage(Arc::new(program.clone()));
    options.open("/simulated").unwrap()
}

/// A program that has a journal open and a session in it, all of it durable.
fn working(disk: &SimDisk) -> (Process, Journal, RunId) {
    let program = Process::start(disk);
    let journal = open(&program);
    let session = journal.session(SESSION).start();
    session.append_raw(kind(), b"work").unwrap();
    journal.sync().unwrap();
    let run = journal.info().run.unwrap().run;
    (program, journal, run)
}

/// How the session and its run look to somebody else.
fn look(disk: &SimDisk, run: RunId) -> (Liveness, RunState) {
    let reader = Reader::of_storage(Arc::new(Process::start(disk)), ReadMode::Salvage).unwrap();
    let liveness = reader.snapshot(SESSION).unwrap().liveness();
    let report = reader.report();
    let found = report.runs.iter().find(|found| found.run == run).unwrap();
    (liveness, found.state)
}

/// Opens the journal elsewhere, and gives what that recovered.
fn recover(disk: &SimDisk) -> Vec<RunId> {
    let journal = open(&Process::start(disk));
    let recovered = journal.recovery().runs().to_vec();
    journal.close().unwrap();
    recovered
}

#[test]
fn a_process_that_was_forked_keeps_no_run_alive_and_none_from_being_recovered_later() {
    let disk = disk();
    let (program, journal, run) = working(&disk);
    let forked = program.fork();
    assert_eq!(look(&disk, run), (Liveness::Live, RunState::Live));
    program.kill();
    drop(journal);
    assert_eq!(look(&disk, run), (Liveness::Orphaned, RunState::Crashed));
    assert_eq!(recover(&disk), []);
    drop(forked);
    assert_eq!(look(&disk, run), (Liveness::Dead, RunState::Crashed));
    assert_eq!(recover(&disk), [run]);
    assert_eq!(recover(&disk), []);
}

#[test]
fn a_run_that_said_it_is_over_is_dead_though_its_lock_is_held() {
    let disk = disk();
    let (program, journal, run) = working(&disk);
    let forked = program.fork();
    let panicked = std::thread::spawn(move || {
        let _journal = journal;
        panic!("the program is about to die of it");
    });
    panicked.join().unwrap_err();
    assert_eq!(look(&disk, run), (Liveness::Orphaned, RunState::Crashed));
    drop(forked);
    assert_eq!(recover(&disk), [run]);
}

#[test]
fn where_locks_do_not_tell_no_run_is_put_on_record_that_may_be_alive() {
    for (locks, file_system) in [
        (Locks::None, 0),
        (Locks::Blind, 0),
        (Locks::Own, NFS),
        (Locks::Blind, NFS),
        (Locks::Nfs, NFS),
    ] {
        let disk = disk();
        disk.set_locks(locks);
        disk.set_file_system(file_system);
        let (program, journal, run) = working(&disk);
        let unknown = (Liveness::Unknown, RunState::Unknown);
        assert_eq!(look(&disk, run), unknown, "{locks:?}");
        assert_eq!(recover(&disk), [], "{locks:?}");
        // It goes on, unharmed.
        let kind = kind();
        journal.append_raw(kind, b"more").unwrap();
        journal.sync().unwrap();
        program.kill();
        drop(journal);
        let is_told = locks == Locks::Blind && file_system == 0;
        let recovered: &[RunId] = if is_told { &[run] } else { &[] };
        assert_eq!(recover(&disk), recovered, "{locks:?}");
    }
}

#[test]
fn locks_as_nfs_has_them_are_enough_where_the_file_system_is_no_network_one() {
    let disk = disk();
    disk.set_locks(Locks::Nfs);
    let (program, journal, run) = working(&disk);
    assert_eq!(look(&disk, run), (Liveness::Live, RunState::Live));
    assert_eq!(recover(&disk), []);
    program.kill();
    drop(journal);
    assert_eq!(recover(&disk), [run]);
}

#[test]
fn a_run_whose_run_file_was_removed_is_left_alone_while_its_process_lives() {
    let disk = disk();
    let (program, journal, run) = working(&disk);
    let name = FileName::Run(run).to_string();
    Process::start(&disk).remove(&name).unwrap();
    let unverified = (Liveness::Unverified, RunState::Unknown);
    assert_eq!(look(&disk, run), unverified);
    let other = open(&Process::start(&disk));
    assert_eq!(other.recovery().runs(), []);
    other.close().unwrap();
    // The next sync notices.
    let kind = kind();
    journal.append_raw(kind, b"more").unwrap();
    journal.sync().unwrap();
    assert!(disk.names().contains(&name), "{:?}", disk.names());
    assert_eq!(look(&disk, run), (Liveness::Live, RunState::Live));
    Process::start(&disk).remove(&name).unwrap();
    program.kill();
    drop(journal);
    assert_eq!(look(&disk, run), (Liveness::Dead, RunState::Crashed));
    assert_eq!(recover(&disk), [run]);
}

#[test]
fn after_power_loss_a_run_is_dead_with_and_without_its_file() {
    for seed in 0..8 {
        for style in [Style::Nothing, Style::Everything, Style::Some] {
            let disk = disk();
            let (_program, _journal, run) = working(&disk);
            let found = disk.after_power_loss(Random::new(seed), style);
            assert_eq!(look(&found, run), (Liveness::Dead, RunState::Crashed));
            assert_eq!(recover(&found), [run], "{style:?}");
        }
    }
}

#[test]
fn a_copy_of_a_live_journal_says_nothing_of_its_process() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path()).unwrap();
    journal.session(SESSION).start();
    journal.sync().unwrap();
    let copy = copy(dir.path());
    let liveness = |dir: &Path| {
        let reader = Reader::open(dir).unwrap();
        reader.snapshot(SESSION).unwrap().liveness()
    };
    assert_eq!(liveness(dir.path()), Liveness::Live);
    assert_eq!(liveness(copy.path()), Liveness::Unverified);
    let other = Journal::open(copy.path()).unwrap();
    assert_eq!(other.recovery().runs(), []);
    other.close().unwrap();
    journal.close().unwrap();
}

/// All that there is to know of the segments of a journal: names, bytes, lengths, space, times.
fn segments(dir: &Path) -> Vec<(String, Vec<u8>, [i64; 6])> {
    let names = fs::read_dir(dir)
        .unwrap()
        .map(|found| found.unwrap().path());
    let mut segments: Vec<_> = names
        .filter(|path| path.extension().is_some_and(|extension| extension == "seg"))
        .map(|path| {
            let facts = fs::metadata(&path).unwrap();
            let counts = [facts.len(), facts.blocks()].map(u64::cast_signed);
            let [modified, changed] = [facts.mtime(), facts.ctime()];
            let parts = [facts.mtime_nsec(), facts.ctime_nsec()];
            let facts = [counts[0], counts[1], modified, parts[0], changed, parts[1]];
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read(&path).unwrap(), facts)
        })
        .collect();
    segments.sort();
    segments
}

#[test]
fn recovering_a_run_changes_nothing_of_its_segments() {
    // In one segment, in several, and with one that was made ahead.
    for records in [1, 2_000, 20_000] {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(dir.path()).unwrap();
        let session = journal.session(SESSION).start();
        for _ in 0..records {
            session.append_raw(kind(), [7; 100]).unwrap();
        }
        journal.sync().unwrap();
        let run = journal.info().run.unwrap().run;
        let left = left_behind::copy(dir.path()).unwrap();
        // What is not written yet takes no definite space.
        for found in fs::read_dir(left.path()).unwrap() {
            File::open(found.unwrap().path())
                .unwrap()
                .sync_all()
                .unwrap();
        }
        let before = segments(left.path());
        let later = Journal::open(left.path()).unwrap();
        assert_eq!(later.recovery().runs(), [run]);
        later.close().unwrap();
        let after = segments(left.path());
        let of_run =
            |found: &(String, Vec<u8>, [i64; 6])| before.iter().any(|segment| segment.0 == found.0);
        let after: Vec<_> = after.into_iter().filter(of_run).collect();
        assert!(after == before, "{records}");
        journal.close().unwrap();
    }
}
