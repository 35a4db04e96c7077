//! Spans and facts as lines for people.

use anstyle::{AnsiColor, Style};
use trace_journal::snapshot::SpanSnapshot;
use trace_journal::{Level, SessionStatus, Status, Value};

use crate::escape::one_line;
use crate::failure::Outcome;
use crate::output::Output;
use crate::text::{columns, counted, cut, duration, grouped, number, pad};

const QUIET: Style = Style::new().dimmed();
const STRONG: Style = Style::new().bold();
const INTERRUPTED: Style = AnsiColor::Yellow.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const GOOD: Style = AnsiColor::Green.on_default();
const BUSY: Style = AnsiColor::Cyan.on_default();

/// Longest line of text shown where no terminal sets a limit.
const COLUMNS_MAX: usize = 500;

/// Last lines of text shown of a span that was at work when it died; of any other, the first one.
const LINES_AT_WORK: usize = 12;

/// Log lines shown of a span.
const LOGS_MAX: usize = 5;

/// The colour of a session's status.
pub(crate) fn status_style(status: SessionStatus) -> Style {
    match status {
        SessionStatus::Completed => GOOD,
        SessionStatus::Running => BUSY,
        _ => BAD,
    }
}

/// A fact with its name before it.
pub(crate) fn label(name: &str, fact: &str, output: &mut Output) -> Outcome<()> {
    let name = output.paint(QUIET, &pad(name, 9));
    output.line(&format!("  {name}  {}", one_line(fact)))
}

/// A span on one line: kind, name, duration, how it stands.
pub(crate) fn span_line(span: &SpanSnapshot, output: &Output) -> String {
    let kind = output.paint(QUIET, &one_line(span.kind().as_str()));
    let name = output.paint(STRONG, &one_line(span.name()));
    let mut line = format!("{kind} {name}");
    let mut facts = Vec::new();
    if let Some(model) = span.model() {
        let parts = [&model.provider_id, &model.model_id, &model.variant];
        let parts: Vec<&str> = parts.into_iter().flatten().map(AsRef::as_ref).collect();
        facts.push(one_line(&parts.join("/")).into_owned());
    }
    if let Some(tokens) = span.tokens() {
        let (input, output) = (number(tokens.input), number(tokens.output));
        facts.push(format!("{} in, {} out", grouped(&input), grouped(&output)));
    }
    facts.extend(span.cost().map(|cost| format!("cost {}", number(cost))));
    facts.extend(span.duration_nanoseconds().map(duration));
    for fact in facts {
        line.push_str("  ");
        line.push_str(&fact);
    }
    line.push_str("  ");
    line.push_str(&mark(span, output));
    line
}

/// How the span stands, in colour.
fn mark(span: &SpanSnapshot, output: &Output) -> String {
    if span.is_interrupted() {
        return output.paint(INTERRUPTED, "interrupted");
    }
    match (span.status(), span.ended_at()) {
        (Status::Error, _) => output.paint(BAD, "error"),
        (_, None) => output.paint(BUSY, "open"),
        (Status::Ok, _) => output.paint(GOOD, "ok"),
        (_, Some(_)) if span.ended_by_drop() => output.paint(QUIET, "dropped"),
        (_, Some(_)) => output.paint(QUIET, "ended"),
    }
}

/// What else is known of the span, below its line.
pub(crate) fn span_details(span: &SpanSnapshot, below: &str, output: &mut Output) -> Outcome<()> {
    let is_at_work = span.ended_at().is_none() || span.is_interrupted();
    let mut details = Details { below, output };
    if let Some(words) = span.status_message() {
        details.fact("says", &one_line(words))?;
    }
    if let Some(input) = span.input() {
        details.value("input", input)?;
    }
    for (channel, text) in span.texts() {
        let channel = one_line(channel);
        if is_at_work {
            details.end_of(&format!("{channel} so far"), text)?;
        } else {
            details.start_of(&channel, text)?;
        }
    }
    if let Some(result) = span.output() {
        details.value("result", result)?;
    }
    if !span.attributes().is_empty() {
        let pairs = span.attributes().iter();
        let pairs: Vec<String> = pairs
            .map(|(name, attribute)| format!("{}={}", one_line(name), json(attribute)))
            .collect();
        details.fact("with", &pairs.join(" "))?;
    }
    details.logs(span)
}

/// A value as JSON on one line.
fn json(value: &Value<'_>) -> String {
    let text = serde_json::to_string(value).unwrap_or_default();
    one_line(&text).into_owned()
}

fn level(level: Level) -> String {
    level
        .name()
        .map_or_else(|| level.0.to_string(), str::to_owned)
}

struct Details<'a> {
    below: &'a str,
    output: &'a mut Output,
}

impl Details<'_> {
    fn fact(&mut self, name: &str, fact: &str) -> Outcome<()> {
        let before = format!("{}   {name}: ", self.below);
        let fact = cut(fact, self.room(&before));
        let name = self.output.paint(QUIET, &format!("{name}:"));
        self.output.line(&format!("{}   {name} {fact}", self.below))
    }

    /// Text as its first line, anything else as JSON.
    fn value(&mut self, name: &str, value: &Value<'_>) -> Outcome<()> {
        match value.as_str() {
            Some(text) => self.start_of(name, text),
            None => self.fact(name, &json(value)),
        }
    }

    /// The first line of a text, and how many follow.
    fn start_of(&mut self, name: &str, text: &str) -> Outcome<()> {
        let mut lines = text.lines().skip_while(|line| line.trim().is_empty());
        let first = text_line(lines.next().unwrap_or_default());
        match lines.count() {
            0 => self.fact(name, &first),
            more => self.fact(name, &format!("{first}  (+{})", line_count(more))),
        }
    }

    /// The last lines of a text, below each other.
    fn end_of(&mut self, name: &str, text: &str) -> Outcome<()> {
        let before = text.lines().count().saturating_sub(LINES_AT_WORK);
        let mut name = format!("{name}:");
        if before > 0 {
            name = format!("{name} … after {}", line_count(before));
        }
        let name = self.output.paint(QUIET, &name);
        self.output.line(&format!("{}   {name}", self.below))?;
        let start = format!("{}     ", self.below);
        let room = self.room(&start);
        for line in text.lines().skip(before) {
            let line = cut(&text_line(line), room);
            self.output.line(&format!("{start}{line}"))?;
        }
        Ok(())
    }

    fn logs(&mut self, span: &SpanSnapshot) -> Outcome<()> {
        for log in span.logs().iter().take(LOGS_MAX) {
            let words = match log.message.as_str() {
                Some(words) => one_line(words).into_owned(),
                None => json(&log.message),
            };
            self.fact(&format!("log {}", level(log.level)), &words)?;
        }
        let more = span.logs().len().saturating_sub(LOGS_MAX);
        if more > 0 {
            self.fact("log", &format!("{} more", line_count(more)))?;
        }
        Ok(())
    }

    /// Columns left for text behind `start`.
    fn room(&self, start: &str) -> usize {
        let width = self.output.width().min(COLUMNS_MAX);
        width.saturating_sub(columns(start))
    }
}

/// A line of text with its tabs as spaces.
fn text_line(line: &str) -> String {
    one_line(&line.replace('\t', "    ")).into_owned()
}

fn line_count(count: usize) -> String {
    counted(u64::try_from(count).unwrap_or(u64::MAX), "line", "lines")
}
