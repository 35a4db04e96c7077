//! Promises: killed, many-processes.
//!
//! Programs that fork servers, each with a run of its own where that is wished, and programs whose
//! handles are dropped by their death.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;
use trace_journal::report::RunState;
use trace_journal::{Reader, SessionStatus, Snapshot};

/// Has the program do it, and gives the directory it wrote.
fn after(what: &str, is_aborted: bool) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_journal-forks"));
    let output = program.arg(what).arg(dir.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.success(), !is_aborted, "{what}: {said}");
    dir
}

fn snapshot(dir: &Path) -> Snapshot {
    Reader::open(dir).unwrap().snapshot("s").unwrap()
}

#[test]
fn forked_servers_go_on_in_runs_of_their_own_and_the_parent_is_not_harmed() {
    let dir = after("server", false);
    let reader = Reader::open(dir.path()).unwrap();
    let report = reader.report();
    assert_eq!(
        report
            .runs
            .iter()
            .filter(|run| run.state == RunState::Closed)
            .count(),
        13
    );
    // What a server forked ended without a word.
    assert_eq!(report.runs.len(), 16);
    let found = snapshot(dir.path());
    assert_eq!(
        found.status(),
        SessionStatus::Completed,
        "{:?}",
        found.error()
    );
    let spans = found.spans();
    let of = |name: &str| spans.iter().filter(|span| span.name() == name).count();
    assert_eq!((of("parent"), of("child")), (3, 15));
    let ids: BTreeSet<&str> = spans.iter().map(|span| span.id()).collect();
    assert_eq!(ids.len(), spans.len());
    assert!(spans.iter().all(|span| !span.is_interrupted()));
}

#[test]
fn a_fork_is_refused_unless_it_is_asked_for_and_may_open_anew() {
    let dir = after("refused", false);
    let report = Reader::open(dir.path()).unwrap().report();
    assert!(report.runs.iter().all(|run| run.state == RunState::Closed));
    assert_eq!(report.runs.len(), 2);
    assert_eq!(snapshot(dir.path()).status(), SessionStatus::Completed);
}

/// Names of spans, whether they are interrupted, whether they read as dropped.
fn spans(found: &Snapshot) -> Vec<(String, bool, bool)> {
    let spans = found.spans().iter().skip(1);
    let spans = spans.map(|s| (s.name().to_owned(), s.is_interrupted(), s.ended_by_drop()));
    spans.collect()
}

#[test]
fn spans_that_an_exit_drops_are_interrupted_and_not_dropped() {
    let found = snapshot(after("exit", false).path());
    assert_eq!(found.status(), SessionStatus::Crashed);
    let expected = [
        ("given up", false, true),
        ("chat", true, false),
        ("tool", true, false),
        ("detached", true, false),
    ];
    let expected = expected.map(|(name, left, dropped)| (name.to_owned(), left, dropped));
    assert_eq!(spans(&found), expected);
}

#[test]
fn spans_that_end_with_a_worker_are_interrupted_and_not_dropped() {
    let found = snapshot(after("worker", true).path());
    assert_eq!(found.status(), SessionStatus::Crashed);
    let expected = [("given up", false, true), ("tool", true, false)];
    let expected = expected.map(|(name, left, dropped)| (name.to_owned(), left, dropped));
    assert_eq!(spans(&found), expected);
}
