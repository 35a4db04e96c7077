//! The members of an event's object, taken out by name and checked.

use std::borrow::Cow;

use crate::error::Error;
use crate::event::json_text::to_json;
use crate::event::map::slot_of;
use crate::event::number::floor_i128;
use crate::event::serialize::bytes_of;
use crate::event::{Key, Map, Number, Value};
use crate::time::Timestamp;

/// What is left of an object's members.
pub(super) struct Members<'a> {
    /// Taken ones are `None`.
    rest: Vec<Option<(Key<'a>, Value<'a>)>>,
    /// 1 + the place of the first name in each slot, at most 255; 0 if there is none.
    first: [u8; 128],
    /// Where these members are, as in "model.": empty at the top.
    path: &'static str,
    /// Those that cannot be what they should be.
    kept: Vec<(Key<'a>, Value<'a>)>,
    /// Names of those that were not of their type.
    converted: Vec<String>,
    warnings: Vec<String>,
}

impl<'a> Members<'a> {
    pub(super) fn new(map: Map<'a>, path: &'static str) -> Members<'a> {
        let mut first = [0; 128];
        for (place, (name, _)) in map.0.iter().enumerate() {
            let slot = &mut first[usize::from(slot_of(name.as_bytes()))];
            if *slot == 0 {
                *slot = u8::try_from(place + 1).unwrap_or(u8::MAX);
            }
        }
        Members {
            first,
            rest: map.0.into_iter().map(Some).collect(),
            path,
            kept: Vec::new(),
            converted: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// The member of that name, left where it is.
    pub(super) fn peek(&self, name: &str) -> Option<&Value<'a>> {
        let member = self.rest.get(self.place(name)?)?;
        member.as_ref().map(|(_, value)| value)
    }

    /// Where the member of that name is; at once, unless another one is in the same slot.
    fn place(&self, name: &str) -> Option<usize> {
        let first = self.first[usize::from(slot_of(name.as_bytes()))];
        let first = usize::from(first.checked_sub(1)?);
        let mut rest = self.rest.iter().enumerate().skip(first);
        let is_it = |member: &Option<(Key<'a>, Value<'a>)>| {
            let key = member.as_ref().map(|(key, _)| key.as_bytes());
            key == Some(name.as_bytes())
        };
        rest.find(|(_, member)| is_it(member))
            .map(|(place, _)| place)
    }

    /// The member of that name, null included.
    pub(super) fn take(&mut self, name: &str) -> Option<Value<'a>> {
        let place = self.place(name)?;
        self.rest[place].take().map(|(_, value)| value)
    }

    /// The member of that name unless it is null.
    pub(super) fn take_some(&mut self, name: &str) -> Option<Value<'a>> {
        self.take(name).filter(|value| !value.is_null())
    }

    /// A text; of anything else its text in JSON.
    pub(super) fn text(&mut self, name: &str) -> Option<Cow<'a, str>> {
        match &mut self.take_some(name)? {
            Value::String(text) => Some(std::mem::take(text)),
            other => {
                self.note(name, "a string", other, "its text was taken");
                Some(Cow::Owned(to_json(other)))
            }
        }
    }

    pub(super) fn map(&mut self, name: &str) -> Map<'a> {
        match self.take_some(name) {
            None => Map::new(),
            Some(Value::Map(ref mut map)) => std::mem::take(map),
            Some(other) => {
                self.keep(name, "an object", other);
                Map::new()
            }
        }
    }

    pub(super) fn bool(&mut self, name: &str) -> bool {
        let Some(value) = self.take_some(name) else {
            return false;
        };
        let meant = match &value {
            Value::Bool(value) => return *value,
            Value::I64(0) => Some(false),
            Value::I64(1) => Some(true),
            other => other.as_str().and_then(|text| text.trim().parse().ok()),
        };
        self.convert(name, "true or false", value, meant)
            .unwrap_or(false)
    }

    pub(super) fn u64(&mut self, name: &str) -> Option<u64> {
        let value = self.take_some(name)?;
        let number = value.as_u64();
        number.or_else(|| {
            let meant = number_of(&value).and_then(|number| match number {
                Number::I64(value) => u64::try_from(value).ok(),
                Number::F64(_) => value.as_str()?.trim().parse().ok(),
            });
            self.convert(name, "an integer from 0 on", value, meant)
        })
    }

    pub(super) fn u8(&mut self, name: &str) -> Option<u8> {
        let value = self.take_some(name)?;
        let number = value.as_u64().and_then(|number| u8::try_from(number).ok());
        number.or_else(|| {
            let meant = number_of(&value).and_then(|number| match number {
                Number::I64(value) => u8::try_from(value).ok(),
                Number::F64(_) => None,
            });
            self.convert(name, "an integer from 0 to 255", value, meant)
        })
    }

    /// A number of things; null counts as 0, because that is what NaN becomes in many writers.
    pub(super) fn number(&mut self, name: &str) -> Option<Number> {
        match self.take(name)? {
            Value::Null => Some(Number::ZERO),
            Value::I64(value) => Some(value.into()),
            Value::U64(value) => Some(value.into()),
            Value::F64(value) => Some(value.into()),
            other => {
                let meant = number_of(&other);
                self.convert(name, "a number", other, meant)
            }
        }
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(
        &mut self,
        name: &str,
        words: &[(&str, T)],
        expected: &str,
    ) -> Option<T> {
        let value = self.take_some(name)?;
        let found = words.iter().find(|(word, _)| value.as_str() == Some(word));
        match found {
            Some((_, meaning)) => Some(*meaning),
            None => {
                self.keep(name, expected, value);
                None
            }
        }
    }

    /// A time given as milliseconds or, more exactly, as a string of nanoseconds.
    pub(super) fn time(&mut self, ms_name: &str, ns_name: &str) -> Option<Timestamp> {
        let (ms, ns) = (self.take_some(ms_name), self.take_some(ns_name));
        if let Some(value) = ns {
            let plain = value.as_str().and_then(parse_decimal);
            let nanoseconds = plain.or_else(|| {
                let meant = match value {
                    Value::I64(value) => Some(i128::from(value)),
                    Value::U64(value) => Some(i128::from(value)),
                    _ => None,
                };
                self.convert(ns_name, "a string of decimal digits", value, meant)
            });
            if let Some(nanoseconds) = nanoseconds {
                return Some(Timestamp::from_unix_nanoseconds(nanoseconds));
            }
        }
        let nanoseconds = match ms? {
            Value::I64(ms) => i128::from(ms) * NANOSECONDS_PER_MS,
            Value::U64(ms) => i128::from(ms) * NANOSECONDS_PER_MS,
            Value::F64(ms) if ms.is_finite() => nanoseconds_of(ms),
            other => {
                let meant = match &other {
                    Value::String(_) => number_of(&other),
                    _ => None,
                };
                let meant = meant.map(|number| match number {
                    Number::I64(ms) => i128::from(ms) * NANOSECONDS_PER_MS,
                    Number::F64(ms) => nanoseconds_of(ms),
                });
                self.convert(ms_name, "a number of milliseconds", other, meant)?
            }
        };
        Some(Timestamp::from_unix_nanoseconds(nanoseconds))
    }

    /// What a member of another type than it should have was taken for; without that it is kept
    /// as it is.
    pub(super) fn convert<T>(
        &mut self,
        name: &str,
        expected: &str,
        value: Value<'a>,
        meant: Option<T>,
    ) -> Option<T> {
        match meant {
            Some(_) => self.note(name, expected, &value, "it was converted"),
            None => self.keep(name, expected, value),
        }
        meant
    }

    /// Keeps a member that cannot be what it should be, among those that have no place.
    pub(super) fn keep(&mut self, name: &str, expected: &str, value: Value<'a>) {
        self.note(name, expected, &value, "it is kept beside");
        self.kept.push((Key::owned(name), value));
    }

    #[cold]
    fn note(&mut self, name: &str, expected: &str, value: &Value<'_>, done: &str) {
        let wrong = self.words(name, expected, value);
        self.warnings.push(format!("{wrong}; {done}"));
        if self.converted.iter().all(|known| known != name) {
            self.converted.push(name.to_owned());
        }
    }

    /// Takes in what was found in the member of that name, whose own members these were.
    pub(super) fn absorb(&mut self, name: &str, inner: Members<'a>) {
        let path = inner.path;
        if !inner.converted.is_empty() && self.converted.iter().all(|known| known != name) {
            self.converted.push(name.to_owned());
        }
        self.warnings.extend(inner.warnings);
        let lost: Vec<_> = inner.rest.into_iter().flatten().collect();
        self.warnings.extend(lost.iter().map(|(name, _)| {
            let name = name.as_str();
            format!("member \"{path}{name}\" has no place; it is kept beside")
        }));
        if !(lost.is_empty() && inner.kept.is_empty()) {
            let kept = Map(lost.into_iter().chain(inner.kept).collect());
            // Where it is read again it may be what stands for bytes.
            let value = bytes_of(&kept).map_or(Value::Map(kept), Value::bytes);
            self.kept.push((Key::owned(name), value));
        }
    }

    /// The members that were not taken, in order, and then those that are kept.
    pub(super) fn finish(self) -> Leftover<'a> {
        let rest = self.rest.into_iter().flatten();
        Leftover {
            rest: Map(rest.chain(self.kept).collect()),
            converted: self.converted,
            warnings: self.warnings,
        }
    }

    pub(super) fn wrong(&self, name: &str, expected: &str, found: &Value<'_>) -> Error {
        invalid(self.words(name, expected, found))
    }

    fn words(&self, name: &str, expected: &str, found: &Value<'_>) -> String {
        let (path, found) = (self.path, describe(found));
        format!("member \"{path}{name}\": expected {expected}, found {found}")
    }
}

/// What there is besides the members that were taken.
pub(super) struct Leftover<'a> {
    pub(super) rest: Map<'a>,
    /// Names of members that were converted.
    pub(super) converted: Vec<String>,
    pub(super) warnings: Vec<String>,
}

pub(super) fn missing(name: &str) -> Error {
    invalid(format!("no \"{name}\""))
}

pub(super) fn invalid(reason: String) -> Error {
    Error::InvalidEvent { reason }
}

const NANOSECONDS_PER_MS: i128 = 1_000_000;

/// The time that so many milliseconds are, to the nanosecond.
fn nanoseconds_of(ms: f64) -> i128 {
    let part = floor_i128((ms - ms.floor()) * 1e6 + 0.5);
    floor_i128(ms)
        .saturating_mul(NANOSECONDS_PER_MS)
        .saturating_add(part)
}

/// The number that something says which is none.
fn number_of(value: &Value<'_>) -> Option<Number> {
    match value {
        Value::Bool(value) => Some(Number::I64(i64::from(*value))),
        Value::I64(value) => Some((*value).into()),
        Value::U64(value) => Some((*value).into()),
        Value::F64(value) => Some((*value).into()),
        Value::String(text) => {
            let text = text.trim();
            let integer: Option<i64> = text.parse().ok();
            integer.map_or_else(
                || text.parse().ok().map(f64::into),
                |value| Some(value.into()),
            )
        }
        _ => None,
    }
}

/// A decimal integer; one beyond the range of any clock stays at the end of that range.
fn parse_decimal(text: &str) -> Option<i128> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let limit = if text.starts_with('-') {
        i128::MIN
    } else {
        i128::MAX
    };
    Some(text.parse().unwrap_or(limit))
}

fn describe(value: &Value<'_>) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::I64(value) => value.to_string(),
        Value::U64(value) => value.to_string(),
        Value::F64(value) => value.to_string(),
        Value::String(text) => {
            let start: String = text.chars().take(40).collect();
            let more = if start.len() < text.len() { "…" } else { "" };
            format!("{start:?}{more}")
        }
        Value::Bytes(_) => "bytes".to_owned(),
        Value::Elsewhere(_) => "a value that is not here".to_owned(),
        Value::List(_) => "a list".to_owned(),
        Value::Map(_) => "an object".to_owned(),
    }
}
