//! Members that stand beside what an event says, and those that are not of their type.

use super::JsonLine;
use super::tests::{parse, reads_back, refusal};
use crate::event::arbitrary;
use crate::event::{Action, Event, Map, Number, OtlpKind, SpanStatus, Tokens, Value};
use crate::time::Timestamp;

#[test]
fn an_extra_member_never_poses_as_a_known_one() {
    let mut event = Event::custom("c", 1).in_session("s");
    event.extra = Map::from([
        ("type", "crash"),
        ("data", "no"),
        ("y", "yes"),
        ("at_ms", "no"),
    ]);
    let json = serde_json::to_string(&event).unwrap();
    assert_eq!(
        json,
        "{\"type\":\"custom\",\"session\":\"s\",\"name\":\"c\",\"data\":1,\"y\":\"yes\",\
         \"extra\":{\"type\":\"crash\",\"data\":\"no\",\"at_ms\":\"no\"}}"
    );
    let read = parse(&json);
    assert_eq!(read.action, event.action);
    let names: Vec<&str> = read.extra.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["y", "type", "data", "at_ms"]);
    reads_back(&read);
}

#[test]
fn every_member_that_is_read_is_known_when_writing() {
    for event in arbitrary::full() {
        let line = serde_json::to_value(&event).unwrap();
        let mut with_extra = event.clone();
        let members = line.as_object().unwrap().keys();
        with_extra.extra = members
            .map(|name| (name.clone(), Value::from("forged")))
            .collect();
        let kept: Vec<_> = event
            .extra
            .iter()
            .map(|(name, _)| name.to_owned())
            .collect();
        let line = serde_json::to_value(&with_extra).unwrap();
        let members = line.as_object().unwrap();
        let forged = members.iter().filter(|(_, value)| *value == "forged");
        let mut forged: Vec<_> = forged.map(|(name, _)| name.clone()).collect();
        forged.retain(|name| !kept.contains(name));
        assert_eq!(forged, Vec::<String>::new());
        // None of them is lost either.
        let read = parse(&serde_json::to_string(&with_extra).unwrap());
        assert_eq!(read.action, event.action);
        assert_eq!(read.extra.len(), with_extra.extra.len());
        reads_back(&read);
    }
}

/// What `cat` adds to a line is `run` and `seq`.
#[test]
fn members_named_as_an_address_stay_members() {
    let own = r#"{"type":"crash","session":"s","run":"x","seq":5,"a":1,"extra":{"run":1}}"#;
    let event = parse(own);
    let written = serde_json::to_string(&event).unwrap();
    assert_eq!(
        written,
        r#"{"type":"crash","session":"s","a":1,"extra":{"run":"x","seq":5,"extra":{"run":1}}}"#
    );
    let address = r#","run":"00000001-00000000deadbeef","seq":7}"#;
    let printed = format!("{}{address}", written.strip_suffix('}').unwrap());
    let again = JsonLine::parse(printed.as_bytes(), None).unwrap();
    assert_eq!((&again.event, again.run.is_some()), (&event, true));
    // A member by the name of `extra` that stands for nothing else is one.
    for own in [r#"{"x":1}"#, r#"{"run":1,"x":1}"#, "{}", "7"] {
        let line = format!(r#"{{"type":"crash","session":"s","extra":{own}}}"#);
        let event = parse(&line);
        assert_eq!(serde_json::to_string(&event).unwrap(), line);
        assert_eq!(event.extra.len(), 1);
        reads_back(&event);
    }
    let line = r#"{"type":"crash","session":"s","extra":{"seq":1,"run":"r"}}"#;
    let event = parse(line);
    let expected = Map::from([("seq", Value::from(1)), ("run", "r".into())]);
    assert_eq!(event.extra, expected);
    assert_eq!(serde_json::to_string(&event).unwrap(), line);
}

#[test]
fn what_only_opentelemetry_has_a_word_for_is_kept_apart() {
    let line = "{\"type\":\"span.start\",\"session\":\"s\",\"span\":\"a\",\"kind\":\"span\",\
                \"name\":\"n\",\"otel\":{\"flags\":1,\"parent_is_remote\":true}}";
    let event = parse(line);
    assert_eq!(event.otel().get("flags"), Some(&Value::from(1)));
    assert!(event.extra.is_empty());
    assert_eq!(serde_json::to_string(&event).unwrap(), line);
    reads_back(&event);
    let odd = parse(r#"{"type":"crash","session":"s","otel":7}"#);
    assert_eq!((odd.otel().len(), odd.extra.len()), (0, 1));
    reads_back(&odd);
}

fn converted<'e>(event: &'e Event<'_>) -> Vec<&'e str> {
    event.converted().collect()
}

#[test]
fn members_of_another_type_are_converted() {
    let line = r#"{"type":"span","session":7,"span":3,"parent":true,"name":["x",1.5],"kind":null,
        "call_id":123,"tokens":{"input":"12","output":" 1.5 ","reasoning":true,"cache_read":"NaN"},
        "cost":"0.25","ended_by_drop":"true","otlp_kind":"2","start_ms":"5","end_ns":7,"model":4}"#;
    let read = JsonLine::parse(line.as_bytes(), None).unwrap();
    let event = &read.event;
    let Action::Span(start, end) = &event.action else {
        panic!("{event:?}")
    };
    assert_eq!(event.session.as_deref(), Some("7"));
    assert_eq!((&*start.span, start.parent.as_deref()), ("3", Some("true")));
    assert_eq!(start.name, r#"["x",1.5]"#);
    assert_eq!(start.fields.call_id.as_deref(), Some("123"));
    assert_eq!(start.otlp_kind, Some(OtlpKind(2)));
    assert_eq!(start.started_at, Some(Timestamp::new(0, 5_000_000)));
    assert_eq!(end.ended_at, Some(Timestamp::new(0, 7)));
    assert!(end.ended_by_drop);
    assert_eq!(end.fields.cost, Some(Number::F64(0.25)));
    let model = start.fields.model.as_ref().unwrap();
    assert_eq!(model.model_id.as_deref(), Some("4"));
    let tokens = end.fields.tokens.unwrap();
    let (twelve, one) = (Number::I64(12), Number::I64(1));
    assert_eq!((tokens.input, tokens.output), (twelve, Number::F64(1.5)));
    assert_eq!((tokens.reasoning, tokens.cache_read), (one, Number::ZERO));
    let mut names = converted(event);
    names.sort_unstable();
    let all = "call_id cost end_ns ended_by_drop model name otlp_kind parent session span start_ms \
               tokens";
    assert_eq!(names.join(" "), all);
    assert_eq!(read.warnings.len(), 15, "{:?}", read.warnings);
    assert!(read.warnings.contains(
        &r#"member "call_id": expected a string, found 123; its text was taken"#.to_owned()
    ));
    assert!(event.extra.is_empty());
    reads_back(event);
}

#[test]
fn what_cannot_be_converted_is_kept_beside() {
    let line = r#"{"type":"span.end","session":"s","span":"a","status":"weird","cost":"much",
        "at_ms":[],"attributes":[1],"tokens":{"input":{},"odd":1},"model":{"id":"m"},"x":0}"#;
    let read = JsonLine::parse(line.as_bytes(), None).unwrap();
    let event = &read.event;
    let Action::SpanEnd(end) = &event.action else {
        panic!("{event:?}")
    };
    assert_eq!((end.status, end.fields.cost), (SpanStatus::Unset, None));
    assert_eq!(end.fields.tokens, Some(Tokens::default()));
    assert_eq!(event.at, None);
    let extra = serde_json::to_string(&event.extra).unwrap();
    assert_eq!(
        extra,
        "{\"x\":0,\"at_ms\":[],\"status\":\"weird\",\"model\":{\"id\":\"m\"},\
         \"tokens\":{\"odd\":1,\"input\":{}},\"cost\":\"much\",\"attributes\":[1]}"
    );
    let expected = ["at_ms", "status", "tokens", "cost", "attributes"];
    assert_eq!(converted(event), expected);
    reads_back(event);
    for line in [
        r#"{"type":"log","session":"s","level":"loud"}"#,
        r#"{"type":"session.start","session":"s","forked_at":{"run":"x","seq":1}}"#,
        r#"{"type":"session.start","session":"s","forked_at":7}"#,
    ] {
        let read = JsonLine::parse(line.as_bytes(), None).unwrap();
        assert_eq!((read.event.extra.len(), read.warnings.len()), (1, 1));
        reads_back(&read.event);
    }
}

#[test]
fn a_byte_order_mark_may_begin_any_line() {
    let line = "\u{feff}{\"type\":\"crash\",\"session\":\"s\"}";
    assert_eq!(parse(line).session.as_deref(), Some("s"));
}

#[test]
fn an_error_says_one_place() {
    let line = r#"{"type":"custom","session":"s","name":"n","data":01}"#;
    assert_eq!(refusal(line), "not JSON: invalid number at column 51");
}
