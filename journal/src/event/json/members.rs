//! The members of an event's object, taken out by name and checked.

use std::borrow::Cow;

use crate::error::{Error, Result};
use crate::event::map::slot_of;
use crate::event::number::floor_i128;
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

    pub(super) fn text(&mut self, name: &str) -> Result<Option<Cow<'a, str>>> {
        match &mut self.take_some(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(std::mem::take(text))),
            Some(other) => Err(self.wrong(name, "a string", other)),
        }
    }

    pub(super) fn map(&mut self, name: &str) -> Result<Map<'a>> {
        match &mut self.take_some(name) {
            None => Ok(Map::new()),
            Some(Value::Map(map)) => Ok(std::mem::take(map)),
            Some(other) => Err(self.wrong(name, "an object", other)),
        }
    }

    pub(super) fn bool(&mut self, name: &str) -> Result<bool> {
        match self.take_some(name) {
            None => Ok(false),
            Some(Value::Bool(value)) => Ok(value),
            Some(other) => Err(self.wrong(name, "true or false", &other)),
        }
    }

    pub(super) fn u64(&mut self, name: &str) -> Result<Option<u64>> {
        let Some(value) = self.take_some(name) else {
            return Ok(None);
        };
        let number = value.as_u64();
        let number = number.ok_or_else(|| self.wrong(name, "an integer from 0 on", &value))?;
        Ok(Some(number))
    }

    pub(super) fn u8(&mut self, name: &str) -> Result<Option<u8>> {
        let Some(value) = self.take_some(name) else {
            return Ok(None);
        };
        let number = value.as_u64().and_then(|number| u8::try_from(number).ok());
        let number = number.ok_or_else(|| self.wrong(name, "an integer from 0 to 255", &value))?;
        Ok(Some(number))
    }

    /// A number of things; null counts as 0, because that is what NaN becomes in many writers.
    pub(super) fn number(&mut self, name: &str) -> Result<Option<Number>> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Null) => Ok(Some(Number::ZERO)),
            Some(Value::I64(value)) => Ok(Some(value.into())),
            Some(Value::U64(value)) => Ok(Some(value.into())),
            Some(Value::F64(value)) => Ok(Some(value.into())),
            Some(other) => Err(self.wrong(name, "a number", &other)),
        }
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(
        &mut self,
        name: &str,
        words: &[(&str, T)],
        expected: &str,
    ) -> Result<Option<T>> {
        let Some(value) = self.take_some(name) else {
            return Ok(None);
        };
        let found = words.iter().find(|(word, _)| value.as_str() == Some(word));
        let (_, meaning) = found.ok_or_else(|| self.wrong(name, expected, &value))?;
        Ok(Some(*meaning))
    }

    /// A time given as milliseconds or, more exactly, as a string of nanoseconds.
    pub(super) fn time(&mut self, ms_name: &str, ns_name: &str) -> Result<Option<Timestamp>> {
        let (ms, ns) = (self.take_some(ms_name), self.take_some(ns_name));
        if let Some(value) = ns {
            let nanoseconds = value.as_str().and_then(parse_decimal);
            let expected = "a string of decimal digits";
            let nanoseconds = nanoseconds.ok_or_else(|| self.wrong(ns_name, expected, &value))?;
            return Ok(Some(Timestamp::from_unix_nanoseconds(nanoseconds)));
        }
        let nanoseconds = match ms {
            None => return Ok(None),
            Some(Value::I64(ms)) => i128::from(ms) * NANOSECONDS_PER_MS,
            Some(Value::U64(ms)) => i128::from(ms) * NANOSECONDS_PER_MS,
            Some(Value::F64(ms)) if ms.is_finite() => {
                let part = floor_i128((ms - ms.floor()) * 1e6 + 0.5);
                floor_i128(ms)
                    .saturating_mul(NANOSECONDS_PER_MS)
                    .saturating_add(part)
            }
            Some(other) => return Err(self.wrong(ms_name, "a number of milliseconds", &other)),
        };
        Ok(Some(Timestamp::from_unix_nanoseconds(nanoseconds)))
    }

    /// The members that were not taken, in order.
    pub(super) fn rest(self) -> Map<'a> {
        Map(self.rest.into_iter().flatten().collect())
    }

    pub(super) fn wrong(&self, name: &str, expected: &str, found: &Value<'_>) -> Error {
        let (path, found) = (self.path, describe(found));
        let reason = format!("member \"{path}{name}\": expected {expected}, found {found}");
        invalid(reason)
    }
}

pub(super) fn missing(name: &str) -> Error {
    invalid(format!("no \"{name}\""))
}

pub(super) fn invalid(reason: String) -> Error {
    Error::InvalidEvent { reason }
}

/// Warns of members inside a member that have no place there.
pub(super) fn warn_of_rest(rest: Map<'_>, path: &str, warnings: &mut Vec<String>) {
    let lost = rest.into_iter();
    warnings
        .extend(lost.map(|(name, _)| format!("member \"{path}{name}\" has no place; left out")));
}

const NANOSECONDS_PER_MS: i128 = 1_000_000;

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
