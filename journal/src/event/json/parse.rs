//! From one line of JSON to its event.

use std::borrow::Cow;

use bytes::Bytes;

use super::fields;
use super::members::{Members, invalid, missing};
use super::value::parse_object;
use crate::error::Result;
use crate::event::{
    Action, Channel, Counter, Crash, Custom, Event, Level, Line, Log, SessionEnd, SessionStatus,
    SessionUpdate, SpanLink, Text, Value,
};
use crate::format::RecordKind;
use crate::seq::RunId;

/// An event read from its JSON form, and what was odd about it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct JsonLine<'a> {
    /// The event.
    pub event: Event<'a>,
    /// The run whose record the line was printed from, if it says so.
    pub run: Option<RunId>,
    /// What was taken in, but not as it stood: one sentence each.
    pub warnings: Vec<String>,
}

impl<'a> JsonLine<'a> {
    /// Reads one line; `session` is the session of an event that names none.
    ///
    /// A line without a time gives an event without one, which is the moment it is appended.
    ///
    /// # Errors
    /// [`Error::InvalidEvent`](crate::Error::InvalidEvent), saying which member is wrong and what
    /// was expected.
    pub fn parse(line: &'a [u8], session: Option<&'a str>) -> Result<JsonLine<'a>> {
        let text = simdutf8::compat::from_utf8(line)
            .map_err(|e| invalid(format!("not UTF-8 at byte {}", e.valid_up_to() + 1)))?;
        JsonLine::parse_text(text, session)
    }

    /// As [`parse`](JsonLine::parse), for a line that is known to be text.
    pub(crate) fn parse_text(line: &'a str, session: Option<&'a str>) -> Result<JsonLine<'a>> {
        let object = parse_object(line).map_err(invalid)?;
        let mut warnings = object.warnings;
        let mut members = Members::new(object.members, "");
        let kind = members.text("type")?.ok_or_else(|| missing("type"))?;
        let named = members.text("session")?;
        let at = members.time("at_ms", "at_ns")?;
        let run = take_address(&mut members);
        let action = parse_action(&kind, &mut members, &mut warnings)?;
        let can_be_without = matches!(action, Some(Action::Crash(_) | Action::Unknown { .. }));
        let session = named.or(session.map(Cow::Borrowed));
        if session.is_none() && !can_be_without {
            return Err(missing("session"));
        }
        let mut event = match action {
            Some(action) => {
                let mut event = Event::new(action);
                event.extra = members.rest();
                event
            }
            None => Event::custom(kind, members.rest()),
        };
        if matches!(event.action, Action::Unknown { .. }) {
            let lost = std::mem::take(&mut event.extra).into_iter();
            warnings
                .extend(lost.map(|(name, _)| format!("member \"{name}\" has no place; left out")));
        }
        event.session = session;
        event.at = at;
        Ok(JsonLine {
            event,
            run,
            warnings,
        })
    }
}

/// Takes out the address that `cat` puts on every line, because the record gets a new one, and
/// returns the run in it.
fn take_address(members: &mut Members<'_>) -> Option<RunId> {
    let run: RunId = members.peek("run")?.as_str()?.parse().ok()?;
    members.peek("seq")?.as_u64()?;
    members.take("run");
    members.take("seq");
    Some(run)
}

/// `None` for a type that is not one of the library's.
fn parse_action<'a>(
    kind: &str,
    members: &mut Members<'a>,
    warnings: &mut Vec<String>,
) -> Result<Option<Action<'a>>> {
    Ok(Some(match kind {
        "session.start" => Action::SessionStart(fields::session_start(members, warnings)?),
        "session.update" => Action::SessionUpdate(SessionUpdate {
            name: members.text("name")?,
            metadata: members.map("metadata")?,
        }),
        "session.end" => Action::SessionEnd(session_end(members)?),
        "span.start" => Action::SpanStart(fields::span_start(members, warnings)?),
        "span.update" => Action::SpanUpdate(fields::span_update(members, warnings)?),
        "span.end" => Action::SpanEnd(fields::span_end(members, warnings)?),
        "span" => {
            let (start, end) = fields::whole_span(members, warnings)?;
            Action::Span(start, Box::new(end))
        }
        "text" => Action::Text(Text {
            span: members.text("span")?.unwrap_or_default(),
            channel: members.text("channel")?.map_or(Channel::OUTPUT, Channel),
            offset: members.u64("offset")?,
            text: members.text("text")?.unwrap_or_default(),
        }),
        "log" => Action::Log(log(members)?),
        "link" => Action::Link(SpanLink {
            span: members.text("span")?,
            to_trace_id: members.text("to_trace_id")?,
            to_session: members.text("to_session")?,
            to_span: members.text("to_span")?,
            attributes: members.map("attributes")?,
        }),
        "counter" => Action::Counter(Counter {
            name: members.text("name")?.ok_or_else(|| missing("name"))?,
            value: members.number("value")?.unwrap_or_default(),
            unit: members.text("unit")?,
            span: members.text("span")?,
        }),
        "crash" => Action::Crash(Crash {
            reason: members.text("reason")?,
            location: members.text("location")?,
        }),
        "custom" => Action::Custom(Custom {
            name: members.text("name")?.ok_or_else(|| missing("name"))?,
            data: members.take("data").unwrap_or_default(),
        }),
        "line" => Action::Line(line(members)?),
        "unknown" => unknown(members)?,
        _ => return Ok(None),
    }))
}

/// A line is a text, or bytes that are none.
fn line<'a>(members: &mut Members<'a>) -> Result<Line<'a>> {
    let bytes = match &mut members.take("line").ok_or_else(|| missing("line"))? {
        Value::String(text) => match std::mem::take(text) {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        },
        Value::Bytes(bytes) => std::mem::take(bytes),
        _ => return Err(invalid("\"line\" is no text and no bytes".to_owned())),
    };
    Ok(Line { bytes })
}

/// Without a status, an error says it.
fn session_end<'a>(members: &mut Members<'a>) -> Result<SessionEnd<'a>> {
    let error = members.text("error")?;
    let words = [
        ("completed", SessionStatus::Completed),
        ("error", SessionStatus::Error),
    ];
    let status = members.word("status", &words, "\"completed\" or \"error\"")?;
    let implied = match &error {
        Some(_) => SessionStatus::Error,
        None => SessionStatus::Completed,
    };
    Ok(SessionEnd {
        status: status.unwrap_or(implied),
        error,
    })
}

fn log<'a>(members: &mut Members<'a>) -> Result<Log<'a>> {
    let level = match members.take_some("level") {
        None => Level::INFO,
        Some(value) => {
            let number = value.as_u64().and_then(|number| u8::try_from(number).ok());
            let level = number.map(Level).or_else(|| named(&value));
            let expected = "the name of a level or a severity number";
            level.ok_or_else(|| members.wrong("level", expected, &value))?
        }
    };
    Ok(Log {
        span: members.text("span")?,
        event_name: members.text("event_name")?,
        level,
        message: members.take("message").unwrap_or_default(),
        attributes: members.map("attributes")?,
    })
}

/// The level of that name; numbers are numbers here.
fn named(value: &Value<'_>) -> Option<Level> {
    let name = value.as_str()?;
    let level: Level = name.parse().ok()?;
    name.parse::<u8>().is_err().then_some(level)
}

fn unknown<'a>(members: &mut Members<'a>) -> Result<Action<'a>> {
    let kind = members.u8("kind")?.ok_or_else(|| missing("kind"))?;
    if kind == 0 || RecordKind(kind).is_system() {
        let reason = format!("member \"kind\": records of kind {kind} are the journal's own");
        return Err(invalid(reason));
    }
    match members.take("data") {
        Some(Value::Bytes(ref mut payload)) => Ok(Action::Unknown {
            kind,
            payload: Bytes::from(std::mem::take(payload).into_owned()),
        }),
        other => {
            let expected = "{\"$bytes\": \"<base64>\"}";
            Err(members.wrong("data", expected, &other.unwrap_or_default()))
        }
    }
}
