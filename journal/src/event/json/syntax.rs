//! JSON text as values: strict, except for what must not cost an event.
//!
//! Lone surrogate escapes and integers above 64 bits are taken in with a warning, and so are the
//! words NaN and Infinity, which some writers put out.

use std::borrow::Cow;

use crate::event::serialize::bytes_of;
use crate::event::value::DEPTH_MAX;
use crate::event::{Map, Value};

/// An object's members in order, and what was odd about the text.
pub(super) struct Object<'a> {
    pub(super) members: Map<'a>,
    pub(super) warnings: Vec<String>,
}

/// Reads a text that is one object; the error says where it is not.
pub(super) fn parse_object(text: &str) -> Result<Object<'_>, String> {
    let mut parser = Parser {
        text,
        offset: 0,
        warnings: Vec::new(),
    };
    parser.skip_space();
    if parser.peek() != Some(b'{') {
        return Err("not a JSON object".to_owned());
    }
    let members = parser.object(DEPTH_MAX)?;
    parser.skip_space();
    if parser.offset != text.len() {
        return Err(parser.expected("the end of the line"));
    }
    Ok(Object {
        members,
        warnings: parser.warnings,
    })
}

struct Parser<'a> {
    text: &'a str,
    /// Bytes read so far; always between two characters.
    offset: usize,
    warnings: Vec<String>,
}

impl<'a> Parser<'a> {
    /// A value inside which this many lists and maps may still open.
    fn value(&mut self, left: u8) -> Result<Value<'a>, String> {
        self.skip_space();
        match self.peek() {
            Some(b'{') => {
                let map = self.object(self.inner(left)?)?;
                Ok(bytes_of(&map).map_or(Value::Map(map), Value::bytes))
            }
            Some(b'[') => Ok(Value::List(self.list(self.inner(left)?)?)),
            Some(b'"') => Ok(Value::String(self.string()?)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.word(),
        }
    }

    fn inner(&self, left: u8) -> Result<u8, String> {
        let inner = left.checked_sub(1);
        inner.ok_or_else(|| format!("nests more than {DEPTH_MAX} deep"))
    }

    fn object(&mut self, left: u8) -> Result<Map<'a>, String> {
        self.offset += 1;
        let mut members = Vec::new();
        self.skip_space();
        if self.take(b'}') {
            return Ok(Map::new());
        }
        loop {
            self.skip_space();
            if self.peek() != Some(b'"') {
                return Err(self.expected("a member's name in quotes"));
            }
            let name = self.string()?;
            self.skip_space();
            if !self.take(b':') {
                return Err(self.expected("a colon"));
            }
            members.push((name, self.value(left)?));
            self.skip_space();
            if self.take(b'}') {
                return Ok(members.into_iter().collect());
            }
            if !self.take(b',') {
                return Err(self.expected("a comma or a closing brace"));
            }
        }
    }

    fn list(&mut self, left: u8) -> Result<Vec<Value<'a>>, String> {
        self.offset += 1;
        let mut values = Vec::new();
        self.skip_space();
        if self.take(b']') {
            return Ok(values);
        }
        loop {
            values.push(self.value(left)?);
            self.skip_space();
            if self.take(b']') {
                return Ok(values);
            }
            if !self.take(b',') {
                return Err(self.expected("a comma or a closing bracket"));
            }
        }
    }

    fn string(&mut self) -> Result<Cow<'a, str>, String> {
        self.offset += 1;
        let mut decoded: Option<String> = None;
        loop {
            let rest = &self.text[self.offset..];
            let plain_len = rest
                .bytes()
                .position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))
                .ok_or_else(|| self.expected("the end of a string"))?;
            let (plain, stop) = (&rest[..plain_len], rest.as_bytes()[plain_len]);
            self.offset += plain_len;
            match (stop, &mut decoded) {
                (b'"', None) => {
                    self.offset += 1;
                    return Ok(Cow::Borrowed(plain));
                }
                (b'"', Some(text)) => {
                    self.offset += 1;
                    text.push_str(plain);
                    return Ok(Cow::Owned(std::mem::take(text)));
                }
                (b'\\', _) => {
                    let text = decoded.get_or_insert_default();
                    text.push_str(plain);
                    let escaped = self.escape()?;
                    text.push(escaped);
                }
                _ => return Err(self.expected("control characters in strings to be escaped")),
            }
        }
    }

    /// The character that the escape at the offset stands for.
    fn escape(&mut self) -> Result<char, String> {
        let letter = self.text.as_bytes().get(self.offset + 1).copied();
        let plain = match letter {
            Some(b'u') => {
                let unit = self.unit()?;
                return Ok(self.character(unit));
            }
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            _ => return Err(self.expected("one of the escapes JSON has")),
        };
        self.offset += 2;
        Ok(plain)
    }

    /// The UTF-16 unit that the escape at the offset stands for.
    fn unit(&mut self) -> Result<u16, String> {
        let digits = self.text.get(self.offset + 2..self.offset + 6);
        let digits = digits.filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let unit = digits.and_then(|digits| u16::from_str_radix(digits, 16).ok());
        let unit = unit.ok_or_else(|| self.expected("four hex digits in an escape"))?;
        self.offset += 6;
        Ok(unit)
    }

    /// The character of a unit and, if it is the first half of a pair, of the escape behind it.
    fn character(&mut self, first: u16) -> char {
        let here = self.offset;
        let mut units = vec![first];
        let is_first_half = (0xd800..0xdc00).contains(&first);
        if is_first_half && self.text[here..].starts_with("\\u") {
            match self.unit() {
                Ok(second) if (0xdc00..0xe000).contains(&second) => units.push(second),
                // Not its other half: it is read again by itself.
                _ => self.offset = here,
            }
        }
        match char::decode_utf16(units).next() {
            Some(Ok(character)) => character,
            _ => {
                self.warn(format!(
                    "half a surrogate pair (\\u{first:04x}) became U+FFFD"
                ));
                char::REPLACEMENT_CHARACTER
            }
        }
    }

    fn number(&mut self) -> Result<Value<'a>, String> {
        if self.text[self.offset..].starts_with("-I") {
            return self.word();
        }
        let start = self.offset;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        let mut is_integer = true;
        if self.take(b'.') {
            is_integer = false;
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            is_integer = false;
            let _ = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        let text = &self.text[start..self.offset];
        if is_integer && text != "-0" {
            if let Ok(value) = text.parse() {
                return Ok(Value::I64(value));
            }
            if let Ok(value) = text.parse() {
                return Ok(Value::U64(value));
            }
        }
        let value: f64 = text.parse().map_err(|_| self.expected("a number"))?;
        if !value.is_finite() {
            return Err(format!(
                "the number {} is too large for a float",
                clipped(text)
            ));
        }
        if is_integer && text != "-0" {
            self.warn(format!("the integer {} became a float", clipped(text)));
        }
        Ok(Value::F64(value))
    }

    fn digits(&mut self) -> Result<(), String> {
        let rest = self.text[self.offset..].bytes();
        match rest.take_while(u8::is_ascii_digit).count() {
            0 => Err(self.expected("a digit")),
            count => {
                self.offset += count;
                Ok(())
            }
        }
    }

    fn word(&mut self) -> Result<Value<'a>, String> {
        let words = [
            ("null", Value::Null),
            ("true", Value::Bool(true)),
            ("false", Value::Bool(false)),
            ("NaN", Value::F64(f64::NAN)),
            ("Infinity", Value::F64(f64::INFINITY)),
            ("-Infinity", Value::F64(f64::NEG_INFINITY)),
        ];
        let rest = &self.text[self.offset..];
        let found = words.into_iter().find(|(word, _)| rest.starts_with(word));
        let (word, value) = found.ok_or_else(|| self.expected("a value"))?;
        self.offset += word.len();
        if matches!(value, Value::F64(_)) {
            self.warn(format!("{word} is not JSON; taken as that float"));
        }
        Ok(value)
    }

    fn skip_space(&mut self) {
        let rest = self.text[self.offset..].bytes();
        let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        self.offset += rest.take_while(is_space).count();
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.offset).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        self.offset += usize::from(is_there);
        is_there
    }

    fn warn(&mut self, warning: String) {
        if self.warnings.len() < WARNINGS_MAX {
            self.warnings.push(warning);
        }
    }

    fn expected(&self, what: &str) -> String {
        format!("not JSON: expected {what} at byte {}", self.offset + 1)
    }
}

/// A line of a gigabyte of oddities says so only this often.
const WARNINGS_MAX: usize = 16;

fn clipped(text: &str) -> String {
    match text.get(..40) {
        Some(start) if text.len() > 40 => format!("{start}…"),
        _ => text.to_owned(),
    }
}

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
        let mut rng = crate::event::samples::Rng::new(3);
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
