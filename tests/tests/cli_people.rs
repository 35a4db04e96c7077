//! Promises: private. What people see fits their terminal, and what is printed can be typed back,
//! whatever a trace holds.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use journal_tests::command::{Ran, command, finish, run, run_with};
use journal_tests::rigs::skip;
use journal_tests::sample::{completed, ingest, opened};
use journal_tests::terminal;
use serde_json::{Value, json};
use tempfile::TempDir;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

const WIDTHS: [usize; 5] = [40, 60, 80, 120, 200];

/// Ids that a terminal, a shell or a table may choke on.
fn ids() -> Vec<String> {
    let long = "x".repeat(3_000);
    let mut ids: Vec<String> = [
        "short",
        "a b",
        "two  spaces",
        "a\tb",
        "a\nb",
        "\u{1b}[2Jclear",
        "\u{202e}evil",
        "it's",
        "back\\slash'\n",
        "$HOME `id` \"$(id)\"",
        "-rf",
        "--",
        "~",
        "~12345678",
        "'quoted'",
        "$'x\\ty'",
        "zero\0byte",
        "日本語のセッション識別子は広いので切られます",
        "شناسه‌ای از راست به چپ که دراز است و بریده می‌شود",
        "👩\u{200d}👩\u{200d}👧\u{200d}👦👩\u{200d}👩\u{200d}👧\u{200d}👦👩\u{200d}👩\u{200d}👧\u{200d}👦",
        "0192f0c1-7d5e-7000-8000-000000000001",
        "0192f0c1-7d5e-7000-8000-000000000002",
        "0192f0c2-7d5e-7000-8000-000000000001",
        "ses_ünïcödé",
    ]
    .map(str::to_owned)
    .to_vec();
    ids.extend([
        format!("{long}1"),
        format!("{long}2"),
        format!("e{}", "\u{301}".repeat(2_000)),
    ]);
    ids
}

/// Texts that are too long or too wide.
fn texts() -> [String; 6] {
    [
        "word ".repeat(600),
        "長い題名".repeat(100),
        "👩\u{200d}👩\u{200d}👧🇩🇪👍🏽".repeat(50),
        "نص طويل جدا من اليمين إلى اليسار ".repeat(60),
        format!("e{}", "\u{301}".repeat(3_000)),
        "a\u{1b}[31m\u{202e}b\u{9b}c\u{7f}".repeat(40),
    ]
}

/// A journal of sessions with such ids, titles, names and texts.
fn hostile() -> &'static Path {
    static JOURNAL: OnceLock<TempDir> = OnceLock::new();
    let make = || {
        let dir = tempfile::tempdir().unwrap();
        let texts = texts();
        let mut lines: Vec<Value> = Vec::new();
        for (id, number) in ids().iter().zip(0..) {
            let text = &texts[number % texts.len()];
            let span = |span: &str, more: Value| {
                let mut event = json!({"type": "span", "session": id, "span": span, "at_ms": 2000,
                                       "kind": "tool", "name": text, "parent": "g"});
                let members = event.as_object_mut().unwrap();
                members.extend(more.as_object().unwrap().clone());
                event
            };
            lines.push(
                json!({"type": "session.start", "session": id, "at_ms": 1000 + number,
                              "metadata": {"title": text}}),
            );
            lines.push(
                json!({"type": "span.start", "session": id, "span": "g", "at_ms": 1500,
                              "kind": "generation", "name": text,
                              "model": {"model_id": text, "provider_id": "p"}}),
            );
            lines.push(span(
                "ok",
                json!({"status": "ok", "input": {"x": text}, "output": text,
                                         "cost": 0.123_456_789, "tokens": {"input": 1_234_567}}),
            ));
            lines.push(span(
                "bad",
                json!({"status": "error", "status_message": text,
                                          "output": {"stdout": text}, "attributes": {"a": text}}),
            ));
            for _ in 0..8 {
                lines.push(
                    json!({"type": "log", "session": id, "span": "g", "level": "info",
                                  "message": text, "at_ms": 1600}),
                );
            }
            lines.push(
                json!({"type": "text", "session": id, "span": "g", "channel": text,
                              "text": format!("{text}\n{text}"), "at_ms": 1700}),
            );
        }
        let parent = |n: u32| {
            if n == 0 {
                "g".to_owned()
            } else {
                format!("d{}", n - 1)
            }
        };
        lines.extend((0..60).map(|n| {
            json!({"type": "span.start", "session": "short", "span": format!("d{n}"),
                   "parent": parent(n), "kind": "span", "name": format!("deep {n}"), "at_ms": 1800})
        }));
        let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
        ingest(dir.path(), &lines);
        dir
    };
    JOURNAL.get_or_init(make).path()
}

/// Runs a verb as on a terminal of so many columns.
fn run_at(width: usize, args: &[&str]) -> Ran {
    let mut command = command(args);
    command
        .env("COLUMNS", width.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    finish(command.spawn().unwrap(), b"")
}

/// Columns a terminal may need, whether it draws clusters as one or one by one.
fn columns(line: &str) -> usize {
    let one_by_one = line.chars().map(|c| c.width().unwrap_or(0)).sum();
    line.width().max(one_by_one)
}

/// Lines for people; hints are to be pasted, and so they are whole.
fn lines(ran: &Ran) -> impl Iterator<Item = &str> {
    let is_hint = |line: &&str| line.starts_with("next: ") || line.contains("recover ");
    ran.text().lines().filter(move |line| !is_hint(line))
}

/// The id of each row of a list, in its order.
fn listed(dir: &str) -> Vec<String> {
    let rows = run(["list", dir, "--json"]).json();
    let ids = rows.as_array().unwrap().iter();
    ids.map(|row| row["id"].as_str().unwrap().to_owned())
        .collect()
}

/// The first column of a list as it is printed.
fn first_column(ran: &Ran) -> Vec<String> {
    let header = ran.text().lines().next().unwrap();
    let end = header.find("STATUS").unwrap();
    let cell = |line: &str| {
        let mut used = 0;
        let cell = line.chars().take_while(|c| {
            used += c.width().unwrap_or(0);
            used <= end
        });
        cell.collect::<String>().trim_end().to_owned()
    };
    ran.text().lines().skip(1).map(cell).collect()
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    let dir = hostile().to_str().unwrap();
    let ids = ids();
    let mut verbs: Vec<Vec<&str>> = [
        &["status"][..],
        &["list"],
        &["list", "--runs"],
        &["list", "--sort", "cost"],
        &["verify"],
        &["verify", "--segments"],
        &["cat"],
        &["cat", "-v", "--system"],
        &["cat", "-n", "20"],
        &["stats"],
        &["stats", "--by", "session"],
        &["stats", "--by", "day,model"],
        &["stats", "--by", "tool"],
        &["stats", "--by", "title"],
    ]
    .iter()
    .map(|args| [args, &[dir][..]].concat())
    .collect();
    verbs.push(vec!["grep", dir, "o"]);
    verbs.push(vec!["grep", dir, "b", "-C", "2"]);
    let typed = ids.iter().filter(|id| !id.contains('\0'));
    verbs.extend(typed.clone().map(|id| vec!["show", "--", dir, id]));
    let mut cases: Vec<(usize, Vec<&str>)> = Vec::new();
    for args in verbs {
        cases.extend(WIDTHS.map(|width| (width, args.clone())));
    }
    // The other forms of each session at a width each, for all of them take minutes.
    let forms = [
        &["show", "--as", "chat"][..],
        &["show", "--only", "errors"],
        &["show", "--full"],
        &["show", "--span", "bad"],
    ];
    for ((id, number), form) in typed.zip(0..).zip(forms.iter().cycle()) {
        cases.push((
            WIDTHS[number % WIDTHS.len()],
            [form, &["--", dir, id][..]].concat(),
        ));
    }
    for (width, args) in cases {
        let ran = run_at(width, &args).code(0);
        for line in lines(&ran) {
            assert!(columns(line) <= width, "{args:?} at {width}: {line}");
        }
        is_harmless(&args, ran.text());
    }
    for id in ids.iter().filter(|id| !id.contains('\0')) {
        let args = ["show", "--as", "handoff", "--", dir, id];
        let ran = run(args).code(0);
        assert!(ran.text().chars().count() <= 12_000, "{id}");
        is_harmless(&args, ran.text());
    }
}

/// A terminal finds nothing in it to obey.
#[track_caller]
fn is_harmless(args: &[&str], text: &str) {
    let is_obeyed = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
    assert!(!text.contains(is_obeyed), "{args:?}: {text}");
}

#[test]
fn every_time_that_is_printed_can_be_typed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    for (id, at) in [
        ("old", 1_000_i64),
        ("now", -1),
        ("odd", 253_402_300_800_000),
    ] {
        let mut start = json!({"type": "session.start", "session": id});
        if at >= 0 {
            start["at_ms"] = at.into();
        }
        ingest(dir.path(), &[start.to_string()]);
    }
    let mut times = Vec::new();
    let rows = run_at(120, &["list", path]).code(0);
    let (header, rows) = rows.text().split_once('\n').unwrap();
    let last = header.find("DURATION").unwrap();
    let first = header.find("STATUS").unwrap() + "completed".len();
    times.extend(rows.lines().map(|row| row[first..last].trim().to_owned()));
    let heading = run_at(120, &["show", path, "old"]).code(0);
    let heading = heading.text().lines().next().unwrap();
    times.push(heading.split(", ").nth(1).unwrap().to_owned());
    let cat = run_at(120, &["cat", path, "old"]).code(0);
    let mut words = cat.text().lines().last().unwrap().split("  ");
    times.push(words.next().unwrap().to_owned());
    let cat = run(["cat", path, "old"]).code(0);
    times.push(cat.text().split("  ").next().unwrap().to_owned());
    let rows = run(["list", path, "--json"]).code(0).json();
    times.push(rows[1]["last_at"].as_str().unwrap().to_owned());
    // No calendar of the command reaches the year 10000.
    for time in times.iter().filter(|time| !time.contains("10000")) {
        let ran = run(["list", path, &format!("--since={time}")]);
        assert!([0, 4].contains(&ran.code), "{time}: {}", ran.stderr);
    }
    let ran = run(["list", path, "-S", "soon"]).code(2);
    assert!(ran.stderr.contains("soon is no time"), "{}", ran.stderr);
}

#[test]
fn output_to_a_pipe_is_not_cut() {
    let dir = hostile().to_str().unwrap();
    let list = run(["list", dir]).code(0);
    assert!(list.text().contains(&"word ".repeat(599)));
    assert!(list.text().contains(&"x".repeat(3_000)));
    let shown = run(["show", dir, "short"]).code(0);
    assert!(shown.text().contains(&"word ".repeat(599)));
    let report = run([dir]).code(0);
    assert!(report.text().lines().all(|line| !line.ends_with('…')));
}

#[test]
fn every_id_that_is_printed_names_its_session() {
    let dir = hostile().to_str().unwrap();
    let ids = listed(dir);
    let names = |word: &str, id: &str| {
        let args = [
            "cat",
            dir,
            "--format",
            "ndjson",
            &format!("--session={word}"),
        ];
        let first: Value = {
            let ran = run(args).code(0);
            serde_json::from_str(ran.text().lines().next().unwrap()).unwrap()
        };
        assert_eq!(first["session"], *id, "{word}");
    };
    for width in [0, 40, 80, 200] {
        let ran = run_at(width, &["list", dir]).code(0);
        let words = first_column(&ran);
        assert_eq!(words.len(), ids.len());
        for (word, id) in words.iter().zip(&ids) {
            // Wider than its column: the whole of it stands there.
            let is_whole = width == 0 && columns(word) >= 48;
            names(if is_whole { id } else { word }, id);
        }
    }
    let ambiguous = run(["show", dir, "0192f0c1"]).code(2);
    let candidates = ambiguous.stderr.lines().skip(1);
    let candidates: Vec<&str> = candidates
        .map(|row| row.split_whitespace().next().unwrap())
        .collect();
    assert_eq!(candidates.len(), 2);
    for candidate in candidates {
        run(["show", dir, candidate.trim()]).code(0);
    }
}

#[test]
fn every_hint_works_as_it_is_pasted() {
    let Ok(_) = Command::new("bash").arg("--version").output() else {
        return skip("hints", "no bash");
    };
    let place = tempfile::tempdir().unwrap();
    for (id, number) in ids().iter().zip(0..) {
        let dir = place.path().join(format!("it's \t{number}"));
        ingest(&dir, &opened(id));
        let seen = terminal::run([&dir], 80);
        assert_eq!(seen.code, 0, "{}", seen.text);
        let hints = hints(&seen.text);
        assert!(!hints.is_empty(), "{}", seen.text);
        for hint in hints.iter().filter(|hint| !hint.contains(" OUT")) {
            let shell = Command::new("bash").args(["-c", hint]).output().unwrap();
            let told = String::from_utf8_lossy(&shell.stderr);
            assert_eq!(shell.status.code(), Some(0), "{hint}: {told}");
            assert!(String::from_utf8_lossy(&shell.stdout).contains("Fix the bug"));
        }
        let typed = run(["show", dir.to_str().unwrap(), "no such session"]).code(4);
        let hint = typed.stderr.split_once("; ").unwrap().1;
        let shell = Command::new("bash").args(["-c", hint]).output().unwrap();
        assert_eq!(shell.status.code(), Some(0), "{hint}");
    }
}

/// The commands that are told to be typed next.
fn hints(text: &str) -> Vec<String> {
    let from_first = text
        .lines()
        .skip_while(|line| !line.starts_with("next: "))
        .map(|line| line["next: ".len()..].trim_end().to_owned());
    from_first.collect()
}

#[test]
fn ids_are_understood_as_shells_spell_them() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    ingest(dir.path(), &completed("a\tb"));
    ingest(dir.path(), &completed("$'lit'"));
    for spelling in [
        "a\tb",
        r"$'a\tb'",
        r"$'a\x09b'",
        r"$'a\011b'",
        r"$'a\t'",
        r"$'\u0061\t'",
    ] {
        run(["show", path, spelling]).code(0);
    }
    // An exact id comes first, whatever it looks like.
    run(["show", path, "$'lit'"]).code(0);
    run(["show", path, "lit"]).code(4);
    run(["show", path, r"$'a\tc'"]).code(4);
    run(["show", path, "~00000000"]).code(4);
}

// Numbers.

#[test]
fn costs_are_rounded_for_people_and_exact_for_programs() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    let cost = 0.021_631_749_999_999_998;
    let line = json!({"type": "span", "session": "s", "span": "g", "kind": "generation",
                      "name": "chat", "status": "ok", "cost": cost,
                      "tokens": {"input": 0.1, "output": 0.2}});
    ingest(dir.path(), &[line.to_string()]);
    for args in [["list", path, ""], ["show", path, "s"]] {
        let ran = run(args.iter().filter(|arg| !arg.is_empty())).code(0);
        let is_long = |word: &str| {
            word.split_once('.')
                .is_some_and(|(_, rest)| rest.len() > 9 && !rest.ends_with('Z'))
        };
        assert!(ran.text().contains("0.02"), "{}", ran.text());
        let words = ran.text().split_whitespace();
        assert_eq!(
            words.filter(|word| is_long(word)).collect::<Vec<_>>(),
            [""; 0]
        );
    }
    let text = run(["list", path, "--json"]).code(0);
    assert!(
        text.text().contains("0.021631749999999998"),
        "{}",
        text.text()
    );
}

#[test]
fn long_sessions_last_days() {
    let dir = tempfile::tempdir().unwrap();
    let lines = [
        json!({"type": "session.start", "session": "s", "at_ms": 0}),
        json!({"type": "session.end", "session": "s", "at_ms": 200_000_000}),
    ];
    ingest(dir.path(), &lines.map(|line| line.to_string()));
    let ran = run(["list", dir.path().to_str().unwrap()]).code(0);
    assert!(ran.text().contains("2d07h"), "{}", ran.text());
}

// The end of things.

#[test]
fn show_has_the_end_of_what_was_logged_printed_and_given_back() {
    let dir = tempfile::tempdir().unwrap();
    let log = |level: &str, words: String| {
        let words = Value::from(words);
        json!({"type": "log", "session": "s", "span": "t", "level": level, "message": words})
    };
    let mut lines = vec![json!({"type": "span.start", "session": "s", "span": "t",
                                "kind": "tool", "name": "bash"})];
    lines.push(log("error", "the first error".into()));
    lines.extend((0..20).map(|n| log("info", format!("before {n}"))));
    lines.push(log("error", "the last error".into()));
    lines.extend((0..20).map(|n| log("info", format!("after {n}"))));
    let many = |end: &str| {
        let many: String = (0..300).map(|n| format!("line {n}\n")).collect();
        many + end
    };
    let failed = |span: &str, more: Value| {
        let mut event = json!({"type": "span", "session": "s", "span": span, "kind": "tool",
                               "name": "cargo", "status": "error"});
        event
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        event
    };
    let result = "{\"log\": \"".to_owned() + &"x".repeat(5_000);
    lines.extend([
        failed("a", json!({"output": many("END OF RESULT\n\n")})),
        failed("b", json!({"status_message": many("END OF WORDS")})),
        failed(
            "c",
            json!({"output": {"stdout": result, "z": "END OF JSON"}}),
        ),
        json!({"type": "text", "session": "s", "span": "d", "text": many("END OF TEXT"),
               "channel": "stderr"}),
        json!({"type": "span.end", "session": "s", "span": "d", "status": "error"}),
    ]);
    let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
    ingest(dir.path(), &lines);
    let path = dir.path().to_str().unwrap();
    for width in [0, 60] {
        let ran = run_at(width, &["show", path, "s"]).code(0);
        let text = ran.text();
        for part in [
            "the last error",
            "after 19",
            "END OF RESULT",
            "END OF WORDS",
            "END OF JSON",
            "END OF TEXT",
            "36 lines before",
        ] {
            assert!(text.contains(part), "{part} at {width}: {text}");
        }
        for part in ["after 5", "before 19", "the first error", "line 100"] {
            assert!(!text.contains(part), "{part} at {width}: {text}");
        }
    }
}

// What is missing, and what never was.

#[test]
fn a_session_that_is_not_there_may_have_been_lost() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    ingest(dir.path(), &completed("ses_alpha"));
    ingest(dir.path(), &completed("ses_beta"));
    let told = run(["show", path, "ses_aplha"]).code(4).stderr;
    assert!(told.contains("did you mean ses_alpha?"), "{told}");
    assert!(!told.contains("missing"), "{told}");
    let segment = fs::read_dir(dir.path())
        .unwrap()
        .map(|found| found.unwrap().path());
    let segment = segment
        .filter(|path| path.extension().is_some_and(|e| e == "seg"))
        .min();
    let segment = segment.unwrap();
    let compressed = format!("{}.gz", segment.display());
    fs::remove_file(&segment).unwrap();
    fs::write(&compressed, [0x1f, 0x8b, 8, 0, 1, 2, 3, 4]).unwrap();
    let told = run(["show", path, "ses_alpha"]).code(4).stderr;
    for verb in ["list", "cat", "verify"] {
        let ran = run([verb, path]);
        assert!(
            ran.stderr.contains(".gz: a compressed segment"),
            "{verb}: {}",
            ran.stderr
        );
    }
    assert!(
        told.contains("compressed") && told.contains("missing"),
        "{told}"
    );
    let only = tempfile::tempdir().unwrap();
    fs::copy(
        &compressed,
        only.path()
            .join(Path::new(&compressed).file_name().unwrap()),
    )
    .unwrap();
    let told = run(["list", only.path().to_str().unwrap()]).code(1).stderr;
    assert!(told.contains("compressed"), "{told}");
}

#[test]
fn an_empty_directory_is_told_alike_by_all_verbs() {
    let empty = tempfile::tempdir().unwrap();
    let refused = tempfile::tempdir().unwrap();
    run_with(["ingest", refused.path().to_str().unwrap()], b"no event\n").code(3);
    for dir in [&empty, &refused] {
        let path = dir.path().to_str().unwrap();
        for verb in ["list", "cat"] {
            let ran = run([verb, path]).code(4);
            assert!(ran.stderr.contains("no sessions in "), "{}", ran.stderr);
        }
    }
    for dir in [&empty, &refused] {
        let ran = run([dir.path()]).code(4);
        let told = format!("{}{}", ran.text(), ran.stderr);
        assert!(!told.contains("next:"), "{told}");
    }
}

#[test]
fn the_report_begins_with_its_verdict() {
    let dir = tempfile::tempdir().unwrap();
    for number in 0..20 {
        ingest(dir.path(), &completed(&format!("s{number}")));
    }
    let path = dir.path().to_str().unwrap();
    let ran = run(["verify", path]).code(0);
    let start = format!("{path}: nothing lost; ");
    assert!(ran.text().starts_with(&start), "{}", ran.text());
    assert_eq!(ran.text().lines().count(), 1);
    let ran = run(["verify", path, "--segments"]).code(0);
    assert!(
        ran.text().starts_with("loss=none missing=0 "),
        "{}",
        ran.text()
    );
    assert_eq!(ran.text().matches("segment=").count(), 20);
}

#[test]
fn records_of_runs_that_began_at_one_moment_have_addresses_of_their_own() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = dir.path().to_str().unwrap();
    ingest(dir.path(), &completed("one"));
    let places = || {
        let ran = run(["cat", "-v", path]).code(0);
        let place = |line: &str| line.split(' ').next().unwrap().to_owned();
        ran.text().lines().map(place).collect::<Vec<String>>()
    };
    assert!(
        places().iter().all(|place| place.starts_with("1:")),
        "{:?}",
        places()
    );
    ingest(other.path(), &completed("two"));
    for found in fs::read_dir(other.path()).unwrap() {
        let found = found.unwrap();
        fs::copy(found.path(), dir.path().join(found.file_name())).unwrap();
    }
    let mut all = places();
    let count = all.len();
    assert!(all.iter().all(|place| place.starts_with("1-")), "{all:?}");
    all.sort();
    all.dedup();
    assert_eq!(all.len(), count, "no two have one address");
}
