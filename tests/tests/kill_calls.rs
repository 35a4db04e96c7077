//! Promises: killed.
//!
//! A process that writes a journal is killed at each of its first several hundred system calls,
//! one run each, by strace. `JOURNAL_CALLS` is their number in each write mode.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use journal_tests::kill::{Answers, Orders, start_under};
use journal_tests::modes::modes;
use journal_tests::random::{from_env, seed};
use journal_tests::reference_reader::ReferenceJournal;
use journal_tests::rigs::{self, Budget};
use trace_journal::{Journal, Loss, Reader, WriteMode};

const CHILD: &str = env!("CARGO_BIN_EXE_journal-child");

/// A system call: its name, and the how-manieth of that name it is in its thread.
#[derive(Clone, Debug, PartialEq, Eq)]
struct At {
    call: String,
    number: u64,
}

fn orders(dir: &Path, writer: u64, mode: WriteMode) -> Orders {
    let mut orders = Orders::new(dir, writer);
    orders.threads = 2;
    orders.count = 60;
    orders.wait_once_in = 8;
    orders.segment_bytes_max = 64 << 10;
    orders.is_mapped = mode == WriteMode::Mapped;
    orders
}

/// Lets a child run to its end and gives its calls from the first on that names the journal.
fn calls(mode: WriteMode) -> Vec<At> {
    let dir = tempfile::tempdir().unwrap();
    let (journal, log) = (dir.path().join("journal"), dir.path().join("log"));
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o"]).arg(&log).arg(CHILD);
    let answers = start_under(&mut strace, &orders(&journal, 1, mode)).finish();
    assert!(answers.is_closed);
    let log = fs::read(log).unwrap();
    let log = String::from_utf8_lossy(&log);
    let mut counts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    let (mut found, mut is_begun) = (Vec::new(), false);
    let name = journal.display().to_string();
    for line in log.lines() {
        let Some((thread, rest)) = line.split_once(' ') else {
            continue;
        };
        let Some((call, arguments)) = rest.trim_start().split_once('(') else {
            continue;
        };
        if !call
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        {
            continue;
        }
        let number = counts.entry((thread, call)).or_insert(0);
        *number += 1;
        // Its own start names it, too, among its arguments.
        is_begun |= call != "execve" && arguments.contains(&name);
        if is_begun {
            found.push(At {
                call: call.to_owned(),
                number: *number,
            });
        }
    }
    found
}

/// Runs a child that is killed when a thread of it begins this call.
fn kill_at(orders: &Orders, at: &At) -> Answers {
    let inject = format!("inject={}:signal=KILL:when={}", at.call, at.number);
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o", "/dev/null"]);
    strace.args(["-e", &format!("trace={}", at.call), "-e", &inject]);
    start_under(strace.arg(CHILD), orders).finish()
}

fn compare(dir: &Path, all: &[Answers]) {
    let plain = ReferenceJournal::read(dir);
    for answers in all {
        answers.check(&plain).unwrap();
    }
    let report = Reader::open(dir).unwrap().report();
    assert_ne!(report.loss(), Loss::Damage, "{report:?}");
}

#[test]
fn a_kill_at_each_of_the_first_calls_keeps_what_was_acknowledged() {
    let mut tried = Command::new("strace");
    tried.args(["-f", "-o", "/dev/null", "true"]);
    if !tried.output().is_ok_and(|output| output.status.success()) {
        rigs::skip(
            "kill-at-system-call",
            "strace is not installed, or not allowed to trace",
        );
        return;
    }
    let wished = from_env("JOURNAL_CALLS", 300);
    for (mode, name) in modes() {
        let rig = format!("kill-at-system-call-{name}");
        let budget = Budget::new(&rig, LIMIT, wished.min(LEAST));
        let kills = kill_at_each(mode, usize::try_from(wished).unwrap(), &budget);
        budget.done(kills, seed());
    }
}

/// Kills at each of the first calls, one child each; gives the number of kills.
fn kill_at_each(mode: WriteMode, wished: usize, budget: &Budget) -> u64 {
    let calls = calls(mode);
    assert!(calls.len() > 200, "only {} calls", calls.len());
    let mut kills = 0;
    for some in calls[..wished.min(calls.len())].chunks(5) {
        if budget.is_over() {
            break;
        }
        // Each finds what those before it left, and has to recover it.
        let dir = tempfile::tempdir().unwrap();
        let journal = dir.path().join("journal");
        let mut all = Vec::new();
        for (writer, at) in (1..).zip(some) {
            all.push(kill_at(&orders(&journal, writer, mode), at));
        }
        kills += all.iter().filter(|answers| answers.was_killed).count();
        if journal.exists() {
            compare(&journal, &all);
        }
        Journal::open(&journal).unwrap().close().unwrap();
        compare(&journal, &all);
    }
    u64::try_from(kills).unwrap()
}

/// No new case is begun after this, in either write mode.
const LIMIT: Duration = Duration::from_secs(75);

/// Fewer kills in one mode are no proof.
const LEAST: u64 = 150;
