//! The parts bodies are made of: ids, times, numbers, extras.

use std::borrow::Cow;

use super::decoder::Decoder;
use super::encoder::Encoder;
use crate::event::hex::{from_hex, to_hex};
use crate::event::{Number, SpanKey};
use crate::time::Timestamp;

/// What an id is: text, or in half its length what is exactly 16 or 32 lower-case hex digits.
mod id_tag {
    pub(super) const HEX_8: u32 = 0;
    pub(super) const HEX_16: u32 = 1;
    pub(super) const TEXT: u32 = 2;
}

mod number_tag {
    pub(super) const I64: u32 = 0;
    pub(super) const F64: u32 = 1;
}

/// Puts an id down.
pub(super) fn put_id(to: &mut Encoder<'_>, id: &str) {
    if let Some(bytes) = from_hex::<8>(id) {
        to.number(id_tag::HEX_8);
        to.array(&bytes);
    } else if let Some(bytes) = from_hex::<16>(id) {
        to.number(id_tag::HEX_16);
        to.array(&bytes);
    } else {
        to.number(id_tag::TEXT);
        to.text(id);
    }
}

/// The id that follows.
pub(super) fn id<'a>(from: &mut Decoder<'a>) -> Option<Cow<'a, str>> {
    Some(match from.u32()? {
        id_tag::HEX_8 => Cow::Owned(to_hex(from.array::<8>()?)),
        id_tag::HEX_16 => Cow::Owned(to_hex(from.array::<16>()?)),
        id_tag::TEXT => Cow::Borrowed(from.text()?),
        _ => return None,
    })
}

/// The key of the span whose id follows.
pub(super) fn key<'a>(from: &mut Decoder<'a>) -> Option<SpanKey<'a>> {
    Some(match from.u32()? {
        id_tag::HEX_8 => SpanKey::Hex8(from.array()?),
        id_tag::HEX_16 => SpanKey::Hex16(from.array()?),
        // Others than this library may have written digits as text.
        id_tag::TEXT => SpanKey::of(from.text()?),
        _ => return None,
    })
}

/// Puts a point in time down.
pub(super) fn put_time(to: &mut Encoder<'_>, time: Timestamp) {
    to.i64(time.seconds());
    to.number(time.nanoseconds());
}

/// The time that follows; `None` if it is none that this library writes.
pub(super) fn time(from: &mut Decoder<'_>) -> Option<Timestamp> {
    let (seconds, nanoseconds) = (from.i64()?, from.u32()?);
    let time = Timestamp::new(seconds, nanoseconds);
    (time.nanoseconds() == nanoseconds).then_some(time)
}

/// Puts a number of things down.
pub(super) fn put_number(to: &mut Encoder<'_>, number: Number) {
    match number.normalised() {
        Number::I64(value) => {
            to.number(number_tag::I64);
            to.i64(value);
        }
        Number::F64(value) => {
            to.number(number_tag::F64);
            to.f64(value);
        }
    }
}

/// The number that follows, as an integer where it is one; `None` if it is not finite.
pub(super) fn number(from: &mut Decoder<'_>) -> Option<Number> {
    match from.u32()? {
        number_tag::I64 => from.i64().map(Number::I64),
        number_tag::F64 => from
            .f64()
            .filter(|value| value.is_finite())
            .map(Number::from),
        _ => None,
    }
}

/// Puts a text down that may be absent.
pub(super) fn put_optional_text(to: &mut Encoder<'_>, text: &Option<Cow<'_, str>>) {
    to.option(text.as_deref(), Encoder::text);
}

/// Puts an id down that may be absent.
pub(super) fn put_optional_id(to: &mut Encoder<'_>, id: &Option<Cow<'_, str>>) {
    to.option(id.as_deref(), put_id);
}

/// The text that follows.
pub(super) fn text<'a>(from: &mut Decoder<'a>) -> Option<Cow<'a, str>> {
    from.text().map(Cow::Borrowed)
}

/// Goes past a text that may be absent.
pub(super) fn skip_optional_text(from: &mut Decoder<'_>) -> Option<()> {
    from.option(Decoder::text).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_keep_their_spelling_and_take_half_of_it_if_it_is_hex() {
        let spellings = [
            ("", 2),
            ("g1", 4),
            ("00f067aa0ba902b7", 9),
            ("00F067AA0BA902B7", 18),
            ("00f067aa0ba902b\u{e9}", 19),
            ("4bf92f3577b34da6a3ce929d0e0e4736", 17),
        ];
        for (spelling, len) in spellings {
            let mut bytes = Vec::new();
            put_id(&mut Encoder::new(&mut bytes), spelling);
            assert_eq!(bytes.len(), len, "{spelling}");
            assert_eq!(id(&mut Decoder::new(&bytes)).as_deref(), Some(spelling));
        }
    }
}
