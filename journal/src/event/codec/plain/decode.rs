//! From a payload to its event by serde.

use std::borrow::Cow;

use serde::Deserialize;

use super::body;
use super::data::TopMembers;
use super::field::{At, Extras};
use crate::event::codec::decode::with_extras;
use crate::event::{
    Action, Channel, Counter, Crash, Custom, Event, Kind, Level, Line, Link, Log, Model, OtlpKind,
    SessionEnd, SessionStart, SessionStatus, SessionUpdate, SpanEnd, SpanFields, SpanStart,
    SpanUpdate, Status, Text, Tokens,
};
use crate::format::RecordKind;
use crate::seq::{Address, Generation, RunId, Seq};
use crate::time::Timestamp;

/// `None` if the payload is not understood.
pub(crate) fn decode_known(kind: RecordKind, payload: &[u8]) -> Option<Event<'_>> {
    match kind {
        RecordKind::SESSION_START => decode_session_start(payload),
        RecordKind::SESSION_UPDATE => decode_session_update(payload),
        RecordKind::SESSION_END => decode_session_end(payload),
        RecordKind::SPAN_START => decode_span_start(payload),
        RecordKind::SPAN_UPDATE => decode_span_update(payload),
        RecordKind::SPAN_END => decode_span_end(payload),
        RecordKind::SPAN => decode_span(payload),
        RecordKind::TEXT => decode_text(payload),
        RecordKind::LOG => decode_log(payload),
        RecordKind::LINK => decode_link(payload),
        RecordKind::COUNTER => decode_counter(payload),
        RecordKind::CUSTOM => decode_custom(payload),
        RecordKind::CRASH_NOTE => decode_crash(payload),
        RecordKind::LINE => decode_line(payload),
        _ => None,
    }
}

fn decode_session_start(payload: &[u8]) -> Option<Event<'_>> {
    let body: body::SessionStart<'_> = take(payload)?;
    let forked_at = match body.forked_at {
        Some(place) => Some(address(place)?),
        None => None,
    };
    let action = Action::SessionStart(SessionStart {
        trace_id: body.trace_id.map(|id| id.into_text()),
        name: body.name.map(Cow::Borrowed),
        span: body.span.map(|id| id.into_text()),
        parent_session: body.parent_session.map(|id| id.into_text()),
        forked_at,
        metadata: body.metadata.0.into_owned(),
    });
    Some(event(action, body.at, body.extras)?.in_session(body.id.into_text()))
}

fn decode_session_update(payload: &[u8]) -> Option<Event<'_>> {
    let body: body::SessionUpdate<'_> = take(payload)?;
    let action = Action::SessionUpdate(SessionUpdate {
        name: body.name.map(Cow::Borrowed),
        metadata: body.metadata.0.into_owned(),
    });
    event(action, body.at, body.extras)
}

fn decode_session_end(payload: &[u8]) -> Option<Event<'_>> {
    let body: body::SessionEnd<'_> = take(payload)?;
    let action = Action::SessionEnd(SessionEnd {
        status: match body.status {
            body::EndStatus::Completed => SessionStatus::Completed,
            body::EndStatus::Error => SessionStatus::Error,
        },
        error: body.error.map(Cow::Borrowed),
    });
    event(action, body.at, body.extras)
}

fn decode_span_start(payload: &[u8]) -> Option<Event<'_>> {
    let body: body::SpanStart<'_> = take(payload)?;
    event(
        Action::SpanStart(span_start(body.begin)?),
        body.at,
        body.extras,
    )
}

fn decode_span_update(payload: &[u8]) -> Option<Event<'_>> {
    let body: body::SpanUpdate<'_> = take(payload)?;
    let action = Action::SpanUpdate(SpanUpdate {
        span: body.span.into_text(),
        name: body.name.map(Cow::Borrowed),
        status: body.status.map(status),
        status_message: body.status_message.map(Cow::Borrowed),
        fields: fields(body.fields)?,
    });
    event(action, body.at, body.extras)
}

fn decode_span_end(payload: &[u8]) -> Option<Event<'_>> {
    let body: body::SpanEnd<'_> = take(payload)?;
    let end = span_end(body.span.into_text(), body.finish)?;
    event(Action::SpanEnd(end), body.at, body.extras)
}

fn decode_span(payload: &[u8]) -> Option<Event<'_>> {
    let body: body::Span<'_> = take(payload)?;
    let start = span_start(body.begin)?;
    let end = span_end(start.span.clone(), body.finish)?;
    event(Action::Span(start, Box::new(end)), body.at, body.extras)
}

fn decode_text(payload: &[u8]) -> Option<Event<'_>> {
    let body: body::Text<'_> = take(payload)?;
    let action = Action::Text(Text {
        span: body.span.into_text(),
        channel: Channel(Cow::Borrowed(body.channel)),
        offset: body.offset,
        text: Cow::Borrowed(body.text),
    });
    event(action, body.at, body.extras)
}

fn decode_log(payload: &[u8]) -> Option<Event<'_>> {
    let body: body::Log<'_> = take(payload)?;
    let action = Action::Log(Log {
        span: body.span.map(|id| id.into_text()),
        event_name: body.event_name.map(Cow::Borrowed),
        level: Level(body.level),
        message: body.message.0.into_owned(),
        attributes: body.attributes.0.into_owned(),
    });
    event(action, body.at, body.extras)
}

fn decode_link(payload: &[u8]) -> Option<Event<'_>> {
    let body: body::Link<'_> = take(payload)?;
    let action = Action::Link(Link {
        span: body.span.map(|id| id.into_text()),
        to_trace_id: body.to_trace_id.map(|id| id.into_text()),
        to_session: body.to_session.map(|id| id.into_text()),
        to_span: body.to_span.map(|id| id.into_text()),
        attributes: body.attributes.0.into_owned(),
    });
    event(action, body.at, body.extras)
}

fn decode_counter(payload: &[u8]) -> Option<Event<'_>> {
    let body: body::Counter<'_> = take(payload)?;
    let action = Action::Counter(Counter {
        name: Cow::Borrowed(body.name),
        value: body.value.into_number()?,
        unit: body.unit.map(Cow::Borrowed),
        span: body.span.map(|id| id.into_text()),
    });
    event(action, body.at, body.extras)
}

fn decode_custom(payload: &[u8]) -> Option<Event<'_>> {
    let body: body::Custom<'_> = take(payload)?;
    let action = Action::Custom(Custom {
        name: Cow::Borrowed(body.name),
        data: body.data.0.into_owned(),
    });
    event(action, body.at, body.extras)
}

fn decode_line(payload: &[u8]) -> Option<Event<'_>> {
    let body: body::Line<'_> = take(payload)?;
    let action = Action::Line(Line {
        bytes: Cow::Borrowed(body.bytes),
    });
    event(action, body.at, body.extras)
}

fn decode_crash(payload: &[u8]) -> Option<Event<'_>> {
    let body: body::CrashNote<'_> = take(payload)?;
    let action = Action::Crash(Crash {
        reason: body.reason.map(Cow::Borrowed),
        location: body.location.map(Cow::Borrowed),
    });
    event(action, body.at, body.extras)
}

fn span_start(begin: body::Begin<'_>) -> Option<SpanStart<'_>> {
    Some(SpanStart {
        span: begin.span.into_text(),
        parent: begin.parent.map(|id| id.into_text()),
        kind: Kind(Cow::Borrowed(begin.kind)),
        name: Cow::Borrowed(begin.name),
        started_at: decode_time(begin.started_at)?,
        trace_id: begin.trace_id.map(|id| id.into_text()),
        otlp_kind: begin.otlp_kind.map(OtlpKind),
        fields: fields(begin.fields)?,
    })
}

fn span_end<'a>(span: Cow<'a, str>, finish: body::Finish<'a>) -> Option<SpanEnd<'a>> {
    Some(SpanEnd {
        span,
        status: status(finish.status),
        status_message: finish.status_message.map(Cow::Borrowed),
        ended_at: decode_time(finish.ended_at)?,
        ended_by_drop: finish.ended_by_drop,
        fields: fields(finish.fields)?,
    })
}

fn fields(fields: body::Fields<'_>) -> Option<SpanFields<'_>> {
    Some(SpanFields {
        input: fields.input.map(|data| data.0.into_owned()),
        output: fields.output.map(|data| data.0.into_owned()),
        model: fields.model.map(|model| Model {
            model_id: model.model_id.map(Cow::Borrowed),
            provider_id: model.provider_id.map(Cow::Borrowed),
            variant: model.variant.map(Cow::Borrowed),
        }),
        call_id: fields.call_id.map(|id| id.into_text()),
        tokens: match fields.tokens {
            Some(parts) => Some(tokens(parts)?),
            None => None,
        },
        cost: match fields.cost {
            Some(cost) => Some(cost.into_number()?),
            None => None,
        },
        finish_reason: fields.finish_reason.map(Cow::Borrowed),
        attributes: fields.attributes.0.into_owned(),
    })
}

fn tokens(parts: body::Tokens) -> Option<Tokens> {
    Some(Tokens {
        input: parts.input.into_number()?,
        output: parts.output.into_number()?,
        reasoning: parts.reasoning.into_number()?,
        cache_read: parts.cache_read.into_number()?,
        cache_write: parts.cache_write.into_number()?,
    })
}

fn status(status: body::SpanStatus) -> Status {
    match status {
        body::SpanStatus::Unset => Status::Unset,
        body::SpanStatus::Ok => Status::Ok,
        body::SpanStatus::Error => Status::Error,
    }
}

fn address(place: body::Place) -> Option<Address> {
    let run = RunId {
        generation: Generation(place.generation),
        random: place.random,
    };
    Some(Address {
        run,
        seq: Seq::new(place.seq)?,
    })
}

fn event<'a>(action: Action<'a>, at: Option<At>, extras: Extras<'a>) -> Option<Event<'a>> {
    let members = |bytes| take(bytes).map(|members: TopMembers<'_>| members.0.into_owned());
    Some(with_extras(action, decode_time(at)?, extras.0, members))
}

/// A structure that takes the whole payload.
fn take<'a, T: Deserialize<'a>>(payload: &'a [u8]) -> Option<T> {
    match postcard::take_from_bytes(payload) {
        Ok((body, [])) => Some(body),
        _ => None,
    }
}

/// `None` when the body is not one this library writes.
fn decode_time(at: Option<At>) -> Option<Option<Timestamp>> {
    match at {
        None => Some(None),
        Some(at) => at.into_time().map(Some),
    }
}
