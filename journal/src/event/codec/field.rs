//! The parts bodies are made of: ids, times, numbers, extras.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

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
            Id::Hex8(bytes) => Cow::Owned(to_hex(&bytes)),
            Id::Hex16(bytes) => Cow::Owned(to_hex(&bytes)),
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

/// `None` when the body is not one this library writes.
pub(super) fn decode_time(at: Option<At>) -> Option<Option<Timestamp>> {
    match at {
        None => Some(None),
        Some(at) => at.into_time().map(Some),
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
            Count::F64(value) => value.is_finite().then_some(Number::F64(value)),
        }
    }
}

/// Text of any length, checked for UTF-8 many bytes at once. On the disk it is as any other text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LongText<'a>(pub(super) &'a str);

impl Serialize for LongText<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for LongText<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = <&'de serde_bytes::Bytes>::deserialize(deserializer)?;
        let text = simdutf8::basic::from_utf8(bytes);
        text.map(LongText).map_err(D::Error::custom)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_keep_their_spelling() {
        for id in [
            "",
            "g1",
            "00f067aa0ba902b7",
            "00F067AA0BA902B7",
            "00f067aa0ba902b\u{e9}",
        ] {
            assert_eq!(Id::new(id).into_text(), id);
        }
        let trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert!(matches!(Id::new(trace_id), Id::Hex16(_)));
        assert_eq!(Id::new(trace_id).into_text(), trace_id);
        assert!(matches!(Id::new("00F067AA0BA902B7"), Id::Text(_)));
    }

    /// The checks differ by length, so every length gets every kind of sequence everywhere.
    #[test]
    fn long_text_is_the_text_that_serde_reads() {
        let sequences: [&[u8]; 12] = [
            "\u{e9}".as_bytes(),
            "\u{2192}".as_bytes(),
            "\u{1f41b}".as_bytes(),
            &[0],
            &[0x7f],
            &[0x80],
            &[0xff],
            &[0xc3],
            &[0xc0, 0x80],
            &[0xed, 0xa0, 0x80],
            &[0xf4, 0x90, 0x80, 0x80],
            &[0xf0, 0x9f, 0x90],
        ];
        let mut accepted = 0;
        for len in (0..140).chain([1000]) {
            for (sequence, place) in sequences
                .iter()
                .flat_map(|s| (0..=len).map(move |at| (s, at)))
            {
                let mut bytes = vec![b'a'; len];
                bytes.splice(place..place, sequence.iter().copied());
                let payload = postcard::to_allocvec(serde_bytes::Bytes::new(&bytes)).unwrap();
                let plain = postcard::from_bytes::<&str>(&payload).ok();
                let long = postcard::from_bytes::<LongText<'_>>(&payload).ok();
                assert_eq!(
                    long.map(|long| long.0),
                    plain,
                    "{len} {place} {sequence:x?}"
                );
                accepted += usize::from(plain.is_some());
                if let Some(long) = long {
                    assert_eq!(postcard::to_allocvec(&long).unwrap(), payload);
                }
            }
        }
        assert!(accepted > 10_000);
    }
}
