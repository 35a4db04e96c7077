//! Promises: disk-full, poisoned, polite, many-processes.
//!
//! What the journal does where the system ends: a full or read-only disk, limits on files and
//! their size, a directory that goes away, forks, many sessions, spans, processes, large records.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use journal_tests::compare::compare;
use journal_tests::kill::{Orders, Writer, start};
use journal_tests::modes::modes;
use journal_tests::random::{Random, seed};
use journal_tests::reference_reader::ReferenceJournal;
use journal_tests::rigs::{self, Budget};
use journal_tests::workload::kind;
use tempfile::TempDir;
use trace_journal::{Error, Journal, Reader, SessionStatus, SpanKind, SpanStatus, WriteMode};

const CHILD: &str = env!("CARGO_BIN_EXE_journal-child");
const LIMITS: &str = env!("CARGO_BIN_EXE_journal-limits");

/// A session is a span itself.
const ROOT: usize = 1;

/// Runs the child for a limit in each write mode, after `script` has set that up; in the script
/// `$1` is an empty directory.
fn meet(limit: &str, script: &str, in_namespace: bool) {
    for (_, mode) in modes() {
        let dir = tempfile::tempdir().unwrap();
        let script = format!("{script}\nexec \"$2\" {limit} \"$1/journal\" {mode}");
        let mut command = if in_namespace {
            let mut command = Command::new("unshare");
            command.args(["-rm", "sh"]);
            command
        } else {
            Command::new("sh")
        };
        command
            .args(["-e", "-c", &script, "sh"])
            .arg(dir.path())
            .arg(LIMITS);
        let output = command.stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{limit}, {mode}: {}\n{said}",
            output.status
        );
    }
}

/// Whether small file systems can be mounted in a namespace of their own.
fn can_mount(what: &str) -> bool {
    let dir = tempfile::tempdir().unwrap();
    let mount = "mount -t tmpfs -o size=64k tmpfs \"$1\"";
    let mut command = Command::new("unshare");
    command
        .args(["-rm", "sh", "-e", "-c", mount, "sh"])
        .arg(dir.path());
    let tried = command.stdin(Stdio::null()).output();
    let why = match tried {
        Ok(output) if output.status.success() => return true,
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => error.to_string(),
    };
    assert!(
        !rigs::is_strict(),
        "{what}: no namespace to mount in: {why}"
    );
    rigs::skip(what, &format!("no namespace to mount in: {why}"));
    false
}

#[test]
fn a_full_disk_refuses_typed_and_works_again_when_there_is_room() {
    if can_mount("full disk") {
        meet("full", "mount -t tmpfs -o size=5m tmpfs \"$1\"", true);
    }
}

#[test]
fn a_read_only_directory_refuses_writers_and_serves_readers() {
    if can_mount("read-only directory") {
        let write = "mount -t tmpfs -o size=5m tmpfs \"$1\"
            \"$3\" \"$1/journal\" 1 1 3 1 65536 5 0 0 0 > \"$1/answers\"
            grep -q c \"$1/answers\"
            mount -o remount,ro \"$1\"";
        // The child that writes it is beside the one that meets the limit.
        let write = write.replace("\"$3\"", &format!("\"{CHILD}\""));
        meet("read-only", &write, true);
    }
}

#[test]
fn a_limit_on_file_size_refuses_typed() {
    // 400 times 512 bytes; the signal that comes with it ends whoever goes beyond.
    meet("file-size", "ulimit -f 400", false);
}

#[test]
fn no_more_open_files_refuses_until_there_are_again() {
    meet("open-files", "ulimit -n 40", false);
}

#[test]
fn a_forked_child_is_refused_everything_and_harms_nothing() {
    meet("fork", "", false);
}

#[test]
fn a_program_that_changes_its_directory_keeps_writing_where_it_began() {
    meet("elsewhere", "", false);
}

#[test]
fn what_is_mounted_over_the_directory_is_left_alone() {
    if can_mount("mounted over") {
        meet("mounted-over", "", true);
    }
}

#[test]
fn where_files_have_one_name_and_directories_no_sync_a_journal_is_written() {
    let mut tried = Command::new("strace");
    tried.args(["-f", "-o", "/dev/null", "true"]);
    if tried.output().is_ok_and(|output| output.status.success()) {
        meet("one-name", "", false);
    } else {
        rigs::skip(
            "one name",
            "strace is not installed, or not allowed to trace",
        );
    }
}

#[test]
fn a_directory_removed_underneath_poisons_and_nothing_worse() {
    for (mode, _) in modes() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("journal");
        let options = Journal::options().write_mode(mode);
        let journal = options.segment_bytes_max(64 << 10).open(&dir).unwrap();
        let durable = journal.append_raw(kind(), b"durable").unwrap();
        journal.wait_durable(durable).unwrap();
        fs::remove_dir_all(&dir).unwrap();
        let lost = journal.append_raw(kind(), b"lost").unwrap();
        let failed = journal.wait_durable(lost).unwrap_err();
        assert!(matches!(failed, Error::Poisoned { .. }), "{failed}");
        journal.wait_durable(durable).unwrap();
        for _ in 0..100 {
            assert!(journal.append_raw(kind(), [7; 4000]).is_err());
        }
        assert!(matches!(journal.close(), Err(Error::Poisoned { .. })));
        assert!(!dir.exists());
    }
}

#[test]
fn a_thousand_sessions_at_once_all_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path()).unwrap();
    let started = |number| journal.session(format!("session {number}")).start();
    let sessions: Vec<_> = (0..1000).map(started).collect();
    thread::scope(|scope| {
        for part in sessions.chunks(250) {
            scope.spawn(move || {
                for session in part {
                    let span = session.span("work").kind(SpanKind::TOOL).start();
                    span.end(SpanStatus::Ok).result().unwrap();
                }
            });
        }
    });
    for session in &sessions {
        session.end();
    }
    journal.close().unwrap();
    let reader = Reader::open(dir.path()).unwrap();
    let mut ids = BTreeSet::new();
    for snapshot in reader.sessions() {
        let snapshot = snapshot.unwrap();
        assert_eq!(snapshot.status(), SessionStatus::Completed);
        assert_eq!(snapshot.spans().len(), 1 + ROOT);
        assert!(ids.insert(snapshot.id().to_owned()));
    }
    assert_eq!(ids.len(), 1000);
}

#[test]
fn a_session_of_a_hundred_thousand_spans_comes_back_whole() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path()).unwrap();
    let session = journal.session("large").start();
    for _ in 0..100_000 {
        let ended = session.span("step").start().end(SpanStatus::Ok);
        assert!(ended.seq().is_some());
    }
    session.end();
    journal.close().unwrap();
    let snapshot = Reader::open(dir.path()).unwrap().snapshot("large").unwrap();
    assert_eq!(snapshot.status(), SessionStatus::Completed);
    assert_eq!(snapshot.spans().len(), 100_000 + ROOT);
}

#[test]
fn records_of_64_mib_are_kept_and_larger_ones_refused() {
    for (mode, _) in modes() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::options()
            .write_mode(mode)
            .open(dir.path())
            .unwrap();
        let mut large = vec![0; 64 << 20];
        Random::new(seed()).fill(&mut large);
        let seqs = [
            journal.append_raw(kind(), b"before").unwrap(),
            journal.append_raw(kind(), &large).unwrap(),
            journal.append_raw(kind(), b"after").unwrap(),
        ];
        large.push(0);
        let refused = journal.append_raw(kind(), &large).unwrap_err();
        assert_eq!(refused.code(), "limit");
        large.pop();
        journal.wait_durable(seqs[2]).unwrap();
        journal.close().unwrap();
        let plain = ReferenceJournal::read(dir.path());
        compare(dir.path(), &plain).unwrap();
        let records = plain.runs.values().next().unwrap();
        assert!(records[&seqs[1].get()].payload == large);
        assert_eq!(records[&seqs[2].get()].payload, b"after");
    }
}

#[test]
fn eight_threads_rotating_under_load_keep_every_record() {
    for (mode, _) in modes() {
        let dir = tempfile::tempdir().unwrap();
        let options = Journal::options().write_mode(mode);
        let journal = options
            .segment_bytes_max(64 << 10)
            .open(dir.path())
            .unwrap();
        let append = |thread: u8, round: usize| {
            let payload = vec![thread; round * 3];
            journal.append_raw(kind(), payload).unwrap().get()
        };
        let seqs: BTreeSet<u64> = thread::scope(|scope| {
            let append = &append;
            let write = |thread: u8| {
                let rounds = 0..500_usize;
                move || {
                    rounds
                        .map(|round| append(thread, round))
                        .collect::<Vec<u64>>()
                }
            };
            let writers: Vec<_> = (0..8).map(|thread| scope.spawn(write(thread))).collect();
            let ended = writers.into_iter().map(|writer| writer.join().unwrap());
            ended.flatten().collect()
        });
        assert_eq!(seqs.len(), 4000);
        assert!(journal.info().run.unwrap().segment.get() > 20);
        journal.close().unwrap();
        let plain = ReferenceJournal::read(dir.path());
        compare(dir.path(), &plain).unwrap();
        let (run, records) = plain.runs.iter().next().unwrap();
        assert!(plain.missing(*run).is_empty());
        assert!(seqs.iter().all(|seq| records[seq].kind == 200));
    }
}

#[test]
fn twenty_processes_opening_at_once_and_killed_leave_a_sound_journal() {
    let budget = Budget::new("kill-20-processes", LIMIT, 20);
    let seed = seed();
    let mut random = Random::part(seed, 20);
    let dir = TempDir::new().unwrap();
    let mut over = Vec::new();
    for wave in 0..5_u64 {
        if budget.is_over() {
            break;
        }
        let orders = |number: u64| {
            let mut orders = Orders::new(dir.path(), wave * 20 + number);
            orders.is_mapped = number.is_multiple_of(2);
            orders
        };
        let mut writers: Vec<Writer> = (0..20_u64).map(|n| start(CHILD, &orders(n))).collect();
        while !writers.is_empty() {
            let which = random.below(u64::try_from(writers.len()).unwrap());
            let mut writer = writers.swap_remove(usize::try_from(which).unwrap());
            writer.read_to(usize::try_from(random.below(400)).unwrap());
            over.push(writer.kill());
        }
        check(dir.path(), &over);
    }
    let killed = over.iter().filter(|answers| answers.was_killed);
    budget.done(u64::try_from(killed.count()).unwrap(), seed);
}

fn check(dir: &Path, over: &[journal_tests::kill::Answers]) {
    let plain = ReferenceJournal::read(dir);
    for answers in over {
        answers.check(&plain).unwrap();
    }
    let report = compare(dir, &plain).unwrap();
    assert_eq!(report.counts.lost_durable, 0, "{report:?}");
    Journal::options()
        .write_mode(WriteMode::Positioned)
        .segment_bytes_max(64 << 10)
        .open(dir)
        .unwrap()
        .close()
        .unwrap();
    let report = Reader::open(dir).unwrap().report();
    assert_ne!(report.loss, trace_journal::Loss::Damage, "{report:?}");
}

/// No further wave is begun after this.
const LIMIT: Duration = Duration::from_secs(60);
