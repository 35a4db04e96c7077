//! Promises: polite, durable, poisoned.
//!
//! What a caller brings along: its signals, wakers, hooks, options at their extremes and data
//! without end. None of it ends the program, holds up the journal or harms another caller.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::fs;

use trace_journal::{Journal, Reader, Status, UserKind};

fn kind() -> UserKind {
    UserKind::new(200).unwrap()
}

/// The journal's threads of this process, by name, and the signals that each blocks.
fn own_threads() -> Vec<(String, u64)> {
    let threads = fs::read_dir("/proc/self/task").unwrap();
    let masks = threads.filter_map(|thread| {
        let path = thread.unwrap().path();
        // One that has ended meanwhile blocks nothing.
        let name = fs::read_to_string(path.join("comm")).ok()?;
        let status = fs::read_to_string(path.join("status")).ok()?;
        let mask = status.lines().find_map(|l| l.strip_prefix("SigBlk:"))?;
        let mask = u64::from_str_radix(mask.trim(), 16).unwrap();
        Some((name.trim().to_owned(), mask))
    });
    masks
        .filter(|(name, _)| name.starts_with("trace-journal"))
        .collect()
}

#[test]
fn no_thread_of_the_journal_takes_a_signal_that_is_meant_for_the_program() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path()).unwrap();
    for number in 0..64 {
        let session = journal.session(format!("session {number}")).start();
        session.span("step").start().end(Status::Ok, None);
    }
    let last = journal.append(kind(), b"record").unwrap();
    journal.wait_durable(last).unwrap();
    let reader = Reader::open(dir.path()).unwrap();
    let mut sessions = reader.sessions();
    sessions.next().unwrap().unwrap();
    let threads = own_threads();
    let names: BTreeSet<&str> = threads.iter().map(|(name, _)| name.as_str()).collect();
    let known = ["trace-journal", "trace-journal-2"];
    assert!(known.iter().all(|name| names.contains(name)), "{names:?}");
    for (name, mask) in &threads {
        // Those that a thread raises itself, and those that nobody can block.
        let open = FAULTS.iter().chain(&[SIGKILL, SIGSTOP]);
        let open = open.fold(0, |open, signal| open | 1_u64 << (signal - 1));
        let expected = (1_u64 << 31) - 1;
        assert_eq!(mask & expected, expected & !open, "{name}: {mask:x}");
    }
    drop(sessions);
    journal.close().unwrap();
}

/// SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV and SIGSYS.
const FAULTS: [u32; 6] = [4, 5, 7, 8, 11, 31];
const SIGKILL: u32 = 9;
const SIGSTOP: u32 = 19;
