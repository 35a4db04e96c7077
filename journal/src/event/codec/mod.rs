//! Events as payload bytes and back. FORMAT.md states the bytes: they are those that postcard
//! makes of one structure per kind, which tests compare them with (`shapes`).
//!
//! Each kind has a file that writes its fields (`put`), reads them (`read`) and goes past them to
//! what they say of a span (`skip`), in the order they have on the disk; `kinds` has the tables.
//! What was released never changes: an optional field is a new tag of the extras that end every
//! payload, a new meaning is a new kind.

mod counter;
mod crash;
mod custom;
mod decoder;
mod encoder;
mod extras;
mod field;
mod kinds;
#[cfg(test)]
mod limit_tests;
mod line;
mod link;
mod log;
mod mark;
mod reference;
mod session;
#[cfg(test)]
mod shapes;
mod skip;
mod span;
mod tag;
#[cfg(test)]
mod tests;
mod text;
mod value;

pub(crate) use decoder::Oddities;
pub(crate) use kinds::is_known;
pub(crate) use mark::{Mark, Marks};
pub(crate) use reference::{Reference, expand, may_be_referred_to, put_reference};
pub(crate) use span::{numbers, put_numbers};
pub(crate) use value::TITLE_KEY;

use std::borrow::Cow;

use bytes::Bytes;

use self::decoder::Decoder;
use self::encoder::Encoder;
use super::{Action, Event, Map, SpanFacts};
use crate::error::Result;
use crate::format::RecordKind;

/// Appends the payload of `event` to `out` and returns the kind of its record. Borrows everything:
/// the only copy is the one into the payload.
///
/// # Errors
/// [`Error::InvalidEvent`](crate::Error::InvalidEvent) if the event has no encoding; `out` is
/// then as before.
pub(crate) fn encode(event: &Event<'_>, out: &mut Vec<u8>) -> Result<RecordKind> {
    encode_marked(event, out, None)
}

/// As [`encode`]; notes in `marks`, if there are any, which values are long.
pub(crate) fn encode_marked(
    event: &Event<'_>,
    out: &mut Vec<u8>,
    marks: Option<&mut Marks>,
) -> Result<RecordKind> {
    let len = out.len();
    let mut marks = marks;
    let mut to = Encoder::with_marks(out, marks.as_deref_mut());
    let mut encoded = kinds::put(&mut to, event);
    if to.is_overfull() {
        out.truncate(len);
        if let Some(marks) = marks {
            *marks = Marks::default();
        }
        encoded = kinds::put(&mut Encoder::bounded(out), event);
    }
    if encoded.is_err() {
        out.truncate(len);
    }
    encoded
}

/// The event of a record's payload, in the session the record names.
///
/// Never fails: what is not understood to its last byte is [`Action::Unknown`]. A `SessionStart`
/// brings its own session id when `session` is `None`.
pub(crate) fn decode<'a>(
    kind: RecordKind,
    payload: &'a Bytes,
    session: Option<&'a str>,
) -> Event<'a> {
    let mut event = decode_known(kind, payload).unwrap_or_else(|| {
        Event::new(Action::Unknown {
            kind: kind.0,
            payload: payload.clone(),
        })
    });
    if let Some(session) = session {
        event.session = Some(Cow::Borrowed(session));
    }
    event
}

/// As [`decode`], without a session from elsewhere; `None` if the payload is not understood.
pub(crate) fn decode_known(kind: RecordKind, payload: &[u8]) -> Option<Event<'_>> {
    kinds::read(kind, &mut Decoder::new(payload))
}

/// Appends members that stand for themselves to `out`; none take no bytes.
pub(crate) fn encode_members(members: &Map<'_>, out: &mut Vec<u8>) {
    if !members.is_empty() {
        value::put_top_members(&mut Encoder::bounded(out), members);
    }
}

/// The members that these bytes are; `None` unless they are, to the last byte.
pub(crate) fn decode_members(bytes: &[u8]) -> Option<Map<'_>> {
    if bytes.is_empty() {
        return Some(Map::new());
    }
    let mut from = Decoder::new(bytes);
    let members = value::top_members(&mut from)?;
    from.end()?;
    Some(members)
}

/// As [`decode_known`]; also what else there is to say.
pub(crate) fn decode_odd(kind: RecordKind, payload: &[u8]) -> Option<(Event<'_>, Oddities)> {
    let mut from = Decoder::new(payload);
    let event = kinds::read(kind, &mut from)?;
    Some((event, from.oddities()))
}

/// As [`decode_known`], but for the data that an event can carry: input, output, attributes,
/// messages, metadata besides the title, and members of its own are left out. It takes a fraction
/// of the time, and no more memory the more data there is.
pub(crate) fn decode_without_values(kind: RecordKind, payload: &[u8]) -> Option<Event<'_>> {
    decode_odd_without_values(kind, payload).map(|(event, _)| event)
}

/// As [`decode_without_values`]; also what else there is to say.
pub(crate) fn decode_odd_without_values(
    kind: RecordKind,
    payload: &[u8],
) -> Option<(Event<'_>, Oddities)> {
    let mut from = Decoder::without_values(payload);
    let event = kinds::read(kind, &mut from)?;
    Some((event, from.oddities()))
}

/// As [`Event::span_facts`], of the event of a record's payload; `None` also if the payload is not
/// understood.
///
/// A list needs no more of most records, and to put an event together takes several times as long.
pub(crate) fn span_facts(kind: RecordKind, payload: &[u8]) -> Option<SpanFacts<'_>> {
    kinds::skip(kind, &mut Decoder::new(payload))
}
