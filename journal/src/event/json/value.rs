//! JSON text as values, read by serde_json in one pass.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::mended::Mended;
use crate::event::map::{COMPARED_MAX, mark_of};
use crate::event::number::TWO_TO_63;
use crate::event::serialize::bytes_of;
use crate::event::value::DEPTH_MAX;
use crate::event::{Key, Map, Value};

/// An object's members in order, and what was odd about the text.
pub(super) struct ParsedObject<'a> {
    pub(super) members: Map<'a>,
    pub(super) warnings: Vec<String>,
}

/// Reads a text that is one object; the error says where it is not.
///
/// What must not cost an event is taken in with a warning: lone surrogate escapes, integers above
/// 64 bits, and the words NaN and Infinity, which some writers put out.
pub(super) fn parse_object(text: &str) -> Result<ParsedObject<'_>, String> {
    if !text
        .trim_start_matches([' ', '\t', '\n', '\r'])
        .starts_with('{')
    {
        return Err("not a JSON object".to_owned());
    }
    let mut reading = Progress::default();
    match reading.object(text) {
        Ok(members) if !reading.is_beyond_integers => Ok(ParsedObject {
            members,
            warnings: Vec::new(),
        }),
        _ if reading.is_too_deep => Err(too_deep()),
        // Rare enough to be read a second time.
        _ => parse_mended(text),
    }
}

fn parse_mended(text: &str) -> Result<ParsedObject<'static>, String> {
    let mended = Mended::new(text)?;
    let mut reading = Progress {
        words: mended.words,
        ..Progress::default()
    };
    match reading.object(&mended.text) {
        Ok(members) => Ok(ParsedObject {
            members: members.into_owned(),
            warnings: mended.warnings,
        }),
        Err(_) if reading.is_too_deep => Err(too_deep()),
        Err(error) => Err(format!("not JSON: {error}")),
    }
}

fn too_deep() -> String {
    format!("nests more than {DEPTH_MAX} deep")
}

/// What is known while a text is read.
#[derive(Default)]
struct Progress {
    /// The floats that stand as words in the text, in order, and how many numbers are before each.
    words: Vec<(usize, f64)>,
    /// Numbers read so far.
    numbers: usize,
    /// A number was read that is an integer too large for 64 bits, or looks like one.
    is_beyond_integers: bool,
    is_too_deep: bool,
}

impl Progress {
    fn object<'de>(&mut self, text: &'de str) -> serde_json::Result<Map<'de>> {
        let mut json = serde_json::Deserializer::from_str(text);
        let members = json.deserialize_map(LineMembers(self))?;
        json.end()?;
        Ok(members)
    }

    /// The members of an object, inside which `left` lists and maps may still open; it mostly has
    /// no more than `room`.
    fn members<'de, A: MapAccess<'de>>(
        &mut self,
        mut map: A,
        left: u8,
        room: usize,
    ) -> Result<Map<'de>, A::Error> {
        let (mut members, mut marks, mut has_twice) = (Vec::new(), 0, false);
        while map.next_key_seed(NextName(&mut members, room))?.is_some() {
            let Some(((name, slot), earlier)) = members.split_last_mut() else {
                break;
            };
            let mark = mark_of(name.as_bytes());
            has_twice |= marks & mark != 0
                && (earlier.len() > COMPARED_MAX || earlier.iter().any(|(other, _)| other == name));
            marks |= mark;
            let progress = &mut *self;
            map.next_value_seed(Slot {
                progress,
                left,
                slot,
            })?;
        }
        Ok(match has_twice {
            true => Map::of_last(members),
            false => Map(members),
        })
    }

    /// A number; or the word that stood there before the text was mended.
    fn number<'de>(&mut self, value: Value<'de>) -> Value<'de> {
        let before = self.numbers;
        self.numbers += 1;
        // They are in order, and a line may have very many of them.
        let found = self
            .words
            .binary_search_by_key(&before, |(place, _)| *place);
        let word = found.ok().and_then(|at| self.words.get(at));
        word.map_or(value, |(_, float)| Value::F64(*float))
    }
}

/// Where a value of the text goes, inside which `left` lists and maps may still open.
///
/// It is made where it stays: to hand it on took as long as to read it.
struct Slot<'r, 'de> {
    progress: &'r mut Progress,
    left: u8,
    slot: &'r mut Value<'de>,
}

impl<'de> Slot<'_, 'de> {
    fn put<E>(self, value: Value<'de>) -> Result<(), E> {
        *self.slot = value;
        Ok(())
    }

    /// How many lists and maps may open inside the one that opens here.
    fn inner<E: serde::de::Error>(&mut self) -> Result<u8, E> {
        let inner = self.left.checked_sub(1);
        self.progress.is_too_deep |= inner.is_none();
        inner.ok_or_else(|| E::custom(too_deep()))
    }
}

impl<'de> DeserializeSeed<'de> for Slot<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Slot<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.put(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.put(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        let value = self.progress.number(Value::I64(value));
        self.put(value)
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        let value = self.progress.number(Value::from(value));
        self.put(value)
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.progress.is_beyond_integers |= value >= 2.0 * TWO_TO_63 || value <= -TWO_TO_63;
        let value = self.progress.number(Value::F64(value));
        self.put(value)
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<(), E> {
        self.put(Value::String(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.put(Value::String(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        let left = self.inner()?;
        let mut values = Vec::new();
        while list
            .next_element_seed(NextValue(self.progress, left, &mut values))?
            .is_some()
        {}
        self.put(Value::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, map: A) -> Result<(), A::Error> {
        let left = self.inner()?;
        let map = self.progress.members(map, left, MEMBERS_ROOM)?;
        let bytes = bytes_of(&map);
        self.put(bytes.map_or(Value::Map(map), Value::bytes))
    }
}

/// Where the next value of a list goes; there is one if this is used.
struct NextValue<'r, 'de>(&'r mut Progress, u8, &'r mut Vec<Value<'de>>);

impl<'de> DeserializeSeed<'de> for NextValue<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        let NextValue(progress, left, values) = self;
        values.push(Value::Null);
        let slot = values.last_mut().expect("one was just put there");
        json.deserialize_any(Slot {
            progress,
            left,
            slot,
        })
    }
}

/// Where the name of the next member goes, and how many members there mostly are.
struct NextName<'r, 'de>(&'r mut Vec<(Key<'de>, Value<'de>)>, usize);

impl<'de> NextName<'_, 'de> {
    fn put<E>(self, name: Key<'de>) -> Result<(), E> {
        let NextName(members, room) = self;
        if members.capacity() == 0 {
            members.reserve(room);
        }
        members.push((name, Value::Null));
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for NextName<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for NextName<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name in quotes")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<(), E> {
        self.put(Key::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<(), E> {
        self.put(Key::owned(name))
    }
}

/// The members of the object that the whole text is.
struct LineMembers<'r>(&'r mut Progress);

impl<'de> Visitor<'de> for LineMembers<'_> {
    type Value = Map<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Map<'de>, A::Error> {
        self.0.members(map, DEPTH_MAX, LINE_ROOM)
    }
}

/// Members an object within the line has room for when it gets its first one.
const MEMBERS_ROOM: usize = 4;

/// Members the line itself has room for: as many as most events have, and as fit into what an
/// allocator hands out quickly.
const LINE_ROOM: usize = 18;

#[cfg(test)]
mod tests {
    use super::*;

    fn member(json: &str) -> Result<(Value<'static>, usize), String> {
        let text = format!("{{\"x\":{json}}}");
        let object = parse_object(&text)?;
        let value = object.members.get("x").cloned().expect("it is there");
        Ok((value.into_owned(), object.warnings.len()))
    }

    #[test]
    fn numbers_stay_what_they_are() {
        let cases = [
            ("0", Value::I64(0), 0),
            ("-9223372036854775808", Value::I64(i64::MIN), 0),
            ("9223372036854775808", Value::U64(1 << 63), 0),
            (
                "18446744073709551616",
                Value::F64(18_446_744_073_709_551_616.0),
                1,
            ),
            (
                "-9223372036854775809",
                Value::F64(-9_223_372_036_854_775_808.0),
                1,
            ),
            ("1.0", Value::F64(1.0), 0),
            ("1E400", Value::Null, 9),
            ("0.1", Value::F64(0.1), 0),
            ("123e-2", Value::F64(1.23), 0),
            ("-Infinity", Value::F64(f64::NEG_INFINITY), 1),
        ];
        for (json, value, warnings) in cases {
            match member(json) {
                Ok(parsed) => assert_eq!(parsed, (value, warnings), "{json}"),
                Err(error) => {
                    assert_eq!(warnings, 9, "{json}: {error}");
                    assert_eq!(error, "the number 1E400 is too large for a float");
                }
            }
        }
        assert!(matches!(member("-0"), Ok((Value::F64(zero), 0)) if zero.is_sign_negative()));
        for json in ["01", "-", ".5", "1.", "1e", "+1", "0x1", "--1"] {
            assert!(member(json).is_err(), "{json}");
        }
    }

    #[test]
    fn escapes_are_decoded_and_half_pairs_replaced() {
        let cases = [
            (r#""a\n\"\\\/\b\f\r\t""#, "a\n\"\\/\u{8}\u{c}\r\t", 0),
            (r#""\u00e9\ud83d\ude00""#, "é😀", 0),
            (r#""\ud83d""#, "\u{fffd}", 1),
            (r#""\ude00x""#, "\u{fffd}x", 1),
            (r#""\ud83d\ud83d\ude00""#, "\u{fffd}😀", 1),
            (r#""\ud83d\n""#, "\u{fffd}\n", 1),
        ];
        for (json, text, warnings) in cases {
            assert_eq!(member(json), Ok((Value::from(text), warnings)), "{json}");
        }
        for json in [
            r#""\x""#,
            r#""\u12""#,
            r#""\u+123""#,
            r#"""#,
            "\"\n\"",
            r#""\ud83d\u1""#,
        ] {
            assert!(member(json).is_err(), "{json}");
        }
    }

    #[test]
    fn order_is_kept_and_the_last_of_a_name_wins() {
        let object = parse_object(r#" {"b":1 , "a":[ ],"b":{"$bytes":"/w=="}} "#).unwrap();
        let expected = Map::from([
            ("b", Value::bytes(&b"\xff"[..])),
            ("a", Value::List(Vec::new())),
        ]);
        assert_eq!(object.members, expected);
    }

    #[test]
    fn depth_is_limited() {
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(member(&nested(64)).is_ok());
        assert_eq!(member(&nested(65)).unwrap_err(), "nests more than 64 deep");
        assert!(member(&"[".repeat(1_000_000)).is_err());
        assert!(member(&"{\"a\":".repeat(1_000_000)).is_err());
    }

    #[test]
    fn what_is_not_one_object_is_refused() {
        for text in [
            "",
            " ",
            "[]",
            "null",
            "{",
            "{}x",
            "{,}",
            "{\"a\" 1}",
            "{\"a\":1,}",
            "\u{0}",
        ] {
            assert!(parse_object(text).is_err(), "{text}");
        }
    }

    #[test]
    fn any_text_is_read_or_refused() {
        let mut rng = crate::event::arbitrary::Rng::new(3);
        let pieces = [
            "{", "}", "\"", "\\u", "d83d", "[", "]", ",", ":", "1", "e", "-", "é", "n",
        ];
        for _ in 0..20_000 {
            let count = rng.below(12);
            let text: String = (0..count)
                .map(|_| pieces[rng.below_len(pieces.len())])
                .collect();
            let _ = parse_object(&text);
            let _ = member(&text);
        }
    }
}
