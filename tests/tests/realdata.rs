//! Promises: killed. Recorded sessions of real agents, killed half-way, come back byte for byte.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

use journal_tests::command::run;
use journal_tests::foreign::{chrome_trace, otlp_trace, recorded_lines};
use journal_tests::ingest_child::IngestChild;
use journal_tests::rigs::{done, real_data};
use journal_tests::sample::ingest;
use serde_json::{Value, json};

/// All recorded files with this extension, by path.
fn files(root: &Path, extension: &str) -> Vec<PathBuf> {
    let folders = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let listings = folders
        .filter(|path| path.is_dir())
        .map(|path| fs::read_dir(path).unwrap());
    let mut paths: Vec<PathBuf> = listings
        .flatten()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.retain(|path| path.extension().is_some_and(|found| found == extension));
    paths.sort();
    paths
}

fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

fn snapshot(dir: &Path, session: &str) -> Value {
    let out = tempfile::tempdir().unwrap();
    let (dir, place) = (dir.to_str().unwrap(), out.path().to_str().unwrap());
    run(["recover", dir, "-o", place, "--session", session]).code(0);
    let file = fs::read_dir(out.path())
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}

/// Kills an ingest of `lines` after `half` acknowledgements; how many there were in the end.
fn killed_after(dir: &Path, lines: &[&[u8]], half: usize) -> usize {
    let args = ["--from", "lines", "--session", "real", "--ack", "written"];
    let mut child = IngestChild::start(dir, &args);
    let mut input = child.take_input();
    let (alive, killed) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            // The reader dies in the midst of this.
            for line in lines {
                if input
                    .write_all(line)
                    .and_then(|()| input.write_all(b"\n"))
                    .is_err()
                {
                    return;
                }
            }
            // Open until the kill: the end of the input would end the session.
            let _ = killed.recv();
        });
        let heard = (0..half).map_while(|_| child.ack()).count();
        let heard = heard + child.kill().len();
        drop(alive);
        heard
    })
}

#[test]
fn lines_killed_half_way_come_back_byte_for_byte() {
    let Some(root) = real_data("lines killed half-way") else {
        return;
    };
    let mut total = 0;
    for path in files(&root, "jsonl") {
        let bytes = fs::read(&path).unwrap();
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
        let dir = tempfile::tempdir().unwrap();
        let acknowledged = killed_after(dir.path(), &lines, lines.len() / 2);
        let place = dir.path().to_str().unwrap();
        let raw = run(["cat", place, "--format", "raw", "--session", "real"])
            .code(0)
            .stdout;
        let kept: Vec<&[u8]> = raw
            .strip_suffix(b"\n")
            .unwrap()
            .split(|byte| *byte == b'\n')
            .collect();
        assert!(acknowledged >= lines.len() / 2, "{}", name(&path));
        assert!(
            kept.len() >= acknowledged,
            "{}: {} kept",
            name(&path),
            kept.len()
        );
        assert!(
            kept == lines[..kept.len()],
            "{}: not the same bytes",
            name(&path)
        );
        let rows = run(["list", place, "--json"]).code(0).json();
        assert_eq!(
            (&rows[0]["id"], &rows[0]["status"]),
            (&json!("real"), &json!("crashed"))
        );
        total += acknowledged;
    }
    done(
        "realdata lines",
        &format!("{total} acknowledged lines came back byte for byte"),
    );
}

#[test]
fn lines_go_through_events_and_come_back() {
    let Some(root) = real_data("lines through events") else {
        return;
    };
    let mut total = 0;
    for path in files(&root, "jsonl") {
        let text = fs::read_to_string(&path).unwrap();
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        let lines: Vec<Value> = lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let dir = tempfile::tempdir().unwrap();
        ingest(dir.path(), &recorded_lines("real", &lines));
        let cat = run(["cat", dir.path().to_str().unwrap(), "--format", "ndjson"]).code(0);
        let events = cat
            .text()
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        let back: Vec<Value> = events
            .filter(|event| event["type"] == "custom")
            .map(|mut event| event["data"].take())
            .collect();
        assert!(back == lines, "{}: not the same", name(&path));
        let snapshot = snapshot(dir.path(), "real");
        assert_eq!(
            (&snapshot["status"], &snapshot["loss"]),
            (&json!("completed"), &json!("none"))
        );
        total += lines.len();
    }
    done(
        "realdata events",
        &format!("{total} lines came back as they were"),
    );
}

#[test]
fn chrome_traces_come_back_as_sessions() {
    let Some(root) = real_data("Chrome traces") else {
        return;
    };
    let is_chrome = |path: &PathBuf| {
        path.parent()
            .is_some_and(|folder| folder.ends_with("chrome-trace"))
    };
    for path in files(&root, "json").into_iter().filter(is_chrome) {
        let trace: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let events = trace.as_array().unwrap();
        let count = |phase: &str| events.iter().filter(|event| event["ph"] == phase).count();
        let lines = chrome_trace("chrome", &trace);
        let dir = tempfile::tempdir().unwrap();
        // The recording stops without an end, and so does the process.
        let mut child = IngestChild::start(dir.path(), &["--ack", "written"]);
        let mut input = child.take_input();
        let text = lines.join("\n") + "\n";
        thread::scope(|scope| {
            scope.spawn(|| input.write_all(text.as_bytes()).unwrap());
            assert!(lines.iter().all(|_| child.ack().is_some()));
        });
        child.kill();
        drop(input);
        let snapshot = snapshot(dir.path(), "chrome");
        let spans = snapshot["spans"].as_array().unwrap();
        assert_eq!(spans.len(), 1 + count("X") + count("B"), "{}", name(&path));
        assert_eq!(snapshot["status"], "crashed");
        let ended = lines
            .iter()
            .filter(|line| line.contains("\"type\":\"span.end\""))
            .count();
        let open = spans
            .iter()
            .filter(|span| span["interrupted"] == true)
            .count();
        assert_eq!(
            open,
            1 + count("B") - ended,
            "{}: unclosed spans and the root",
            name(&path)
        );
        let names = |spans: &mut dyn Iterator<Item = &Value>| {
            let mut names: Vec<String> = spans.map(|span| span["name"].to_string()).collect();
            names.sort();
            names
        };
        let recorded = events
            .iter()
            .filter(|event| event["ph"] == "X" || event["ph"] == "B");
        assert_eq!(names(&mut spans[1..].iter()), names(&mut { recorded }));
        done(
            "realdata chrome",
            &format!("{}: {} spans, {open} open", name(&path), spans.len()),
        );
    }
}

#[test]
fn otlp_spans_come_back_as_they_were() {
    let Some(root) = real_data("OTLP spans") else {
        return;
    };
    let trace: Value =
        serde_json::from_slice(&fs::read(root.join("otlp/trace.json")).unwrap()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    ingest(dir.path(), &otlp_trace("otlp", &trace));
    let recorded = &trace["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
    let snapshot = snapshot(dir.path(), "otlp");
    let spans = snapshot["spans"].as_array().unwrap();
    let span = spans
        .iter()
        .find(|span| span["id"] == recorded["spanId"])
        .unwrap();
    assert_eq!(span["name"], recorded["name"]);
    assert_eq!(span["started_at"], "2018-12-13T14:51:00.000000000Z");
    assert_eq!(span["ended_at"], "2018-12-13T14:51:01.000000000Z");
    assert_eq!(span["attributes"]["my.span.attr"], "some value");
}
