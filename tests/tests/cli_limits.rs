//! Promises: disk-full, private. What limits of its process, and odd lines, do to `trace-recover
//! ingest`: each is named as what it is, and nothing of a line is lost on the way through `cat`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::process::{Command, Stdio};

use journal_tests::command::{Ran, finish, program, run, run_with};
use serde_json::Value;

/// Ingests lines under a limit that a shell sets.
fn limited(limit: &str, dir: &Path) -> Ran {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("ulimit {limit}; exec \"$@\""), "sh"]);
    shell.arg(program()).arg("ingest").arg(dir);
    shell.args(["--from", "lines", "--session", "s"]);
    let shell = shell
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    finish(shell.spawn().unwrap(), b"one\ntwo\n")
}

#[test]
fn a_file_size_limit_is_no_full_disk() {
    let place = tempfile::tempdir().unwrap();
    let ran = limited("-f 1", &place.path().join("journal")).code(1);
    assert!(ran.stderr.contains("file size limit"), "{}", ran.stderr);
    assert!(ran.stderr.contains("ulimit -f"), "{}", ran.stderr);
    for word in [
        "no space",
        "make room",
        "disk is full",
        "disabled",
        "durable",
    ] {
        assert!(!ran.stderr.contains(word), "{word}: {}", ran.stderr);
    }
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
}

#[test]
fn too_few_files_are_not_blamed_on_the_input() {
    let place = tempfile::tempdir().unwrap();
    for files in [6, 7, 8] {
        let dir = place.path().join(files.to_string());
        let ran = limited(&format!("-n {files}"), &dir).code(1);
        assert!(!ran.stderr.contains("stdin"), "{}", ran.stderr);
        assert!(ran.stderr.contains("Too many open files"), "{}", ran.stderr);
    }
}

/// Lines as `cat` prints them, without what it adds.
fn printed(dir: &Path) -> Vec<Value> {
    let ran = run(["cat", dir.to_str().unwrap(), "--format", "ndjson"]).code(0);
    let lines = ran.text().lines();
    lines
        .map(|line| {
            let mut value: Value = serde_json::from_str(line).unwrap();
            let object = value.as_object_mut().unwrap();
            // In a text a name that is there twice would be lost.
            assert_eq!(line.matches("\"seq\":").count(), seq_count(object));
            object.remove("run");
            object.remove("seq");
            value
        })
        .collect()
}

fn seq_count(object: &serde_json::Map<String, Value>) -> usize {
    let own = object.get("extra").and_then(|extra| extra.get("seq"));
    1 + usize::from(own.is_some())
}

#[test]
fn no_member_is_lost_on_the_way_through_cat() {
    let place = tempfile::tempdir().unwrap();
    let lines = r#"{"type":"crash","session":"s","reason":"r","run":"mine","seq":5,"at_ms":1}
{"type":"log","session":"s","message":"m","at_ms":2,"extra":{"a":1},"seq":"x"}
{"type":"span.end","session":"s","span":"a","cost":"much","at_ms":3,"tokens":{"odd":1}}
"#;
    let [one, two] = ["one", "two"].map(|name| place.path().join(name));
    let ran = run_with(["ingest", one.to_str().unwrap()], lines.as_bytes()).code(0);
    assert!(ran.stderr.contains("cost"), "{}", ran.stderr);
    let cat = run(["cat", one.to_str().unwrap(), "--format", "ndjson"]).code(0);
    let ran = run_with(["ingest", two.to_str().unwrap()], &cat.stdout).code(0);
    assert!(!ran.stderr.contains("warning"), "{}", ran.stderr);
    let first = printed(&one);
    assert_eq!(first, printed(&two));
    assert_eq!(
        first[0]["extra"],
        serde_json::json!({"run": "mine", "seq": 5})
    );
    assert_eq!(first[2]["extra"]["cost"], "much");
}

#[test]
fn a_byte_order_mark_and_an_error_are_told_of_the_line_they_are_in() {
    let place = tempfile::tempdir().unwrap();
    let lines = "{\"type\":\"crash\",\"session\":\"s\"}\n\
                 \u{feff}{\"type\":\"crash\",\"session\":\"s\"}\n\
                 {\"type\":\"custom\",\"session\":\"s\",\"name\":\"n\",\"data\":01}\n";
    let dir = place.path().join("journal");
    let ran = run_with(["ingest", dir.to_str().unwrap()], lines.as_bytes()).code(3);
    assert!(ran.stderr.contains("2 lines in"), "{}", ran.stderr);
    assert!(
        ran.stderr
            .contains("line 3: not JSON: invalid number at column 51"),
        "{}",
        ran.stderr
    );
}
