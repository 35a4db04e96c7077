//! JSON text as values, read by serde_json in one pass.

use std::borrow::Cow;
use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;

use super::mended::Mended;
use crate::event::map::{COMPARED_MAX, mark_of};
use crate::event::number::TWO_TO_63;
use crate::event::serialize::bytes_of;
use crate::event::value::{DEPTH_MAX, NODES_MAX};
use crate::event::{Key, Map, Value};

/// An object's members in order, and what was odd about the text.
pub(super) struct ParsedObject<'a> {
    pub(super) members: Map<'a>,
    /// Names of members of which a part is kept as text.
    pub(super) texts: Vec<String>,
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
        Ok(members) if !reading.is_beyond_integers && !reading.is_overfull() => {
            Ok(ParsedObject::new(members, reading.texts, Vec::new()))
        }
        // Rare enough to be read a second time.
        _ => parse_mended(text),
    }
}

fn parse_mended(text: &str) -> Result<ParsedObject<'static>, String> {
    let mended = Mended::new(text)?;
    let mut reading = Progress::of(mended.words.clone());
    let mut members = reading.object(&mended.text);
    if reading.is_overfull() {
        reading = Progress::of(mended.words);
        reading.is_bounded = true;
        members = reading.object(&mended.text);
    }
    let members = members.map_err(|error| format!("not JSON: {}", words(&error)))?;
    let members = members.into_owned();
    Ok(ParsedObject::new(members, reading.texts, mended.warnings))
}

/// What is wrong with a text; of one that is a line, the place in it.
fn words(error: &serde_json::Error) -> String {
    let words = error.to_string();
    let place = format!(" at line 1 column {}", error.column());
    match words.strip_suffix(&place) {
        Some(words) => format!("{words} at column {}", error.column()),
        None => words,
    }
}

impl<'a> ParsedObject<'a> {
    fn new(members: Map<'a>, texts: Vec<String>, mut warnings: Vec<String>) -> ParsedObject<'a> {
        warnings.extend(texts.iter().map(|name| {
            format!("member \"{name}\": what is over the limits is kept as its text in JSON")
        }));
        ParsedObject {
            members,
            texts,
            warnings,
        }
    }
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
    /// Values read so far, those in lists and maps included.
    nodes: usize,
    /// It is known that they are too many.
    is_bounded: bool,
    /// A part of the line's member that is being read is kept as text.
    has_text: bool,
    /// Names of the line's members of which that is so.
    texts: Vec<String>,
}

impl Progress {
    fn of(words: Vec<(usize, f64)>) -> Progress {
        Progress {
            words,
            ..Progress::default()
        }
    }

    fn is_overfull(&self) -> bool {
        self.nodes > NODES_MAX
    }

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
            if left == DEPTH_MAX && std::mem::take(&mut self.has_text) {
                self.texts.push(name.as_str().to_owned());
            }
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

    /// Puts a list or map as its text, if it is one.
    fn put_text<E: serde::de::Error>(self, text: &'de str) -> Result<(), E> {
        if text.starts_with(['[', '{']) {
            self.progress.has_text = true;
            self.progress.numbers += numbers_in(text);
            return self.put(Value::String(Cow::Borrowed(text)));
        }
        let mut json = serde_json::Deserializer::from_str(text);
        json.deserialize_any(self).map_err(E::custom)
    }
}

impl<'de> DeserializeSeed<'de> for Slot<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        self.progress.nodes += 1;
        let is_line_member = self.left == DEPTH_MAX;
        if self.left > 0 && !(self.progress.is_bounded && is_line_member) {
            return json.deserialize_any(self);
        }
        let text = <&RawValue>::deserialize(json)?.get().trim_ascii();
        if self.left > 0 && self.progress.nodes + nodes_in(text) <= NODES_MAX {
            let mut json = serde_json::Deserializer::from_str(text);
            return json.deserialize_any(self).map_err(D::Error::custom);
        }
        self.put_text(text)
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

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let left = self.left.saturating_sub(1);
        let mut values = Vec::new();
        while list
            .next_element_seed(NextValue(self.progress, left, &mut values))?
            .is_some()
        {}
        self.put(Value::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let left = self.left.saturating_sub(1);
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
        let slot = Slot {
            progress,
            left,
            slot,
        };
        slot.deserialize(json)
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

/// At least as many values as a text has in it.
fn nodes_in(text: &str) -> usize {
    let begins = |byte: u8| matches!(byte, b',' | b'[' | b'{');
    1 + outside_strings(text).filter(|byte| begins(*byte)).count()
}

/// How many numbers a text has in it.
fn numbers_in(text: &str) -> usize {
    let is_part = |byte: u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
    let (mut count, mut before) = (0, false);
    for byte in outside_strings(text) {
        let is_digit = byte.is_ascii_digit() || byte == b'-';
        count += usize::from(is_digit && !before);
        before = is_part(byte) && (before || is_digit);
    }
    count
}

/// The bytes of a text in JSON that are in no string.
fn outside_strings(text: &str) -> impl Iterator<Item = u8> {
    let (mut is_inside, mut is_escaped) = (false, false);
    text.bytes().filter(move |byte| {
        let was_inside = is_inside;
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_inside => is_escaped = true,
            b'"' => is_inside = !is_inside,
            _ => {}
        }
        !was_inside && !is_inside
    })
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
        let depth = |mut value: &Value<'_>| {
            let mut depth = 0;
            while let Value::List(values) = value {
                let Some(inner) = values.first() else {
                    return (depth + 1, None);
                };
                (value, depth) = (inner, depth + 1);
            }
            (depth, value.as_str().map(str::to_owned))
        };
        let (whole, warnings) = member(&nested(64)).unwrap();
        assert_eq!((depth(&whole), warnings), ((64, None), 0));
        for more in [1, 2, 300_000] {
            let (kept, warnings) = member(&nested(64 + more)).unwrap();
            assert_eq!((depth(&kept), warnings), ((64, Some(nested(more))), 1));
        }
        let scalar = format!("{}[NaN,1],2,NaN{}", "[".repeat(64), "]".repeat(64));
        let (kept, warnings) = member(&scalar).unwrap();
        let shown = format!("{kept:?}");
        assert!(
            shown.contains("[String(\"[ 0 ,1]\"), I64(2), F64(NaN)]"),
            "{shown}"
        );
        assert_eq!(warnings, 3);
        assert!(member(&"[".repeat(1_000_000)).is_err());
        assert!(member(&"{\"a\":".repeat(1_000_000)).is_err());
    }

    #[test]
    fn of_a_million_values_what_is_over_is_kept_as_text() {
        let many = format!("[1{}]", ",1".repeat(999_999));
        let text = format!("{{\"a\":[1,2],\"b\":{many},\"c\":3,\"d\":[NaN,\",[{{\"]}}");
        let object = parse_object(&text).unwrap();
        assert_eq!(object.texts, ["b"]);
        assert_eq!(object.members.get("b"), Some(&Value::from(many)));
        assert_eq!(object.members.get("c"), Some(&Value::I64(3)));
        let kept = format!("{:?}", object.members.get("d"));
        assert_eq!(kept, "Some(List([F64(NaN), String(\",[{\")]))");
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
