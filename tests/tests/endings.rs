//! Promises: killed, polite.
//!
//! How journals and sessions end: in order, left behind by a program that is dying, or dropped by a
//! panic; and what an event loop is told that must not wait.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use journal_tests::workload::kind;
use trace_journal::report::RunState;
use trace_journal::{Journal, Reader, SessionStatus, Snapshot, SpanStatus};

/// Longer than anything takes here.
const LONG: Duration = Duration::from_secs(600);

/// A journal that syncs only when it is asked to.
fn calm(dir: &Path) -> Journal {
    let options = Journal::options().sync_interval(Duration::MAX);
    options.open(dir).unwrap()
}

fn snapshot(dir: &Path, session: &str) -> Snapshot {
    Reader::open(dir).unwrap().snapshot(session).unwrap()
}

fn state(dir: &Path) -> RunState {
    Reader::open(dir).unwrap().report().runs[0].state
}

#[test]
fn a_journal_that_is_left_is_durable_and_looks_as_dead_as_its_process_will_be() {
    let dir = tempfile::tempdir().unwrap();
    let journal = calm(dir.path());
    let session = journal.session("s").ends_with_journal().start();
    let span = session.span("work").start_detached();
    let last = span.text("so far").seq().unwrap();
    journal.leave(LONG).unwrap();
    journal.wait_durable(last).unwrap();
    assert_eq!(span.text("late").result().unwrap_err().code(), "closed");
    assert_eq!(state(dir.path()), RunState::Crashed);
    let found = snapshot(dir.path(), "s");
    assert_eq!(found.status(), SessionStatus::Crashed);
    assert_eq!(found.error(), Some("process ended without closing"));
    assert!(found.spans().iter().all(|span| span.is_interrupted()));
    let next = Journal::open(dir.path()).unwrap();
    assert_eq!(next.recovery().session_ids().unwrap(), ["s"]);
}

#[test]
fn an_orderly_end_ends_the_sessions_that_end_with_their_journal_and_no_others() {
    for is_dropped in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(dir.path()).unwrap();
        let other = Journal::open(dir.path()).unwrap();
        let begin = |journal: &Journal, id: &str| {
            journal.session(id.to_owned()).ends_with_journal().start()
        };
        begin(&journal, "open");
        begin(&journal, "failed").fail("no");
        begin(&journal, "crashed");
        // Whoever ends it, and in whatever form.
        let crash = r#"{"type":"crash","session":"crashed","reason":"gone"}"#;
        other.append_json(crash).unwrap();
        begin(&other, "of the other one");
        journal.session("without").start();
        match is_dropped {
            true => drop(journal),
            false => journal.close_timeout(LONG).unwrap(),
        }
        let status = |id: &str| snapshot(dir.path(), id).status();
        assert_eq!(status("open"), SessionStatus::Completed);
        assert_eq!(status("of the other one"), SessionStatus::Running);
        other.close().unwrap();
        assert_eq!(status("of the other one"), SessionStatus::Completed);
        assert_eq!(status("failed"), SessionStatus::Error);
        assert_eq!(status("crashed"), SessionStatus::Crashed);
        assert_eq!(status("without"), SessionStatus::Crashed);
        for id in ["open", "failed", "of the other one"] {
            let found = snapshot(dir.path(), id);
            assert!(found.notes().is_empty(), "{id}: {:?}", found.notes());
        }
    }
}

#[test]
fn a_panic_that_drops_a_journal_ends_no_session() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path()).unwrap();
    journal.session("s").ends_with_journal().start();
    let caught = catch_unwind(AssertUnwindSafe(move || {
        let _journal: Journal = journal;
        resume_unwind(Box::new("on purpose"));
    }));
    assert!(caught.is_err());
    assert_eq!(snapshot(dir.path(), "s").status(), SessionStatus::Crashed);
    assert_eq!(state(dir.path()), RunState::Crashed);
}

#[test]
fn a_close_that_takes_too_long_says_so_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let journal = calm(dir.path());
    journal.append_raw(kind(), b"record").unwrap();
    let early = journal.close_timeout(Duration::ZERO);
    let early = early.err().map(|error| error.code());
    assert!(matches!(early, None | Some("timeout")), "{early:?}");
    let late = journal.append_raw(kind(), b"late").unwrap_err();
    assert_eq!(late.code(), "closed");
    journal.close().unwrap();
    assert_eq!(state(dir.path()), RunState::Closed);
}

#[test]
fn an_event_loop_asks_until_a_record_is_durable_and_never_waits() {
    let dir = tempfile::tempdir().unwrap();
    let journal = calm(dir.path());
    let seq = journal.append_raw(kind(), b"record").unwrap();
    let asked = (0..).map(|_| {
        thread::yield_now();
        journal.poll_durable(seq)
    });
    // No other thread waits, and no interval ends: it is the asking that has it synced.
    let settled = asked.take(100_000_000).find(Poll::is_ready).unwrap();
    assert!(matches!(settled, Poll::Ready(Ok(()))));
    let unknown = journal.poll_durable(seq.next().next().next());
    assert!(matches!(unknown, Poll::Ready(Err(error)) if error.code() == "unknown-seq"));
    let late = journal.append_raw(kind(), b"late").unwrap();
    journal.close().unwrap();
    assert!(matches!(journal.poll_durable(late), Poll::Ready(Ok(()))));
}

#[test]
fn a_detached_span_is_ended_by_nothing_but_an_end() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path()).unwrap();
    let session = journal.session("s").start();
    let started = session.span("started").start_detached();
    let later = session.span("later").start();
    let clone = later.clone();
    drop((later.detach(), clone, started.clone(), started));
    session.span("ended").start_detached().end(SpanStatus::Ok);
    drop(session.span("attached").start());
    session.log(trace_journal::Level::INFO, "the program goes on");
    journal.leave(LONG).unwrap();
    let found = snapshot(dir.path(), "s");
    let spans = found.spans().iter().skip(1);
    let spans = spans.map(|span| (span.name(), span.is_interrupted(), span.ended_by_drop()));
    let expected = [
        ("started", true, false),
        ("later", true, false),
        ("ended", false, false),
        ("attached", false, true),
    ];
    assert_eq!(spans.collect::<Vec<_>>(), expected);
}

#[test]
fn ids_are_new_ones_of_their_length() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path()).unwrap();
    let ids = [
        journal.new_span_id(),
        journal.new_span_id(),
        journal.new_trace_id(),
    ];
    assert_eq!(ids.each_ref().map(String::len), [16, 16, 32]);
    assert_ne!(ids[0], ids[1]);
}
