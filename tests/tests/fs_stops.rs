//! Promises: polite, poisoned.
//!
//! A file system stops while four threads append without a pause, as after an error of its device:
//! the process lives, and every thread is told.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use journal_tests::isolated::{Needs, apart};
use journal_tests::loopfs::{Disk, Made, run};
use journal_tests::modes::modes;
use journal_tests::random::{Random, seed};
use journal_tests::rigs;
use trace_journal::{Item, Reader, Seq, WriteMode};

const STOPS: &str = env!("CARGO_BIN_EXE_journal-stops");

fn needs(rig: &str) -> Needs<'_> {
    Needs {
        rig,
        programs: &["mkfs.ext4", "mkfs.xfs", "xfs_io"],
        devices: &[],
        limit: Duration::from_secs(300),
    }
}

/// How a file system stops.
#[derive(Clone, Copy, Debug)]
enum Stop {
    /// It finds an error in itself: ext4 can only be read from then on.
    Error,
    /// It takes nothing and gives nothing any more.
    Shutdown,
}

fn stop(disk: &Disk, how: Stop) {
    match how {
        Stop::Error => disk.fail(),
        Stop::Shutdown => {
            let shutdown = ["-x", "-c", "shutdown"];
            run(Command::new("xfs_io").args(shutdown).arg(disk.path()));
        }
    }
}

/// Starts the child and gives it when it writes.
fn start(dir: &Path, mode: &str) -> (Child, BufReader<std::process::ChildStdout>) {
    let mut command = Command::new(STOPS);
    let command = command.arg(dir.join("journal")).arg(mode);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    (child, said)
}

fn end(mut child: Child, mut said: impl Read) -> (ExitStatus, String) {
    let mut words = String::new();
    said.read_to_string(&mut words).unwrap();
    (child.wait().unwrap(), words)
}

#[test]
fn threads_that_append_while_a_file_system_stops_are_told_and_live() {
    let test = "threads_that_append_while_a_file_system_stops_are_told_and_live";
    if !rigs::is_strict() && std::env::var_os("JOURNAL_APART").is_none() {
        rigs::skip("stopped-under-load", "only with JOURNAL_RIGS=strict");
        return;
    }
    apart(needs("stopped-under-load"), test, |dir| {
        let begun = Instant::now();
        let (seed, mut cases) = (seed(), 0);
        let mut random = Random::part(seed, 7);
        let ways = [
            (Made::Ext4, "auto", Stop::Error),
            (Made::Ext4, "auto", Stop::Shutdown),
            (Made::Ext4, "positioned", Stop::Error),
            (Made::Xfs, "auto", Stop::Shutdown),
            (Made::Xfs, "auto", Stop::Shutdown),
        ];
        for round in 0..ROUNDS {
            for (way, (made, mode, how)) in ways.into_iter().enumerate() {
                let disk = Disk::of_bytes(dir, &format!("{round}-{way}"), made, 400 << 20);
                let (child, said) = start(disk.path(), mode);
                sleep(Duration::from_millis(30 + random.below(60)));
                stop(&disk, how);
                let (status, words) = end(child, said);
                let case = format!("{made:?} {mode} {how:?}");
                assert!(status.success(), "{case}: {status}\n{words}");
                check(disk, &words, &case);
                cases += 1;
            }
        }
        rigs::counted("stopped-under-load", cases, seed, begun.elapsed());
    });
}

/// Every thread was told, and what was said to be durable is there. Where the last sync said that
/// of everything, something else failed, such as making the next segment.
fn check(disk: Disk, words: &str, case: &str) {
    let told: Vec<&str> = words.split_whitespace().collect();
    let ["not-synced" | "synced", is_over, appended, durable, ..] = told.as_slice() else {
        panic!("{case}: {words}");
    };
    let disk = disk.again();
    let reader = Reader::open(disk.path().join("journal")).unwrap();
    let records = reader.records().filter_map(|item| match item.unwrap() {
        Item::Record(record) => Some(record),
        Item::Gap(_) => None,
    });
    let found = records.filter(|record| record.kind.get() == 200).count();
    let last = reader.report().runs.first().and_then(|run| run.last_seq);
    let durable: u64 = durable.parse().unwrap();
    assert!(
        last.map_or(0, Seq::get) >= durable,
        "{case}: {last:?} {words}"
    );
    match told[0] {
        "synced" => assert_eq!(found.to_string(), *appended, "{case}: {words}"),
        _ => assert_eq!(*is_over, "poisoned", "{case}: {words}"),
    }
}

#[test]
fn a_mapped_segment_that_was_cut_makes_no_thread_wait_for_ever() {
    if !modes().iter().any(|(mode, _)| *mode == WriteMode::Mapped) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(STOPS);
    let output = command.arg(dir.path()).arg("cut").output().unwrap();
    let is_expected = output.status.success() || output.status.signal() == Some(SIGBUS);
    assert!(is_expected, "{output:?}");
}

#[test]
fn a_store_after_the_file_system_stopped_kills_and_is_noticed() {
    let test = "a_store_after_the_file_system_stopped_kills_and_is_noticed";
    apart(needs("stopped-control"), test, |dir| {
        let disk = Disk::new(dir, "control", Made::Xfs);
        let (mut child, said) = start(disk.path(), "control");
        stop(&disk, Stop::Shutdown);
        child.stdin.take().unwrap().write_all(b"go on\n").unwrap();
        let (status, words) = end(child, said);
        assert_eq!(status.signal(), Some(SIGBUS), "{status}: {words}");
    });
}

const ROUNDS: u64 = 6;
const SIGBUS: i32 = 7;
