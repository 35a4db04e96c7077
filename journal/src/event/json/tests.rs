use super::JsonLine;
use crate::event::arbitrary::{self, Rng};
use crate::event::{
    Action, Channel, Custom, Event, Level, Map, Number, SessionStatus, SpanStatus, Value,
};
use crate::time::Timestamp;

pub(super) fn parse(line: &str) -> Event<'static> {
    let read = JsonLine::parse(line.as_bytes(), None).expect(line);
    assert_eq!(read.warnings, Vec::<String>::new(), "{line}");
    read.event.into_owned()
}

pub(super) fn refusal(line: &str) -> String {
    JsonLine::parse(line.as_bytes(), None)
        .expect_err(line)
        .to_string()
}

pub(super) fn warnings(line: &str) -> Vec<String> {
    JsonLine::parse(line.as_bytes(), None).expect(line).warnings
}

pub(super) fn reads_back(event: &Event<'_>) {
    let line = serde_json::to_string(event).unwrap();
    let read = JsonLine::parse(line.as_bytes(), None).expect(&line);
    assert_eq!((&read.event, read.warnings.len()), (event, 0), "{line}");
    assert_eq!(serde_json::to_string(&read.event).unwrap(), line);
}

#[test]
fn every_kind_reads_back() {
    arbitrary::full()
        .iter()
        .chain(&arbitrary::bare())
        .for_each(reads_back);
}

#[test]
fn random_events_read_back() {
    for seed in 0..3000 {
        let event = Rng::new(seed).any_event();
        let line = serde_json::to_string(&event).unwrap();
        let read = JsonLine::parse(line.as_bytes(), None).expect(&line);
        assert_eq!(read.event, event, "seed {seed}: {line}");
    }
}

#[test]
fn an_agents_lines_are_understood() {
    let start = parse(
        r#"{"type":"span.start","session":"ses_1","span":"g1","parent":null,"kind":"generation",
        "name":"generation-1","at_ms":1700000000000,"input":[1],
        "model":{"model_id":"m","provider_id":"p"},"attributes":{}}"#,
    );
    assert_eq!(start.at, Some(Timestamp::new(1_700_000_000, 0)));
    let Action::SpanStart(start) = start.action else {
        panic!("{start:?}")
    };
    assert_eq!((start.parent, start.kind.as_str()), (None, "generation"));
    assert_eq!(start.fields.model.unwrap().provider_id.unwrap(), "p");

    let end = parse(
        r#"{"type":"span.end","session":"ses_1","span":"g1","status":"ok","finish_reason":"stop",
        "cost":0.005,"tokens":{"input":1500,"output":300.0,"reasoning":null,"cache_read":-0.5,
        "total":9},"output":null}"#,
    );
    let Action::SpanEnd(end) = end.action else {
        panic!("{end:?}")
    };
    let tokens = end.fields.tokens.unwrap();
    assert_eq!((end.status, end.fields.output), (SpanStatus::Ok, None));
    assert_eq!(
        (tokens.input, tokens.output),
        (Number::I64(1500), Number::I64(300))
    );
    assert_eq!(
        (tokens.reasoning, tokens.cache_read),
        (Number::ZERO, Number::F64(-0.5))
    );

    let whole = parse(
        r#"{"type":"span","session":"s","span":"t1","parent":"g1","kind":"tool","name":"bash",
        "start_ms":1000,"end_ms":2000,"status":"error","call_id":"c","input":{},"output":"o",
        "status_message":"m","variant":"v","otlp_kind":3,"trace_id":"t"}"#,
    );
    let Action::Span(start, end) = whole.action else {
        panic!("{whole:?}")
    };
    assert_eq!(start.started_at, Some(Timestamp::new(1, 0)));
    assert_eq!(end.ended_at, Some(Timestamp::new(2, 0)));
    assert_eq!(start.fields.model.unwrap().variant.unwrap(), "v");
    assert_eq!(end.fields.output, Some(Value::from("o")));

    let text = parse(r#"{"type":"text","session":"s","span":"g1","text":"I'll","offset":7}"#);
    let Action::Text(text) = text.action else {
        panic!("{text:?}")
    };
    assert_eq!((text.channel, text.offset), (Channel::OUTPUT, Some(7)));
}

#[test]
fn levels_are_names_or_numbers() {
    for (json, level) in [
        ("\"WARN\"", Level::WARN),
        ("10", Level(10)),
        ("null", Level::INFO),
    ] {
        let log = parse(&format!(r#"{{"type":"log","session":"s","level":{json}}}"#));
        assert!(matches!(log.action, Action::Log(log) if log.level == level));
    }
}

#[test]
fn an_end_without_status_is_told_by_its_error() {
    for (members, status) in [
        ("", SessionStatus::Completed),
        (r#","error":"e""#, SessionStatus::Error),
    ] {
        let end = parse(&format!(
            r#"{{"type":"session.end","session":"s"{members}}}"#
        ));
        assert!(matches!(end.action, Action::SessionEnd(end) if end.status == status));
    }
}

#[test]
fn unknown_members_are_extra_and_unknown_types_custom() {
    let event = parse(r#"{"x":1,"type":"crash","session":"s","y":{"z":[]}}"#);
    let extra = Map::from([
        ("x", Value::from(1)),
        ("y", Value::Map(Map::from([("z", Value::List(Vec::new()))]))),
    ]);
    assert_eq!(event.extra, extra);

    let event = parse(r#"{"type":"my.event","session":"s","at_ms":0,"data":1,"name":"n"}"#);
    let data = Map::from([("data", Value::from(1)), ("name", Value::from("n"))]);
    assert_eq!(
        event,
        Event::custom("my.event", data)
            .in_session("s")
            .at(Timestamp::default())
    );
    reads_back(&event);
}

#[test]
fn times_may_be_anything_a_number_is() {
    let at = |members: &str| {
        let line = format!(r#"{{"type":"crash",{members}}}"#);
        parse(&line).at.expect("it has a time")
    };
    assert_eq!(at(r#""at_ms":0"#), Timestamp::default());
    assert_eq!(at(r#""at_ms":-1"#), Timestamp::new(-1, 999_000_000));
    assert_eq!(at(r#""at_ms":1500.25"#), Timestamp::new(1, 500_250_000));
    assert_eq!(at(r#""at_ms":-0.5"#), Timestamp::new(-1, 999_500_000));
    assert_eq!(at(r#""at_ms":1e300"#).seconds(), i64::MAX);
    assert_eq!(
        at(r#""at_ms":5,"at_ns":"1000000001""#),
        Timestamp::new(1, 1)
    );
    assert_eq!(at(r#""at_ns":"-1""#), Timestamp::new(-1, 999_999_999));
    let far = "9".repeat(60);
    assert_eq!(at(&format!(r#""at_ns":"{far}""#)).seconds(), i64::MAX);
    assert_eq!(parse(r#"{"type":"crash","at_ms":null}"#).at, None);
}

#[test]
fn the_address_of_a_printed_line_is_left_out() {
    let printed = r#"{"type":"crash","run":"00000001-00000000deadbeef","seq":7,"x":1}"#;
    assert_eq!(parse(printed).extra, Map::from([("x", 1)]));
    let run = JsonLine::parse(printed.as_bytes(), None).unwrap().run;
    assert_eq!(run.unwrap().to_string(), "00000001-00000000deadbeef");
    let own = r#"{"type":"crash","run":"mine","seq":7}"#;
    assert_eq!(parse(own).extra.len(), 2);
}

#[test]
fn the_session_can_come_from_outside() {
    let line = br#"{"type":"custom","name":"c"}"#;
    let event = JsonLine::parse(line, Some("s")).unwrap().event;
    assert_eq!(event.session.as_deref(), Some("s"));
    let line = br#"{"type":"custom","name":"c","session":"own"}"#;
    let event = JsonLine::parse(line, Some("s")).unwrap().event;
    assert_eq!(event.session.as_deref(), Some("own"));
    assert_eq!(
        parse(r#"{"type":"crash","reason":"SIGTERM"}"#).session,
        None
    );
}

#[test]
fn refusals_name_the_member() {
    let cases = [
        ("[]", "not a JSON object"),
        (r#"{"session":"s"}"#, r#"no "type""#),
        (r#"{"type":"session.end"}"#, r#"no "session""#),
        (r#"{"type":"x","session":null}"#, r#"no "session""#),
        (r#"{"type":"span.end","session":"s"}"#, r#"no "span""#),
        (
            r#"{"type":1,"session":"s"}"#,
            r#"member "type": expected a string, found 1"#,
        ),
        (
            r#"{"type":"counter","session":"s","name":"n","value":"x"}"#,
            r#"member "value": expected a number, found "x""#,
        ),
        (
            r#"{"type":"custom","session":"s","name":"n","data":1e999}"#,
            "the number 1e999 is too large for a float",
        ),
        (
            r#"{"type":"unknown","kind":3,"data":{"$bytes":""}}"#,
            r#"member "kind": records of kind 3 are the journal's own"#,
        ),
        (
            r#"{"type":"unknown","kind":99,"data":"x"}"#,
            r#"member "data": expected {"$bytes": "<base64>"}, found "x""#,
        ),
    ];
    for (line, reason) in cases {
        assert_eq!(refusal(line), reason, "{line}");
    }
    let error = JsonLine::parse(b"{\"type\":\"\xff\"}", None).unwrap_err();
    assert_eq!(error.to_string(), "not UTF-8 at byte 10");
}

#[test]
fn what_is_taken_in_changed_is_warned_of() {
    let line = r#"{"type":"custom","name":"\ud800","session":"s","data":18446744073709551616}"#;
    assert_eq!(
        warnings(line),
        [
            "half a surrogate pair (\\ud800) became U+FFFD",
            "the integer 18446744073709551616 became a float",
        ]
    );
    let line = r#"{"type":"span.update","session":"s","span":"a","model":{"id":"m"},"cost":NaN}"#;
    assert_eq!(
        warnings(line),
        [
            "NaN is not JSON; taken as that float",
            "member \"model.id\" has no place; it is kept beside",
        ]
    );
}

#[test]
fn bytes_and_unknown_records_read_back() {
    let event = parse(r#"{"type":"custom","session":"s","name":"n","data":{"$bytes":"/w=="}}"#);
    let data = Value::bytes(&b"\xff"[..]);
    let expected = Action::Custom(Custom {
        name: "n".into(),
        data,
    });
    assert_eq!(event.action, expected);
    let unknown = parse(r#"{"type":"unknown","kind":99,"data":{"$bytes":"/w=="}}"#);
    assert!(
        matches!(&unknown.action, Action::Unknown { kind: 99, payload } if payload[..] == [255])
    );
    reads_back(&unknown);
}

/// Each is looked for among all of them, which must not take longer the more there are.
#[test]
fn a_line_full_of_words_for_floats_reads_each_in_its_place() {
    let words = "1,NaN,".repeat(100_000);
    let line = format!(r#"{{"type":"x","session":"s","a":[{words}2]}}"#);
    let read = JsonLine::parse(line.as_bytes(), None).unwrap();
    let written = serde_json::to_string(&read.event).unwrap();
    let nulls = "1,null,".repeat(100_000);
    assert!(written.ends_with(&format!(r#""data":{{"a":[{nulls}2]}}}}"#)));
}

#[test]
fn floats_that_json_has_no_words_for_are_taken_in_and_written_as_null() {
    let line = r#"{"type":"x","session":"s","a":-Infinity,"b":NaN,"c":[Infinity]}"#;
    let read = JsonLine::parse(line.as_bytes(), None).unwrap();
    assert_eq!(read.warnings.len(), 3);
    assert!(format!("{:?}", read.event).contains("F64(-inf)"));
    let written = serde_json::to_string(&read.event).unwrap();
    assert!(
        written.ends_with(r#""data":{"a":null,"b":null,"c":[null]}}"#),
        "{written}"
    );
    JsonLine::parse(written.as_bytes(), None).unwrap();
}
