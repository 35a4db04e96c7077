//! `trace-recover ingest` as a process: acknowledgements, refusals, what is kept.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::thread;

use journal_tests::command::{Ran, command, finish, run, run_with};
use journal_tests::ingest_child::IngestChild;
use journal_tests::sample::completed;
use serde_json::{Value, json};

fn custom(number: u32) -> String {
    json!({"type": "custom", "session": "s", "name": "n", "data": number}).to_string()
}

fn ingest(dir: &Path, more: &[&str], input: &[u8]) -> Ran {
    run_with([&["ingest", dir.to_str().unwrap()], more].concat(), input)
}

fn events(dir: &Path) -> Vec<Value> {
    let ran = run(["cat", dir.to_str().unwrap(), "--format", "ndjson"]).code(0);
    ran.text()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn numbers(text: &str) -> Vec<u64> {
    text.lines().map(|line| line.parse().unwrap()).collect()
}

#[test]
fn every_acknowledgement_is_the_records_number() {
    let place = tempfile::tempdir().unwrap();
    for ack in ["written", "durable"] {
        let dir = place.path().join(ack).join("made");
        let lines: Vec<String> = (0..500).map(custom).collect();
        let ran = ingest(&dir, &["--ack", ack], lines.join("\n").as_bytes()).code(0);
        let acks = numbers(ran.text());
        let seqs: Vec<u64> = events(&dir)
            .iter()
            .map(|e| e["seq"].as_u64().unwrap())
            .collect();
        assert_eq!(acks, seqs);
        assert_eq!(acks.len(), 500);
        assert!(acks.is_sorted_by(|a, b| a < b));
        assert!(ran.stderr.contains("500"), "{}", ran.stderr);
    }
}

#[test]
fn no_acknowledgement_is_asked_for_and_none_given() {
    let dir = tempfile::tempdir().unwrap();
    let ran = ingest(dir.path(), &[], completed("s").join("\n").as_bytes()).code(0);
    assert!(ran.stdout.is_empty());
}

#[test]
fn an_acknowledgement_comes_before_the_next_line() {
    let dir = tempfile::tempdir().unwrap();
    for ack in ["written", "durable"] {
        let mut child = IngestChild::start(dir.path(), &["--ack", ack]);
        for number in 0..20 {
            child.feed(custom(number).as_bytes());
            child.ack().unwrap();
        }
        child.end().0.code(0);
    }
}

#[test]
fn all_lines_may_come_before_an_answer_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = IngestChild::start(dir.path(), &["--ack", "durable"]);
    for number in 0..50_000 {
        child.feed(custom(number).as_bytes());
    }
    let (ran, acks) = child.end();
    ran.code(0);
    assert_eq!(acks.len(), 50_000);
}

#[test]
fn a_refused_line_is_named_and_the_rest_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let input = [
        custom(1).as_bytes(),
        b"",
        b"not json",
        b"[1]",
        br#"{"session":"s"}"#,
        br#"{"type":"custom","name":"n"}"#,
        br#"{"type":"span.start","session":"s"}"#,
        br#"{"type":"counter","session":"s","name":"n","value":"x"}"#,
        b"\xff\xfe",
        b"   ",
        custom(2).as_bytes(),
    ]
    .join(&b'\n');
    let ran = ingest(dir.path(), &["--ack", "written"], &input).code(3);
    assert_eq!(numbers(ran.text()).len(), 2);
    for line in 3..=9 {
        let start = format!("line {line}: ");
        assert!(
            ran.stderr.lines().any(|l| l.starts_with(&start)),
            "{start}{}",
            ran.stderr
        );
    }
    assert!(!ran.stderr.contains("line 2:") && !ran.stderr.contains("line 10:"));
    assert_eq!(events(dir.path()).len(), 2);
}

#[test]
fn input_without_events_is_answered_with_how_to_keep_lines() {
    let hint = "--from lines";
    let told = |args: &[&str], input: &[u8], code| {
        let dir = tempfile::tempdir().unwrap();
        let ran = ingest(dir.path(), args, input).code(code);
        ran.stderr.contains(hint)
    };
    assert!(told(&[], b"not an event\n{\"a\":1}\n", 3));
    let one_is = [custom(1).as_bytes(), b"not an event"].join(&b'\n');
    assert!(!told(&[], &one_is, 3));
    assert!(!told(&[], b"", 0));
    assert!(!told(
        &["--from", "lines", "--session", "s"],
        b"not an event\n",
        0
    ));
}

#[test]
fn a_session_stands_in_for_lines_that_name_none() {
    let dir = tempfile::tempdir().unwrap();
    let input = br#"{"type":"custom","name":"n"}
{"type":"custom","session":"own","name":"n"}"#;
    ingest(dir.path(), &["--session", "given"], input).code(0);
    let sessions: Vec<Value> = events(dir.path())
        .iter()
        .map(|e| e["session"].clone())
        .collect();
    assert_eq!(sessions, ["given", "own"]);
}

#[test]
fn lines_are_kept_byte_for_byte() {
    let dir = tempfile::tempdir().unwrap();
    let input = b"{\"a\": 1}\r\n\n\xff\x00\xfe not text\n  spaces  \nlast without newline";
    let more = ["--from", "lines", "--session", "raw", "--ack", "durable"];
    let ran = ingest(dir.path(), &more, input).code(0);
    assert_eq!(numbers(ran.text()).len(), 5);
    let cat = |more: &[&str]| run([&["cat", dir.path().to_str().unwrap()], more].concat()).code(0);
    let raw = cat(&["--format", "raw", "--session", "raw"]);
    assert_eq!(raw.stdout, [&input[..], b"\n"].concat());
    let rows = run(["list", dir.path().to_str().unwrap(), "--json"])
        .code(0)
        .json();
    assert_eq!(
        (&rows[0]["id"], &rows[0]["status"]),
        (&json!("raw"), &json!("completed"))
    );
    run(["ingest", dir.path().to_str().unwrap(), "--from", "lines"]).code(2);
}

#[test]
fn ingest_goes_on_when_the_reader_of_its_output_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    for ack in ["written", "durable"] {
        let mut child = IngestChild::start(dir.path(), &["--ack", ack]);
        let mut input = child.take_input();
        let writer = thread::spawn(move || {
            for number in 0..20_000 {
                writeln!(input, "{}", custom(number)).unwrap();
            }
        });
        child.ack().unwrap();
        let unheard = thread::spawn(|| child.end_unheard());
        writer.join().unwrap();
        unheard.join().unwrap().code(0);
    }
    assert_eq!(events(dir.path()).len(), 40_000);
}

#[test]
fn a_file_or_a_dash_is_read() {
    let place = tempfile::tempdir().unwrap();
    let (dir, file) = (place.path().join("j"), place.path().join("lines"));
    std::fs::write(&file, custom(1)).unwrap();
    ingest(&dir, &[file.to_str().unwrap()], b"").code(0);
    ingest(&dir, &["-"], custom(2).as_bytes()).code(0);
    assert_eq!(events(&dir).len(), 2);
    let other = place.path().join("other");
    let ran = ingest(&other, &["/no/such/file"], b"").code(1);
    assert!(ran.stderr.contains("/no/such/file"), "{}", ran.stderr);
    assert!(!other.exists(), "a mistyped file leaves nothing behind");
}

#[test]
fn killed_in_the_middle_everything_acknowledged_is_there() {
    let place = tempfile::tempdir().unwrap();
    for ack in ["written", "durable"] {
        let dir = place.path().join(ack);
        let mut child = IngestChild::start(&dir, &["--ack", ack]);
        let mut input = child.take_input();
        let writer = thread::spawn(move || {
            let mut fed = 0;
            while writeln!(input, "{}", custom(fed)).is_ok() {
                fed += 1;
            }
            fed
        });
        let mut acks: Vec<u64> = (0..1_000).map(|_| child.ack().unwrap()).collect();
        acks.extend(child.kill());
        let fed = writer.join().unwrap();
        let kept = events(&dir);
        let seqs: Vec<u64> = kept
            .iter()
            .map(|event| event["seq"].as_u64().unwrap())
            .collect();
        assert!(
            acks.iter().all(|ack| seqs.binary_search(ack).is_ok()),
            "something was lost"
        );
        let order = kept
            .iter()
            .zip(0..)
            .all(|(event, number)| event["data"] == number);
        assert!(
            order && kept.len() <= usize::try_from(fed).unwrap() + 1,
            "something was invented"
        );
    }
}

#[test]
fn the_acknowledgements_share_syncs() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = command(["ingest"]);
    command.arg(dir.path()).args(["--ack", "durable"]);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let started = std::time::Instant::now();
    let lines: Vec<String> = (0..30_000).map(custom).collect();
    let ran = finish(command.spawn().unwrap(), lines.join("\n").as_bytes()).code(0);
    assert_eq!(numbers(ran.text()).len(), 30_000);
    // One sync a line would take minutes on any disk, and more than this on the fastest.
    assert!(started.elapsed().as_secs() < 30, "{:?}", started.elapsed());
}
