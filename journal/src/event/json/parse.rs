//! From one line of JSON to its event.

use std::borrow::Cow;

use bytes::Bytes;

use super::fields;
use super::members::{Members, invalid, missing};
use super::reserved;
use super::value::parse_object;
use crate::error::Result;
use crate::event::{
    Action, Channel, Counter, Crash, Custom, Event, Level, Line, Log, Number, SessionEnd,
    SessionStatus, SessionUpdate, SpanLink, Text, Value,
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
        // Files that were joined have them in the middle.
        let line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        let object = parse_object(line).map_err(invalid)?;
        let mut members = Members::new(object.members, "");
        let kind = match members.take_some("type") {
            None => return Err(missing("type")),
            Some(Value::String(ref mut kind)) => std::mem::take(kind),
            Some(other) => return Err(members.wrong("type", "a string", &other)),
        };
        let named = members.text("session");
        let at = members.time("at_ms", "at_ns");
        let run = take_address(&mut members);
        let action = parse_action(&kind, &mut members)?;
        let can_be_without = matches!(action, Some(Action::Crash(_) | Action::Unknown { .. }));
        let session = named.or(session.map(Cow::Borrowed));
        if session.is_none() && !can_be_without {
            return Err(missing("session"));
        }
        let (event, mut warnings) = match action {
            Some(action) => with_leftover(action, members, object.texts),
            None => {
                let left = members.finish();
                let mut event = Event::custom(kind, left.rest);
                note_converted(&mut event, left.converted.into_iter().chain(object.texts));
                (event, left.warnings)
            }
        };
        warnings.splice(0..0, object.warnings);
        let mut event = event;
        event.session = session;
        event.at = at;
        Ok(JsonLine {
            event,
            run,
            warnings,
        })
    }
}

/// The event of an action, with the members that have no place in it.
fn with_leftover<'a>(
    action: Action<'a>,
    mut members: Members<'a>,
    texts: Vec<String>,
) -> (Event<'a>, Vec<String>) {
    let mut event = Event::new(action);
    if let Some(Value::Map(_)) = members.peek("otel")
        && let Some(Value::Map(ref mut otel)) = members.take("otel")
    {
        event = event.with_otel(std::mem::take(otel));
    }
    let given = take_names(&mut members);
    let mut left = members.finish();
    let all = given.into_iter().chain(left.converted).chain(texts);
    note_converted(&mut event, all);
    if matches!(event.action, Action::Unknown { .. }) {
        event.appendix = None;
        let lost = std::mem::take(&mut left.rest).into_iter();
        let lost = lost.map(|(name, _)| format!("member \"{name}\" has no place; left out"));
        left.warnings.extend(lost);
    }
    event.extra = reserved::unwrapped(&event.action, left.rest);
    (event, left.warnings)
}

/// Names of members that were converted before, if that is what the member says.
fn take_names(members: &mut Members<'_>) -> Vec<String> {
    let is_name = |value: &Value<'_>| value.as_str().is_some();
    let given = members.peek("converted").and_then(Value::as_list);
    let given = given.filter(|names| names.iter().all(is_name) && names.len() <= NAMES_MAX);
    let names = given.map(|names| names.iter().filter_map(Value::as_str));
    let names: Option<Vec<String>> = names.map(|names| names.map(str::to_owned).collect());
    if names.is_some() {
        members.take("converted");
    }
    names.unwrap_or_default()
}

fn note_converted(event: &mut Event<'_>, names: impl Iterator<Item = String>) {
    for name in names {
        let known = &mut event.appendix.get_or_insert_default().converted;
        if !known.iter().any(|one| *one == name) && known.len() < NAMES_MAX {
            known.push(Cow::Owned(name));
        }
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
fn parse_action<'a>(kind: &str, members: &mut Members<'a>) -> Result<Option<Action<'a>>> {
    Ok(Some(match kind {
        "session.start" => Action::SessionStart(fields::session_start(members)),
        "session.update" => Action::SessionUpdate(SessionUpdate {
            name: members.text("name"),
            metadata: members.map("metadata"),
        }),
        "session.end" => Action::SessionEnd(session_end(members)),
        "span.start" => Action::SpanStart(fields::span_start(members)?),
        "span.update" => Action::SpanUpdate(fields::span_update(members)?),
        "span.end" => Action::SpanEnd(fields::span_end(members)?),
        "span" => {
            let (start, end) = fields::whole_span(members)?;
            Action::Span(start, Box::new(end))
        }
        "text" => Action::Text(Text {
            span: members.text("span").unwrap_or_default(),
            channel: members.text("channel").map_or(Channel::OUTPUT, Channel),
            offset: members.u64("offset"),
            text: members.text("text").unwrap_or_default(),
        }),
        "log" => Action::Log(log(members)),
        "link" => Action::Link(SpanLink {
            span: members.text("span"),
            to_trace_id: members.text("to_trace_id"),
            to_session: members.text("to_session"),
            to_span: members.text("to_span"),
            attributes: members.map("attributes"),
        }),
        "counter" => Action::Counter(Counter {
            name: members.text("name").ok_or_else(|| missing("name"))?,
            value: counted(members)?,
            unit: members.text("unit"),
            span: members.text("span"),
        }),
        "crash" => Action::Crash(Crash {
            reason: members.text("reason"),
            location: members.text("location"),
        }),
        "custom" => Action::Custom(Custom {
            name: members.text("name").ok_or_else(|| missing("name"))?,
            data: members.take("data").unwrap_or_default(),
        }),
        "line" => Action::Line(line(members)?),
        "unknown" => unknown(members)?,
        _ => return Ok(None),
    }))
}

/// The value of a counter, without which it is none.
fn counted(members: &mut Members<'_>) -> Result<Number> {
    let given = members.peek("value").cloned();
    match (members.number("value"), given) {
        (Some(value), _) => Ok(value),
        (None, None) => Ok(Number::ZERO),
        (None, Some(given)) => Err(members.wrong("value", "a number", &given)),
    }
}

/// A line is a text, or bytes that are none.
fn line<'a>(members: &mut Members<'a>) -> Result<Line<'a>> {
    if let Some(Value::Bytes(_)) = members.peek("line") {
        let mut value = members.take("line").unwrap_or_default();
        if let Value::Bytes(bytes) = &mut value {
            let bytes = std::mem::take(bytes);
            return Ok(Line { bytes });
        }
    }
    let text = members.text("line").ok_or_else(|| missing("line"))?;
    let bytes = match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    };
    Ok(Line { bytes })
}

/// Without a status, an error says it.
fn session_end<'a>(members: &mut Members<'a>) -> SessionEnd<'a> {
    let error = members.text("error");
    let words = [
        ("completed", SessionStatus::Completed),
        ("error", SessionStatus::Error),
    ];
    let status = members.word("status", &words, "\"completed\" or \"error\"");
    let implied = match &error {
        Some(_) => SessionStatus::Error,
        None => SessionStatus::Completed,
    };
    SessionEnd {
        status: status.unwrap_or(implied),
        error,
    }
}

fn log<'a>(members: &mut Members<'a>) -> Log<'a> {
    let level = members.take_some("level").map(|value| {
        let number = value.as_u64().and_then(|number| u8::try_from(number).ok());
        let level = number.map(Level);
        let level = level.or_else(|| named(&value));
        level.or_else(|| {
            let digits = value.as_str().and_then(|text| text.trim().parse().ok());
            let expected = "the name of a level or a severity number";
            members.convert("level", expected, value, digits.map(Level))
        })
    });
    Log {
        span: members.text("span"),
        event_name: members.text("event_name"),
        level: level.flatten().unwrap_or(Level::INFO),
        message: members.take("message").unwrap_or_default(),
        attributes: members.map("attributes"),
    }
}

/// The level of that name; numbers are numbers here.
fn named(value: &Value<'_>) -> Option<Level> {
    let name = value.as_str()?;
    let level: Level = name.parse().ok()?;
    name.parse::<u8>().is_err().then_some(level)
}

fn unknown<'a>(members: &mut Members<'a>) -> Result<Action<'a>> {
    let kind = members.u8("kind").ok_or_else(|| missing("kind"))?;
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

/// What some programs begin a text in UTF-8 with.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Names of converted members that an event has at most.
const NAMES_MAX: usize = 64;
