//! Values that nest deeper than any stack goes.

use super::{Event, Map, Value};
use crate::event::codec;

/// Deep enough to end the stack of any thread that goes down with it.
const DEEP: usize = 1_000_000;

fn deep(inner: i64) -> Value<'static> {
    let nest = |value, depth| match depth % 3 {
        0 => Value::Map(Map::from([("a", value)])),
        1 => Value::List(vec![value]),
        _ => Value::List(vec![Value::from("beside"), value, Value::List(Vec::new())]),
    };
    (0..DEEP).fold(Value::from(inner), nest)
}

#[test]
fn a_value_without_end_is_copied_compared_shown_and_dropped() {
    let value = deep(7);
    let copied = value.clone();
    assert!(copied == value && value == copied.as_borrowed());
    let owned = value.as_borrowed().into_owned();
    assert!(owned == value && owned != deep(8));
    let map = Map::from([("deep", value)]);
    assert!(map.clone() == map.as_borrowed().into_owned());
    let shown = format!("{map:?}");
    assert!(shown.len() < 10_000 && shown.contains(".."), "{shown}");
    let refused = serde_json::to_string(&map).unwrap_err().to_string();
    assert!(refused.contains("128 deep"), "{refused}");
    let again = Value::from_serialize(&owned).unwrap_err();
    assert_eq!(again.code(), "invalid-event");
}

#[test]
fn a_value_without_end_becomes_text_when_it_is_encoded() {
    let event = Event::custom("deep", deep(7));
    let copied = event.clone();
    assert!(event == copied && event == event.clone().into_owned());
    let mut bytes = Vec::new();
    let kind = codec::encode(&copied, &mut bytes).unwrap();
    let read = codec::decode_known(kind, &bytes).unwrap();
    assert_eq!(read.converted().collect::<Vec<_>>(), ["data"]);
}

#[test]
fn copies_of_any_shape_are_the_same() {
    let (text, bytes) = (String::from("text"), vec![0, 255]);
    let leaves = Value::List(vec![
        Value::Null,
        Value::Bool(true),
        Value::I64(-1),
        Value::U64(u64::MAX),
        Value::F64(-0.5),
        Value::from(&text),
        Value::bytes(bytes.as_slice()),
        Value::List(Vec::new()),
        Value::Map(Map::new()),
    ]);
    let map = Map::from([
        ("leaves", leaves.clone()),
        ("a name that is not short", leaves),
    ]);
    let value = Value::List(vec![Value::Map(map.clone()), Value::from(map), Value::Null]);
    let copies = [
        value.clone(),
        value.as_borrowed(),
        value.clone().into_owned(),
        Value::from(&value),
    ];
    for copy in &copies {
        assert_eq!(copy, &value);
        assert_eq!(format!("{copy:?}"), format!("{value:?}"));
        assert_eq!(
            serde_json::to_string(copy).unwrap(),
            serde_json::to_string(&value).unwrap()
        );
    }
    let shown = format!("{:?}", value.as_list().unwrap()[1].get("leaves").unwrap());
    let expected = "List([Null, Bool(true), I64(-1), U64(18446744073709551615), F64(-0.5), \
                    String(\"text\"), Bytes([0, 255]), List([]), Map({})])";
    assert_eq!(shown, expected);
    let names = |first: &'static str| Value::Map(Map::from([(first, 1), ("b", 2)]));
    assert_ne!(names("a"), names("c"));
    assert_ne!(
        Value::List(vec![Value::Null]),
        Value::List(vec![Value::Null; 2])
    );
}
