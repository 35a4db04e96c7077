//! What an event has too much of, and what a later version has put into it.

use std::borrow::Cow;

use bytes::Bytes;

use super::tests::{payload, reads_back, says_what_postcard_finds};
use super::{Oddities, decode, decode_known, decode_odd, decode_without_values, span_facts};
use crate::event::{
    Action, Event, Map, SessionEnd, SessionStatus, SessionUpdate, SpanEnd, SpanStatus, Value,
};
use crate::format::RecordKind;

fn nested(depth: usize) -> Value<'static> {
    (0..depth).fold(Value::Null, |value, n| match n % 2 {
        0 => Value::List(vec![value]),
        _ => Value::Map(Map::from([("k", value)])),
    })
}

fn innermost<'v>(mut value: &'v Value<'v>) -> (usize, &'v Value<'v>) {
    let mut depth = 0;
    loop {
        value = match value {
            Value::List(values) => &values[0],
            Value::Map(map) => map.get("k").expect("it is the only one"),
            other => return (depth, other),
        };
        depth += 1;
    }
}

fn custom_data(event: Event<'_>) -> Value<'_> {
    match event.action {
        Action::Custom(custom) => custom.data,
        other => panic!("not custom: {other:?}"),
    }
}

#[test]
fn what_nests_more_than_64_deep_becomes_text() {
    reads_back(&Event::custom("c", nested(64)).in_session("s"));
    for depth in [65, 66, 5000] {
        let (kind, bytes) = payload(&Event::custom("c", nested(depth)));
        let event = decode_known(kind, &bytes).expect("an event");
        assert_eq!(event.converted().collect::<Vec<_>>(), ["data"]);
        let data = custom_data(event);
        let (reached, text) = innermost(&data);
        let rest = serde_json::to_string(&nested(depth - 64));
        // Serialising has a limit of its own.
        let rest = rest.unwrap_or_else(|_| text.as_str().unwrap_or_default().to_owned());
        assert_eq!(
            (reached, text.as_str()),
            (64, Some(rest.as_str())),
            "{depth}"
        );
    }
    let mut event = Event::custom("c", Value::Null);
    event.extra.insert("x", nested(64));
    reads_back(&event.clone().in_session("s"));
    event.extra.insert("x", nested(65));
    let (kind, bytes) = payload(&event);
    let event = decode_known(kind, &bytes).expect("an event");
    assert_eq!(event.converted().collect::<Vec<_>>(), ["extra"]);
    // Said once, however often it is written again.
    reads_back(&event.in_session("s"));
}

fn nulls(count: usize) -> Value<'static> {
    Value::List(vec![Value::Null; count])
}

/// A list of a million and more values, and members around it.
fn large() -> Map<'static> {
    Map::from([
        ("small", nulls(10)),
        ("large", nulls(1_000_000)),
        ("text", "x".into()),
    ])
}

#[test]
fn of_a_million_values_what_is_over_becomes_text() {
    let update = SessionUpdate {
        metadata: large(),
        ..SessionUpdate::default()
    };
    let (kind, bytes) = payload(&Event::new(Action::SessionUpdate(update)));
    let (event, odd) = decode_odd(kind, &bytes).expect("an event");
    assert_eq!(odd, Oddities::default());
    assert_eq!(event.converted().collect::<Vec<_>>(), ["metadata"]);
    let Action::SessionUpdate(update) = event.action else {
        panic!("it is an update");
    };
    let expected = format!("[null{}]", ",null".repeat(999_999));
    assert_eq!(update.metadata.get("large"), Some(&Value::from(expected)));
    assert_eq!(update.metadata.get("small"), Some(&nulls(10)));
    assert_eq!(update.metadata.get("text"), Some(&Value::from("x")));
    // Nearly as many are no more than there may be.
    let few = Event::custom("c", nulls(999_999)).in_session("s");
    reads_back(&few);
}

#[test]
fn members_beyond_a_million_become_one_text() {
    let names = (0..1_000_010_u32).map(|n| (format!("{n}"), Value::from(true)));
    let mut event = Event::custom("c", 1);
    event.extra = names.collect();
    event.extra.insert("$rest", 7);
    let (kind, bytes) = payload(&event);
    let (read, odd) = decode_odd(kind, &bytes).expect("an event");
    assert_eq!(odd, Oddities::default());
    assert_eq!(read.converted().collect::<Vec<_>>(), ["extra"]);
    let (kept, rest) = read.extra.0.split_at(read.extra.len() - 1);
    assert_eq!(kept, &event.extra.0[..kept.len()]);
    assert!(kept.len() > 999_900);
    let (name, text) = &rest[0];
    assert_eq!(name.as_str(), "$rest$");
    let text = text.as_str().expect("a text");
    assert!(
        text.starts_with(&format!("{{\"{}\":true,", kept.len())),
        "{}",
        &text[..40]
    );
    assert!(text.ends_with(",\"$rest\":7}"));
}

/// What is kept of a value that would take fifty times its bytes in memory.
#[test]
fn of_a_million_values_that_others_wrote_the_bytes_are_kept() {
    // No time, no name, two members: `a` with a small number, and a list of too many.
    let count = [0x80_u8, 0x89, 0x7a];
    let mut list = [&[7][..], &count, &vec![0; 2_000_000]].concat();
    assert_eq!(list.len(), 2_000_004);
    let update = [&[0, 0, 2, 1, b'a', 2, 2, 1, b'b'][..], &list, &[0]].concat();
    let (event, odd) = decode_odd(RecordKind::SESSION_UPDATE, &update).expect("an event");
    assert!(odd.left_whole);
    let Action::SessionUpdate(told) = event.action else {
        panic!("it is an update");
    };
    assert_eq!(told.metadata.get("a"), Some(&Value::from(1)));
    assert_eq!(told.metadata.get("b"), Some(&Value::from(&list[..])));
    list.insert(0, 0);
    list.insert(0, 0);
    list.push(0);
    let (event, odd) = decode_odd(RecordKind::CUSTOM, &list).expect("an event");
    assert!(odd.left_whole);
    let kept = custom_data(event);
    assert_eq!(kept.as_bytes().map(<[u8]>::len), Some(2_000_004));
}

#[test]
fn too_many_members_that_others_wrote_are_kept_as_bytes() {
    let mut members = vec![0x80, 0x89, 0x7a];
    // Four times seven bits tell all of them apart.
    for n in 0..2_000_000_u32 {
        let digits = [21, 14, 7, 0].map(|shift| u8::try_from(n >> shift & 0x7f).unwrap());
        members.extend([&[4][..], &digits, &[0]].concat());
    }
    let update = [&[0, 0][..], &members, &[0]].concat();
    let (event, odd) = decode_odd(RecordKind::SESSION_UPDATE, &update).expect("an event");
    assert!(odd.left_whole);
    let Action::SessionUpdate(told) = event.action else {
        panic!("it is an update");
    };
    assert_eq!(told.metadata.len(), 1);
    let kept = told.metadata.get("$rest").and_then(Value::as_bytes);
    assert_eq!(kept, Some(&members[..]));
}

#[test]
fn unknown_extras_are_written_again_in_the_order_of_their_tags() {
    let mut event = Event::custom("c", 1).in_session("s");
    event.extra.insert("member", "kept");
    let more = event.appendix.get_or_insert_default();
    more.unknown = vec![(4, Cow::Borrowed(b"four")), (0x7fff, Cow::Borrowed(b""))];
    more.otel.insert("flags", 1);
    more.converted = vec!["data".into(), "input".into()];
    reads_back(&event);
    let (kind, bytes) = payload(&event);
    let decoded = decode(kind, &bytes, Some("s"));
    assert_eq!(payload(&decoded).1, bytes);
}

/// Extras by their tags.
type Extras<'e> = &'e [(u16, &'e [u8])];

/// The payload of an event that ends in these extras.
fn with_extras(extras: Extras<'_>) -> Vec<u8> {
    let mut payload = vec![0, 1, b'n', 0];
    let extras = extras
        .iter()
        .map(|(tag, bytes)| (*tag, serde_bytes::Bytes::new(bytes)));
    payload.extend(postcard::to_allocvec(&extras.collect::<Vec<_>>()).unwrap());
    payload
}

#[test]
fn extras_have_an_order_and_some_must_be_understood() {
    let cases: [(Extras<'_>, bool); 7] = [
        (&[(5, b"x"), (6, b""), (0x7fff, b"y")], true),
        (&[(6, b""), (5, b"x")], false),
        (&[(5, b"x"), (5, b"x")], false),
        (&[(0, b"x")], false),
        (&[(0x8000, b"")], false),
        (&[(0xffff, b"")], false),
        (&[(5, b""), (0x8005, b"")], false),
    ];
    for (extras, is_understood) in cases {
        let bytes = Bytes::from(with_extras(extras));
        says_what_postcard_finds(RecordKind::CUSTOM, &bytes);
        let read = decode_known(RecordKind::CUSTOM, &bytes);
        assert_eq!(read.is_some(), is_understood, "{extras:?}");
        let facts = span_facts(RecordKind::CUSTOM, &bytes);
        assert_eq!(facts.is_some(), is_understood, "{extras:?}");
        let brief = decode_without_values(RecordKind::CUSTOM, &bytes);
        assert_eq!(brief.is_some(), is_understood, "{extras:?}");
        let kept = decode(RecordKind::CUSTOM, &bytes, None);
        let is_kept = matches!(&kept.action, Action::Unknown { payload, .. } if *payload == bytes);
        assert_eq!(is_kept, !is_understood);
    }
}

#[test]
fn a_number_has_one_spelling() {
    for (bytes, is_sound) in [
        (vec![0, 1, b'n', 2, 0x81, 0x01, 0], true),
        (vec![0, 1, b'n', 2, 0x81, 0x00, 0], false),
        (vec![0, 0x81, 0x00, b'n', 0, 0], false),
        (vec![0, 1, b'n', 0x80, 0x00, 0], false),
        (vec![0, 1, b'n', 0, 0x80, 0x00], false),
    ] {
        says_what_postcard_finds(RecordKind::CUSTOM, &bytes);
        assert_eq!(
            decode_known(RecordKind::CUSTOM, &bytes).is_some(),
            is_sound,
            "{bytes:x?}"
        );
    }
}

#[test]
fn a_status_of_a_later_version_is_not_set() {
    let end = SpanEnd {
        span: "a".into(),
        status: SpanStatus::Error,
        ..SpanEnd::default()
    };
    let (kind, bytes) = payload(&Event::new(Action::SpanEnd(end)));
    let mut bytes = bytes.to_vec();
    let at = bytes.iter().position(|byte| *byte == b'a').unwrap() + 1;
    assert_eq!(bytes[at], 2);
    bytes[at] = 3;
    says_what_postcard_finds(kind, &bytes);
    let (event, odd) = decode_odd(kind, &bytes).expect("an event");
    assert!(odd.has_unknown_status);
    let Action::SpanEnd(read) = event.action else {
        panic!("it is an end");
    };
    assert_eq!(read.status, SpanStatus::Unset);
}

#[test]
fn an_end_of_a_later_version_is_told_by_its_error() {
    let with_error = [&[0, 7, 1, 3][..], b"why", &[0]].concat();
    let without = vec![0, 7, 0, 0];
    for (bytes, status) in [
        (with_error, SessionStatus::Error),
        (without, SessionStatus::Completed),
    ] {
        says_what_postcard_finds(RecordKind::SESSION_END, &bytes);
        let (event, odd) = decode_odd(RecordKind::SESSION_END, &bytes).expect("an event");
        assert!(odd.has_unknown_status);
        assert!(matches!(
            event.action,
            Action::SessionEnd(SessionEnd { status: read, .. }) if read == status
        ));
    }
}

/// A list of 7: a number, 5 values that are elsewhere, and one of a later version.
fn list_elsewhere() -> Vec<u8> {
    // Form 200, for 5 values of 1,000 bytes, at a place that only that form can read.
    let inner = [200, 5, 0xe8, 0x07, b'x', b'y'];
    let mut payload = vec![0, 1, b'n', 7, 7, 2, 4, 9, 6];
    payload.extend(inner);
    payload.extend([15, 3, 1, 2, 3]);
    payload.push(0);
    payload
}

#[test]
fn values_that_are_elsewhere_are_stepped_over_and_counted() {
    let bytes = list_elsewhere();
    says_what_postcard_finds(RecordKind::CUSTOM, &bytes);
    let (event, odd) = decode_odd(RecordKind::CUSTOM, &bytes).expect("an event");
    assert_eq!(odd.elsewhere, 6);
    let data = custom_data(event.clone());
    let list = data.as_list().expect("a list");
    assert_eq!((list.len(), &list[0]), (3, &Value::from(2)));
    let sizes = list[1..].iter().map(|value| match value {
        Value::Elsewhere(other) => (other.stands_for(), other.size()),
        other => panic!("it is here: {other:?}"),
    });
    assert_eq!(sizes.collect::<Vec<_>>(), [(5, 1000), (1, 3)]);
    let shown = "[2,{\"$not_here\":{\"form\":200,\"stands_for\":5,\"size\":1000,\
                 \"place\":{\"$bytes\":\"eHk=\"}}},\
                 {\"$not_here\":{\"tag\":15,\"size\":3,\"place\":{\"$bytes\":\"AQID\"}}}]";
    assert_eq!(serde_json::to_string(&data).unwrap(), shown);
    let facts = span_facts(RecordKind::CUSTOM, &bytes);
    assert!(facts.is_some());
    let brief = super::decode_odd_without_values(RecordKind::CUSTOM, &bytes);
    assert_eq!(brief.map(|(_, odd)| odd.elsewhere), Some(6));
    // Written again, it says that it was not there.
    let (kind, again) = payload(&event);
    let again = custom_data(decode_known(kind, &again).expect("an event")).into_owned();
    assert_eq!(serde_json::to_string(&again).unwrap(), shown);
    assert!(!format!("{again:?}").contains("Elsewhere"));
}

#[test]
fn what_is_elsewhere_stands_for_no_more_than_there_is_place_for() {
    let sound = list_elsewhere();
    let at = sound.iter().position(|byte| *byte == 200).unwrap() + 1;
    for stands_for in [0, 4, 6, 7] {
        let mut bytes = sound.clone();
        bytes[at] = stands_for;
        says_what_postcard_finds(RecordKind::CUSTOM, &bytes);
        assert!(
            decode_known(RecordKind::CUSTOM, &bytes).is_none(),
            "{stands_for}"
        );
    }
    // Outside a list it is one.
    for (stands_for, is_sound) in [(1, true), (2, false), (0, false)] {
        let bytes = [0, 1, b'n', 9, 3, 1, stands_for, 9, 0];
        says_what_postcard_finds(RecordKind::CUSTOM, &bytes);
        let read = decode_known(RecordKind::CUSTOM, &bytes);
        assert_eq!(read.is_some(), is_sound, "{stands_for}");
    }
    // What follows such a tag must be there, and tag 16 is none of them.
    for bytes in [&[0, 1, b'n', 9, 3, 1][..], &[0, 1, b'n', 16, 0, 0]] {
        says_what_postcard_finds(RecordKind::CUSTOM, bytes);
        assert!(decode_known(RecordKind::CUSTOM, bytes).is_none());
    }
}
