//! From an event to its payload. Borrows everything: the only copy is the one into the payload.

use std::borrow::Cow;

use postcard::ser_flavors::Flavor;
use serde::Serialize;

use super::data::TopMembers;
use super::extra_tag;
use super::field::Extras;
use super::to_body;
use crate::error::{Error, Result};
use crate::event::{Action, Event};
use crate::format::RecordKind;

/// Appends the payload of `event` to `out` and returns the kind of its record.
///
/// # Errors
/// [`Error::InvalidEvent`] if the event has no encoding; `out` is then as before.
pub(crate) fn encode(event: &Event<'_>, out: &mut Vec<u8>) -> Result<RecordKind> {
    let len = out.len();
    let encoded = encode_action(event, out);
    if encoded.is_err() {
        out.truncate(len);
    }
    encoded
}

fn encode_action(event: &Event<'_>, out: &mut Vec<u8>) -> Result<RecordKind> {
    if let Action::Unknown { kind, payload } = &event.action {
        return encode_unknown(*kind, payload, out);
    }
    // Here, because what can fail is moved once more on its way.
    let extras = extras(event)?;
    match &event.action {
        Action::SessionStart(start) => {
            let body = to_body::session_start(event, start, extras);
            put(RecordKind::SESSION_START, &body, out)
        }
        Action::SessionUpdate(update) => {
            let body = to_body::session_update(event, update, extras);
            put(RecordKind::SESSION_UPDATE, &body, out)
        }
        Action::SessionEnd(end) => {
            let body = to_body::session_end(event, end, extras)?;
            put(RecordKind::SESSION_END, &body, out)
        }
        Action::SpanStart(start) => put(
            RecordKind::SPAN_START,
            &to_body::span_start(event, start, extras),
            out,
        ),
        Action::SpanUpdate(update) => {
            let body = to_body::span_update(event, update, extras);
            put(RecordKind::SPAN_UPDATE, &body, out)
        }
        Action::SpanEnd(end) => put(
            RecordKind::SPAN_END,
            &to_body::span_end(event, end, extras),
            out,
        ),
        Action::Span(start, end) => {
            check_same_span(&start.span, &end.span)?;
            put(
                RecordKind::SPAN,
                &to_body::span(event, start, end, extras),
                out,
            )
        }
        Action::Text(piece) => put(
            RecordKind::TEXT,
            &to_body::text_piece(event, piece, extras),
            out,
        ),
        Action::Log(log) => put(RecordKind::LOG, &to_body::log(event, log, extras), out),
        Action::Link(link) => put(RecordKind::LINK, &to_body::link(event, link, extras), out),
        Action::Counter(counter) => {
            let body = to_body::counter(event, counter, extras);
            put(RecordKind::COUNTER, &body, out)
        }
        Action::Crash(crash) => put(
            RecordKind::CRASH_NOTE,
            &to_body::crash_note(event, crash, extras),
            out,
        ),
        Action::Custom(custom) => put(
            RecordKind::CUSTOM,
            &to_body::custom(event, custom, extras),
            out,
        ),
        Action::Unknown { kind, payload } => encode_unknown(*kind, payload, out),
    }
}

fn encode_unknown(kind: u8, payload: &[u8], out: &mut Vec<u8>) -> Result<RecordKind> {
    if kind == 0 || RecordKind(kind).is_system() {
        return Err(invalid(format!(
            "records of kind {kind} are the journal's own"
        )));
    }
    out.extend_from_slice(payload);
    Ok(RecordKind(kind))
}

fn check_same_span(start: &str, end: &str) -> Result<()> {
    if end == start || end.is_empty() {
        return Ok(());
    }
    Err(invalid(format!(
        "a span started as {start:?} ends as {end:?}"
    )))
}

fn extras<'e>(event: &'e Event<'_>) -> Result<Extras<'e>> {
    if event.extra.is_empty() && event.unknown_extras.is_empty() {
        return Ok(Extras::default());
    }
    let mut pairs = Vec::new();
    if !event.extra.is_empty() {
        let mut bytes = Vec::new();
        put_bytes(&TopMembers(Cow::Borrowed(&event.extra)), &mut bytes)?;
        pairs.push((extra_tag::MEMBERS, Cow::Owned(bytes)));
    }
    let unknown = event.unknown_extras.iter();
    pairs.extend(unknown.map(|(tag, bytes)| (*tag, Cow::Borrowed(bytes.as_ref()))));
    Ok(Extras(pairs))
}

fn put<T: Serialize>(kind: RecordKind, body: &T, out: &mut Vec<u8>) -> Result<RecordKind> {
    put_bytes(body, out)?;
    Ok(kind)
}

fn put_bytes<T: Serialize>(body: &T, out: &mut Vec<u8>) -> Result<()> {
    // Nothing but the depth check refuses: all else has an encoding and the buffer grows.
    postcard::serialize_with_flavor(body, Appender(out))
        .map_err(|_| invalid("its data nests more than 64 deep".to_owned()))
}

/// Appends to a buffer that keeps what it holds.
struct Appender<'v>(&'v mut Vec<u8>);

impl Flavor for Appender<'_> {
    type Output = ();

    #[inline]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    #[inline]
    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        // Most numbers and lengths take one byte, which is not worth a call.
        match bytes {
            [byte] => self.0.push(*byte),
            _ => self.0.extend_from_slice(bytes),
        }
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

pub(super) fn invalid(reason: String) -> Error {
    Error::InvalidEvent { reason }
}
