//! From a payload to its event. Whatever is not understood to its last byte stays bytes.
//!
//! FORMAT.md states the bytes; the functions read the fields in the order they have there.

use std::borrow::Cow;

use bytes::Bytes;

use super::data::{members, metadata, top_members, value};
use super::extra_tag;
use super::field::{Extras, extras, id, no_extras, number, time};
use super::unread::Unread;
use crate::event::{
    Action, Channel, Counter, Crash, Custom, Event, Kind, Level, Line, Link, Log, Map, Model,
    OtlpKind, SessionEnd, SessionStart, SessionStatus, SessionUpdate, SpanEnd, SpanFields,
    SpanStart, SpanUpdate, Status, Text, Tokens,
};
use crate::format::RecordKind;
use crate::seq::{Address, Generation, RunId, Seq};
use crate::time::Timestamp;

/// The event of a record's payload, in the session the record names.
///
/// Never fails: what cannot be decoded is [`Action::Unknown`]. A `SessionStart` brings its own
/// session id when `session` is `None`.
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
    decode_unread(kind, &mut Unread::new(payload))
}

/// As [`decode_known`]; also whether a value is kept as bytes that has too many others in it.
pub(crate) fn decode_bounded(kind: RecordKind, payload: &[u8]) -> Option<(Event<'_>, bool)> {
    let mut unread = Unread::new(payload);
    let event = decode_unread(kind, &mut unread)?;
    Some((event, unread.has_left_whole()))
}

/// As [`decode_known`], but for the data that an event can carry: input, output, attributes,
/// messages, metadata besides the title, and members of its own are left out. It takes a fraction
/// of the time, and no more memory the more data there is.
pub(crate) fn skim(kind: RecordKind, payload: &[u8]) -> Option<Event<'_>> {
    decode_unread(kind, &mut Unread::skimmed(payload))
}

fn decode_unread<'a>(kind: RecordKind, unread: &mut Unread<'a>) -> Option<Event<'a>> {
    match kind {
        RecordKind::SESSION_START => session_start(unread),
        RecordKind::SESSION_UPDATE => session_update(unread),
        RecordKind::SESSION_END => session_end(unread),
        RecordKind::SPAN_START => span_start(unread),
        RecordKind::SPAN_UPDATE => span_update(unread),
        RecordKind::SPAN_END => span_end(unread),
        RecordKind::SPAN => span(unread),
        RecordKind::TEXT => text_piece(unread),
        RecordKind::LOG => log(unread),
        RecordKind::LINK => link(unread),
        RecordKind::COUNTER => counter(unread),
        RecordKind::CUSTOM => custom(unread),
        RecordKind::CRASH_NOTE => crash_note(unread),
        RecordKind::LINE => line(unread),
        _ => None,
    }
}

fn session_start<'a>(unread: &mut Unread<'a>) -> Option<Event<'a>> {
    let session = id(unread)?;
    let at = unread.maybe(time)?;
    let start = SessionStart {
        trace_id: unread.maybe(id)?,
        name: unread.maybe(text)?,
        span: unread.maybe(id)?,
        parent_session: unread.maybe(id)?,
        forked_at: unread.maybe(address)?,
        metadata: metadata(unread)?,
    };
    Some(event(unread, at, Action::SessionStart(start))?.in_session(session))
}

fn session_update<'a>(unread: &mut Unread<'a>) -> Option<Event<'a>> {
    let at = unread.maybe(time)?;
    let update = SessionUpdate {
        name: unread.maybe(text)?,
        metadata: metadata(unread)?,
    };
    event(unread, at, Action::SessionUpdate(update))
}

fn session_end<'a>(unread: &mut Unread<'a>) -> Option<Event<'a>> {
    let at = unread.maybe(time)?;
    let end = SessionEnd {
        status: match unread.u32()? {
            0 => SessionStatus::Completed,
            1 => SessionStatus::Error,
            _ => return None,
        },
        error: unread.maybe(text)?,
    };
    event(unread, at, Action::SessionEnd(end))
}

fn span_start<'a>(unread: &mut Unread<'a>) -> Option<Event<'a>> {
    let at = unread.maybe(time)?;
    let start = begin(unread)?;
    event(unread, at, Action::SpanStart(start))
}

fn span_update<'a>(unread: &mut Unread<'a>) -> Option<Event<'a>> {
    let at = unread.maybe(time)?;
    let update = SpanUpdate {
        span: id(unread)?,
        name: unread.maybe(text)?,
        status: unread.maybe(status)?,
        status_message: unread.maybe(text)?,
        fields: fields(unread)?,
    };
    event(unread, at, Action::SpanUpdate(update))
}

fn span_end<'a>(unread: &mut Unread<'a>) -> Option<Event<'a>> {
    let at = unread.maybe(time)?;
    let span = id(unread)?;
    let end = finish(unread, span)?;
    event(unread, at, Action::SpanEnd(end))
}

fn span<'a>(unread: &mut Unread<'a>) -> Option<Event<'a>> {
    let at = unread.maybe(time)?;
    let start = begin(unread)?;
    let end = finish(unread, start.span.clone())?;
    event(unread, at, Action::Span(start, Box::new(end)))
}

fn text_piece<'a>(unread: &mut Unread<'a>) -> Option<Event<'a>> {
    let at = unread.maybe(time)?;
    let piece = Text {
        span: id(unread)?,
        channel: Channel(text(unread)?),
        offset: unread.maybe(Unread::u64)?,
        text: text(unread)?,
    };
    event(unread, at, Action::Text(piece))
}

fn log<'a>(unread: &mut Unread<'a>) -> Option<Event<'a>> {
    let at = unread.maybe(time)?;
    let log = Log {
        span: unread.maybe(id)?,
        event_name: unread.maybe(text)?,
        level: Level(unread.byte()?),
        message: value(unread)?,
        attributes: members(unread)?,
    };
    event(unread, at, Action::Log(log))
}

fn link<'a>(unread: &mut Unread<'a>) -> Option<Event<'a>> {
    let at = unread.maybe(time)?;
    let link = Link {
        span: unread.maybe(id)?,
        to_trace_id: unread.maybe(id)?,
        to_session: unread.maybe(id)?,
        to_span: unread.maybe(id)?,
        attributes: members(unread)?,
    };
    event(unread, at, Action::Link(link))
}

fn counter<'a>(unread: &mut Unread<'a>) -> Option<Event<'a>> {
    let at = unread.maybe(time)?;
    let counter = Counter {
        name: text(unread)?,
        value: number(unread)?,
        unit: unread.maybe(text)?,
        span: unread.maybe(id)?,
    };
    event(unread, at, Action::Counter(counter))
}

fn custom<'a>(unread: &mut Unread<'a>) -> Option<Event<'a>> {
    let at = unread.maybe(time)?;
    let custom = Custom {
        name: text(unread)?,
        data: value(unread)?,
    };
    event(unread, at, Action::Custom(custom))
}

fn line<'a>(unread: &mut Unread<'a>) -> Option<Event<'a>> {
    let at = unread.maybe(time)?;
    let bytes = Cow::Borrowed(unread.bytes()?);
    event(unread, at, Action::Line(Line { bytes }))
}

fn crash_note<'a>(unread: &mut Unread<'a>) -> Option<Event<'a>> {
    let at = unread.maybe(time)?;
    let crash = Crash {
        reason: unread.maybe(text)?,
        location: unread.maybe(text)?,
    };
    event(unread, at, Action::Crash(crash))
}

fn begin<'a>(unread: &mut Unread<'a>) -> Option<SpanStart<'a>> {
    Some(SpanStart {
        span: id(unread)?,
        parent: unread.maybe(id)?,
        kind: Kind(text(unread)?),
        name: text(unread)?,
        started_at: unread.maybe(time)?,
        trace_id: unread.maybe(id)?,
        otlp_kind: unread.maybe(Unread::byte)?.map(OtlpKind),
        fields: fields(unread)?,
    })
}

fn finish<'a>(unread: &mut Unread<'a>, span: Cow<'a, str>) -> Option<SpanEnd<'a>> {
    Some(SpanEnd {
        span,
        status: status(unread)?,
        status_message: unread.maybe(text)?,
        ended_at: unread.maybe(time)?,
        ended_by_drop: unread.bool()?,
        fields: fields(unread)?,
    })
}

fn fields<'a>(unread: &mut Unread<'a>) -> Option<SpanFields<'a>> {
    Some(SpanFields {
        input: unread.maybe(value)?,
        output: unread.maybe(value)?,
        model: unread.maybe(model)?,
        call_id: unread.maybe(id)?,
        tokens: unread.maybe(tokens)?,
        cost: unread.maybe(number)?,
        finish_reason: unread.maybe(text)?,
        attributes: members(unread)?,
    })
}

fn model<'a>(unread: &mut Unread<'a>) -> Option<Model<'a>> {
    Some(Model {
        model_id: unread.maybe(text)?,
        provider_id: unread.maybe(text)?,
        variant: unread.maybe(text)?,
    })
}

pub(super) fn tokens(unread: &mut Unread<'_>) -> Option<Tokens> {
    Some(Tokens {
        input: number(unread)?,
        output: number(unread)?,
        reasoning: number(unread)?,
        cache_read: number(unread)?,
        cache_write: number(unread)?,
    })
}

pub(super) fn status(unread: &mut Unread<'_>) -> Option<Status> {
    match unread.u32()? {
        0 => Some(Status::Unset),
        1 => Some(Status::Ok),
        2 => Some(Status::Error),
        _ => None,
    }
}

fn address(unread: &mut Unread<'_>) -> Option<Address> {
    let run = RunId {
        generation: Generation(unread.u32()?),
        random: unread.u64()?,
    };
    Some(Address {
        run,
        seq: Seq::new(unread.u64()?)?,
    })
}

fn text<'a>(unread: &mut Unread<'a>) -> Option<Cow<'a, str>> {
    unread.text().map(Cow::Borrowed)
}

/// The event, with the optional fields that end every payload.
fn event<'a>(
    unread: &mut Unread<'a>,
    at: Option<Timestamp>,
    action: Action<'a>,
) -> Option<Event<'a>> {
    let extras = match unread.skims() {
        true => no_extras(unread).map(|()| Vec::new())?,
        false => extras(unread)?,
    };
    unread.end()?;
    Some(with_extras(action, at, extras, all_members))
}

/// Members that take all of these bytes.
fn all_members(bytes: &[u8]) -> Option<Map<'_>> {
    let mut unread = Unread::new(bytes);
    let members = top_members(&mut unread)?;
    unread.end()?;
    Some(members)
}

/// An event with its optional fields; `members` tells what one of them says that holds members.
#[inline]
pub(super) fn with_extras<'a>(
    action: Action<'a>,
    at: Option<Timestamp>,
    extras: Extras<'a>,
    members: fn(&'a [u8]) -> Option<Map<'a>>,
) -> Event<'a> {
    let mut extra = Map::new();
    let mut unknown_extras = Vec::new();
    for (tag, bytes) in extras {
        // The first one of them; others, and those without any, stay as they are.
        let found = match bytes {
            Cow::Borrowed(bytes) if tag == extra_tag::MEMBERS && extra.is_empty() => members(bytes),
            _ => None,
        };
        match found.filter(|members| !members.is_empty()) {
            Some(members) => extra = members,
            None => unknown_extras.push((tag, bytes)),
        }
    }
    // Made where it goes: it is too long to be moved about.
    Event {
        session: None,
        at,
        action,
        extra,
        unknown_extras,
    }
}
