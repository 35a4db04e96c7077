//! Promises: killed, polite. A panic loses nothing, and says why its sessions ended.

use std::panic::{AssertUnwindSafe, catch_unwind};

use trace_journal::{Journal, Reader, SessionStatus, SpanStatus, install_panic_hook};

// One test: the panic hook is the whole process's.
#[test]
fn an_unwinding_program_leaves_its_reason_and_a_caught_panic_crashes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path().join("caught")).unwrap();
    std::panic::set_hook(Box::new(|_| {}));
    install_panic_hook(&journal);
    let session = journal.session("s").start();
    let span = session.span("tool").start();
    assert!(catch_unwind(AssertUnwindSafe(|| panic!("caught"))).is_err());
    assert!(span.end(SpanStatus::Ok).seq().is_some());
    session.end();
    journal.close().unwrap();
    let caught = Reader::open(dir.path().join("caught"))
        .unwrap()
        .snapshot("s")
        .unwrap();
    assert_eq!(caught.status(), SessionStatus::Completed);

    let unwound = dir.path().join("unwound");
    let program = || {
        let journal = Journal::open(&unwound).unwrap();
        install_panic_hook(&journal);
        let session = journal.session("s").start();
        let _open = session.span("tool").start();
        panic!("out of luck");
    };
    assert!(catch_unwind(AssertUnwindSafe(program)).is_err());
    let snapshot = Reader::open(&unwound).unwrap().snapshot("s").unwrap();
    assert_eq!(snapshot.status(), SessionStatus::Crashed);
    assert_eq!(snapshot.error(), Some("out of luck"));
    let dropped = snapshot
        .spans()
        .iter()
        .find(|span| span.name() == "tool")
        .unwrap();
    assert_eq!(dropped.status_message(), Some("dropped while panicking"));
    let journal = Journal::open(&unwound).unwrap();
    assert_eq!(journal.recovery().sessions().count(), 1);
}
