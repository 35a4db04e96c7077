//! What an event is on the disk: its parts, borrowed.

use std::borrow::Cow;

use super::body;
use super::data::{Data, Members};
use super::field::{At, Count, Extras, Id};
use crate::event::{
    Counter, Crash, Custom, Event, Line, Link, Log, Map, Model, SessionEnd, SessionStart,
    SessionStatus, SessionUpdate, SpanEnd, SpanFields, SpanStart, SpanUpdate, Status, Text, Tokens,
    Value,
};
use crate::time::Timestamp;

pub(super) fn session_start<'e>(
    event: &'e Event<'_>,
    start: &'e SessionStart<'_>,
    extras: Extras<'e>,
) -> body::SessionStart<'e> {
    let forked_at = start.forked_at.map(|address| body::Place {
        generation: address.run.generation.0,
        random: address.run.random,
        seq: address.seq.get(),
    });
    body::SessionStart {
        id: Id::new(event.session.as_deref().unwrap_or_default()),
        at: time(event.at),
        trace_id: Id::maybe(start.trace_id.as_ref()),
        name: text(&start.name),
        span: Id::maybe(start.span.as_ref()),
        parent_session: Id::maybe(start.parent_session.as_ref()),
        forked_at,
        metadata: members(&start.metadata),
        extras,
    }
}

pub(super) fn session_update<'e>(
    event: &'e Event<'_>,
    update: &'e SessionUpdate<'_>,
    extras: Extras<'e>,
) -> body::SessionUpdate<'e> {
    body::SessionUpdate {
        at: time(event.at),
        name: text(&update.name),
        metadata: members(&update.metadata),
        extras,
    }
}

pub(super) fn session_end<'e>(
    event: &'e Event<'_>,
    end: &'e SessionEnd<'_>,
    extras: Extras<'e>,
) -> Option<body::SessionEnd<'e>> {
    Some(body::SessionEnd {
        at: time(event.at),
        status: end_status(end.status)?,
        error: text(&end.error),
        extras,
    })
}

pub(super) fn span_start<'e>(
    event: &'e Event<'_>,
    start: &'e SpanStart<'_>,
    extras: Extras<'e>,
) -> body::SpanStart<'e> {
    body::SpanStart {
        at: time(event.at),
        begin: begin(start),
        extras,
    }
}

pub(super) fn span_update<'e>(
    event: &'e Event<'_>,
    update: &'e SpanUpdate<'_>,
    extras: Extras<'e>,
) -> body::SpanUpdate<'e> {
    body::SpanUpdate {
        at: time(event.at),
        span: Id::new(&update.span),
        name: text(&update.name),
        status: update.status.map(span_status),
        status_message: text(&update.status_message),
        fields: fields(&update.fields),
        extras,
    }
}

pub(super) fn span_end<'e>(
    event: &'e Event<'_>,
    end: &'e SpanEnd<'_>,
    extras: Extras<'e>,
) -> body::SpanEnd<'e> {
    body::SpanEnd {
        at: time(event.at),
        span: Id::new(&end.span),
        finish: finish(end),
        extras,
    }
}

pub(super) fn span<'e>(
    event: &'e Event<'_>,
    start: &'e SpanStart<'_>,
    end: &'e SpanEnd<'_>,
    extras: Extras<'e>,
) -> body::Span<'e> {
    body::Span {
        at: time(event.at),
        begin: begin(start),
        finish: finish(end),
        extras,
    }
}

pub(super) fn text_piece<'e>(
    event: &'e Event<'_>,
    piece: &'e Text<'_>,
    extras: Extras<'e>,
) -> body::Text<'e> {
    body::Text {
        at: time(event.at),
        span: Id::new(&piece.span),
        channel: piece.channel.as_str(),
        offset: piece.offset,
        text: &piece.text,
        extras,
    }
}

pub(super) fn log<'e>(event: &'e Event<'_>, log: &'e Log<'_>, extras: Extras<'e>) -> body::Log<'e> {
    body::Log {
        at: time(event.at),
        span: Id::maybe(log.span.as_ref()),
        event_name: text(&log.event_name),
        level: log.level.0,
        message: data(&log.message),
        attributes: members(&log.attributes),
        extras,
    }
}

pub(super) fn link<'e>(
    event: &'e Event<'_>,
    link: &'e Link<'_>,
    extras: Extras<'e>,
) -> body::Link<'e> {
    body::Link {
        at: time(event.at),
        span: Id::maybe(link.span.as_ref()),
        to_trace_id: Id::maybe(link.to_trace_id.as_ref()),
        to_session: Id::maybe(link.to_session.as_ref()),
        to_span: Id::maybe(link.to_span.as_ref()),
        attributes: members(&link.attributes),
        extras,
    }
}

pub(super) fn counter<'e>(
    event: &'e Event<'_>,
    counter: &'e Counter<'_>,
    extras: Extras<'e>,
) -> body::Counter<'e> {
    body::Counter {
        at: time(event.at),
        name: &counter.name,
        value: Count::new(counter.value),
        unit: text(&counter.unit),
        span: Id::maybe(counter.span.as_ref()),
        extras,
    }
}

pub(super) fn crash_note<'e>(
    event: &'e Event<'_>,
    crash: &'e Crash<'_>,
    extras: Extras<'e>,
) -> body::CrashNote<'e> {
    body::CrashNote {
        at: time(event.at),
        reason: text(&crash.reason),
        location: text(&crash.location),
        extras,
    }
}

pub(super) fn custom<'e>(
    event: &'e Event<'_>,
    custom: &'e Custom<'_>,
    extras: Extras<'e>,
) -> body::Custom<'e> {
    body::Custom {
        at: time(event.at),
        name: &custom.name,
        data: data(&custom.data),
        extras,
    }
}

pub(super) fn line<'e>(
    event: &'e Event<'_>,
    line: &'e Line<'_>,
    extras: Extras<'e>,
) -> body::Line<'e> {
    body::Line {
        at: time(event.at),
        bytes: &line.bytes,
        extras,
    }
}

fn begin<'e>(start: &'e SpanStart<'_>) -> body::Begin<'e> {
    body::Begin {
        span: Id::new(&start.span),
        parent: Id::maybe(start.parent.as_ref()),
        kind: start.kind.as_str(),
        name: &start.name,
        started_at: time(start.started_at),
        trace_id: Id::maybe(start.trace_id.as_ref()),
        otlp_kind: start.otlp_kind.map(|kind| kind.0),
        fields: fields(&start.fields),
    }
}

fn finish<'e>(end: &'e SpanEnd<'_>) -> body::Finish<'e> {
    body::Finish {
        status: span_status(end.status),
        status_message: text(&end.status_message),
        ended_at: time(end.ended_at),
        ended_by_drop: end.ended_by_drop,
        fields: fields(&end.fields),
    }
}

fn fields<'e>(fields: &'e SpanFields<'_>) -> body::Fields<'e> {
    body::Fields {
        input: fields.input.as_ref().map(data),
        output: fields.output.as_ref().map(data),
        model: fields.model.as_ref().map(model),
        call_id: Id::maybe(fields.call_id.as_ref()),
        tokens: fields.tokens.as_ref().map(tokens),
        cost: fields.cost.map(Count::new),
        finish_reason: text(&fields.finish_reason),
        attributes: members(&fields.attributes),
    }
}

fn model<'e>(model: &'e Model<'_>) -> body::Model<'e> {
    body::Model {
        model_id: text(&model.model_id),
        provider_id: text(&model.provider_id),
        variant: text(&model.variant),
    }
}

fn tokens(tokens: &Tokens) -> body::Tokens {
    body::Tokens {
        input: Count::new(tokens.input),
        output: Count::new(tokens.output),
        reasoning: Count::new(tokens.reasoning),
        cache_read: Count::new(tokens.cache_read),
        cache_write: Count::new(tokens.cache_write),
    }
}

fn span_status(status: Status) -> body::SpanStatus {
    match status {
        Status::Unset => body::SpanStatus::Unset,
        Status::Ok => body::SpanStatus::Ok,
        Status::Error => body::SpanStatus::Error,
    }
}

fn end_status(status: SessionStatus) -> Option<body::EndStatus> {
    match status {
        SessionStatus::Completed => Some(body::EndStatus::Completed),
        SessionStatus::Error => Some(body::EndStatus::Error),
        SessionStatus::Running | SessionStatus::Crashed => None,
    }
}

fn text<'e>(text: &'e Option<Cow<'_, str>>) -> Option<&'e str> {
    text.as_deref()
}

fn time(time: Option<Timestamp>) -> Option<At> {
    time.map(At::new)
}

fn data<'e>(value: &'e Value<'_>) -> Data<'e> {
    Data(Cow::Borrowed(value))
}

fn members<'e>(map: &'e Map<'_>) -> Members<'e> {
    Members(Cow::Borrowed(map))
}
