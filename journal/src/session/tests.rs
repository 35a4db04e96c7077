use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use serde_json::json;

use super::recorder::{Recorder, Redact};
use super::run_counts::RunCounts;
use super::sink::{Home, SessionId, Sink};
use super::{Session, SessionBuilder, Span};
use crate::error::{Error, Result};
use crate::event::{
    Action, Channel, Custom, Event, JsonLine, Level, Number, SessionEnd, SessionStatus, SpanKind,
    SpanLink, SpanStatus, Text, Tokens, Value, codec,
};
use crate::format::{RecordKind, UserKind};
use crate::seq::{RunId, Seq};
use crate::storage::StorageFile;
use crate::time::Timestamp;

/// Keeps records in memory; refuses while told to.
#[derive(Debug)]
struct Memory {
    counts: RunCounts,
    records: Mutex<Vec<(RecordKind, Option<String>, Bytes)>>,
    is_closed: AtomicBool,
    reported: Mutex<Vec<&'static str>>,
    refused: Mutex<Vec<&'static str>>,
    /// What was said of sessions that end with the journal, and of those that have ended.
    ending: Mutex<Vec<String>>,
}

impl Default for Memory {
    fn default() -> Memory {
        Memory {
            counts: RunCounts::new(1),
            records: Mutex::default(),
            is_closed: AtomicBool::default(),
            reported: Mutex::default(),
            refused: Mutex::default(),
            ending: Mutex::default(),
        }
    }
}

impl Sink for Memory {
    fn append(&self, kind: RecordKind, session: Option<&SessionId>, payload: &[u8]) -> Result<Seq> {
        if self.is_closed.load(Ordering::Relaxed) {
            return Err(Error::Closed);
        }
        let session = session.map(|id| id.as_str().to_owned());
        let mut records = self.records.lock().unwrap();
        records.push((kind, session, Bytes::copy_from_slice(payload)));
        Ok(Seq::new(records.len().try_into().unwrap()).unwrap())
    }

    fn home(&self, _: &SessionId) -> Option<Home> {
        None
    }

    fn append_placed(
        &self,
        _: RecordKind,
        _: &SessionId,
        _: &[u8],
        _: Option<Home>,
    ) -> Result<Option<(Seq, Home)>> {
        Ok(None)
    }

    fn open_segment(&self, _: &Home) -> Option<Arc<dyn StorageFile>> {
        None
    }

    fn place_text(&self, session: &str, text: &mut Text<'_>, source: Option<RunId>) {
        self.counts.place_text(0, session, text, source);
    }

    fn new_id(&self) -> u64 {
        self.counts.new_id()
    }

    fn end_with_journal(&self, session: &str) {
        self.ending.lock().unwrap().push(format!("add {session}"));
    }

    fn session_ended(&self, session: &str) {
        self.ending.lock().unwrap().push(format!("end {session}"));
    }

    fn note_refused(&self, _: Option<&str>, code: &'static str) {
        self.refused.lock().unwrap().push(code);
    }

    fn report(&self, error: &Error) {
        self.reported.lock().unwrap().push(error.code());
    }
}

impl Memory {
    fn events(&self) -> Vec<Event<'static>> {
        let records = self.records.lock().unwrap();
        let decode = |(kind, session, payload): &(RecordKind, Option<String>, Bytes)| {
            codec::decode(*kind, payload, session.as_deref()).into_owned()
        };
        records.iter().map(decode).collect()
    }

    fn last(&self) -> Event<'static> {
        self.events().pop().expect("something was recorded")
    }
}

fn recorder(redact: Option<Redact>) -> (Arc<Memory>, Arc<Recorder>) {
    let memory = Arc::new(Memory::default());
    let sink: Arc<dyn Sink> = memory.clone();
    (memory, Arc::new(Recorder::new(sink, redact, None)))
}

fn builder(recorder: &Arc<Recorder>) -> SessionBuilder<'static> {
    SessionBuilder::new(Arc::clone(recorder), "ses_1".into())
}

fn session() -> (Arc<Memory>, Session) {
    let (memory, recorder) = recorder(None);
    let session = builder(&recorder).start();
    (memory, session)
}

#[test]
fn a_start_says_what_it_was_told() {
    let (memory, recorder) = recorder(None);
    let trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
    let config = BTreeMap::from([("model", "m"), ("title", "t")]);
    let session = builder(&recorder)
        .name("fix the bug")
        .trace_id(format!("00-{trace_id}-00f067aa0ba902b7-01"))
        .root_span("top")
        .parent_session("ses_0")
        .set("prompt", "Fix it")
        .set_from(&config)
        .start();
    assert_eq!((session.id(), session.trace_id()), ("ses_1", trace_id));
    assert_eq!(session.started().unwrap().seq(), Seq::new(1));
    let event = memory.last();
    let Action::SessionStart(start) = &event.action else {
        panic!("{event:?}")
    };
    assert_eq!(event.session.as_deref(), Some("ses_1"));
    assert!(event.at.is_some());
    assert_eq!(start.trace_id.as_deref(), Some(trace_id));
    assert_eq!(start.span.as_deref(), Some("top"));
    assert_eq!(start.parent_session.as_deref(), Some("ses_0"));
    let names: Vec<_> = start.metadata.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["prompt", "model", "title"]);
}

/// What the program's own `Serialize` does is told to the error hook, and the record goes on
/// without it.
#[test]
fn what_cannot_be_serialised_is_left_out_and_told() {
    struct Refusing;
    impl serde::Serialize for Refusing {
        fn serialize<S: serde::Serializer>(&self, _: S) -> std::result::Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("not today"))
        }
    }
    struct Panicking;
    impl serde::Serialize for Panicking {
        fn serialize<S: serde::Serializer>(&self, _: S) -> std::result::Result<S::Ok, S::Error> {
            panic!("not today")
        }
    }
    let (memory, recorder) = recorder(None);
    let session = builder(&recorder)
        .set_from(&[1])
        .set_from(&Refusing)
        .start();
    let span = session.span("bash").input_from(&Panicking).start();
    let ended = span.finish().output_from(&Refusing).end(SpanStatus::Ok);
    assert!(ended.seq().is_some());
    assert_eq!(*memory.reported.lock().unwrap(), ["invalid-event"; 4]);
    let events = memory.events();
    assert!(matches!(&events[0].action, Action::SessionStart(s) if s.metadata.is_empty()));
    assert!(matches!(&events[1].action, Action::SpanStart(s) if s.fields.input.is_none()));
    assert!(matches!(&events[2].action, Action::SpanEnd(e) if e.fields.output.is_none()));
}

#[test]
fn spans_are_recorded_as_they_go() {
    let (memory, session) = session();
    let generation = session
        .span("chat")
        .kind(SpanKind::GENERATION)
        .model("anthropic", "m")
        .start();
    generation.text("I'll look");
    let input = json!({"cmd": "ls"});
    let tool = generation
        .child("bash")
        .kind(SpanKind::TOOL)
        .call_id("c1")
        .input(&input)
        .start();
    tool.log(Level::INFO, "started");
    tool.set("exit_code", 0);
    let output = Value::from("a.rs");
    let written = tool.end_with(SpanStatus::Ok, &output);
    assert_eq!(written.result().unwrap(), Seq::new(7).unwrap());
    let tokens = Tokens {
        input: 3.into(),
        ..Tokens::default()
    };
    generation
        .finish()
        .tokens(tokens)
        .cost(0.005)
        .reason("stop")
        .end(SpanStatus::Ok);
    session.end();
    let events = memory.events();
    drop((tool, generation, session));
    assert_eq!(memory.events().len(), events.len());
    check_recorded(&events, &output);
}

fn check_recorded(events: &[Event<'_>], output: &Value<'_>) {
    let Action::SpanStart(chat) = &events[1].action else {
        panic!()
    };
    assert_eq!((chat.parent.as_deref(), chat.span.len()), (None, 16));
    let Action::Text(text) = &events[2].action else {
        panic!()
    };
    assert_eq!(
        (text.offset, &*text.text, &text.channel),
        (Some(0), "I'll look", &Channel::OUTPUT)
    );
    let Action::SpanStart(bash) = &events[3].action else {
        panic!()
    };
    assert_eq!(
        (bash.parent.as_deref(), bash.fields.call_id.as_deref()),
        (Some(&*chat.span), Some("c1"))
    );
    assert_eq!(
        bash.fields.input.as_ref().unwrap().get("cmd"),
        Some(&"ls".into())
    );
    assert!(matches!(&events[4].action, Action::Log(log) if log.span.as_ref() == Some(&bash.span)));
    let Action::SpanUpdate(update) = &events[5].action else {
        panic!()
    };
    assert_eq!(
        update.fields.attributes.get("exit_code"),
        Some(&Value::I64(0))
    );
    let Action::SpanEnd(end) = &events[6].action else {
        panic!()
    };
    assert_eq!(
        (end.status, &end.fields.output),
        (SpanStatus::Ok, &Some(output.clone()))
    );
    let Action::SpanEnd(end) = &events[7].action else {
        panic!()
    };
    assert_eq!(end.fields.cost, Some(Number::F64(0.005)));
    assert!(matches!(events[8].action, Action::SessionEnd(_)));
    assert_eq!(events.len(), 9);
}

#[test]
fn outputs_are_anything_that_is_a_value() {
    let (memory, session) = session();
    let span = session.span_by_id("g1");
    span.end_with(SpanStatus::Ok, "text");
    span.end_with(SpanStatus::Ok, json!([1]));
    span.end_with(SpanStatus::Ok, String::new());
    span.end_with(SpanStatus::Ok, 1.5);
    session.span_by_id("g1").end(SpanStatus::Ok);
    assert_eq!(memory.events().len(), 6);
}

fn dropped(event: &Event<'_>) -> (bool, Option<String>, SpanStatus) {
    let Action::SpanEnd(end) = &event.action else {
        panic!("{event:?}")
    };
    let words = end.status_message.as_deref().map(str::to_owned);
    (end.ended_by_drop, words, end.status)
}

#[test]
fn the_last_clone_of_an_open_span_ends_it() {
    let (memory, session) = session();
    let span = session.span("work").start();
    let clone = span.clone();
    drop(span);
    assert_eq!(memory.events().len(), 2);
    drop(clone);
    assert_eq!(dropped(&memory.last()), (true, None, SpanStatus::Unset));
    drop(session.span_by_id("bound"));
    assert_eq!(memory.events().len(), 3);
}

#[test]
fn a_span_dropped_by_a_panic_says_so() {
    let (memory, session) = session();
    let span = session.span("work").start();
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
        let _span: Span = span;
        std::panic::resume_unwind(Box::new("on purpose"));
    }));
    assert!(caught.is_err());
    let words = Some("dropped while panicking".to_owned());
    assert_eq!(dropped(&memory.last()), (true, words, SpanStatus::Unset));
}

#[test]
fn a_whole_span_is_one_record() {
    let (memory, session) = session();
    let (start, end) = (Timestamp::new(1, 0), Timestamp::new(2, 0));
    session
        .span("read")
        .id("t1")
        .at(start)
        .output("o")
        .complete(end, SpanStatus::Ok);
    let event = memory.last();
    let Action::Span(begun, ended) = &event.action else {
        panic!("{event:?}")
    };
    assert_eq!(
        (&*begun.span, begun.started_at, ended.ended_at),
        ("t1", Some(start), Some(end))
    );
    assert_eq!(ended.fields.output, Some("o".into()));
    assert_eq!(memory.events().len(), 2);
}

#[test]
fn notes_and_links_name_their_span() {
    let (memory, session) = session();
    let span = session.span("a").id("a").start();
    session.counter("retries", 2);
    span.counter("bytes", 2.5);
    span.link(&session);
    session.link(&span);
    session.set("title", "T");
    session.set_name("R");
    session.log(Level::WARN, "w");
    span.fail("no");
    session.crash("SIGTERM");
    session.fail("late");
    let actions: Vec<_> = memory
        .events()
        .into_iter()
        .skip(2)
        .map(|event| event.action)
        .collect();
    assert!(matches!(&actions[0], Action::Counter(c) if c.span.is_none()));
    assert!(matches!(&actions[1], Action::Counter(c) if c.span.as_deref() == Some("a")));
    let to_session = |link: &SpanLink<'_>| link.to_session.as_deref() == Some("ses_1");
    assert!(
        matches!(&actions[2], Action::Link(l) if to_session(l) && l.span.as_deref() == Some("a"))
    );
    assert!(matches!(&actions[3], Action::Link(l) if l.to_span.as_deref() == Some("a")));
    assert!(matches!(&actions[4], Action::SessionUpdate(u) if u.metadata.len() == 1));
    assert!(matches!(&actions[5], Action::SessionUpdate(u) if u.name.as_deref() == Some("R")));
    assert!(matches!(&actions[6], Action::Log(log) if log.span.is_none()));
    assert!(matches!(&actions[7], Action::SpanEnd(end) if end.status_message.is_some()));
    assert!(matches!(&actions[8], Action::Crash(c) if c.reason.as_deref() == Some("SIGTERM")));
    assert!(matches!(&actions[9], Action::SessionEnd(end) if end.error.as_deref() == Some("late")));
}

#[test]
fn refused_records_are_told_of_and_nothing_panics() {
    let (memory, session) = session();
    let span = session.span("a").start();
    memory.is_closed.store(true, Ordering::Relaxed);
    let written = span.text("lost");
    assert_eq!(
        (written.seq(), written.result().unwrap_err().code()),
        (None, "closed")
    );
    assert_eq!(*memory.reported.lock().unwrap(), ["closed"]);
    assert!(session.append(Event::custom("c", 1)).is_err());
    drop(span);
    assert_eq!(memory.reported.lock().unwrap().len(), 1);

    memory.is_closed.store(false, Ordering::Relaxed);
    let crashed = Action::SessionEnd(SessionEnd {
        status: SessionStatus::Crashed,
        error: None,
    });
    let refused = session.append(Event::new(crashed)).unwrap_err();
    assert_eq!(refused.code(), "invalid-event");
    assert_eq!(*memory.refused.lock().unwrap(), ["invalid-event"]);
}

#[test]
fn a_lost_piece_of_text_shows_in_the_next_offset() {
    let (memory, session) = session();
    let span = session.span("a").start();
    span.text("abc");
    memory.is_closed.store(true, Ordering::Relaxed);
    span.text("de");
    memory.is_closed.store(false, Ordering::Relaxed);
    session.span_by_id(span.id()).text("f");
    assert!(matches!(
        memory.last().action,
        Action::Text(Text {
            offset: Some(5),
            ..
        })
    ));
}

#[test]
fn a_line_has_the_time_at_which_it_was_recorded() {
    let (memory, session) = session();
    session.append(Event::line(&b"a line"[..])).unwrap();
    assert!(memory.last().at.is_some());
}

#[test]
fn redaction_sees_the_event_before_it_is_encoded() {
    let redact: Redact = Arc::new(|event| {
        event.extra.insert("seen", true);
        match &mut event.action {
            Action::Text(text) => text.text = "***".into(),
            Action::Custom(custom) if custom.name == "panic" => panic!("in the hook"),
            Action::Custom(_) => event.session = Some("elsewhere".into()),
            _ => {}
        }
    });
    let (memory, recorder) = recorder(Some(redact));
    let session = builder(&recorder).start();
    let span = session.span("a").start();
    span.text("password");
    span.text("x");
    let event = memory.last();
    assert_eq!(event.extra.get("seen"), Some(&true.into()));
    assert!(matches!(&event.action, Action::Text(t) if t.text == "***" && t.offset == Some(3)));

    let count = memory.events().len();
    let refused = session.append(Event::custom("panic", 1)).unwrap_err();
    assert_eq!(
        (refused.code(), memory.events().len()),
        ("invalid-event", count)
    );
    assert_eq!(*memory.refused.lock().unwrap(), ["invalid-event"]);
    session.append(Event::custom("c", 1)).unwrap();
    assert_eq!(memory.last().session.as_deref(), Some("elsewhere"));
    session
        .append_raw(UserKind::new(128).unwrap(), b"raw")
        .unwrap();
    assert!(matches!(
        memory.last().action,
        Action::Unknown { kind: 128, .. }
    ));
}

#[test]
fn events_and_lines_go_where_they_say() {
    let (memory, recorder) = recorder(None);
    let event = Event::custom("x", 1)
        .in_session("own")
        .at(Timestamp::new(1, 0));
    recorder.append(event.clone()).unwrap();
    assert_eq!(memory.last(), event);
    let error = recorder.append(Event::custom("x", 1)).unwrap_err();
    assert_eq!(error.to_string(), "the event names no session");
    recorder
        .append_json(
            br#"{"type":"custom","session":"s","name":"n","data":1}"#,
            None,
        )
        .unwrap();
    let expected = Action::Custom(Custom {
        name: "n".into(),
        data: 1.into(),
    });
    assert_eq!(memory.last().action, expected);
    assert_eq!(
        recorder.append_json(b"{}", None).unwrap_err().to_string(),
        "no \"type\""
    );
    recorder.note_crash("SIGTERM", Some("main.rs:1"));
    assert!(matches!(
        memory.last(),
        Event {
            session: None,
            action: Action::Crash(_),
            ..
        }
    ));
    recorder
        .append_json(br#"{"type":"session.start","session":"s"}"#, None)
        .unwrap();
    let Action::SessionStart(start) = memory.last().action else {
        panic!()
    };
    assert_eq!(start.trace_id.map(|id| id.len()), Some(32));
}

#[test]
fn texts_copied_from_two_runs_follow_each_other() {
    let (memory, recorder) = recorder(None);
    for run in 1..3 {
        let line = format!(
            r#"{{"type":"text","session":"s","span":"g","text":"abc","offset":0,
            "run":"0000000{run}-0000000000000001","seq":5}}"#
        );
        let line = JsonLine::parse(line.as_bytes(), None).unwrap();
        recorder.append_parsed(line).unwrap();
    }
    let events = memory.events().into_iter();
    let offsets: Vec<_> = events
        .map(|event| match event.action {
            Action::Text(text) => text.offset,
            _ => None,
        })
        .collect();
    assert_eq!(offsets, [Some(0), Some(3)]);
}

#[test]
fn a_redaction_hook_that_panics_or_records_takes_nobody_down() {
    let own = Arc::new(Mutex::new(None::<Session>));
    let inner = Arc::clone(&own);
    let redact: Redact = Arc::new(move |event| match &event.action {
        Action::SpanEnd(_) => panic!("in the hook"),
        Action::Custom(_) => {
            let session = inner.lock().unwrap();
            let written = session.as_ref().unwrap().log(Level::INFO, "hidden");
            assert_eq!(written.seq(), None);
        }
        _ => {}
    });
    let (memory, recorder) = recorder(Some(redact));
    let session = builder(&recorder).start();
    *own.lock().unwrap() = Some(session.clone());
    session.append(Event::custom("c", 1)).unwrap();
    assert_eq!(memory.events().len(), 2);
    // Its end, written while this thread unwinds, makes the hook panic a second time.
    let span = session.span("work").start();
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
        let _span: Span = span;
        std::panic::resume_unwind(Box::new("on purpose"));
    }));
    assert!(caught.is_err());
    assert_eq!(memory.events().len(), 3);
}

/// Calls `note_crash` the way a panic hook does: while the thread panics.
struct NoteInDrop(Arc<Recorder>);

impl Drop for NoteInDrop {
    fn drop(&mut self) {
        self.0.note_crash("boom", None);
    }
}

#[test]
fn a_crash_is_noted_while_panicking_whatever_the_redaction_hook_does() {
    for (panics, noted) in [(true, 0), (false, 1)] {
        let redact: Redact = Arc::new(move |_| assert!(!panics, "in the hook"));
        for (redact, noted) in [(Some(redact), noted), (None, 1)] {
            let (memory, recorder) = recorder(redact);
            let note = NoteInDrop(recorder);
            let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
                let _note = note;
                std::panic::resume_unwind(Box::new("on purpose"));
            }));
            assert!(caught.is_err());
            assert_eq!(memory.events().len(), noted);
        }
    }
}
