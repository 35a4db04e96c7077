//! Records as lines for people: when, which session, what happened.

use std::collections::BTreeMap;

use trace_journal::event::{Action, SpanEnd, SpanStart};
use trace_journal::reader::Gap;
use trace_journal::{Event, Record, SpanKind, SpanStatus, Timestamp, Value};

use super::details::level;
use crate::addresses::Addresses;
use crate::escape::one_line;
use crate::format::{counted, duration};
use crate::headline::{argument_of, on_one_line, short_model};
use crate::quote::short_ids;
use crate::time::Clock;

/// What is known of spans and sessions on the way through the records.
pub(crate) struct RecordLines {
    addresses: Addresses,
    ids: BTreeMap<String, String>,
    /// Spans that are open: what they are called, and since when.
    spans: BTreeMap<(String, String), (String, Option<Timestamp>)>,
    /// Where sessions work.
    dirs: BTreeMap<String, String>,
    is_short: bool,
    has_addresses: bool,
}

impl RecordLines {
    /// For a journal with these sessions; short where a person is looking.
    pub(crate) fn new<'i>(
        addresses: Addresses,
        ids: impl Iterator<Item = &'i str>,
        is_short: bool,
        has_addresses: bool,
    ) -> RecordLines {
        let ids: Vec<&str> = ids.collect();
        let short = match is_short {
            true => short_ids(&ids, SHORT_ID_ROOM),
            false => ids.iter().map(|id| crate::quote::quoted(id)).collect(),
        };
        RecordLines {
            addresses,
            ids: ids.into_iter().map(str::to_owned).zip(short).collect(),
            spans: BTreeMap::new(),
            dirs: BTreeMap::new(),
            is_short,
            has_addresses,
        }
    }

    /// A record as a line.
    pub(crate) fn line(&mut self, record: &Record, clock: &Clock) -> String {
        let event = record.event();
        let mut parts = Vec::new();
        if self.has_addresses {
            parts.push(format!("{}:{}", self.addresses.run(record.run), record.seq));
        }
        parts.push(match event.at {
            Some(at) if self.is_short => clock.exact_time(at),
            Some(at) => clock.for_programs(at),
            None => "-".to_owned(),
        });
        if let Some(session) = record.session.as_deref() {
            let id = self.ids.get(session).cloned();
            parts.push(id.unwrap_or_else(|| crate::quote::quoted(session)));
        }
        parts.push(match record.kind.system_name() {
            Some(name) => {
                let len = u64::try_from(record.payload.len()).unwrap_or(u64::MAX);
                format!("{name}, {}", counted(len, "byte", "bytes"))
            }
            None => self.what(record, &event),
        });
        one_line(&parts.join("  ")).into_owned()
    }

    /// The day that a person sees above the record.
    pub(crate) fn day(&self, record: &Record, clock: &Clock) -> Option<String> {
        let at = record.event().at.filter(|_| self.is_short)?;
        Some(clock.day_and_offset(at))
    }

    /// A gap as a line.
    pub(crate) fn gap(&self, gap: &Gap) -> String {
        let run = self.addresses.run(gap.run);
        let range = match gap.last {
            Some(last) if last == gap.first => format!("{run}:{last}"),
            Some(last) => format!("{run}:{} to {run}:{last}", gap.first),
            None => format!("{run}:{} and what followed", gap.first),
        };
        let durable = match gap.fate {
            trace_journal::report::Fate::Durable => "lost, had been durable",
            trace_journal::report::Fate::Written => "lost, had been written, in memory",
            _ => "missing, never seen durable",
        };
        format!("{range}  {durable}: {}", gap.reason)
    }

    /// What the record says.
    fn what(&mut self, record: &Record, event: &Event<'_>) -> String {
        let session = record.session.as_deref().unwrap_or_default();
        match &event.action {
            Action::SessionStart(start) => {
                let dir = start.metadata.get("cwd").and_then(Value::as_str);
                let dir = dir.map(|dir| (session.to_owned(), dir.to_owned()));
                self.dirs.extend(dir);
                let title = start.metadata.get("title").and_then(Value::as_str);
                told("session starts", title.unwrap_or_default())
            }
            Action::SessionUpdate(update) => {
                let names: Vec<&str> = update.metadata.iter().map(|(name, _)| name).collect();
                told("session set", &names.join(", "))
            }
            Action::SessionEnd(end) => told(
                &format!("session ended, {}", end.status.as_str()),
                end.error.as_deref().unwrap_or_default(),
            ),
            Action::SpanStart(start) => self.start(session, start, event.at),
            Action::SpanUpdate(update) => format!("{} set", self.name(session, &update.span)),
            Action::SpanEnd(end) => self.end(session, end, event.at),
            Action::Span(start, end) => {
                let started = self.start(session, start, event.at);
                let ended = self.end(session, end, event.at);
                format!("{started}; {ended}")
            }
            Action::Text(text) => {
                let name = self.name(session, &text.span);
                let channel = match text.channel.as_str() {
                    "output" => String::new(),
                    channel => format!(" {channel}"),
                };
                format!("{name}{channel} | {}", on_one_line(&text.text))
            }
            Action::Log(log) => {
                let span = log.span.as_deref().map(|span| self.name(session, span));
                let span = span.map_or_else(String::new, |span| format!("{span} "));
                let level = level(log.level);
                format!("{span}{level}: {}", on_one_line(&text(&log.message)))
            }
            Action::Link(link) => {
                let span = self.name(session, link.span.as_deref().unwrap_or_default());
                let to = [&link.to_session, &link.to_span, &link.to_trace_id];
                let to: Vec<&str> = to.into_iter().flatten().map(AsRef::as_ref).collect();
                format!("{span} links to {}", to.join(" "))
            }
            Action::Counter(counter) => {
                let value = crate::format::amount(counter.value);
                let unit = counter.unit.as_deref().unwrap_or_default();
                format!("{} = {value} {unit}", counter.name)
                    .trim_end()
                    .to_owned()
            }
            Action::Crash(crash) => told("crash", crash.reason.as_deref().unwrap_or_default()),
            Action::Custom(custom) => told(&custom.name, &on_one_line(&text(&custom.data))),
            Action::Line(line) => format!("| {}", String::from_utf8_lossy(&line.bytes)),
            _ => format!(
                "record of kind {}: {}",
                record.kind.get(),
                String::from_utf8_lossy(&record.payload)
            ),
        }
    }

    fn start(&mut self, session: &str, start: &SpanStart<'_>, at: Option<Timestamp>) -> String {
        let model = start
            .fields
            .model
            .as_ref()
            .and_then(|model| model.model_id.as_deref());
        let model = model.filter(|_| start.kind == SpanKind::GENERATION);
        let name = match model {
            Some(model) => short_model(model),
            None if start.kind == SpanKind::USER_MESSAGE => "user",
            None if start.name.is_empty() => start.kind.as_str(),
            None => &start.name,
        };
        let name = on_one_line(name);
        let key = (session.to_owned(), start.span.clone().into_owned());
        self.spans
            .insert(key, (name.clone(), start.started_at.or(at)));
        let dir = self.dirs.get(session).map(String::as_str);
        let input = start.fields.input.as_ref();
        let input = input
            .and_then(|input| argument_of(input, dir))
            .unwrap_or_default();
        told(&format!("{name} starts"), &on_one_line(&input))
    }

    fn end(&mut self, session: &str, end: &SpanEnd<'_>, at: Option<Timestamp>) -> String {
        let key = (session.to_owned(), end.span.clone().into_owned());
        let known = self.spans.remove(&key);
        let (name, started) = known.unwrap_or_else(|| (end.span.clone().into_owned(), None));
        let mut words = vec![format!("{name} ended")];
        match end.status {
            SpanStatus::Error => words.push("error".to_owned()),
            _ if end.ended_by_drop => words.push("dropped".to_owned()),
            _ => {}
        }
        let lasted = end.ended_at.or(at).zip(started);
        words.extend(lasted.map(|(end, start)| duration(end.nanoseconds_since(start))));
        let message = end.status_message.as_deref().map(on_one_line);
        told(&words.join(", "), &message.unwrap_or_default())
    }

    /// What an open span is called; any other has its id.
    fn name(&self, session: &str, span: &str) -> String {
        let key = (session.to_owned(), span.to_owned());
        match self.spans.get(&key) {
            Some((name, _)) => name.clone(),
            None => on_one_line(span),
        }
    }
}

/// The type of an event as JSON has it.
pub(crate) fn type_name<'e>(action: &'e Action<'_>) -> &'e str {
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
        Action::Custom(custom) => &custom.name,
        Action::Line(_) => "line",
        _ => "unknown",
    }
}

const SHORT_ID_ROOM: usize = 12;

/// What happened, and the words that go with it if there are some.
fn told(what: &str, words: &str) -> String {
    match words.trim() {
        "" => what.to_owned(),
        words => format!("{what}: {words}"),
    }
}

fn text(value: &Value<'_>) -> String {
    match value.as_str() {
        Some(text) => text.to_owned(),
        None => serde_json::to_string(value).unwrap_or_default(),
    }
}
