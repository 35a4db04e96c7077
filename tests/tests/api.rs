//! The public interface as its users meet it.

use std::fmt::Display;
use std::panic::UnwindSafe;
use std::str::FromStr;

use serde::Serialize;
use trace_journal::event::SpanEnd;
use trace_journal::report::{Fate, RunState, SegmentState};
use trace_journal::{
    Event, Journal, Level, Liveness, Loss, ParseError, Reader, Session, SessionStatus, Snapshot,
    Span, SpanStatus,
};

fn reads_back<T>(names: &[&str])
where
    T: FromStr<Err = ParseError> + Display + Serialize,
{
    for name in names {
        let named: T = name.parse().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(named.to_string(), *name);
        assert_eq!(serde_json::to_value(&named).expect("a name"), **name);
    }
    assert!("".parse::<T>().is_err());
}

#[test]
fn every_name_has_one_spelling_and_reads_back() {
    reads_back::<SpanStatus>(&["unset", "ok", "error"]);
    reads_back::<SessionStatus>(&["running", "completed", "error", "crashed"]);
    reads_back::<Loss>(&["none", "tail", "damage"]);
    reads_back::<Liveness>(&["live", "dead", "orphaned", "unverified", "unknown"]);
    reads_back::<RunState>(&["live", "closed", "crashed", "unknown", "unsupported"]);
    reads_back::<Fate>(&["durable", "written", "retired", "unwitnessed"]);
    reads_back::<SegmentState>(&["active", "sealed", "torn", "damaged", "unreadable"]);
    reads_back::<Level>(&["trace", "debug", "info", "warn", "error", "fatal"]);
}

#[test]
fn what_is_no_name_is_told_in_a_line() {
    let refused = "x".repeat(1000).parse::<Loss>().unwrap_err().to_string();
    assert!(refused.len() < 200, "{refused}");
    let refused = "Tail".parse::<Loss>().unwrap_err();
    let words = "\"Tail\" is no loss: expected none, tail, damage";
    assert_eq!(refused.to_string(), words);
    assert_eq!("WARNING".parse(), Ok(Level::WARN));
    assert_eq!("10".parse(), Ok(Level::new(10)));
}

/// The first lines that people write.
#[test]
fn the_natural_first_lines_compile_and_do_what_they_say() {
    #[derive(Serialize)]
    struct Input {
        cmd: &'static str,
    }
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path()).unwrap();
    let session = journal.session("ses_1").start();
    let my_struct = Input { cmd: "cargo test" };
    let tool = session.span("bash").kind("tool").input_from(&my_struct);
    let tool = tool.start();
    tool.log(Level::INFO, "41 tests");
    tool.end_with(SpanStatus::Ok, "41 passed");
    session
        .append_json(r#"{"type": "custom", "name": "x", "data": 1}"#)
        .unwrap();
    let mut refused = Vec::new();
    let lines = b"{\"type\": \"x\"}\n\n{\"type\": \"x\", \"session\": \"ses_1\"}\n";
    let last = journal.append_json_lines(lines, |number, error| refused.push((number, error)));
    assert!(last.is_some() && refused.len() == 1 && refused[0].0 == 1);
    let end = SpanEnd::new("late", SpanStatus::Error).status_message("too late");
    session.append(Event::new(end)).unwrap();
    session.end();
    journal.close().unwrap();

    let reader = Reader::open(dir.path()).unwrap();
    let snapshot = reader.snapshot("ses_1").unwrap();
    println!("{} took {:?}", snapshot.status(), snapshot.duration());
    assert_eq!(snapshot.status().to_string(), "completed");
    let span = snapshot.tree().map(|(_, span)| span);
    let span = span.into_iter().find(|span| span.name() == "bash").unwrap();
    assert_eq!(span.kind().to_string(), "tool");
    assert_eq!(
        serde_json::to_value(span).unwrap()["input"]["cmd"],
        "cargo test"
    );
}

/// Handles and what is read go to any thread, and through a caught panic.
const _: () = {
    const fn goes_anywhere<T: Send + Sync + UnwindSafe>() {}
    goes_anywhere::<Snapshot>();
    goes_anywhere::<Journal>();
    goes_anywhere::<Session>();
    goes_anywhere::<Span>();
    goes_anywhere::<Reader>();
};
