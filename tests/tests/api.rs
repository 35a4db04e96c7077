//! The public interface as its users meet it.

use std::fmt::Display;
use std::str::FromStr;

use serde::Serialize;
use trace_journal::report::{Fate, RunState, SegmentState};
use trace_journal::{Level, Liveness, Loss, ParseError, SessionStatus, SpanStatus};

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
