//! From an event to its JSON form.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::reserved;
use crate::event::serialize::BYTES_MEMBER;
use crate::event::{
    Action, Event, Log, Map, Model, SessionStart, SpanEnd, SpanFields, SpanStart, SpanUpdate,
    Tokens, Value,
};
use crate::seq::Address;
use crate::time::Timestamp;

impl Serialize for Event<'_> {
    /// The JSON-lines form, which [`JsonLine::parse`](super::JsonLine::parse) reads back.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = ObjectWriter {
            map: serializer.serialize_map(None)?,
        };
        object.put("type", type_name(&self.action))?;
        object.option("session", self.session.as_ref())?;
        object.time("at_ms", "at_ns", self.at)?;
        object.action(&self.action)?;
        object.members("otel", self.otel())?;
        if self.converted().len() > 0 {
            object.put("converted", &self.converted().collect::<Vec<_>>())?;
        }
        let (plain, wrapped) = reserved::wrapped(&self.action, &self.extra);
        for (name, value) in plain {
            object.map.serialize_entry(name, value)?;
        }
        if !wrapped.is_empty() {
            object.put("extra", &Wrapped(&wrapped))?;
        }
        object.map.end()
    }
}

/// Members in an object of their own.
struct Wrapped<'w>(&'w [(&'w str, &'w Value<'w>)]);

impl Serialize for Wrapped<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}

impl Serialize for Model<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let members = [
            ("model_id", &self.model_id),
            ("provider_id", &self.provider_id),
            ("variant", &self.variant),
        ];
        for (name, member) in members {
            if let Some(member) = member {
                map.serialize_entry(name, member)?;
            }
        }
        map.end()
    }
}

impl Serialize for Tokens {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([
            ("input", self.input),
            ("output", self.output),
            ("reasoning", self.reasoning),
            ("cache_read", self.cache_read),
            ("cache_write", self.cache_write),
        ])
    }
}

/// The name an action has as a `type`.
fn type_name(action: &Action<'_>) -> &'static str {
    match action {
        Action::SessionStart(_) => "session.start",
        Action::SessionUpdate(_) => "session.update",
        Action::SessionEnd(_) => "session.end",
        Action::SpanStart(_) => "span.start",
        Action::SpanUpdate(_) => "span.update",
        Action::SpanEnd(_) => "span.end",
        Action::Span(..) => "span",
        Action::Text(_) => "text",
        Action::Log(_) => "log",
        Action::Link(_) => "link",
        Action::Counter(_) => "counter",
        Action::Crash(_) => "crash",
        Action::Custom(_) => "custom",
        Action::Line(_) => "line",
        Action::Unknown { .. } => "unknown",
    }
}

/// An object being written.
struct ObjectWriter<M> {
    map: M,
}

impl<M: SerializeMap> ObjectWriter<M> {
    fn put<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), M::Error> {
        self.map.serialize_entry(name, value)
    }

    fn option<T: Serialize>(&mut self, name: &str, value: Option<&T>) -> Result<(), M::Error> {
        match value {
            Some(value) => self.put(name, value),
            None => Ok(()),
        }
    }

    fn members(&mut self, name: &str, map: &Map<'_>) -> Result<(), M::Error> {
        if map.is_empty() {
            Ok(())
        } else {
            self.put(name, map)
        }
    }

    /// Milliseconds where they say all and every reader takes them for exact, else nanoseconds.
    fn time(&mut self, ms: &str, ns: &str, time: Option<Timestamp>) -> Result<(), M::Error> {
        let Some(time) = time else { return Ok(()) };
        let milliseconds = time.as_unix_milliseconds();
        let is_exact = Timestamp::from_unix_milliseconds(milliseconds) == time;
        if is_exact && milliseconds.unsigned_abs() <= EXACT_MAX {
            self.put(ms, &milliseconds)
        } else {
            self.put(ns, &time.as_unix_nanoseconds().to_string())
        }
    }

    fn action(&mut self, action: &Action<'_>) -> Result<(), M::Error> {
        match action {
            Action::SessionStart(start) => self.session_start(start),
            Action::SessionUpdate(update) => {
                self.option("name", update.name.as_ref())?;
                self.members("metadata", &update.metadata)
            }
            Action::SessionEnd(end) => {
                self.put("status", end.status.as_str())?;
                self.option("error", end.error.as_ref())
            }
            Action::SpanStart(start) => {
                self.begin(start)?;
                self.fields(&start.fields, &SpanFields::default())
            }
            Action::SpanUpdate(update) => self.span_update(update),
            Action::SpanEnd(end) => {
                self.put("span", &end.span)?;
                self.finish(end)?;
                self.fields(&end.fields, &SpanFields::default())
            }
            Action::Span(start, end) => {
                self.begin(start)?;
                self.finish(end)?;
                self.fields(&end.fields, &start.fields)
            }
            Action::Text(text) => {
                self.put("span", &text.span)?;
                self.put("channel", text.channel.as_str())?;
                self.option("offset", text.offset.as_ref())?;
                self.put("text", &text.text)
            }
            _ => self.note(action),
        }
    }

    fn note(&mut self, action: &Action<'_>) -> Result<(), M::Error> {
        match action {
            Action::Log(log) => self.log(log),
            Action::Link(link) => {
                self.option("span", link.span.as_ref())?;
                self.option("to_trace_id", link.to_trace_id.as_ref())?;
                self.option("to_session", link.to_session.as_ref())?;
                self.option("to_span", link.to_span.as_ref())?;
                self.members("attributes", &link.attributes)
            }
            Action::Counter(counter) => {
                self.put("name", &counter.name)?;
                self.put("value", &counter.value)?;
                self.option("unit", counter.unit.as_ref())?;
                self.option("span", counter.span.as_ref())
            }
            Action::Crash(crash) => {
                self.option("reason", crash.reason.as_ref())?;
                self.option("location", crash.location.as_ref())
            }
            Action::Custom(custom) => {
                self.put("name", &custom.name)?;
                self.put("data", &custom.data)
            }
            Action::Line(line) => match str::from_utf8(&line.bytes) {
                Ok(text) => self.put("line", text),
                Err(_) => self.put("line", &Value::Bytes(Cow::Borrowed(&line.bytes))),
            },
            Action::Unknown { kind, payload } => {
                self.put("kind", kind)?;
                self.put(
                    "data",
                    &Map::from([(BYTES_MEMBER, STANDARD.encode(payload))]),
                )
            }
            _ => Ok(()),
        }
    }

    fn session_start(&mut self, start: &SessionStart<'_>) -> Result<(), M::Error> {
        self.option("trace_id", start.trace_id.as_ref())?;
        self.option("name", start.name.as_ref())?;
        self.option("span", start.span.as_ref())?;
        self.option("parent_session", start.parent_session.as_ref())?;
        if let Some(Address { run, seq }) = start.forked_at {
            let run = Value::from(run.to_string());
            self.put(
                "forked_at",
                &Map::from([("run", run), ("seq", seq.get().into())]),
            )?;
        }
        self.members("metadata", &start.metadata)
    }

    fn span_update(&mut self, update: &SpanUpdate<'_>) -> Result<(), M::Error> {
        self.put("span", &update.span)?;
        self.option("name", update.name.as_ref())?;
        self.option(
            "status",
            update.status.map(|status| status.as_str()).as_ref(),
        )?;
        self.option("status_message", update.status_message.as_ref())?;
        self.fields(&update.fields, &SpanFields::default())
    }

    fn log(&mut self, log: &Log<'_>) -> Result<(), M::Error> {
        self.option("span", log.span.as_ref())?;
        self.option("event_name", log.event_name.as_ref())?;
        match log.level.name() {
            Some(name) => self.put("level", name)?,
            None => self.put("level", &log.level.0)?,
        }
        self.put("message", &log.message)?;
        self.members("attributes", &log.attributes)
    }

    fn begin(&mut self, start: &SpanStart<'_>) -> Result<(), M::Error> {
        self.put("span", &start.span)?;
        self.option("parent", start.parent.as_ref())?;
        self.put("kind", start.kind.as_str())?;
        self.put("name", &start.name)?;
        self.time("start_ms", "start_ns", start.started_at)?;
        self.option("trace_id", start.trace_id.as_ref())?;
        self.option("otlp_kind", start.otlp_kind.map(|kind| kind.0).as_ref())
    }

    fn finish(&mut self, end: &SpanEnd<'_>) -> Result<(), M::Error> {
        self.time("end_ms", "end_ns", end.ended_at)?;
        self.put("status", end.status.as_str())?;
        self.option("status_message", end.status_message.as_ref())?;
        if end.ended_by_drop {
            self.put("ended_by_drop", &true)?;
        }
        Ok(())
    }

    /// The fields, taken from `earlier` where `later` does not say.
    fn fields(&mut self, later: &SpanFields<'_>, earlier: &SpanFields<'_>) -> Result<(), M::Error> {
        let given = |value: &Option<Value<'_>>| value.as_ref().is_some_and(|v| !v.is_null());
        let value = |later, earlier| if given(later) { later } else { earlier };
        self.option("input", value(&later.input, &earlier.input).as_ref())?;
        self.option("output", value(&later.output, &earlier.output).as_ref())?;
        self.option("model", later.model.as_ref().or(earlier.model.as_ref()))?;
        self.option(
            "call_id",
            later.call_id.as_ref().or(earlier.call_id.as_ref()),
        )?;
        self.option("tokens", later.tokens.as_ref().or(earlier.tokens.as_ref()))?;
        self.option("cost", later.cost.as_ref().or(earlier.cost.as_ref()))?;
        let reason = later
            .finish_reason
            .as_ref()
            .or(earlier.finish_reason.as_ref());
        self.option("finish_reason", reason)?;
        if earlier.attributes.is_empty() {
            return self.members("attributes", &later.attributes);
        }
        let mut attributes = earlier.attributes.as_borrowed();
        attributes.extend(later.attributes.as_borrowed());
        self.members("attributes", &attributes)
    }
}

/// The largest integer every reader of JSON takes for exact: 2^53.
const EXACT_MAX: u64 = 1 << 53;
