//! What holds on every system the journal runs on: a process that is killed while it appends leaves
//! all that it had acknowledged, and the command gives it back.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use trace_journal::report::{ActiveMode, RunState};
use trace_journal::{Error, Item, Journal, Loss, Reader, UserKind, WriteMode};

/// Kills, each after more records than the one before.
const KILLS: u64 = 8;

#[test]
fn a_kill_takes_no_record_that_was_acknowledged() {
    for kill in 0..KILLS {
        let dir = tempfile::tempdir().unwrap();
        let mut child = start_appender(dir.path());
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // The last line may be cut.
        let told = |line: &str| -> Option<u64> {
            let number = line.strip_prefix("written ")?.strip_suffix('.')?;
            number.parse().ok()
        };
        let mut acknowledged = 0;
        while acknowledged < 3 + kill * kill * 40 {
            let line = lines.next().expect("a child that appends").unwrap();
            acknowledged = told(&line).unwrap_or(acknowledged);
        }
        // At work on the next record, whatever it has got to.
        child.kill().unwrap();
        // What was in the pipe by then is acknowledged, too.
        for line in lines.map_while(Result::ok) {
            acknowledged = told(&line).unwrap_or(acknowledged);
        }
        child.wait().unwrap();
        assert_whole(dir.path(), acknowledged);
        // Put on record by the next opening, once, and the same afterwards.
        let journal = Journal::open(dir.path()).unwrap();
        assert_eq!(journal.recovery().runs().len(), 1);
        journal.close().unwrap();
        assert_whole(dir.path(), acknowledged);
    }
}

/// Every number up to the last acknowledged one is there, with its own payload.
fn assert_whole(dir: &Path, acknowledged: u64) {
    let reader = Reader::open(dir).expect("a journal");
    let mut next = 1;
    for item in reader.records() {
        let Item::Record(record) = item.expect("what can be read") else {
            panic!("a gap");
        };
        if record.kind.get() == KIND {
            assert_eq!(record.payload, payload(next).as_bytes());
            next += 1;
        }
    }
    assert!(next > acknowledged, "{} of {acknowledged}", next - 1);
    assert_eq!(reader.report().loss(), Loss::None);
}

#[test]
fn two_processes_write_into_one_directory() {
    let dir = tempfile::tempdir().unwrap();
    let mut children = [(); 2].map(|()| start_appender(dir.path()));
    for child in &mut children {
        let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
        lines.find(|line| line.as_ref().unwrap().starts_with("written 5."));
    }
    let report = Reader::open(dir.path()).unwrap().report();
    let live = report.runs.iter().filter(|run| run.state == RunState::Live);
    assert_eq!(live.count(), 2);
    for child in &mut children {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let report = Reader::open(dir.path()).unwrap().report();
    assert_eq!(
        report
            .runs
            .iter()
            .filter(|run| run.state == RunState::Live)
            .count(),
        0
    );
    assert_eq!(report.loss(), Loss::None);
}

#[test]
fn what_was_piped_into_ingest_is_recovered_after_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let out = tempfile::tempdir().unwrap();
    let journal = dir.path().join("journal");
    let mut ingest = trace_recover()
        .args(["ingest", "--ack", "written"])
        .arg(&journal)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = [
        r#"{"type":"session.start","session":"s1","title":"a walk"}"#,
        r#"{"type":"span.start","session":"s1","span":"a","name":"bash","kind":"tool"}"#,
    ];
    let mut input = ingest.stdin.take().unwrap();
    let mut answers = BufReader::new(ingest.stdout.take().unwrap()).lines();
    for line in lines {
        writeln!(input, "{line}").unwrap();
        input.flush().unwrap();
        answers.next().expect("an acknowledgement").unwrap();
    }
    ingest.kill().unwrap();
    ingest.wait().unwrap();
    let recover = trace_recover()
        .arg("recover")
        .arg(&journal)
        .arg("--output")
        .arg(out.path())
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&recover.stderr).into_owned();
    assert_eq!(recover.status.code(), Some(0), "{words}");
    let mut files = fs::read_dir(out.path()).unwrap();
    let file = files.next().expect("a file of the session").unwrap();
    let text = fs::read_to_string(file.path()).unwrap();
    assert!(text.contains("s1") && text.contains("bash"), "{text}");
    // What is there stays as it is.
    let again = trace_recover()
        .arg("recover")
        .arg(&journal)
        .arg("--output")
        .arg(out.path())
        .output()
        .unwrap();
    assert_eq!(again.status.code(), Some(5));
}

#[test]
fn a_mapping_is_refused_where_there_is_none() {
    let dir = tempfile::tempdir().unwrap();
    let open = |mode| Journal::options().write_mode(mode).open(dir.path());
    let journal = open(WriteMode::Auto).unwrap();
    let mode = journal.info().run.expect("a run").write_mode;
    journal.close().unwrap();
    if cfg!(target_os = "linux") {
        return;
    }
    assert_eq!(mode, ActiveMode::Positioned);
    let error = open(WriteMode::Mapped).unwrap_err();
    let Error::Io { source, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(source.kind(), std::io::ErrorKind::Unsupported);
}

const KIND: u8 = 200;

fn payload(number: u64) -> String {
    let fill = usize::try_from(number * 7919 % 1500).expect("it is small");
    format!("{number}:{}", "x".repeat(fill))
}

fn trace_recover() -> Command {
    Command::new(env!("CARGO_BIN_EXE_trace-recover"))
}

/// This program once more, as [`child_that_appends_until_it_is_killed`].
fn start_appender(dir: &Path) -> Child {
    Command::new(std::env::current_exe().expect("its own path"))
        .args([
            "--exact",
            "child_that_appends_until_it_is_killed",
            "--nocapture",
        ])
        .env(DIR, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a process")
}

const DIR: &str = "JOURNAL_ANYWHERE_DIR";

/// Does nothing unless a test started it with a directory.
#[test]
fn child_that_appends_until_it_is_killed() {
    let Some(dir) = std::env::var_os(DIR) else {
        return;
    };
    let journal = Journal::options()
        .segment_bytes_max(256 << 10)
        .open(dir)
        .unwrap();
    let kind = UserKind::new(KIND).unwrap();
    let mut stdout = std::io::stdout();
    for number in 1.. {
        let seq = journal.append_raw(kind, payload(number)).unwrap();
        if number % 64 == 0 {
            journal.wait_durable(seq).unwrap();
        }
        stdout
            .write_all(format!("written {number}.\n").as_bytes())
            .unwrap();
    }
}
