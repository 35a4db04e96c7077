use bytes::Bytes;

use super::{decode, decode_known, decode_without_values, encode, shapes, span_facts};
use crate::event::arbitrary::{self, Rng};
use crate::event::{
    Action, Counter, Event, Key, Map, Number, SessionEnd, SessionStatus, SpanEnd, SpanFields,
    SpanKey, SpanMention, Value,
};
use crate::format::RecordKind;

pub(super) fn payload(event: &Event<'_>) -> (RecordKind, Bytes) {
    let mut bytes = Vec::new();
    let kind = encode(event, &mut bytes).expect("it has an encoding");
    if !matches!(event.action, Action::Unknown { .. }) {
        let written = shapes::rewritten(kind, &bytes);
        assert_eq!(written.as_deref(), Some(&bytes[..]), "{event:?}");
    }
    (kind, bytes.into())
}

/// An event that borrows from its payload is the same once it borrows nothing.
fn owns_what_it_borrowed(event: &Event<'_>, case: &dyn std::fmt::Debug) {
    let owned = event.clone().into_owned();
    // Not all floats equal themselves, so it is compared by what can be seen of it.
    assert_eq!(format!("{owned:?}"), format!("{event:?}"), "{case:?}");
    assert_eq!(payload(&owned), payload(event), "{case:?}");
    let json = |event: &Event<'_>| serde_json::to_string(event).expect("it has a form in JSON");
    assert_eq!(json(&owned), json(event), "{case:?}");
}

/// A payload says what postcard finds in it, to the last byte, or nothing if that finds none.
pub(super) fn says_what_postcard_finds(kind: RecordKind, payload: &[u8]) {
    let event = decode_known(kind, payload);
    let written = event.as_ref().map(|event| {
        let mut bytes = Vec::new();
        assert_eq!(encode(event, &mut bytes).ok(), Some(kind), "{payload:x?}");
        bytes
    });
    assert_eq!(written, shapes::rewritten(kind, payload), "{payload:x?}");
    let facts = span_facts(kind, payload);
    let expected = event.as_ref().and_then(Event::span_facts);
    assert_eq!(
        format!("{facts:?}"),
        format!("{expected:?}"),
        "{payload:x?}"
    );
    let brief = decode_without_values(kind, payload);
    let expected = event.map(without_values);
    assert_eq!(
        format!("{brief:?}"),
        format!("{expected:?}"),
        "{payload:x?}"
    );
}

/// What is left of an event that is decoded without values.
fn without_values(mut event: Event<'_>) -> Event<'_> {
    let clear_fields = |fields: &mut SpanFields<'_>| {
        for value in [&mut fields.input, &mut fields.output]
            .into_iter()
            .flatten()
        {
            *value = Value::Null;
        }
        fields.attributes = Map::new();
    };
    event.extra = Map::new();
    event.appendix = None;
    match &mut event.action {
        Action::SpanStart(start) => clear_fields(&mut start.fields),
        Action::SpanUpdate(update) => clear_fields(&mut update.fields),
        Action::SpanEnd(end) => clear_fields(&mut end.fields),
        Action::Span(start, end) => {
            clear_fields(&mut start.fields);
            clear_fields(&mut end.fields);
        }
        Action::Log(log) => {
            log.message = Value::Null;
            log.attributes = Map::new();
        }
        Action::Link(link) => link.attributes = Map::new(),
        Action::Custom(custom) => custom.data = Value::Null,
        Action::SessionStart(start) => keep_title(&mut start.metadata),
        Action::SessionUpdate(update) => keep_title(&mut update.metadata),
        _ => {}
    }
    event
}

/// Of metadata a list shows the title, and needs to know whether there is another thing in its
/// place.
fn keep_title(metadata: &mut Map<'_>) {
    metadata.0.retain(|(name, _)| name.as_str() == "title");
    for (_, value) in &mut metadata.0 {
        let is_blank = value.is_blank();
        if !matches!(value, Value::String(_)) {
            *value = match is_blank {
                true => Value::Null,
                false => Value::Bool(true),
            };
        }
    }
}

pub(super) fn reads_back(event: &Event<'_>) {
    let (kind, bytes) = payload(event);
    let decoded = decode(kind, &bytes, event.session.as_deref());
    assert_eq!(&decoded, event);
    assert_eq!(&decoded.into_owned(), event);
}

#[test]
fn every_kind_reads_back_with_all_and_with_no_fields() {
    arbitrary::full()
        .iter()
        .chain(&arbitrary::bare())
        .for_each(reads_back);
}

#[test]
fn random_events_read_back() {
    for seed in 0..3000 {
        let event = Rng::new(seed).any_event();
        let (kind, bytes) = payload(&event);
        says_what_postcard_finds(kind, &bytes);
        let decoded = decode(kind, &bytes, event.session.as_deref());
        assert_eq!(decoded, event, "seed {seed}");
        owns_what_it_borrowed(&decoded, &seed);
    }
}

#[test]
fn payloads_are_the_bytes_they_always_were() {
    let golden = include_str!("golden.txt");
    let mut lines = golden.lines();
    for event in arbitrary::bare().iter().chain(&arbitrary::full()) {
        let (kind, bytes) = payload(event);
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(Some(format!("{} {hex}", kind.0).as_str()), lines.next());
    }
    assert_eq!(lines.next(), None);
}

#[test]
fn changed_payloads_never_panic_and_are_kept() {
    let mut rng = Rng::new(7);
    for event in arbitrary::full().iter().chain(&arbitrary::bare()) {
        let (kind, bytes) = payload(event);
        for len in 0..bytes.len() {
            let cut = bytes.slice(..len);
            says_what_postcard_finds(kind, &cut);
            let decoded = decode(kind, &cut, None);
            let is_kept =
                matches!(&decoded.action, Action::Unknown { payload, .. } if *payload == cut);
            assert!(is_kept, "{decoded:?}");
        }
        for _ in 0..1000 {
            let mut changed = bytes.to_vec();
            for _ in 0..=rng.below(3) {
                let place = rng.below_len(changed.len());
                changed[place] = rng.next().to_le_bytes()[0];
            }
            says_what_postcard_finds(kind, &changed);
            let changed = Bytes::from(changed);
            let decoded = decode(kind, &changed, None);
            owns_what_it_borrowed(&decoded, &changed);
            // Whatever it means now, it can be written again and means the same then.
            let mut again = Vec::new();
            let kind = encode(&decoded, &mut again).expect("what was decoded can be encoded");
            let again = Bytes::from(again);
            let twice = decode(kind, &again, None);
            let written = format!("{decoded:?}");
            match written.contains("Elsewhere(") {
                // What is not here stays away.
                true => assert_eq!(
                    serde_json::to_string(&twice).unwrap(),
                    serde_json::to_string(&decoded).unwrap()
                ),
                false => assert_eq!(format!("{twice:?}"), written),
            }
        }
    }
}

#[test]
fn a_payload_with_a_byte_more_is_kept_as_bytes() {
    for event in arbitrary::bare() {
        let (kind, bytes) = payload(&event);
        let longer = Bytes::from([&bytes[..], &[0]].concat());
        assert!(matches!(
            decode(kind, &longer, None).action,
            Action::Unknown { .. }
        ));
    }
}

#[test]
fn hostile_depth_and_counts_are_kept_as_bytes() {
    // No time, an empty name, then data: lists of one list each, far deeper than the limit.
    let mut deep = vec![0, 0];
    deep.extend([7, 1].repeat(1_000_000));
    // A list that claims to have u32::MAX values.
    let long = vec![0, 0, 7, 0xff, 0xff, 0xff, 0xff, 0x0f];
    for bytes in [deep, long] {
        says_what_postcard_finds(RecordKind::CUSTOM, &bytes);
        let decoded = decode(RecordKind::CUSTOM, &Bytes::from(bytes), None).into_owned();
        assert!(matches!(decoded.action, Action::Unknown { kind: 27, .. }));
    }
}

#[test]
fn a_payload_of_random_bytes_says_what_postcard_finds() {
    let mut rng = Rng::new(11);
    let mut understood = 0;
    for _ in 0..300_000 {
        let kind = RecordKind(u8::try_from(16 + rng.below(16)).unwrap());
        // Mostly small numbers: they are counts, tags and whether something is there.
        let bytes: Vec<u8> = (0..rng.below_len(30))
            .map(|_| match rng.below(12) {
                0 => rng.next().to_le_bytes()[0],
                1 | 2 => rng.below(10).to_le_bytes()[0],
                3 => 1,
                _ => 0,
            })
            .collect();
        says_what_postcard_finds(kind, &bytes);
        understood += u32::from(decode_known(kind, &bytes).is_some());
    }
    assert!(understood > 500, "{understood}");
}

#[test]
fn a_name_twice_in_a_map_is_kept_as_bytes() {
    let map = |second: u8| vec![0, 0, 8, 2, 1, b'a', 0, 1, second, 0, 0];
    let distinct = Bytes::from(map(b'b'));
    assert!(matches!(
        decode(RecordKind::CUSTOM, &distinct, None).action,
        Action::Custom(_)
    ));
    let twice = Bytes::from(map(b'a'));
    assert!(matches!(
        decode(RecordKind::CUSTOM, &twice, None).action,
        Action::Unknown { .. }
    ));
}

#[test]
fn of_any_number_of_names_two_that_are_the_same_are_found() {
    for len in 0..40 {
        let names: Vec<String> = (0..len).map(|n| format!("name {n}")).collect();
        let members = |again: Option<(usize, usize)>| {
            let mut members: Vec<_> = names.iter().map(|n| (n.as_str(), Value::Null)).collect();
            if let Some((first, second)) = again {
                members[second].0 = members[first].0;
            }
            let members = members.into_iter();
            Map(members
                .map(|(name, value)| (Key::Borrowed(name), value))
                .collect())
        };
        let pairs = (0..len).flat_map(|second| (0..second).map(move |first| (first, second)));
        for again in pairs.map(Some).chain([None]) {
            let mut bytes = Vec::new();
            let kind = encode(&Event::custom("c", members(again)), &mut bytes).expect("no depth");
            says_what_postcard_finds(kind, &bytes);
            assert_eq!(
                decode_without_values(kind, &bytes).is_some(),
                again.is_none(),
                "{again:?} of {len}"
            );
        }
    }
}

#[test]
fn digits_that_others_wrote_as_text_are_the_same_id() {
    for digits in [16, 32] {
        let (kind, bytes) = payload(&Event::new(Action::SpanEnd(SpanEnd {
            span: "z".repeat(digits).into(),
            ..SpanEnd::default()
        })));
        let to_digit = |byte: &u8| if *byte == b'z' { b'0' } else { *byte };
        let bytes: Vec<u8> = bytes.iter().map(to_digit).collect();
        says_what_postcard_finds(kind, &bytes);
        let mention = span_facts(kind, &bytes).expect("it is one").mention;
        let is_text = matches!(&mention, SpanMention::End(SpanKey::Text(_), _));
        assert!(!is_text, "{mention:?}");
    }
}

#[test]
fn bits_of_floats_are_kept() {
    for bits in [0x7ff8_0000_0000_0001_u64, 0xfff0_0000_0000_0000, 1 << 63] {
        let (kind, bytes) = payload(&Event::custom("c", f64::from_bits(bits)));
        let decoded = decode(kind, &bytes, None);
        let Action::Custom(custom) = decoded.action else {
            panic!("not custom: {decoded:?}");
        };
        assert!(matches!(custom.data, Value::F64(value) if value.to_bits() == bits));
    }
}

#[test]
fn a_session_start_knows_its_session() {
    let event = arbitrary::bare().remove(0).in_session("0123456789abcdef");
    let (kind, bytes) = payload(&event);
    assert_eq!(decode(kind, &bytes, None), event);
    assert_eq!(
        bytes[..9],
        [0, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef]
    );
}

#[test]
fn events_that_say_nothing_possible_are_refused() {
    let crashed = Action::SessionEnd(SessionEnd {
        status: SessionStatus::Crashed,
        error: None,
    });
    let system = Action::Unknown {
        kind: 3,
        payload: Bytes::new(),
    };
    let Some(Action::Span(start, _)) = arbitrary::bare().into_iter().map(|e| e.action).nth(6)
    else {
        panic!("the seventh sample is a whole span");
    };
    let end = SpanEnd {
        span: "another".into(),
        ..SpanEnd::default()
    };
    for action in [crashed, system, Action::Span(start, Box::new(end))] {
        let error = encode(&Event::new(action), &mut Vec::new()).unwrap_err();
        assert_eq!(error.code(), "invalid-event");
    }
}

/// The example in FORMAT.md.
#[test]
fn the_worked_example_is_what_is_written() {
    let text = Action::Text(crate::event::Text {
        span: "00f067aa0ba902b7".into(),
        channel: crate::event::Channel::OUTPUT,
        offset: Some(0),
        text: "hi".into(),
    });
    let at = crate::time::Timestamp::new(1_700_000_000, 500_000_000);
    let (_, written) = payload(&Event::new(text).at(at));
    let format = include_str!("../../../FORMAT.md");
    let (_, example) = format
        .split_once("01                       at is there")
        .unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let mut expected = vec![1];
    for line in example.lines() {
        let columns = line.trim_start().split(' ');
        let digits = columns.map_while(|word| {
            u8::from_str_radix(word, 16)
                .ok()
                .filter(|_| word.len() == 2)
        });
        expected.extend(digits);
    }
    assert_eq!(written, expected);
}

#[test]
fn a_number_is_an_integer_where_it_is_one_whoever_wrote_it() {
    let counter = |value| {
        let name = "retries".into();
        Event::new(Action::Counter(Counter {
            name,
            value,
            unit: None,
            span: None,
        }))
    };
    let (kind, written) = payload(&counter(Number::F64(0.5)));
    let half = 0.5_f64.to_le_bytes();
    let at = written.windows(8).position(|bytes| bytes == half);
    let at = at.expect("the float is there");
    for (float, number) in [
        (2.0, Some(Number::I64(2))),
        (0.0, Some(Number::I64(0))),
        (1.5, Some(Number::F64(1.5))),
        (f64::NAN, None),
        (f64::INFINITY, None),
    ] {
        let mut bytes = written.to_vec();
        bytes[at..at + 8].copy_from_slice(&f64::to_le_bytes(float));
        says_what_postcard_finds(kind, &bytes);
        let read = decode_known(kind, &bytes).map(|event| event.action);
        let read = read.map(|action| match action {
            Action::Counter(counter) => counter.value,
            other => panic!("{other:?}"),
        });
        assert_eq!(read, number, "{float}");
    }
}
