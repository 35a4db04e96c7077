//! Promises: hands-off, private. The verbs of `trace-recover` as a process.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use journal_tests::command::{Ran, command, finish, run, run_with};
use journal_tests::ingest_child::IngestChild;
use journal_tests::sample::{completed, ingest, opened};
use journal_tests::words::never_in_text;
use serde_json::{Value, json};
use tempfile::TempDir;

fn journal() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Runs a verb on the journal with further arguments.
fn verb(name: &str, dir: &Path, more: &[&str]) -> Ran {
    let dir = dir.to_str().unwrap();
    run([&[name, dir], more].concat())
}

/// Every file of the directory with its bytes.
fn contents(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let listing = fs::read_dir(dir).unwrap();
    let mut files: Vec<PathBuf> = listing.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let read = |path: PathBuf| (path.clone(), fs::read(&path).unwrap());
    files.into_iter().map(read).collect()
}

/// A journal whose only writer was killed in the midst of a session.
fn killed(session: &str) -> TempDir {
    let dir = journal();
    let lines = opened(session);
    let mut child = IngestChild::start(dir.path(), &["--ack", "written"]);
    for line in &lines {
        child.feed(line.as_bytes());
        child.ack().unwrap();
    }
    child.kill();
    dir
}

fn without_run(line: &str) -> Value {
    let mut line: Value = serde_json::from_str(line).unwrap();
    let members = line.as_object_mut().unwrap();
    assert!(members.remove("run").is_some() && members.remove("seq").is_some());
    line
}

// No words, wrong words.

#[test]
fn no_arguments_print_help_on_stderr() {
    let ran = run([""; 0]).code(2);
    assert!(ran.stdout.is_empty());
    assert!(ran.stderr.contains("recover") && ran.stderr.contains("Exit codes"));
}

#[test]
fn help_says_no_word_that_is_not_ours() {
    for verb in ["", "demo", "recover", "list", "show", "cat", "ingest"] {
        let words: Vec<&str> = [verb, "--help"]
            .into_iter()
            .filter(|w| !w.is_empty())
            .collect();
        let ran = run(words).code(0);
        assert_eq!(never_in_text(ran.text()), [""; 0], "{}", ran.text());
        assert!(!ran.text().contains("demo-worker"));
    }
}

#[test]
fn a_mistyped_verb_is_answered_with_the_right_one() {
    let ran = run(["lsit"]).code(2);
    assert!(ran.stderr.contains("did you mean list?"), "{}", ran.stderr);
    let ran = run(["events"]).code(2);
    assert!(
        ran.stderr.contains("events is no command and no directory"),
        "{}",
        ran.stderr
    );
    let ran = run(["list"]).code(2);
    assert!(ran.stderr.contains("TRACE_JOURNAL_DIR"), "{}", ran.stderr);
    run(["cat", ".", "--format", "yaml"]).code(2);
    run(["list", ".", "--jsno"]).code(2);
}

// list

#[test]
fn list_is_one_row_per_session_newest_first() {
    let dir = journal();
    ingest(dir.path(), &completed("old"));
    ingest(
        dir.path(),
        &[json!({"type": "session.start", "session": "new", "at_ms": 9000}).to_string()],
    );
    let ran = verb("list", dir.path(), &[]).code(0);
    let lines: Vec<Vec<&str>> = ran
        .text()
        .lines()
        .map(|l| l.split_whitespace().collect())
        .collect();
    let header = [
        "ID", "STATUS", "STARTED", "LAST", "DURATION", "SPANS", "TOKENS", "COST", "WHERE", "TITLE",
    ];
    assert_eq!(lines[0], header);
    assert_eq!(
        lines[1][..3],
        ["new", "unended", "1970-01-01T00:00:09.000000000Z"]
    );
    let row = [
        "old",
        "completed",
        "1970-01-01T00:00:01.000000000Z",
        "1970-01-01",
        "4.00s",
        "3",
        "1,375",
        "0.005",
    ];
    assert_eq!(lines[2][..8], row);
    assert_eq!(lines[2][8..], ["Fix", "the", "bug"]);
}

#[test]
fn list_as_json_has_exactly_these_members() {
    let dir = journal();
    ingest(dir.path(), &completed("s"));
    let rows = verb("list", dir.path(), &["--json"]).code(0).json();
    let expected = json!([{
        "id": "s", "title": "Fix the bug", "status": "completed", "liveness": rows[0]["liveness"],
        "started_at": "1970-01-01T00:00:01.000000000Z",
        "ended_at": "1970-01-01T00:00:05.000000000Z",
        "last_at": "1970-01-01T00:00:05.000000000Z",
        "runs": 1, "records": 8, "spans": 3, "interrupted": 0, "tokens": 1375, "cost": 0.005,
        "error": null, "loss": "none", "verified": false, "refused": 0,
        "name": "s", "crash_cause": null,
    }]);
    assert_eq!(rows, expected);
}

#[test]
fn list_says_the_same_without_caches() {
    let dir = journal();
    ingest(dir.path(), &completed("s"));
    ingest(dir.path(), &opened("s"));
    ingest(dir.path(), &opened("t"));
    let listed = || {
        let table = verb("list", dir.path(), &[]).code(0);
        let json = verb("list", dir.path(), &["--json"]).code(0);
        (table.text().to_owned(), json.text().to_owned())
    };
    let cached = listed();
    assert!(cached.0.contains("Fix the bug"), "{}", cached.0);
    let mut removed = 0;
    for entry in fs::read_dir(dir.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "idx") {
            fs::remove_file(path).unwrap();
            removed += 1;
        }
    }
    // What is told is the same; only a cache that was believed is said to be.
    let (table, json) = cached;
    let read = json.replace("\"verified\":false", "\"verified\":true");
    assert!(read != json, "{json}");
    assert_eq!((removed, listed()), (3, (table, read)));
}

#[test]
fn a_running_session_has_no_end() {
    let dir = journal();
    let mut child = IngestChild::start(dir.path(), &["--ack", "written"]);
    for line in opened("s") {
        child.feed(line.as_bytes());
        child.ack().unwrap();
    }
    let rows = verb("list", dir.path(), &["--json"]).code(0).json();
    assert_eq!(
        (&rows[0]["status"], &rows[0]["ended_at"]),
        (&json!("running"), &Value::Null)
    );
    assert_eq!(
        (&rows[0]["error"], &rows[0]["interrupted"]),
        (&Value::Null, &json!(0))
    );
    child.kill();
    let rows = verb("list", dir.path(), &["--json"]).code(0).json();
    assert_eq!(
        (&rows[0]["status"], &rows[0]["interrupted"]),
        (&json!("crashed"), &json!(3))
    );
    assert_eq!(rows[0]["ended_at"], "1970-01-01T00:00:02.500000000Z");
    assert!(rows[0]["error"].is_string());
}

// show

#[test]
fn show_tells_what_was_running_when_it_died() {
    let dir = killed("ses_1");
    let ran = verb("show", dir.path(), &["ses_1"]).code(0);
    for part in [
        "crashed",
        "Fix the bug",
        "m  I'll look",
        "bash  ls",
        "interrupted",
        "half a li",
        "Please fix the bug",
        "was doing",
        "process ended without closing",
        "└─ ",
    ] {
        assert!(ran.text().contains(part), "{part}: {}", ran.text());
    }
}

#[test]
fn an_exact_id_beats_a_prefix() {
    let dir = journal();
    for session in ["ses", "ses_a1", "ses_a2", "other"] {
        ingest(dir.path(), &completed(session));
    }
    let shown = |id: &str| verb("show", dir.path(), &[id]);
    assert!(shown("ses").code(0).text().starts_with("ses "));
    assert!(shown("oth").code(0).text().starts_with("other "));
    let ambiguous = shown("ses_").code(2);
    assert!(ambiguous.stderr.contains("ses_a1") && ambiguous.stderr.contains("ses_a2"));
    assert!(ambiguous.stdout.is_empty());
    let unknown = shown("none").code(4);
    assert!(unknown.stderr.contains("none"), "{}", unknown.stderr);
    verb("cat", dir.path(), &["--session", "none"]).code(4);
    verb(
        "recover",
        dir.path(),
        &["--session", "none", "-o", "/nowhere/at/all"],
    )
    .code(4);
}

#[test]
fn a_chain_of_spans_is_shown_to_its_end() {
    let dir = journal();
    let count = 100_000;
    let mut lines = vec![json!({"type": "session.start", "session": "deep"}).to_string()];
    lines.extend((1..=count).map(|n| {
        let parent = (n > 1).then(|| format!("n{}", n - 1));
        json!({"type": "span.start", "session": "deep", "span": format!("n{n}"), "parent": parent,
               "kind": "span", "name": format!("name{n}")})
        .to_string()
    }));
    ingest(dir.path(), &lines);
    let ran = verb("show", dir.path(), &["deep"]).code(0);
    assert!(ran.text().contains("name100000"));
    assert!(ran.text().lines().count() > count);
    assert!(ran.stdout.len() < 40_000_000);
}

// cat

#[test]
fn cat_and_ingest_are_each_others_inverse() {
    let first = killed("ses_1");
    ingest(first.path(), &completed("ses_2"));
    let lines = verb("cat", first.path(), &["--format", "ndjson"]).code(0);
    let second = journal();
    run_with(["ingest", second.path().to_str().unwrap()], &lines.stdout).code(0);
    let again = verb("cat", second.path(), &["--format", "ndjson"]).code(0);
    let plain = |ran: &Ran| ran.text().lines().map(without_run).collect::<Vec<Value>>();
    assert_eq!(plain(&lines), plain(&again));
    let snapshots = |dir: &TempDir| {
        let out = journal();
        verb("recover", dir.path(), &["-o", out.path().to_str().unwrap()]).code(0);
        contents(out.path())
            .into_iter()
            .map(|(path, bytes)| {
                let mut snapshot: Value = serde_json::from_slice(&bytes).unwrap();
                // Runs and addresses are the journal's, not the session's.
                for member in ["runs", "notes"] {
                    snapshot.as_object_mut().unwrap().remove(member);
                }
                (path.file_name().unwrap().to_owned(), snapshot)
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(snapshots(&first)[1], snapshots(&second)[1]);
    let spans = |dir: &TempDir| snapshots(dir)[0].1["spans"].clone();
    assert_eq!(spans(&first), spans(&second));
}

#[test]
fn cat_names_types_and_escapes_what_a_terminal_obeys() {
    let dir = journal();
    let name = "a\u{1b}[2J\u{9b}b\nc\u{202e}";
    let line = json!({"type": "span", "session": "s\u{7}", "span": "x", "name": name,
                      "start_ms": 1, "end_ms": 2});
    ingest(dir.path(), &[line.to_string()]);
    for args in [&[][..], &["--system"], &["--format", "ndjson"]] {
        let ran = verb("cat", dir.path(), args).code(0);
        let is_harmless = |c: char| c == '\n' || !(c.is_control() || c == '\u{202e}');
        assert!(ran.text().chars().all(is_harmless), "{:?}", ran.text());
        assert!(ran.text().contains("a\\u{1b}[2J") || ran.text().contains("a\\u001b[2J"));
    }
    for (verb_name, more) in [("list", &[][..]), ("list", &["--json"]), ("show", &["s"])] {
        let ran = verb(verb_name, dir.path(), more).code(0);
        let is_harmless = |c: char| c == '\n' || !(c.is_control() || c == '\u{202e}');
        assert!(
            ran.text().chars().all(is_harmless),
            "{verb_name}: {:?}",
            ran.text()
        );
    }
    let ran = verb("cat", dir.path(), &["--format", "ndjson"]).code(0);
    assert_eq!(without_run(ran.text().trim_end())["name"], name);
}

#[test]
fn cat_system_adds_the_journals_own_records() {
    let dir = journal();
    ingest(dir.path(), &completed("s"));
    let plain = verb("cat", dir.path(), &[]).code(0);
    let system = verb("cat", dir.path(), &["--system"]).code(0);
    assert_eq!(plain.text().matches("session starts").count(), 1);
    assert!(system.text().lines().count() > plain.text().lines().count() + 3);
}

// recover

#[test]
fn a_directory_alone_is_told_at_a_glance_and_stays_as_it_is() {
    let dir = killed("s");
    let before = contents(dir.path());
    let ran = run([dir.path()]).code(0);
    let first = ran.text().lines().next().unwrap();
    assert!(first.contains("1 session (1 crashed)"), "{}", ran.text());
    for part in [
        "nothing known lost",
        "Fix the bug",
        "was doing",
        "bash  ls",
        "half a li",
    ] {
        assert!(ran.text().contains(part), "{part}: {}", ran.text());
    }
    let ran = verb("verify", dir.path(), &["--segments"]).code(0);
    let lines: Vec<&str> = ran.text().lines().collect();
    assert!(lines[0].starts_with("loss="), "{}", ran.text());
    for member in [
        "size=",
        "ok_up_to=",
        "records=",
        "seq=",
        "state=",
        "reason=",
    ] {
        assert!(lines[1].contains(member), "{}", ran.text());
    }
    let verdict = lines[0];
    assert!(verdict.contains("missing=") && verdict.contains("sessions=1 crashed=1 interrupted=3"));
    for (name, more) in [
        ("list", &[][..]),
        ("show", &["s"]),
        ("cat", &[]),
        ("recover", &["--json"]),
    ] {
        verb(name, dir.path(), more).code(0);
    }
    assert_eq!(contents(dir.path()), before);
}

#[test]
fn the_report_as_json_has_exactly_these_members() {
    let dir = killed("s");
    let report = verb("recover", dir.path(), &["--json"]).code(0).json();
    let names = |value: &Value| {
        value
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<BTreeSet<_>>()
    };
    let set = |names: &[&str]| {
        names
            .iter()
            .map(|n| (*n).to_owned())
            .collect::<BTreeSet<_>>()
    };
    let top = [
        "loss",
        "counts",
        "tail_bytes",
        "believed",
        "contradicted",
        "segments",
        "ranges",
        "runs",
        "sessions",
        "exit_code",
    ];
    assert_eq!(names(&report), set(&top));
    let counts = [
        "recovered",
        "lost_durable",
        "lost_unwitnessed",
        "retired",
        "refused",
    ];
    assert_eq!(names(&report["counts"]), set(&counts));
    let segment = [
        "file",
        "size",
        "ok_up_to",
        "records",
        "first_seq",
        "last_seq",
        "state",
    ];
    assert_eq!(names(&report["segments"][0]), set(&segment));
    let run = "run generation state durable_seq last_seq refused refusals boot_id host pid program \
               program_version library_version resource";
    let run: Vec<&str> = run.split_whitespace().collect();
    assert_eq!(names(&report["runs"][0]), set(&run));
    assert_eq!(report["runs"][0]["state"], "crashed");
    assert_eq!(
        report["sessions"],
        json!([{
            "id": "s", "status": "crashed", "interrupted": 3, "loss": "none", "records": 5,
            "spans": 3, "refused": 0,
        }])
    );
    assert_eq!(report["exit_code"], 0);
}

#[test]
fn recover_writes_a_file_per_session_and_overwrites_none() {
    let dir = killed("ses_1");
    ingest(dir.path(), &completed("a/b"));
    let out = journal();
    let out = out.path().join("new").join("place");
    let recover = |more: &[&str]| {
        verb(
            "recover",
            dir.path(),
            &[&["-o", out.to_str().unwrap()], more].concat(),
        )
    };
    recover(&[]).code(0);
    let written = contents(&out);
    let names: Vec<&str> = written
        .iter()
        .map(|(path, _)| path.file_name().unwrap().to_str().unwrap())
        .collect();
    assert_eq!(names, ["a%2Fb.json", "ses_1.json"]);
    let snapshot: Value = serde_json::from_slice(&written[1].1).unwrap();
    assert_eq!(snapshot["schema"], "trace-journal/snapshot/1");
    assert_eq!(
        (&snapshot["id"], &snapshot["status"]),
        (&json!("ses_1"), &json!("crashed"))
    );

    fs::remove_file(out.join("a%2Fb.json")).unwrap();
    fs::write(out.join("ses_1.json"), "mine").unwrap();
    let refused = recover(&["--format", "tracefile"]).code(5);
    assert!(refused.stderr.contains("ses_1.json") && refused.stderr.contains("--overwrite"));
    assert_eq!(
        contents(&out),
        [(out.join("ses_1.json"), b"mine".to_vec())],
        "nothing written"
    );

    recover(&["--format", "tracefile", "--overwrite", "--session", "ses_"]).code(0);
    let written = contents(&out);
    assert_eq!(written.len(), 1);
    let file: Value = serde_json::from_slice(&written[0].1).unwrap();
    assert_eq!(
        (&file["version"], &file["sessionId"]),
        (&json!(2), &json!("ses_1"))
    );
    assert_eq!(file["summary"]["status"], "crashed");
}

#[test]
fn nothing_is_written_into_the_journal_itself() {
    let dir = killed("s");
    let before = contents(dir.path());
    let ran = verb("recover", dir.path(), &["-o", dir.path().to_str().unwrap()]).code(2);
    assert!(ran.stderr.contains("journal itself"), "{}", ran.stderr);
    assert_eq!(contents(dir.path()), before);
}

#[test]
fn strict_writes_nothing_if_there_is_damage_and_prefix_stops_at_the_gap() {
    let dir = journal();
    ingest(dir.path(), &completed("s"));
    let holds = |bytes: &[u8]| bytes.windows(9).any(|w| w == b"I'll look");
    let mut files = contents(dir.path()).into_iter();
    let (segment, mut bytes) = files.find(|(_, bytes)| holds(bytes)).unwrap();
    let at = bytes.windows(9).position(|w| w == b"I'll look").unwrap();
    bytes[at] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let place = journal();
    let out = place.path().join("out");
    let recover = |mode: &str| {
        let more = ["--mode", mode, "-o", out.to_str().unwrap(), "--json"];
        verb("recover", dir.path(), &more).code(3)
    };
    let strict = recover("strict");
    assert!(strict.stderr.contains("nothing was written") && !out.exists());
    assert_eq!(strict.json()["exit_code"], 3);
    let spans = |mode: &str| {
        recover(mode);
        let file = fs::read(out.join("s.json")).unwrap();
        fs::remove_dir_all(&out).unwrap();
        let snapshot: Value = serde_json::from_slice(&file).unwrap();
        snapshot["spans"].as_array().unwrap().len()
    };
    assert_eq!((spans("salvage"), spans("prefix")), (3, 2));
}

#[test]
fn hostile_ids_stay_apart_and_inside_the_directory() {
    let dir = journal();
    let long = "x".repeat(10_000);
    let ids = [
        "../../etc/passwd",
        "weird:session/with.unsafe:chars",
        "",
        &long,
        "ses_日本",
        "a/b",
        "a.b",
        "a_b",
        ".",
        "..",
        "CON",
        "con",
        "-rf",
        "a\nb",
        "\u{0}",
    ];
    let lines: Vec<String> = ids.iter().flat_map(|id| completed(id)).collect();
    ingest(dir.path(), &lines);
    let rows = verb("list", dir.path(), &["--json"]).code(0).json();
    let listed: BTreeSet<&str> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["id"].as_str().unwrap())
        .collect();
    let expected: BTreeSet<&str> = ids
        .iter()
        .map(|id| if id.is_empty() { "unknown" } else { id })
        .collect();
    assert_eq!(listed, expected);
    for format in ["json", "tracefile"] {
        let place = journal();
        let out = place.path().join("out");
        verb(
            "recover",
            dir.path(),
            &["-o", out.to_str().unwrap(), "--format", format],
        )
        .code(0);
        assert_eq!(contents(&out).len(), ids.len());
        assert_eq!(
            fs::read_dir(place.path()).unwrap().count(),
            1,
            "nothing beside the directory"
        );
    }
    verb("show", dir.path(), &["--", "-rf"]).code(0);
    verb("show", dir.path(), &[""]).code(0);
}

// Pipes.

#[test]
fn a_closed_pipe_is_quiet() {
    let dir = journal();
    let lines: Vec<String> = (0..20_000)
        .map(|n| json!({"type": "custom", "session": "s", "name": "n", "data": n}).to_string())
        .collect();
    ingest(dir.path(), &lines);
    for args in [
        &["cat"][..],
        &["cat", "--format", "ndjson"],
        &["cat", "--system"],
    ] {
        let mut command = command([args[0]]);
        command.arg(dir.path()).args(&args[1..]);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut first = [0; 100];
        let mut pipe = child.stdout.take().unwrap();
        pipe.read_exact(&mut first).unwrap();
        drop(pipe);
        let ran = finish(child, b"").code(0);
        assert_eq!(ran.stderr, "");
    }
}
