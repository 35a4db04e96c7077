//! The parts bodies are made of: ids, times, numbers, extras.

use std::borrow::Cow;

#[cfg(test)]
use serde::Deserialize;
use serde::{Serialize, Serializer};

use super::unread::Unread;
use crate::event::Number;
use crate::event::hex::{from_hex, to_hex};
use crate::time::Timestamp;

/// An id; what is exactly 16 or 32 lower-case hex digits takes half its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(Deserialize))]
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

    /// The id that follows.
    pub(super) fn read(unread: &mut Unread<'a>) -> Option<Cow<'a, str>> {
        let id = match unread.u32()? {
            0 => Id::Hex8(unread.array()?),
            1 => Id::Hex16(unread.array()?),
            2 => Id::Text(unread.text()?),
            _ => return None,
        };
        Some(id.into_text())
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(Deserialize))]
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

/// The time that follows; `None` if it is none that this library writes.
pub(super) fn time(unread: &mut Unread<'_>) -> Option<Timestamp> {
    let (seconds, nanoseconds) = (unread.i64()?, unread.u32()?);
    At {
        seconds,
        nanoseconds,
    }
    .into_time()
}

/// A number of things.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(Deserialize))]
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

    /// The number that follows.
    pub(super) fn read(unread: &mut Unread<'_>) -> Option<Number> {
        let count = match unread.u32()? {
            0 => Count::I64(unread.i64()?),
            1 => Count::F64(unread.f64()?),
            _ => return None,
        };
        count.into_number()
    }

    pub(super) fn into_number(self) -> Option<Number> {
        match self {
            Count::I64(value) => Some(Number::I64(value)),
            Count::F64(value) => value.is_finite().then_some(Number::F64(value)),
        }
    }
}

/// Optional fields by tag, in the order they have on the disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Extras<'a>(pub(super) Vec<(u16, Cow<'a, [u8]>)>);

impl<'a> Extras<'a> {
    pub(super) fn read(unread: &mut Unread<'a>) -> Option<Extras<'a>> {
        let mut extras = Vec::new();
        for _ in 0..unread.count()? {
            let tag = unread.u16().filter(|tag| *tag != 0)?;
            extras.push((tag, Cow::Borrowed(unread.bytes()?)));
        }
        Some(Extras(extras))
    }
}

impl Serialize for Extras<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let pairs = self.0.iter();
        serializer.collect_seq(pairs.map(|(tag, bytes)| (tag, serde_bytes::Bytes::new(bytes))))
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
}
