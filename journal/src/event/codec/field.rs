//! The parts bodies are made of: ids, times, numbers, extras.

use std::borrow::Cow;

use super::payload::Payload;
use super::unread::Unread;
use crate::event::hex::{from_hex, to_hex};
use crate::event::{Number, Numbers, SpanKey};
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
pub(super) fn put_id(payload: &mut Payload<'_>, id: &str) {
    if let Some(bytes) = from_hex::<8>(id) {
        payload.number(id_tag::HEX_8);
        payload.array(&bytes);
    } else if let Some(bytes) = from_hex::<16>(id) {
        payload.number(id_tag::HEX_16);
        payload.array(&bytes);
    } else {
        payload.number(id_tag::TEXT);
        payload.text(id);
    }
}

/// The id that follows.
pub(super) fn id<'a>(unread: &mut Unread<'a>) -> Option<Cow<'a, str>> {
    Some(match unread.u32()? {
        id_tag::HEX_8 => Cow::Owned(to_hex(unread.array::<8>()?)),
        id_tag::HEX_16 => Cow::Owned(to_hex(unread.array::<16>()?)),
        id_tag::TEXT => Cow::Borrowed(unread.text()?),
        _ => return None,
    })
}

/// The key of the span whose id follows.
pub(super) fn key<'a>(unread: &mut Unread<'a>) -> Option<SpanKey<'a>> {
    Some(match unread.u32()? {
        id_tag::HEX_8 => SpanKey::Hex8(unread.array()?),
        id_tag::HEX_16 => SpanKey::Hex16(unread.array()?),
        // Others than this library may have written digits as text.
        id_tag::TEXT => SpanKey::of(unread.text()?),
        _ => return None,
    })
}

/// Puts a point in time down.
pub(super) fn put_time(payload: &mut Payload<'_>, time: Timestamp) {
    payload.i64(time.seconds());
    payload.number(time.nanoseconds());
}

/// The time that follows; `None` if it is none that this library writes.
pub(super) fn time(unread: &mut Unread<'_>) -> Option<Timestamp> {
    let (seconds, nanoseconds) = (unread.i64()?, unread.u32()?);
    let time = Timestamp::new(seconds, nanoseconds);
    (time.nanoseconds() == nanoseconds).then_some(time)
}

/// Puts a number of things down.
pub(super) fn put_number(payload: &mut Payload<'_>, number: Number) {
    match number.normalised() {
        Number::I64(value) => {
            payload.number(number_tag::I64);
            payload.i64(value);
        }
        Number::F64(value) => {
            payload.number(number_tag::F64);
            payload.f64(value);
        }
    }
}

/// The number that follows, as an integer where it is one; `None` if it is not finite.
pub(super) fn number(unread: &mut Unread<'_>) -> Option<Number> {
    match unread.u32()? {
        number_tag::I64 => unread.i64().map(Number::I64),
        number_tag::F64 => unread
            .f64()
            .filter(|value| value.is_finite())
            .map(Number::from),
        _ => None,
    }
}

/// Puts numbers down that stand for themselves.
pub(crate) fn put_numbers(out: &mut Vec<u8>, numbers: Numbers) {
    let mut payload = Payload::new(out);
    payload.bool(numbers.tokens.is_some());
    if let Some(tokens) = numbers.tokens {
        put_number(&mut payload, tokens.input);
        put_number(&mut payload, tokens.output);
        put_number(&mut payload, tokens.reasoning);
        put_number(&mut payload, tokens.cache_read);
        put_number(&mut payload, tokens.cache_write);
    }
    payload.bool(numbers.cost.is_some());
    if let Some(cost) = numbers.cost {
        put_number(&mut payload, cost);
    }
}

/// The numbers at the beginning of these bytes.
pub(crate) fn numbers(bytes: &[u8]) -> Option<Numbers> {
    let unread = &mut Unread::new(bytes);
    Some(Numbers {
        tokens: unread.maybe(super::decode::tokens)?,
        cost: unread.maybe(number)?,
    })
}

/// Optional fields by tag, in the order they have on the disk.
pub(super) type Extras<'a> = Vec<(u16, Cow<'a, [u8]>)>;

/// Goes past the optional fields that follow.
pub(super) fn no_extras(unread: &mut Unread<'_>) -> Option<()> {
    for _ in 0..unread.count()? {
        unread.u16().filter(|tag| *tag != 0)?;
        unread.bytes()?;
    }
    Some(())
}

/// The optional fields that follow.
pub(super) fn extras<'a>(unread: &mut Unread<'a>) -> Option<Extras<'a>> {
    let mut extras = Vec::new();
    for _ in 0..unread.count()? {
        let tag = unread.u16().filter(|tag| *tag != 0)?;
        extras.push((tag, Cow::Borrowed(unread.bytes()?)));
    }
    Some(extras)
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
            put_id(&mut Payload::new(&mut bytes), spelling);
            assert_eq!(bytes.len(), len, "{spelling}");
            assert_eq!(id(&mut Unread::new(&bytes)).as_deref(), Some(spelling));
        }
    }
}
