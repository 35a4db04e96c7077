//! Promises: durable, killed, damage.
//!
//! In a file system in memory nothing is ever called durable, a kill reads as if nothing were
//! missing, and what had been written and is not there any more is damage all the same.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use journal_tests::command::{command, finish, run, run_with};
use journal_tests::explore::{Plan, explore, shrink};
use journal_tests::isolated::{Needs, apart};
use journal_tests::random::{Random, seed};
use journal_tests::rigs::Budget;
use journal_tests::sample::completed;
use journal_tests::simdisk::{Image, Process, SimDisk, TMPFS};
use journal_tests::workload::kind;
use serde_json::Value;
use trace_journal::report::{Durability, Fate, Outcome};
use trace_journal::{Item, Journal, Loss, ReadMode, Reader};

#[test]
fn every_kill_in_memory_loses_nothing_and_nothing_is_durable() {
    let budget = Budget::new("in-memory", Duration::from_secs(15), 2);
    let mut cases = 0;
    for number in (seed() << 32..).take(8) {
        if budget.is_over() {
            break;
        }
        let plan = Plan {
            is_in_memory: true,
            ..Plan::numbered(number, false)
        };
        if let Some(wrong) = explore(plan).failure {
            panic!("{}", shrink(plan).unwrap_or(wrong));
        }
        cases += 1;
    }
    budget.done(cases, seed());
}

/// A killed run whose records were all synced, and then one of them was changed.
fn changed(file_system: Option<u64>) -> SimDisk {
    let disk = SimDisk::new(Random::new(1));
    if let Some(number) = file_system {
        disk.set_file_system(number);
    }
    let process = Process::start(&disk);
    let storage = Arc::new(process.clone());
    let journal = Journal::options().stepped().storage(storage);
    let journal = journal.open("journal").unwrap();
    let kind = kind();
    for number in 0..10 {
        journal.append_raw(kind, [b'a' + number; 100]).unwrap();
    }
    journal.sync().unwrap();
    journal.append_raw(kind, [0; 8]).unwrap();
    journal.sync().unwrap();
    assert_eq!(journal.durable().is_some(), file_system.is_none());
    let run = journal.info().run.unwrap();
    assert_eq!(run.durable.is_some(), file_system.is_none());
    process.kill();
    let mut files = disk.images();
    for image in files.values_mut() {
        let mut bytes = image.bytes().to_vec();
        if let Some(at) = bytes.windows(8).position(|eight| eight == b"eeeeeeee") {
            bytes[at] ^= 1;
            *image = Image::new(bytes);
        }
    }
    let changed = SimDisk::of(files, Random::new(2));
    if let Some(number) = file_system {
        changed.set_file_system(number);
    }
    changed
}

#[test]
fn a_record_that_had_been_written_in_memory_is_lost_to_damage_but_never_was_durable() {
    for (file_system, fate) in [(Some(TMPFS), Fate::Written), (None, Fate::Durable)] {
        let disk = changed(file_system);
        for _ in ["before", "after an opening"] {
            let storage = Arc::new(Process::start(&disk));
            let reader = Reader::of_storage(storage, ReadMode::Salvage).unwrap();
            let report = reader.report();
            assert_eq!((report.loss, report.outcome), (Loss::Damage, Outcome::Lost));
            let is_disk = fate == Fate::Durable;
            let counts = (report.counts.lost_durable, report.counts.lost_unwitnessed);
            assert_eq!(counts, if is_disk { (1, 0) } else { (0, 1) });
            assert!(report.ranges.iter().any(|range| range.durable == is_disk));
            let told = report.runs.iter().filter(|run| run.durable_seq.is_some());
            assert_eq!(told.count() > 0, is_disk);
            let gaps = reader.records().filter_map(|item| match item.unwrap() {
                Item::Gap(gap) => Some(gap.fate),
                Item::Record(_) => None,
            });
            assert_eq!(gaps.collect::<Vec<_>>(), [fate]);
            let options = Journal::options().stepped();
            let next = options.storage(Arc::new(Process::start(&disk)));
            next.open("journal").unwrap().close().unwrap();
        }
    }
}

/// A directory in memory: one that the machine has, or else one that is mounted for it.
fn in_memory(test: &str, body: impl FnOnce(&Path)) {
    let made = tempfile::tempdir_in("/dev/shm").ok().filter(|dir| {
        let journal = Journal::open(dir.path().join("probe")).unwrap();
        journal.info().run.unwrap().durability == Durability::None
    });
    if let Some(dir) = made {
        return body(dir.path());
    }
    let needs = Needs {
        rig: "in-memory",
        programs: &[],
        devices: &[],
        limit: Duration::from_secs(120),
    };
    apart(needs, test, body);
}

fn report(dir: &str, code: i32) -> Value {
    run(["verify", dir, "--json"]).code(code).json()
}

/// An `ingest` that is killed while its input is open, with a line acknowledged.
fn killed(dir: &str) {
    let mut child = command(["ingest", dir, "--ack", "durable"]);
    child.stdin(Stdio::piped());
    child.stdout(Stdio::piped());
    child.stderr(Stdio::piped());
    let mut child = child.spawn().unwrap();
    let mut acks = BufReader::new(child.stdout.take().unwrap());
    let mut input = child.stdin.take().unwrap();
    let started = r#"{"type": "session.start", "session": "killed"}"#;
    input.write_all(format!("{started}\n").as_bytes()).unwrap();
    let mut ack = String::new();
    acks.read_line(&mut ack).unwrap();
    child.kill().unwrap();
    drop((input, acks));
    let _ = finish(child, b"");
}

#[test]
fn commands_call_nothing_durable_in_a_real_file_system_in_memory() {
    let test = "commands_call_nothing_durable_in_a_real_file_system_in_memory";
    in_memory(test, |place| {
        let dir = place.join("journal");
        let dir = dir.to_str().unwrap();
        let lines = completed("s").join("\n");
        let ran = run_with(["ingest", dir, "--ack", "durable"], lines.as_bytes()).code(0);
        assert!(ran.stderr.contains("in memory: nothing in it survives"));
        assert!(ran.stderr.contains("written, in memory; 0 refused"));
        let ran = run_with(["ingest", dir], b"").code(0);
        assert!(!ran.stderr.contains("durable"), "{}", ran.stderr);

        killed(dir);
        for _ in ["before it is recovered", "after"] {
            let told = report(dir, 0);
            assert_eq!(told["loss"], "none", "{told}");
            assert_eq!(told["ranges"].as_array().map(Vec::len), Some(0));
            assert!(
                told["runs"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .all(|r| r["durable_seq"].is_null())
            );
            let shown = run(["show", dir, "killed"]).code(0);
            assert!(!shown.text().contains("durable"), "{}", shown.text());
            run_with(["ingest", dir], b"").code(0);
        }

        let damaged = fs::read_dir(dir)
            .unwrap()
            .map(|found| found.unwrap().path());
        for path in damaged {
            let mut bytes = fs::read(&path).unwrap();
            let title = bytes.windows(11).position(|bytes| bytes == b"Fix the bug");
            if let Some(at) = title.filter(|_| path.extension().unwrap() == "seg") {
                bytes[at] ^= 1;
                fs::write(&path, bytes).unwrap();
            }
        }
        let told = report(dir, 3);
        assert_eq!(told["loss"], "damage");
        assert_eq!(told["counts"]["lost_durable"], 0);
        assert_eq!(told["counts"]["lost_unwitnessed"], 1);
        for verb in [
            vec!["verify", dir],
            vec!["show", dir, "s"],
            vec!["cat", dir],
        ] {
            let ran = run(&verb).code(3);
            let all = format!("{}{}", ran.text(), ran.stderr);
            let all = all.replace("never seen durable", "");
            assert!(!all.contains("durable"), "{verb:?}: {all}");
        }
    });
}
