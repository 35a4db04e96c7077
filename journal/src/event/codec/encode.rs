//! From an event to its payload. Borrows everything: the only copy is the one into the payload.

use std::borrow::Cow;

use postcard::ser_flavors::Flavor;
use serde::Serialize;

use super::body;
use super::data::{Data, Members, TopMembers};
use super::extra_tag;
use super::field::{At, Count, Extras, Id, LongText};
use crate::error::{Error, Result};
use crate::event::{
    Action, Counter, Crash, Custom, Event, Link, Log, Map, Model, SessionEnd, SessionStart,
    SessionStatus, SessionUpdate, SpanEnd, SpanFields, SpanStart, SpanUpdate, Status, Text, Tokens,
    Value,
};
use crate::format::RecordKind;
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
    match &event.action {
        Action::SessionStart(start) => {
            let body = session_start(event, start)?;
            put(RecordKind::SESSION_START, &body, out)
        }
        Action::SessionUpdate(update) => {
            let body = session_update(event, update)?;
            put(RecordKind::SESSION_UPDATE, &body, out)
        }
        Action::SessionEnd(end) => put(RecordKind::SESSION_END, &session_end(event, end)?, out),
        Action::SpanStart(start) => put(RecordKind::SPAN_START, &span_start(event, start)?, out),
        Action::SpanUpdate(update) => {
            let body = span_update(event, update)?;
            put(RecordKind::SPAN_UPDATE, &body, out)
        }
        Action::SpanEnd(end) => put(RecordKind::SPAN_END, &span_end(event, end)?, out),
        Action::Span(start, end) => put(RecordKind::SPAN, &span(event, start, end)?, out),
        Action::Text(piece) => put(RecordKind::TEXT, &text_piece(event, piece)?, out),
        Action::Log(log) => put(RecordKind::LOG, &self::log(event, log)?, out),
        Action::Link(link) => put(RecordKind::LINK, &self::link(event, link)?, out),
        Action::Counter(counter) => {
            let body = self::counter(event, counter)?;
            put(RecordKind::COUNTER, &body, out)
        }
        Action::Crash(crash) => put(RecordKind::CRASH_NOTE, &crash_note(event, crash)?, out),
        Action::Custom(custom) => put(RecordKind::CUSTOM, &self::custom(event, custom)?, out),
        Action::Unknown { kind, payload } => {
            if *kind == 0 || RecordKind(*kind).is_system() {
                return Err(invalid(format!(
                    "records of kind {kind} are the journal's own"
                )));
            }
            out.extend_from_slice(payload);
            Ok(RecordKind(*kind))
        }
    }
}

fn session_start<'e>(
    event: &'e Event<'_>,
    start: &'e SessionStart<'_>,
) -> Result<body::SessionStart<'e>> {
    let forked_at = start.forked_at.map(|address| body::Place {
        generation: address.run.generation.0,
        random: address.run.random,
        seq: address.seq.get(),
    });
    Ok(body::SessionStart {
        id: Id::new(event.session.as_deref().unwrap_or_default()),
        at: time(event.at),
        trace_id: Id::maybe(start.trace_id.as_ref()),
        name: text(&start.name),
        span: Id::maybe(start.span.as_ref()),
        parent_session: Id::maybe(start.parent_session.as_ref()),
        forked_at,
        metadata: members(&start.metadata),
        extras: extras(event)?,
    })
}

fn session_update<'e>(
    event: &'e Event<'_>,
    update: &'e SessionUpdate<'_>,
) -> Result<body::SessionUpdate<'e>> {
    Ok(body::SessionUpdate {
        at: time(event.at),
        name: text(&update.name),
        metadata: members(&update.metadata),
        extras: extras(event)?,
    })
}

fn session_end<'e>(event: &'e Event<'_>, end: &'e SessionEnd<'_>) -> Result<body::SessionEnd<'e>> {
    Ok(body::SessionEnd {
        at: time(event.at),
        status: end_status(end.status)?,
        error: text(&end.error),
        extras: extras(event)?,
    })
}

fn span_start<'e>(event: &'e Event<'_>, start: &'e SpanStart<'_>) -> Result<body::SpanStart<'e>> {
    Ok(body::SpanStart {
        at: time(event.at),
        begin: begin(start),
        extras: extras(event)?,
    })
}

fn span_update<'e>(
    event: &'e Event<'_>,
    update: &'e SpanUpdate<'_>,
) -> Result<body::SpanUpdate<'e>> {
    Ok(body::SpanUpdate {
        at: time(event.at),
        span: Id::new(&update.span),
        name: text(&update.name),
        status: update.status.map(span_status),
        status_message: text(&update.status_message),
        fields: fields(&update.fields),
        extras: extras(event)?,
    })
}

fn span_end<'e>(event: &'e Event<'_>, end: &'e SpanEnd<'_>) -> Result<body::SpanEnd<'e>> {
    Ok(body::SpanEnd {
        at: time(event.at),
        span: Id::new(&end.span),
        finish: finish(end),
        extras: extras(event)?,
    })
}

fn span<'e>(
    event: &'e Event<'_>,
    start: &'e SpanStart<'_>,
    end: &'e SpanEnd<'_>,
) -> Result<body::Span<'e>> {
    if end.span != start.span && !end.span.is_empty() {
        let (start, end) = (&start.span, &end.span);
        return Err(invalid(format!(
            "a span started as {start:?} ends as {end:?}"
        )));
    }
    Ok(body::Span {
        at: time(event.at),
        begin: begin(start),
        finish: finish(end),
        extras: extras(event)?,
    })
}

fn text_piece<'e>(event: &'e Event<'_>, piece: &'e Text<'_>) -> Result<body::Text<'e>> {
    Ok(body::Text {
        at: time(event.at),
        span: Id::new(&piece.span),
        channel: piece.channel.as_str(),
        offset: piece.offset,
        text: LongText(&piece.text),
        extras: extras(event)?,
    })
}

fn log<'e>(event: &'e Event<'_>, log: &'e Log<'_>) -> Result<body::Log<'e>> {
    Ok(body::Log {
        at: time(event.at),
        span: Id::maybe(log.span.as_ref()),
        event_name: text(&log.event_name),
        level: log.level.0,
        message: data(&log.message),
        attributes: members(&log.attributes),
        extras: extras(event)?,
    })
}

fn link<'e>(event: &'e Event<'_>, link: &'e Link<'_>) -> Result<body::Link<'e>> {
    Ok(body::Link {
        at: time(event.at),
        span: Id::maybe(link.span.as_ref()),
        to_trace_id: Id::maybe(link.to_trace_id.as_ref()),
        to_session: Id::maybe(link.to_session.as_ref()),
        to_span: Id::maybe(link.to_span.as_ref()),
        attributes: members(&link.attributes),
        extras: extras(event)?,
    })
}

fn counter<'e>(event: &'e Event<'_>, counter: &'e Counter<'_>) -> Result<body::Counter<'e>> {
    Ok(body::Counter {
        at: time(event.at),
        name: &counter.name,
        value: Count::new(counter.value),
        unit: text(&counter.unit),
        span: Id::maybe(counter.span.as_ref()),
        extras: extras(event)?,
    })
}

fn crash_note<'e>(event: &'e Event<'_>, crash: &'e Crash<'_>) -> Result<body::CrashNote<'e>> {
    Ok(body::CrashNote {
        at: time(event.at),
        reason: text(&crash.reason),
        location: text(&crash.location),
        extras: extras(event)?,
    })
}

fn custom<'e>(event: &'e Event<'_>, custom: &'e Custom<'_>) -> Result<body::Custom<'e>> {
    Ok(body::Custom {
        at: time(event.at),
        name: &custom.name,
        data: data(&custom.data),
        extras: extras(event)?,
    })
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

fn end_status(status: SessionStatus) -> Result<body::EndStatus> {
    match status {
        SessionStatus::Completed => Ok(body::EndStatus::Completed),
        SessionStatus::Error => Ok(body::EndStatus::Error),
        SessionStatus::Running | SessionStatus::Crashed => Err(invalid(format!(
            "a session ends as completed or error, not as {}",
            status.as_str()
        ))),
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
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

fn invalid(reason: String) -> Error {
    Error::InvalidEvent { reason }
}
