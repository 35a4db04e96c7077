//! Which kind is written, read and gone past by what: a new kind is a row in each table.

use super::decoder::Decoder;
use super::encoder::{Encoder, invalid};
use super::extras::{put_extras, skip_extras, with_extras};
use super::field::{id, put_id, put_time, time};
use super::{counter, crash, custom, line, link, log, session, span, text};
use crate::error::Result;
use crate::event::{Action, Event, SpanFacts};
use crate::format::RecordKind;

/// Puts a whole payload down, and tells of which kind it is.
pub(super) fn put(to: &mut Encoder<'_>, event: &Event<'_>) -> Result<RecordKind> {
    if let Action::Unknown { kind, payload } = &event.action {
        return put_unknown(to, *kind, payload);
    }
    if let Action::SessionStart(_) = event.action {
        // Said again here, in case the declaration of the session index is lost.
        put_id(to, event.session.as_deref().unwrap_or_default());
    }
    to.option(event.at, put_time);
    let kind = match &event.action {
        Action::SessionStart(start) => session::put_start(to, start),
        Action::SessionUpdate(update) => session::put_update(to, update),
        Action::SessionEnd(end) => session::put_end(to, end)?,
        Action::SpanStart(start) => span::put_start(to, start),
        Action::SpanUpdate(update) => span::put_update(to, update),
        Action::SpanEnd(end) => span::put_end(to, end),
        Action::Span(start, end) => span::put_whole(to, start, end)?,
        Action::Text(piece) => text::put(to, piece),
        Action::Log(line) => log::put(to, line),
        Action::Link(other) => link::put(to, other),
        Action::Counter(count) => counter::put(to, count),
        Action::Crash(note) => crash::put(to, note),
        Action::Custom(own) => custom::put(to, own),
        Action::Line(bytes) => line::put(to, bytes),
        Action::Unknown { kind, .. } => RecordKind(*kind),
    };
    put_extras(to, event);
    Ok(kind)
}

fn put_unknown(to: &mut Encoder<'_>, kind: u8, payload: &[u8]) -> Result<RecordKind> {
    if kind == 0 || RecordKind(kind).is_system() {
        return Err(invalid(format!(
            "records of kind {kind} are the journal's own"
        )));
    }
    to.array(payload);
    Ok(RecordKind(kind))
}

/// Whether payloads of a kind are events that this library knows.
pub(crate) fn is_known(kind: RecordKind) -> bool {
    let is_of_session = (RecordKind::SESSION_START.0..=RecordKind::CUSTOM.0).contains(&kind.0);
    is_of_session || [RecordKind::CRASH_NOTE, RecordKind::LINE].contains(&kind)
}

/// The event that a whole payload is; `None` if it is not understood to its last byte.
pub(super) fn read<'a>(kind: RecordKind, from: &mut Decoder<'a>) -> Option<Event<'a>> {
    let session = match kind {
        RecordKind::SESSION_START => Some(id(from)?),
        _ => None,
    };
    let at = from.option(time)?;
    let action = match kind {
        RecordKind::SESSION_START => Action::SessionStart(session::read_start(from)?),
        RecordKind::SESSION_UPDATE => Action::SessionUpdate(session::read_update(from)?),
        RecordKind::SESSION_END => Action::SessionEnd(session::read_end(from)?),
        RecordKind::SPAN_START => Action::SpanStart(span::read_start(from)?),
        RecordKind::SPAN_UPDATE => Action::SpanUpdate(span::read_update(from)?),
        RecordKind::SPAN_END => Action::SpanEnd(span::read_end(from)?),
        RecordKind::SPAN => {
            let (start, end) = span::read_whole(from)?;
            Action::Span(start, Box::new(end))
        }
        RecordKind::TEXT => Action::Text(text::read(from)?),
        RecordKind::LOG => Action::Log(log::read(from)?),
        RecordKind::LINK => Action::Link(link::read(from)?),
        RecordKind::COUNTER => Action::Counter(counter::read(from)?),
        RecordKind::CUSTOM => Action::Custom(custom::read(from)?),
        RecordKind::CRASH_NOTE => Action::Crash(crash::read(from)?),
        RecordKind::LINE => Action::Line(line::read(from)?),
        _ => return None,
    };
    with_extras(from, session, at, action)
}

/// What a whole payload says of a span, without the event; `None` also for kinds that are about a
/// session as a whole.
pub(super) fn skip<'a>(kind: RecordKind, from: &mut Decoder<'a>) -> Option<SpanFacts<'a>> {
    let at = from.option(time)?;
    let (happened_at, mention) = match kind {
        RecordKind::SPAN_START => span::skip_start(from)?,
        RecordKind::SPAN_END => span::skip_end(from)?,
        RecordKind::SPAN => span::skip_whole(from)?,
        RecordKind::SPAN_UPDATE => (None, span::skip_update(from)?),
        RecordKind::TEXT => (None, text::skip(from)?),
        RecordKind::LOG => (None, log::skip(from)?),
        RecordKind::LINK => (None, link::skip(from)?),
        RecordKind::COUNTER => (None, counter::skip(from)?),
        RecordKind::CUSTOM => (None, custom::skip(from)?),
        RecordKind::LINE => (None, line::skip(from)?),
        _ => return None,
    };
    skip_extras(from)?;
    from.end()?;
    Some(SpanFacts {
        at: happened_at.or(at),
        mention,
    })
}
