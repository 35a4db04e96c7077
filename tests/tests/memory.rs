//! Promises: hostile.
//!
//! What is held at one time grows by so few bytes for each span, session, record or value, however
//! many there are. At real sizes with `JOURNAL_RIGS=strict`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::Path;

use journal_tests::counting_allocator::{CountingAllocator, alone, peak_of_all};
use journal_tests::rigs::{done, is_strict};
use tempfile::TempDir;
use trace_journal::{Event, Journal, Reader, Value};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// A closed journal of which `write` wrote the records, without caches.
fn journal(write: impl FnOnce(&Journal)) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path()).unwrap();
    write(&journal);
    journal.close().unwrap();
    for entry in fs::read_dir(dir.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|found| found == "idx") {
            fs::remove_file(path).unwrap();
        }
    }
    dir
}

/// Bytes of memory that each of so many more things takes, to the next whole one.
fn growth(count: u64, make: impl Fn(u64) -> TempDir, work: impl Fn(&Path)) -> u64 {
    let count = if is_strict() { count * 16 } else { count };
    let peaks = [count, 2 * count].map(|count| {
        let dir = make(count);
        peak_of_all(|| work(dir.path())).1
    });
    peaks[1].saturating_sub(peaks[0]).div_ceil(count)
}

fn verified(dir: &Path) {
    assert!(
        !Reader::options()
            .verify(true)
            .report(dir)
            .unwrap()
            .sessions
            .is_empty()
    );
}

fn listed(dir: &Path) {
    assert!(!Reader::summaries(dir).unwrap().sessions.is_empty());
}

/// Of each shape: what verifying and listing may take for each thing.
fn check(shape: &str, count: u64, bars: (u64, u64), make: impl Fn(u64) -> TempDir) {
    let taken = (growth(count, &make, verified), growth(count, &make, listed));
    done(
        "memory",
        &format!("{shape}: {taken:?} bytes, at most {bars:?}"),
    );
    assert!(
        taken.0 <= bars.0 && taken.1 <= bars.1,
        "{shape}: {taken:?} of {bars:?}"
    );
}

fn line(journal: &Journal, line: &str) {
    journal.append_json(line).unwrap();
}

fn finished_spans(count: u64) -> TempDir {
    journal(|journal| {
        for number in 0..count {
            line(
                journal,
                &format!(
                    r#"{{"type":"span","session":"s","span":"t{number}","kind":"tool","name":"b",
                    "status":"ok","output":"yyyyyyyy"}}"#
                ),
            );
        }
    })
}

fn open_spans(count: u64) -> TempDir {
    journal(|journal| {
        for number in 0..count {
            let span = format!(r#""span":"{number:x}","name":"x""#);
            line(
                journal,
                &format!(r#"{{"type":"span.start","session":"s",{span}}}"#),
            );
        }
    })
}

#[test]
fn spans_are_counted_in_a_few_dozen_bytes() {
    let _alone = alone();
    check("finished spans", 8192, (64, 80), finished_spans);
    check("open spans", 8192, (100, 120), open_spans);
    // The meter sees what is not so small.
    let folded = growth(8192, open_spans, |dir| {
        drop(Reader::open(dir).unwrap().snapshot("s"))
    });
    assert!(folded > 300, "{folded} bytes");
}

#[test]
fn sessions_are_counted_in_some_hundred_bytes() {
    let _alone = alone();
    check("sessions", 2048, (800, 1100), |count| {
        journal(|journal| {
            for number in 0..count {
                let session = journal.session(format!("session {number}"));
                session.set("title", "a title").start().end();
            }
        })
    });
}

#[test]
fn records_and_values_are_counted_in_none() {
    let _alone = alone();
    check("texts", 1 << 15, (6, 24), |count| {
        journal(|journal| {
            for number in 0..count {
                let text = format!(r#""span":"g","channel":"output","text":"{number}""#);
                line(
                    journal,
                    &format!(r#"{{"type":"text","session":"s",{text}}}"#),
                );
            }
        })
    });
    let nulls = |count| {
        let nulls: Vec<Value<'_>> = (0..count).map(|_| Value::Null).collect();
        Value::from(nulls)
    };
    check("values", 1 << 14, (3, 4), |count| {
        journal(|journal| {
            let session = journal.session("s").start();
            session.append(Event::custom("x", nulls(count))).unwrap();
        })
    });
    check("metadata", 1 << 14, (3, 4), |count| {
        journal(|journal| {
            let session = journal.session("s").start();
            assert!(session.set("big", nulls(count)).seq().is_some());
        })
    });
    check("members", 1 << 14, (36, 36), |count| {
        let member = |number| (format!("{number:x}"), Value::Null);
        journal(|journal| {
            let members: trace_journal::Map<'_> = (0..count).map(member).collect();
            let session = journal.session("s").start();
            let event = Event::custom("x", Value::Map(members));
            session.append(event).unwrap();
        })
    });
}

#[test]
fn closing_takes_some_hundred_bytes_a_session() {
    let _alone = alone();
    let count = if is_strict() { 200_000 } else { 4096 };
    let peaks = [count, 2 * count].map(|count| {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(dir.path()).unwrap();
        for number in 0..count {
            let session = journal.session(format!("session {number}")).start();
            session.span("x").start().end(trace_journal::SpanStatus::Ok);
            session.end();
        }
        peak_of_all(|| journal.close().unwrap()).1
    });
    let taken = peaks[1].saturating_sub(peaks[0]) / count;
    done("memory", &format!("close: {taken} bytes a session"));
    assert!(taken <= 500, "{taken} bytes a session, {peaks:?}");
}
