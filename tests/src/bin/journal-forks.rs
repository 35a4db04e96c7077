//! A program that forks servers, or dies while handles are dropped; `tests/forks.rs` starts it.
//!
//! Arguments: what happens, the journal's directory. It ends with 0 if the journal did what it
//! promises as long as the program could see it.

use std::cell::RefCell;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use journal_tests::forks::in_fork;
use journal_tests::workload::kind;
use trace_journal::{Journal, Seq, Session, Span, SpanStatus};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [what, dir] = args.as_slice() else {
        panic!("what happens and a directory are wanted, not {args:?}");
    };
    let dir = Path::new(dir);
    match what.as_str() {
        "server" => server(dir),
        "refused" => refused(dir),
        "exit" => exit(dir),
        "worker" => worker(dir),
        _ => panic!("no such thing: {what}"),
    }
}

/// How many servers are forked.
const SERVERS: usize = 12;

/// Forks servers while threads of the parent hold whatever locks there are.
fn server(dir: &Path) {
    let options = Journal::options().reopen_in_child(true);
    let journal = options.open(dir).expect("a journal");
    let session = journal.session("s").start();
    let before = journal
        .append_raw(kind(), b"of the parent")
        .expect("a record");
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let span = session.span("parent").start();
                while !is_over.load(Ordering::Relaxed) {
                    let written = span.text("the parent goes on\n");
                    written.result().expect("the parent is not harmed");
                }
                span.end(SpanStatus::Ok);
            });
        }
        for number in 0..SERVERS {
            in_fork(|| serve(&journal, &session, before, number));
        }
        is_over.store(true, Ordering::Relaxed);
    });
    assert!(journal.is_own_process());
    session.end().result().expect("the end of the session");
    journal.close().expect("the parent's run is closed");
}

/// What a forked server does: it works in a run of its own, and so does what it forks.
fn serve(journal: &Journal, session: &Session, before: Seq, number: usize) {
    assert!(!journal.is_own_process());
    let parent = journal.info().run.expect("a run").run;
    let forked = journal
        .wait_durable(before)
        .expect_err("a number of the parent");
    assert_eq!(forked.code(), "forked");
    work(journal, session, before, parent);
    if number.is_multiple_of(4) {
        let own = journal.info().run.expect("a run").run;
        in_fork(|| work(journal, session, before, own));
    }
    journal.close().expect("the child's run is closed");
    let late = journal
        .append_raw(kind(), b"late")
        .expect_err("it is closed");
    assert_eq!(late.code(), "closed");
}

fn work(journal: &Journal, session: &Session, before: Seq, parent: trace_journal::RunId) {
    let span = session.span("child").start();
    span.text("of a child");
    let seq = span.end(SpanStatus::Ok).result().expect("a record");
    assert!(seq.to_bits() > before.to_bits());
    journal.wait_durable(seq).expect("it becomes durable");
    let run = journal.info().run.expect("a run").run;
    assert_ne!(run, parent);
    // Another opening finds it; nothing of the parent's table does.
    let dir = journal.info().run.expect("a run").dir;
    let other = Journal::open(dir).expect("a journal");
    assert_eq!(other.info().run.expect("a run").run, run);
    let session = other.session_by_id("s");
    session.end().result().expect("the end of its part");
}

/// Without being asked to go on, a fork does nothing, and opening anew there works.
fn refused(dir: &Path) {
    let journal = Journal::open(dir).expect("a journal");
    let session = journal.session("s").start();
    in_fork(|| {
        let refused = journal.append_raw(kind(), b"x").expect_err("it is forked");
        assert_eq!(refused.code(), "forked");
        assert!(
            session
                .span("child")
                .start()
                .started()
                .is_some_and(|w| w.seq().is_none())
        );
        assert_eq!(journal.close().expect_err("it is forked").code(), "forked");
        let own = Journal::open(dir).expect("a journal of the child's own");
        assert_ne!(own.new_span_id(), journal.new_span_id());
        own.session_by_id("s").end().result().expect("a record");
        own.close().expect("it is closed");
    });
    journal.session_by_id("s").end().result().expect("a record");
    journal.close().expect("it is closed");
}

thread_local! {
    /// Dropped when its thread ends.
    static HELD: RefCell<Vec<Span>> = const { RefCell::new(Vec::new()) };
}

fn hold(span: Span) {
    HELD.with_borrow_mut(|held| held.push(span));
}

/// The program exits with spans open that are dropped while it does.
fn exit(dir: &Path) {
    let journal = Journal::open(dir).expect("a journal");
    let session = journal.session("s").start();
    drop(session.span("given up").start());
    hold(session.span("chat").id("chat").start());
    hold(session.span("tool").parent("chat").start());
    hold(session.span("detached").start_detached());
    std::process::exit(0);
}

/// A worker is ended with its spans open; the program goes on, and dies later.
fn worker(dir: &Path) {
    let journal = Journal::open(dir).expect("a journal");
    let other = journal.session("other").start();
    thread::scope(|scope| {
        let ended = scope.spawn(|| {
            let session = journal.session("s").start();
            drop(session.span("given up").start());
            hold(session.span("tool").start());
        });
        ended.join().expect("no panic");
    });
    other.end().result().expect("a record");
    std::process::abort();
}
