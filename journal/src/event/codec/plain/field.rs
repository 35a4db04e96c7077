//! The parts bodies are made of, by serde: ids, times, numbers, optional fields.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use crate::event::Number;
use crate::event::hex::{from_hex, to_hex};
use crate::time::Timestamp;

/// An id; what is exactly 16 or 32 lower-case hex digits takes half its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Id<'a> {
    Hex8([u8; 8]),
    Hex16([u8; 16]),
    Text(&'a str),
}

impl<'a> Id<'a> {
    pub(super) fn new(id: &'a str) -> Id<'a> {
        let parsed = match id.len() {
            16 => from_hex(id).map(Id::Hex8),
            32 => from_hex(id).map(Id::Hex16),
            _ => None,
        };
        parsed.unwrap_or(Id::Text(id))
    }

    pub(super) fn maybe(id: Option<&'a Cow<'_, str>>) -> Option<Id<'a>> {
        id.map(|id| Id::new(id))
    }

    pub(super) fn into_text(self) -> Cow<'a, str> {
        match self {
            Id::Hex8(bytes) => Cow::Owned(to_hex(bytes)),
            Id::Hex16(bytes) => Cow::Owned(to_hex(bytes)),
            Id::Text(id) => Cow::Borrowed(id),
        }
    }
}

/// A point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct At {
    seconds: i64,
    /// Below 1,000,000,000; anything else is not decoded.
    nanoseconds: u32,
}

impl At {
    pub(super) fn new(time: Timestamp) -> At {
        At {
            seconds: time.seconds(),
            nanoseconds: time.nanoseconds(),
        }
    }

    pub(super) fn into_time(self) -> Option<Timestamp> {
        let time = Timestamp::new(self.seconds, self.nanoseconds);
        (time.nanoseconds() == self.nanoseconds).then_some(time)
    }
}

/// A number of things.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Count {
    I64(i64),
    /// Finite; anything else is not decoded.
    F64(f64),
}

impl Count {
    pub(super) fn new(number: Number) -> Count {
        match number.normalised() {
            Number::I64(value) => Count::I64(value),
            Number::F64(value) => Count::F64(value),
        }
    }

    pub(super) fn into_number(self) -> Option<Number> {
        match self {
            Count::I64(value) => Some(Number::I64(value)),
            Count::F64(value) => value.is_finite().then(|| Number::from(value)),
        }
    }
}

/// Optional fields by tag, in the order they have on the disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Extras<'a>(pub(super) Vec<(u16, Cow<'a, [u8]>)>);

impl Serialize for Extras<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let pairs = self.0.iter();
        serializer.collect_seq(pairs.map(|(tag, bytes)| (tag, serde_bytes::Bytes::new(bytes))))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Extras<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ExtrasVisitor)
    }
}

struct ExtrasVisitor;

impl<'de> Visitor<'de> for ExtrasVisitor {
    type Value = Extras<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("pairs of a tag and bytes")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut pairs: A) -> Result<Extras<'de>, A::Error> {
        let mut extras = Vec::new();
        while let Some((tag, bytes)) = pairs.next_element::<(u16, &'de serde_bytes::Bytes)>()? {
            if tag == 0 {
                return Err(A::Error::custom("tag 0 is none"));
            }
            extras.push((tag, Cow::Borrowed(bytes.as_ref())));
        }
        Ok(Extras(extras))
    }
}
