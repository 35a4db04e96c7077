//! Promises: damage, killed.
//!
//! A second reader, in Python, written from `journal/FORMAT.md` and nothing else, finds in
//! journals that are whole, live, killed and damaged what the library finds: the same records with
//! the same payloads, sessions and events, and the same numbers missing. Where the two differ, one
//! of them or the text is wrong. `JOURNAL_SEED` changes the cases.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use journal_tests::event_child::EventChild;
use journal_tests::listing::paths_with;
use journal_tests::modes::modes;
use journal_tests::random::{Random, seed};
use journal_tests::rigs::{self, Budget};
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use trace_journal::{Event, FORMAT_VERSION, Item, Journal, Reader, UserKind, Value, WriteMode};

const CHILD: &str = env!("CARGO_BIN_EXE_journal-event-child");

/// What a reader finds.
#[derive(Debug, Default)]
struct Found {
    /// By run and sequence number.
    records: BTreeMap<(String, u64), Json>,
    missing: BTreeSet<(String, u64)>,
    /// From here on it is not known how many are missing.
    open: BTreeSet<(String, u64)>,
}

fn python(dir: &Path) -> Found {
    let out = Command::new("python3")
        .arg("-B")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/second_reader.py"))
        .arg(dir)
        .arg(FORMAT_VERSION.to_string())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{errors}");
    let mut found = Found::default();
    for line in String::from_utf8(out.stdout).unwrap().lines() {
        let line: Json = serde_json::from_str(line).unwrap();
        let run = line["run"].as_str().unwrap().to_owned();
        if let Some(seq) = line["seq"].as_u64() {
            let before = found.records.insert((run, seq), line);
            assert!(before.is_none(), "{before:?} comes twice");
            continue;
        }
        for range in line["missing"].as_array().into_iter().flatten() {
            let (first, last) = (range[0].as_u64().unwrap(), range[1].as_u64().unwrap());
            let numbers = (first..=last).map(|seq| (run.clone(), seq));
            found.missing.extend(numbers);
        }
    }
    found
}

fn library(dir: &Path) -> Found {
    let reader = Reader::options().verify(true).open(dir).unwrap();
    let mut found = Found::default();
    for item in reader.records() {
        match item.unwrap() {
            Item::Record(record) => {
                let mut line = json!({
                    "run": record.run.to_string(),
                    "seq": record.seq.get(),
                    "kind": record.kind.get(),
                    "session": record.session.as_deref(),
                    "length": record.payload.len(),
                    "crc": crc32(&record.payload),
                });
                line["event"] = exact(serde_json::to_value(record.event()).unwrap());
                let address = (record.run.to_string(), record.seq.get());
                found.records.insert(address, line);
            }
            Item::Gap(gap) => {
                let run = gap.run.to_string();
                let numbers = gap.last.map(|last| gap.first.get()..=last.get());
                let of_run = numbers.into_iter().flatten().map(|seq| (run.clone(), seq));
                found.missing.extend(of_run);
                if gap.last.is_none() {
                    found.open.insert((run, gap.first.get()));
                }
            }
        }
    }
    found
}

/// Numbers with a fraction as their bits, as the other reader prints them.
fn exact(value: Json) -> Json {
    match value {
        Json::Number(one) if one.is_f64() => json!({"$f64": one.as_f64().unwrap().to_bits()}),
        Json::Array(values) => values.into_iter().map(exact).collect(),
        Json::Object(members) => {
            let members = members.into_iter();
            Json::Object(members.map(|(name, value)| (name, exact(value))).collect())
        }
        other => other,
    }
}

/// CRC-32/ISO-HDLC, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = sum >> 1 ^ (0xedb8_8320 * (sum & 1));
        }
    }
    !sum
}

/// Whether both readers tell the same of a record. Sessions and events of the library's own records
/// are not compared, and no names that a reader made up because nothing says one any more.
fn is_same(ours: &Json, theirs: &Json) -> bool {
    let (mut ours, mut theirs) = (ours.clone(), theirs.clone());
    let index = theirs.as_object_mut().unwrap().remove("index");
    if theirs["event"].is_null() {
        (ours["event"], ours["session"]) = (Json::Null, theirs["session"].clone());
    } else if theirs["session"].is_null() && index != Some(json!(0)) {
        ours["event"].as_object_mut().unwrap().remove("session");
        ours["session"] = Json::Null;
    }
    ours == theirs
}

/// Both readers find the same, record by record; gives how many there were.
fn agree(dir: &Path, what: &str) -> usize {
    let (ours, theirs) = (library(dir), python(dir));
    for (address, line) in &ours.records {
        let other = theirs.records.get(address);
        let other = other.unwrap_or_else(|| panic!("{what}: the other has no {address:?}"));
        assert!(is_same(line, other), "{what}: {line:#}, but {other:#}");
    }
    for address in theirs.records.keys() {
        let is_there = ours.records.contains_key(address);
        assert!(is_there, "{what}: {address:?} is given by the other only");
    }
    for address in &ours.missing {
        let is_there = theirs.missing.contains(address);
        assert!(is_there, "{what}: the other does not miss {address:?}");
    }
    for address in &theirs.missing {
        let open = ours.open.iter().filter(|from| from.0 == address.0);
        let is_vague = open.into_iter().any(|from| from.1 <= address.1);
        let is_there = is_vague || ours.missing.contains(address);
        assert!(is_there, "{what}: the library does not miss {address:?}");
    }
    ours.records.len()
}

/// Whether there is a Python to run; says so if not.
fn has_python() -> bool {
    let found = Command::new("python3").arg("--version").output();
    if found.is_err() {
        rigs::skip("second-reader", "no python3");
    }
    found.is_ok()
}

/// An event of some kind, as a line of JSON.
fn line(random: &mut Random, number: u64) -> String {
    let session = format!("s{}", random.below(4));
    let span = format!("{:016x}", number / 3);
    let history: Vec<Json> = (0..number % 12)
        .map(|turn| json!({"role": "user", "content": format!("turn {turn} ").repeat(30)}))
        .collect();
    let fields = json!({
        "input": history, "output": {"text": "x".repeat(100), "n": null, "f": -0.0},
        "model": {"model_id": "m", "variant": ""}, "call_id": "c", "finish_reason": "stop",
        "tokens": {"input": 1500, "output": 2.5}, "cost": 0.005,
        "attributes": {"k": 1, "deep": [[], {}, [{"a": -5}], 1e300], "b": {"$bytes": "AAEC"}},
    });
    let mut event = match number % 16 {
        0 => json!({"type": "session.start", "name": "n", "span": "root", "trace_id": "t",
            "parent_session": span, "metadata": {"title": "t", "u": u64::MAX, "i": i64::MIN},
            "forked_at": {"run": "00000001-0123456789abcdef", "seq": 5}, "otel": {"a": 1}}),
        1 => json!({"type": "session.update", "name": "", "metadata": {"t": history}}),
        2 => json!({"type": "session.end", "status": "error", "error": "E"}),
        3 => json!({"type": "span.start", "parent": "g", "kind": "tool", "otlp_kind": 3,
            "start_ms": number}),
        4 => json!({"type": "span.update", "name": "r", "status": "ok", "status_message": "q"}),
        5 => json!({"type": "span.end", "status": "unset", "ended_by_drop": true}),
        6 => json!({"type": "span", "start_ns": "-1", "end_ms": 2000, "name": "n"}),
        7 => json!({"type": "text", "text": "I'll look", "channel": "reasoning", "offset": 7}),
        8 => json!({"type": "log", "level": number % 25, "message": history, "event_name": "e"}),
        9 => json!({"type": "link", "to_trace_id": "a", "to_session": "b", "to_span": span}),
        10 => json!({"type": "counter", "name": "c", "value": 3.25, "unit": "s"}),
        11 => json!({"type": "custom", "name": "c", "data": {"of": history}}),
        12 => json!({"type": "line", "line": {"$bytes": "//4="}}),
        13 => json!({"type": "crash", "reason": "SIGTERM", "location": "here"}),
        14 => json!({"type": "text", "text": "no span"}),
        _ => json!({"type": "line", "line": "a line"}),
    };
    let members = event.as_object_mut().unwrap();
    members.insert("session".to_owned(), json!(session));
    if random.below(2) > 0 {
        members.insert("at_ns".to_owned(), json!(random.below(1 << 62).to_string()));
    }
    if (3..=10).contains(&(number % 16)) {
        members.insert("span".to_owned(), json!(span));
    }
    if (3..=6).contains(&(number % 16)) {
        members.extend(fields.as_object().unwrap().clone());
    }
    if random.below(4) == 0 {
        members.insert("unheard_of".to_owned(), json!({"a": [1, null]}));
    }
    event.to_string()
}

/// A run with events of all kinds, raw records and values that JSON has no word for.
fn write(dir: &Path, mode: WriteMode, random: &mut Random) -> Journal {
    let options = Journal::options().write_mode(mode).share_values(true);
    let options = options.shared(false).segment_bytes_max(16 << 10);
    let journal = options.open(dir).unwrap();
    for number in 0..40 + random.below(120) {
        journal.append_json(line(random, number)).unwrap();
        if number % 7 == 0 {
            let payload = vec![7; usize::try_from(random.below(3000)).unwrap()];
            let kind = UserKind::new(200).unwrap();
            journal.append_raw(kind, payload).unwrap();
        }
    }
    let session = journal.session("values").start();
    for number in [f64::NAN, f64::INFINITY, -0.0, f64::MIN_POSITIVE] {
        session
            .append(Event::custom("x", Value::from(number)))
            .unwrap();
    }
    let raw = UserKind::new(129).unwrap();
    session.append_raw(raw, b"of a session").unwrap();
    journal
}

fn copy_of(dir: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for found in fs::read_dir(dir).unwrap() {
        let path = found.unwrap().path();
        fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    copy
}

#[test]
fn both_readers_find_the_same_in_runs_that_live_and_that_were_closed() {
    if !has_python() {
        return;
    }
    let mut count = 0;
    for (mode, name) in modes() {
        let dir = tempfile::tempdir().unwrap();
        let mut random = Random::new(seed());
        for _ in 0..3 {
            let journal = write(dir.path(), mode, &mut random);
            journal.sync().unwrap();
            count += agree(dir.path(), name);
            count += agree(copy_of(dir.path()).path(), name);
            journal.close().unwrap();
        }
        count += agree(dir.path(), name);
    }
    rigs::done("second-reader", &format!("{count} records"));
}

#[test]
fn both_readers_find_the_same_in_what_was_killed_before_and_after_it_is_recovered() {
    if !has_python() {
        return;
    }
    let budget = Budget::new("second-reader-killed", Duration::from_secs(20), 2);
    let mut cases = 0;
    while cases < 8 && !budget.is_over() {
        let mut random = Random::part(seed(), cases);
        let dir = tempfile::tempdir().unwrap();
        let mut child = EventChild::start_sharing(CHILD, dir.path());
        for number in 0..random.within(1, 100) {
            child.write(&line(&mut random, number));
        }
        child.kill();
        agree(dir.path(), &format!("case {cases}"));
        Journal::open(dir.path()).unwrap().close().unwrap();
        agree(dir.path(), &format!("case {cases}, recovered"));
        cases += 1;
    }
    budget.done(cases, seed());
}

/// Damages a file somewhere, and says how.
fn damage(paths: &[PathBuf], random: &mut Random) -> String {
    let some = |random: &mut Random, room: usize| {
        usize::try_from(random.below(u64::try_from(room).unwrap())).unwrap()
    };
    let path = &paths[some(random, paths.len())];
    let mut bytes = fs::read(path).unwrap_or_default();
    if bytes.is_empty() {
        return "nothing".to_owned();
    }
    let from = some(random, bytes.len());
    let to = bytes.len().min(from + 1 + some(random, 2000));
    let page = from & !4095;
    let what = match random.below(8) {
        0..=2 => {
            bytes[from] ^= 1 << random.below(8);
            "flip"
        }
        3 => {
            let end = bytes.len().min(page + 4096);
            bytes[page..end].fill(0);
            "zeroed the page of"
        }
        4 => {
            bytes[from..to].fill(0);
            "zeroed"
        }
        5 => {
            bytes[from..to].fill(0xa5);
            "filled"
        }
        6 => {
            bytes.truncate(from);
            "cut"
        }
        _ => {
            fs::remove_file(path).unwrap();
            return format!("removed {}", path.display());
        }
    };
    fs::write(path, bytes).unwrap();
    format!("{what} {from} to {to} of {}", path.display())
}

#[test]
fn both_readers_find_the_same_behind_damage() {
    if !has_python() {
        return;
    }
    let budget = Budget::new("second-reader-damage", Duration::from_secs(60), 10);
    let mut cases = 0;
    for (mode, name) in modes() {
        let dir = tempfile::tempdir().unwrap();
        let mut random = Random::new(seed());
        for _ in 0..2 {
            let journal = write(dir.path(), mode, &mut random);
            journal.close().unwrap();
        }
        for case in 0..60 {
            if budget.is_over() {
                break;
            }
            let mut random = Random::part(seed(), case);
            let copy = copy_of(dir.path());
            let paths = paths_with(copy.path(), "seg");
            let deeds = 1 + random.below(4);
            let done: Vec<String> = (0..deeds).map(|_| damage(&paths, &mut random)).collect();
            agree(copy.path(), &format!("{name} case {case}: {done:#?}"));
            cases += 1;
        }
    }
    budget.done(cases, seed());
}

/// The directories below this one that hold segments.
fn journals_below(dir: &Path, found: &mut Vec<PathBuf>) {
    if !paths_with(dir, "seg").is_empty() {
        found.push(dir.to_owned());
    }
    for below in fs::read_dir(dir).unwrap() {
        let path = below.unwrap().path();
        if path.is_dir() {
            journals_below(&path, found);
        }
    }
}

#[test]
fn both_readers_find_the_same_in_the_journals_that_are_kept_for_ever() {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/format-1");
    if !has_python() || !kept.is_dir() {
        return;
    }
    let mut found = Vec::new();
    journals_below(&kept, &mut found);
    assert!(!found.is_empty());
    for dir in &found {
        agree(dir, &dir.display().to_string());
    }
}
