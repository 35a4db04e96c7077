//! The id of a span, in as few bytes as it takes.

use std::borrow::Cow;
use std::hash::{Hash, Hasher};

use super::hex::{from_hex, to_hex};

/// A span's id to look it up by: each spelling has one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SpanKey<'a> {
    /// Sixteen lower-case hex digits.
    Hex8([u8; 8]),
    /// Thirty-two of them.
    Hex16([u8; 16]),
    /// Any other text.
    Text(Cow<'a, str>),
}

impl<'a> SpanKey<'a> {
    pub(crate) fn of(id: &'a str) -> SpanKey<'a> {
        if let Some(bytes) = from_hex(id) {
            SpanKey::Hex8(bytes)
        } else if let Some(bytes) = from_hex(id) {
            SpanKey::Hex16(bytes)
        } else {
            SpanKey::Text(Cow::Borrowed(id))
        }
    }

    /// The id.
    pub(crate) fn to_text(&self) -> Cow<'_, str> {
        match self {
            SpanKey::Hex8(bytes) => Cow::Owned(to_hex(*bytes)),
            SpanKey::Hex16(bytes) => Cow::Owned(to_hex(*bytes)),
            SpanKey::Text(text) => Cow::Borrowed(text),
        }
    }

    /// The same key, borrowing nothing.
    pub(crate) fn into_owned(self) -> SpanKey<'static> {
        match self {
            SpanKey::Hex8(bytes) => SpanKey::Hex8(bytes),
            SpanKey::Hex16(bytes) => SpanKey::Hex16(bytes),
            SpanKey::Text(text) => SpanKey::Text(Cow::Owned(text.into_owned())),
        }
    }
}

impl Hash for SpanKey<'_> {
    /// In one step for those that this library makes.
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            SpanKey::Hex8(bytes) => state.write_u64(u64::from_le_bytes(*bytes)),
            SpanKey::Hex16(bytes) => state.write_u128(u128::from_le_bytes(*bytes)),
            SpanKey::Text(text) => text.hash(state),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_spelling_has_a_key_of_its_own() {
        let spellings = [
            "",
            "root",
            "00f067aa0ba902b7",
            "00F067AA0BA902B7",
            "00f067aa0ba902b",
            "4bf92f3577b34da6a3ce929d0e0e4736",
            "\u{e9}0f067aa0ba902b",
        ];
        for spelling in spellings {
            let key = SpanKey::of(spelling);
            assert_eq!(key.to_text(), spelling);
            assert_eq!(key.clone().into_owned(), key);
            let same = spellings.map(SpanKey::of);
            let same = same.iter().filter(|key| **key == SpanKey::of(spelling));
            assert_eq!(same.count(), 1, "{spelling}");
        }
    }
}
