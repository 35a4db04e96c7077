//! From an event to its payload by serde.

use std::borrow::Cow;

use serde::Serialize;

use super::data::TopMembers;
use super::field::Extras;
use super::to_body;
use crate::event::codec::extra_tag;
use crate::event::{Action, Event};
use crate::format::RecordKind;

/// `None` if the event has no encoding.
pub(crate) fn encode(event: &Event<'_>) -> Option<(RecordKind, Vec<u8>)> {
    let extras = extras(event)?;
    let (kind, payload) = match &event.action {
        Action::SessionStart(start) => {
            let body = to_body::session_start(event, start, extras);
            (RecordKind::SESSION_START, bytes(&body))
        }
        Action::SessionUpdate(update) => {
            let body = to_body::session_update(event, update, extras);
            (RecordKind::SESSION_UPDATE, bytes(&body))
        }
        Action::SessionEnd(end) => {
            let body = to_body::session_end(event, end, extras)?;
            (RecordKind::SESSION_END, bytes(&body))
        }
        Action::SpanStart(start) => {
            let body = to_body::span_start(event, start, extras);
            (RecordKind::SPAN_START, bytes(&body))
        }
        Action::SpanUpdate(update) => {
            let body = to_body::span_update(event, update, extras);
            (RecordKind::SPAN_UPDATE, bytes(&body))
        }
        Action::SpanEnd(end) => {
            let body = to_body::span_end(event, end, extras);
            (RecordKind::SPAN_END, bytes(&body))
        }
        Action::Span(start, end) if end.span == start.span || end.span.is_empty() => {
            let body = to_body::span(event, start, end, extras);
            (RecordKind::SPAN, bytes(&body))
        }
        Action::Span(..) => return None,
        Action::Text(piece) => {
            let body = to_body::text_piece(event, piece, extras);
            (RecordKind::TEXT, bytes(&body))
        }
        Action::Log(log) => {
            let body = to_body::log(event, log, extras);
            (RecordKind::LOG, bytes(&body))
        }
        Action::Link(link) => {
            let body = to_body::link(event, link, extras);
            (RecordKind::LINK, bytes(&body))
        }
        Action::Counter(counter) => {
            let body = to_body::counter(event, counter, extras);
            (RecordKind::COUNTER, bytes(&body))
        }
        Action::Crash(crash) => {
            let body = to_body::crash_note(event, crash, extras);
            (RecordKind::CRASH_NOTE, bytes(&body))
        }
        Action::Custom(custom) => {
            let body = to_body::custom(event, custom, extras);
            (RecordKind::CUSTOM, bytes(&body))
        }
        Action::Line(line) => {
            let body = to_body::line(event, line, extras);
            (RecordKind::LINE, bytes(&body))
        }
        Action::Unknown { kind, payload } => {
            let kind = RecordKind(*kind);
            let is_own = kind.0 == 0 || kind.is_system();
            (kind, (!is_own).then(|| payload.to_vec()))
        }
    };
    Some((kind, payload?))
}

fn extras<'e>(event: &'e Event<'_>) -> Option<Extras<'e>> {
    let mut pairs = Vec::new();
    if !event.extra.is_empty() {
        let members = bytes(&TopMembers(Cow::Borrowed(&event.extra)))?;
        pairs.push((extra_tag::MEMBERS, Cow::Owned(members)));
    }
    let unknown = event.unknown_extras.iter();
    pairs.extend(unknown.map(|(tag, bytes)| (*tag, Cow::Borrowed(bytes.as_ref()))));
    Some(Extras(pairs))
}

fn bytes<T: Serialize>(body: &T) -> Option<Vec<u8>> {
    postcard::to_allocvec(body).ok()
}
