//! Promises: killed.
//!
//! Lines of a program's output, put into a session as they come: with their times, whatever their
//! bytes, and shown when the program has died.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;

use journal_tests::command::{run, run_with};
use journal_tests::ingest_child::IngestChild;
use trace_journal::{Reader, Snapshot};

fn ingest(dir: &Path, session: &str, input: &[u8]) {
    let dir = dir.to_str().unwrap();
    run_with(
        ["ingest", dir, "--from", "lines", "--session", session],
        input,
    )
    .code(0);
}

fn snapshot(dir: &Path, session: &str) -> Snapshot {
    let verified = Reader::options().verify(true).open(dir).unwrap();
    let snapshot = verified.snapshot(session).unwrap();
    let summaries = Reader::summaries(dir).unwrap().sessions;
    let summary = summaries.into_iter().find(|one| one.id == session).unwrap();
    assert_eq!(summary.started_at, snapshot.started_at());
    assert_eq!(summary.last_at, snapshot.last_at());
    assert_eq!(summary.ended_at, snapshot.ended_at());
    snapshot
}

#[test]
fn lines_have_a_time_and_the_last_of_them_are_shown() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("traces");
    let text = dir.to_str().unwrap();
    let mut child = IngestChild::start(
        &dir,
        &["--from", "lines", "--session", "s", "--ack", "written"],
    );
    for number in 0..50 {
        child.feed(format!("line {number}").as_bytes());
        child.ack().unwrap();
    }
    child.kill();
    let found = snapshot(&dir, "s");
    let lines = found.lines();
    assert_eq!((lines.count, lines.last.len()), (50, 20));
    let last = lines.last.back().unwrap();
    assert_eq!(last.text(), "line 49");
    assert!(lines.last.front().unwrap().at < last.at && found.started_at() < last.at);
    assert_eq!(
        (found.last_at(), found.ended_at()),
        (last.at, Some(last.at))
    );
    let shown = run(["show", text, "s"]).code(0);
    assert!(shown.text().contains("line 49\n") && !shown.text().contains("line 29\n"));
    assert!(shown.text().contains("after 30 lines"), "{}", shown.text());
}

#[test]
fn lines_are_given_back_as_they_came() {
    let inputs: [&[u8]; 4] = [
        b"",
        b"one\n\n two\r\nno newline at the end",
        b"\xff\x00\x1b[31m\n",
        b"\n",
    ];
    for input in inputs {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().join("traces");
        let text = dir.to_str().unwrap();
        ingest(&dir, "s", input);
        let raw = run(["cat", text, "--format", "raw"]).code(0);
        let mut expected = input.to_vec();
        if !expected.is_empty() && !expected.ends_with(b"\n") {
            expected.push(b'\n');
        }
        assert_eq!(raw.stdout, expected);
        // And again, by way of their JSON.
        let json = run(["cat", text, "--format", "ndjson"]).code(0);
        let copy = place.path().join("copy");
        run_with(["ingest", copy.to_str().unwrap()], &json.stdout).code(0);
        let again = run(["cat", copy.to_str().unwrap(), "--format", "raw"]).code(0);
        assert_eq!(again.stdout, expected);
        assert_eq!(snapshot(&copy, "s").lines(), snapshot(&dir, "s").lines());
        let shown = run(["show", text, "s"]).code(0);
        assert!(!shown.text().contains('\u{1b}'), "{}", shown.text());
    }
}
