//! From an event to its payload. Borrows everything: the only copy is the one into the payload.
//!
//! FORMAT.md states the bytes; the functions write the fields in the order they have there.

use std::borrow::Cow;

use super::data::{put_members, put_top_members, put_value};
use super::extra_tag;
use super::field::{put_id, put_number, put_time};
use super::payload::Payload;
use crate::error::{Error, Result};
use crate::event::{
    Action, Counter, Crash, Custom, Event, Line, Link, Log, Model, SessionEnd, SessionStart,
    SessionStatus, SessionUpdate, SpanEnd, SpanFields, SpanStart, SpanUpdate, Status, Text, Tokens,
};
use crate::format::RecordKind;
use crate::seq::Address;
use crate::time::Timestamp;

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
    let mut payload = Payload::new(out);
    let (to, at) = (&mut payload, event.at);
    let kind = match &event.action {
        Action::SessionStart(start) => session_start(to, event.session.as_deref(), at, start),
        Action::SessionUpdate(update) => session_update(to, at, update),
        Action::SessionEnd(end) => session_end(to, at, end)?,
        Action::SpanStart(start) => span_start(to, at, start),
        Action::SpanUpdate(update) => span_update(to, at, update),
        Action::SpanEnd(end) => span_end(to, at, end),
        Action::Span(start, end) => span(to, at, start, end)?,
        Action::Text(piece) => text_piece(to, at, piece),
        Action::Log(line) => log(to, at, line),
        Action::Link(other) => link(to, at, other),
        Action::Counter(count) => counter(to, at, count),
        Action::Crash(crash) => crash_note(to, at, crash),
        Action::Custom(own) => custom(to, at, own),
        Action::Line(own) => line(to, at, own),
        Action::Unknown { kind, payload } => return unknown(to, *kind, payload),
    };
    extras(&mut payload, event)?;
    payload.end()?;
    Ok(kind)
}

fn session_start(
    to: &mut Payload<'_>,
    session: Option<&str>,
    at: Option<Timestamp>,
    start: &SessionStart<'_>,
) -> RecordKind {
    // Said again here, in case the declaration of the session index is lost.
    put_id(to, session.unwrap_or_default());
    to.maybe(at, put_time);
    maybe_id(to, &start.trace_id);
    maybe_text(to, &start.name);
    maybe_id(to, &start.span);
    maybe_id(to, &start.parent_session);
    to.maybe(start.forked_at, address);
    put_members(to, &start.metadata);
    RecordKind::SESSION_START
}

fn session_update(
    to: &mut Payload<'_>,
    at: Option<Timestamp>,
    update: &SessionUpdate<'_>,
) -> RecordKind {
    to.maybe(at, put_time);
    maybe_text(to, &update.name);
    put_members(to, &update.metadata);
    RecordKind::SESSION_UPDATE
}

fn session_end(
    to: &mut Payload<'_>,
    at: Option<Timestamp>,
    end: &SessionEnd<'_>,
) -> Result<RecordKind> {
    to.maybe(at, put_time);
    to.number(match end.status {
        SessionStatus::Completed => 0_u32,
        SessionStatus::Error => 1,
        SessionStatus::Running | SessionStatus::Crashed => {
            return Err(invalid(format!(
                "a session ends as completed or error, not as {}",
                end.status.as_str()
            )));
        }
    });
    maybe_text(to, &end.error);
    Ok(RecordKind::SESSION_END)
}

fn span_start(to: &mut Payload<'_>, at: Option<Timestamp>, start: &SpanStart<'_>) -> RecordKind {
    to.maybe(at, put_time);
    begin(to, start);
    RecordKind::SPAN_START
}

fn span_update(to: &mut Payload<'_>, at: Option<Timestamp>, update: &SpanUpdate<'_>) -> RecordKind {
    to.maybe(at, put_time);
    put_id(to, &update.span);
    maybe_text(to, &update.name);
    to.maybe(update.status, status);
    maybe_text(to, &update.status_message);
    fields(to, &update.fields);
    RecordKind::SPAN_UPDATE
}

fn span_end(to: &mut Payload<'_>, at: Option<Timestamp>, end: &SpanEnd<'_>) -> RecordKind {
    to.maybe(at, put_time);
    put_id(to, &end.span);
    finish(to, end);
    RecordKind::SPAN_END
}

fn span(
    to: &mut Payload<'_>,
    at: Option<Timestamp>,
    start: &SpanStart<'_>,
    end: &SpanEnd<'_>,
) -> Result<RecordKind> {
    if end.span != start.span && !end.span.is_empty() {
        return Err(invalid(format!(
            "a span started as {:?} ends as {:?}",
            start.span, end.span
        )));
    }
    to.maybe(at, put_time);
    begin(to, start);
    finish(to, end);
    Ok(RecordKind::SPAN)
}

fn text_piece(to: &mut Payload<'_>, at: Option<Timestamp>, piece: &Text<'_>) -> RecordKind {
    to.maybe(at, put_time);
    put_id(to, &piece.span);
    to.text(piece.channel.as_str());
    to.maybe(piece.offset, Payload::number);
    to.text(&piece.text);
    RecordKind::TEXT
}

fn log(to: &mut Payload<'_>, at: Option<Timestamp>, log: &Log<'_>) -> RecordKind {
    to.maybe(at, put_time);
    maybe_id(to, &log.span);
    maybe_text(to, &log.event_name);
    to.byte(log.level.0);
    put_value(to, &log.message);
    put_members(to, &log.attributes);
    RecordKind::LOG
}

fn link(to: &mut Payload<'_>, at: Option<Timestamp>, link: &Link<'_>) -> RecordKind {
    to.maybe(at, put_time);
    maybe_id(to, &link.span);
    maybe_id(to, &link.to_trace_id);
    maybe_id(to, &link.to_session);
    maybe_id(to, &link.to_span);
    put_members(to, &link.attributes);
    RecordKind::LINK
}

fn counter(to: &mut Payload<'_>, at: Option<Timestamp>, counter: &Counter<'_>) -> RecordKind {
    to.maybe(at, put_time);
    to.text(&counter.name);
    put_number(to, counter.value);
    maybe_text(to, &counter.unit);
    maybe_id(to, &counter.span);
    RecordKind::COUNTER
}

fn crash_note(to: &mut Payload<'_>, at: Option<Timestamp>, crash: &Crash<'_>) -> RecordKind {
    to.maybe(at, put_time);
    maybe_text(to, &crash.reason);
    maybe_text(to, &crash.location);
    RecordKind::CRASH_NOTE
}

fn custom(to: &mut Payload<'_>, at: Option<Timestamp>, custom: &Custom<'_>) -> RecordKind {
    to.maybe(at, put_time);
    to.text(&custom.name);
    put_value(to, &custom.data);
    RecordKind::CUSTOM
}

fn line(to: &mut Payload<'_>, at: Option<Timestamp>, line: &Line<'_>) -> RecordKind {
    to.maybe(at, put_time);
    to.bytes(&line.bytes);
    RecordKind::LINE
}

fn unknown(to: &mut Payload<'_>, kind: u8, payload: &[u8]) -> Result<RecordKind> {
    if kind == 0 || RecordKind(kind).is_system() {
        return Err(invalid(format!(
            "records of kind {kind} are the journal's own"
        )));
    }
    to.array(payload);
    Ok(RecordKind(kind))
}

fn begin(to: &mut Payload<'_>, start: &SpanStart<'_>) {
    put_id(to, &start.span);
    maybe_id(to, &start.parent);
    to.text(start.kind.as_str());
    to.text(&start.name);
    to.maybe(start.started_at, put_time);
    maybe_id(to, &start.trace_id);
    to.maybe(start.otlp_kind, |to, kind| to.byte(kind.0));
    fields(to, &start.fields);
}

fn finish(to: &mut Payload<'_>, end: &SpanEnd<'_>) {
    status(to, end.status);
    maybe_text(to, &end.status_message);
    to.maybe(end.ended_at, put_time);
    to.bool(end.ended_by_drop);
    fields(to, &end.fields);
}

fn fields(to: &mut Payload<'_>, fields: &SpanFields<'_>) {
    to.maybe(fields.input.as_ref(), put_value);
    to.maybe(fields.output.as_ref(), put_value);
    to.maybe(fields.model.as_ref(), model);
    maybe_id(to, &fields.call_id);
    to.maybe(fields.tokens.as_ref(), tokens);
    to.maybe(fields.cost, put_number);
    maybe_text(to, &fields.finish_reason);
    put_members(to, &fields.attributes);
}

fn model(to: &mut Payload<'_>, model: &Model<'_>) {
    maybe_text(to, &model.model_id);
    maybe_text(to, &model.provider_id);
    maybe_text(to, &model.variant);
}

fn tokens(to: &mut Payload<'_>, tokens: &Tokens) {
    put_number(to, tokens.input);
    put_number(to, tokens.output);
    put_number(to, tokens.reasoning);
    put_number(to, tokens.cache_read);
    put_number(to, tokens.cache_write);
}

fn status(to: &mut Payload<'_>, status: Status) {
    to.number(match status {
        Status::Unset => 0_u32,
        Status::Ok => 1,
        Status::Error => 2,
    });
}

fn address(to: &mut Payload<'_>, address: Address) {
    to.number(address.run.generation.0);
    to.number(address.run.random);
    to.number(address.seq.get());
}

fn maybe_id(to: &mut Payload<'_>, id: &Option<Cow<'_, str>>) {
    to.maybe(id.as_deref(), put_id);
}

fn maybe_text(to: &mut Payload<'_>, text: &Option<Cow<'_, str>>) {
    to.maybe(text.as_deref(), Payload::text);
}

/// The optional fields that end every payload.
fn extras(to: &mut Payload<'_>, event: &Event<'_>) -> Result<()> {
    let has_members = !event.extra.is_empty();
    to.count(usize::from(has_members) + event.unknown_extras.len());
    if has_members {
        let mut bytes = Vec::new();
        let mut members = Payload::new(&mut bytes);
        put_top_members(&mut members, &event.extra);
        members.end()?;
        to.number(extra_tag::MEMBERS);
        to.bytes(&bytes);
    }
    for (tag, bytes) in &event.unknown_extras {
        to.number(*tag);
        to.bytes(bytes);
    }
    Ok(())
}

pub(super) fn invalid(reason: String) -> Error {
    Error::InvalidEvent { reason }
}
