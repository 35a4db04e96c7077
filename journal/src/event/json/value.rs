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
    /// The floats that stand as words in the text, and how many numbers are before each.
    words: Vec<(usize, f64)>,
    /// Numbers read so far.
    numbers: usize,
    /// A number was read that is an integer too large for 64 bits, or looks like one.
    is_beyond_integers: bool,
    is_too_deep: bool,
}

impl Progress {
    fn object<'a>(&mut self, text: &'a str) -> serde_json::Result<Map<'a>> {
        let mut json = serde_json::Deserializer::from_str(text);
        let reading = Inside {
            reading: self,
            left: DEPTH_MAX,
        };
        let members = json.deserialize_map(LineMembers(reading))?;
        json.end()?;
        Ok(members)
    }

    fn number<'a>(&mut self, value: Value<'a>) -> Value<'a> {
        let before = self.numbers;
        self.numbers += 1;
        let word = self.words.iter().find(|(place, _)| *place == before);
        word.map_or(value, |(_, float)| Value::F64(*float))
    }
}

/// A place in the text, inside which `left` lists and maps may still open.
struct Inside<'r> {
    reading: &'r mut Progress,
    left: u8,
}

impl Inside<'_> {
    fn inner<E: serde::de::Error>(&mut self) -> Result<Inside<'_>, E> {
        let Some(left) = self.left.checked_sub(1) else {
            self.reading.is_too_deep = true;
            return Err(E::custom(too_deep()));
        };
        Ok(Inside {
            reading: self.reading,
            left,
        })
    }

    /// The members of an object that mostly has no more than so many.
    fn members<'de, A: MapAccess<'de>>(
        &mut self,
        mut map: A,
        room: usize,
    ) -> Result<Map<'de>, A::Error> {
        let (mut members, mut marks, mut has_twice) = (Vec::new(), 0, false);
        while let Some(name) = map.next_key_seed(Name)? {
            if members.is_empty() {
                members.reserve(room);
            }
            let mark = mark_of(name.as_bytes());
            let is_marked = marks & mark != 0;
            marks |= mark;
            has_twice |= is_marked
                && (members.len() > COMPARED_MAX
                    || members.iter().any(|(other, _)| *other == name));
            members.push((name, map.next_value_seed(self.again())?));
        }
        Ok(match has_twice {
            true => Map::of_last(members),
            false => Map(members),
        })
    }

    fn again(&mut self) -> Inside<'_> {
        Inside {
            reading: self.reading,
            left: self.left,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Inside<'_> {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Value<'de>, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Inside<'_> {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value<'de>, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value<'de>, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value<'de>, E> {
        Ok(self.reading.number(Value::I64(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value<'de>, E> {
        Ok(self.reading.number(Value::from(value)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value<'de>, E> {
        self.reading.is_beyond_integers |= value >= TWO_TO_64 || value <= -TWO_TO_63;
        Ok(self.reading.number(Value::F64(value)))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::String(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value<'de>, E> {
        Ok(Value::String(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<Value<'de>, A::Error> {
        let mut inner = self.inner()?;
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(inner.again())? {
            values.push(value);
        }
        Ok(Value::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, map: A) -> Result<Value<'de>, A::Error> {
        let map = self.inner()?.members(map, MEMBERS_ROOM)?;
        Ok(bytes_of(&map).map_or(Value::Map(map), Value::bytes))
    }
}

/// The members of the object that the whole text is.
struct LineMembers<'r>(Inside<'r>);

impl<'de> Visitor<'de> for LineMembers<'_> {
    type Value = Map<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, map: A) -> Result<Map<'de>, A::Error> {
        self.0.members(map, LINE_ROOM)
    }
}

/// A member's name.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Key<'de>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Key<'de>, D::Error> {
        json.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Key<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name in quotes")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Key<'de>, E> {
        Ok(Key::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Key<'de>, E> {
        Ok(Key::owned(name))
    }
}

/// LineMembers an object within the line has room for when it gets its first one.
const MEMBERS_ROOM: usize = 4;

/// LineMembers the line itself has room for: as many as most events have, and as fit into what an
/// allocator hands out quickly.
const LINE_ROOM: usize = 18;

const TWO_TO_64: f64 = 2.0 * TWO_TO_63;

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
