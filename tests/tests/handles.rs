//! What a program says through its handles is what the snapshot says, also after a detour
//! through the JSON-lines form.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use trace_journal::{
    Channel, Event, Item, Journal, Level, Reader, SessionStatus, SpanKind, SpanStatus, Timestamp,
    Tokens, UserKind, Value,
};

const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// The library's example, call by call.
fn work(journal: &Journal) -> trace_journal::Result<()> {
    let traceparent = format!("00-{TRACE_ID}-00f067aa0ba902b7-01");
    let config = BTreeMap::from([("model", "anthropic/m")]);
    let session = journal
        .session("ses_1")
        .name("fix the bug")
        .trace_id(traceparent)
        .set("prompt", "Fix it")
        .set_from(&config)
        .start();
    let generation = session.span("chat").id("g1").kind(SpanKind::GENERATION);
    let generation = generation.model("anthropic", "m").start();
    generation.text("I'll ");
    generation.text("look");
    generation.text_on(Channel::REASONING, "hm");
    let input = json!({"cmd": "ls"});
    let tool = generation
        .child("bash")
        .kind(SpanKind::TOOL)
        .call_id("c1")
        .input(&input)
        .start();
    tool.log(Level::INFO, "started");
    tool.set("exit_code", 0);
    let output = json!(["a.rs", 1.5, null]);
    let written = tool.end_with(SpanStatus::Ok, &output);
    journal.wait_durable(written.result()?)?;
    let tokens = Tokens::new(3, 0);
    generation
        .finish()
        .tokens(tokens)
        .cost(0.005)
        .reason("stop")
        .end(SpanStatus::Ok);
    session.span_by_id("g2").end(SpanStatus::Ok);
    let (start, end) = (Timestamp::new(1, 0), Timestamp::new(2, 1));
    session.span("read").at(start).complete(end, SpanStatus::Ok);
    session.append(Event::custom("x", Value::from(1)))?;
    session.append_raw(UserKind::new(200)?, b"raw")?;
    session.counter("retries", 2);
    session.link(&generation);
    drop(session.span("left").start());
    session.end();
    Ok(())
}

/// What must be the same in both journals: all but the addresses of records.
fn comparable(reader: &Reader) -> Json {
    let snapshot = reader.snapshot("ses_1").expect("the session is there");
    let mut json = serde_json::to_value(&snapshot).expect("a snapshot is JSON");
    let members = json.as_object_mut().expect("a snapshot is an object");
    for name in ["runs", "notes"] {
        members.remove(name).expect("a snapshot has it");
    }
    json
}

#[test]
fn the_snapshot_says_what_the_handles_said() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path()).unwrap();
    work(&journal).unwrap();
    journal.close().unwrap();
    let snapshot = Reader::open(dir.path()).unwrap().snapshot("ses_1").unwrap();
    assert_eq!(snapshot.status(), SessionStatus::Completed);
    assert_eq!(
        (snapshot.trace_id(), snapshot.root().name()),
        (TRACE_ID, "fix the bug")
    );
    assert_eq!(snapshot.spans().len(), 6);
    let json = serde_json::to_value(&snapshot).unwrap();
    let spans = json["spans"].as_array().unwrap();
    let span = |name: &str| spans.iter().find(|span| span["name"] == name).unwrap();
    let texts = json!({"output": "I'll look", "reasoning": "hm"});
    assert_eq!(span("chat")["texts"], texts);
    assert_eq!(span("bash")["parent"], "g1");
    assert_eq!(span("bash")["output"], json!(["a.rs", 1.5, null]));
    assert_eq!(span("bash")["attributes"], json!({"exit_code": 0}));
    assert_eq!(span("left")["ended_by_drop"], true);
    assert_eq!(span("read")["ended_at"], "1970-01-01T00:00:02.000000001Z");
}

#[test]
fn the_json_form_of_all_records_gives_the_same_snapshot() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for text in ["in the first run", "and the second"] {
        let journal = Journal::open(from.path()).unwrap();
        work(&journal).unwrap();
        journal.session("ses_1").start().span_by_id("g1").text(text);
        journal.session("ses_1").start().end();
        journal.close().unwrap();
    }
    let reader = Reader::open(from.path()).unwrap();
    let copy = Journal::open(to.path()).unwrap();
    let mut count = 0;
    for item in reader.session("ses_1").records() {
        let Item::Record(record) = item.unwrap() else {
            panic!("nothing was lost");
        };
        let mut line = serde_json::to_value(record.event()).unwrap();
        line["run"] = json!(record.address().run.to_string());
        line["seq"] = json!(record.address().seq.get());
        copy.append_json(line.to_string()).unwrap();
        count += 1;
    }
    assert!(count > 30, "{count}");
    copy.close().unwrap();
    let copied = Reader::open(to.path()).unwrap();
    assert_eq!(comparable(&copied), comparable(&reader));
}
