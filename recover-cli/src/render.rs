//! Spans and facts as lines for people.

use anstyle::{AnsiColor, Style};
use trace_journal::snapshot::SpanSnapshot;
use trace_journal::{Level, Liveness, SessionStatus, SpanStatus, Value};

use crate::error::Result;
use crate::escape::one_line;
use crate::format::{amount, cost, counted, duration};
use crate::output::Output;
use crate::width::{columns, cut, cut_middle, pad};

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

/// Last lines shown of what a span that failed printed and gave back.
const LINES_OF_FAILED: usize = 5;

/// Last log lines shown of a span.
const LOGS_MAX: usize = 5;

/// Columns of a span's name that are kept before facts go.
const NAME_WIDTH_MIN: usize = 12;

/// The colour of a session's status.
pub(crate) fn status_style(status: SessionStatus) -> Style {
    match status {
        SessionStatus::Completed => GOOD,
        SessionStatus::Running => BUSY,
        _ => BAD,
    }
}

/// A session's status for people: we do not say "crashed" of what may still be alive elsewhere.
pub(crate) fn status_word(status: SessionStatus, liveness: Liveness) -> &'static str {
    match (status, liveness) {
        (SessionStatus::Crashed, Liveness::Unknown | Liveness::Unverified) => "unended",
        _ => status.as_str(),
    }
}

/// A fact with its name before it; what does not fit on a line is cut.
pub(crate) fn label(name: &str, fact: &str, output: &mut Output) -> Result<()> {
    let name = output.styled(QUIET, &pad(name, 9));
    output.line(&format!("  {name}  {}", one_line(fact)))
}

/// As [`label`], on as many lines as it takes.
pub(crate) fn whole_label(name: &str, fact: &str, output: &mut Output) -> Result<()> {
    let name = pad(name, 9);
    output.folded(&format!("  {name}  {}", one_line(fact)), 13)
}

/// A span on one line behind `before`: kind, name, duration, how it stands. Where there is no room
/// for all, facts go first, then the end of the name.
pub(crate) fn span_line(span: &SpanSnapshot, before: &str, output: &Output) -> String {
    let mut facts = Vec::new();
    facts.extend(span.duration_nanoseconds().map(duration));
    facts.extend(span.cost().map(|sum| format!("cost {}", cost(sum))));
    if let Some(tokens) = span.tokens() {
        let (input, output) = (amount(tokens.input), amount(tokens.output));
        facts.push(format!("{input} in, {output} out"));
    }
    if let Some(model) = span.model() {
        let parts = [&model.provider_id, &model.model_id, &model.variant];
        let parts: Vec<&str> = parts.into_iter().flatten().map(AsRef::as_ref).collect();
        facts.push(one_line(&parts.join("/")).into_owned());
    }
    let kind = one_line(span.kind().as_str());
    let name = one_line(span.name());
    let (style, state) = state(span);
    let taken = columns(before) + columns(&kind) + 1 + 2 + columns(state);
    let room = output.width().saturating_sub(taken);
    let width_of = |facts: &[String]| facts.iter().map(|fact| columns(fact) + 2).sum::<usize>();
    while !facts.is_empty() && width_of(&facts) + columns(&name).min(NAME_WIDTH_MIN) > room {
        facts.pop();
    }
    let name = cut(&name, room.saturating_sub(width_of(&facts)));
    let mut line = format!(
        "{before}{} {}",
        output.styled(QUIET, &kind),
        output.styled(STRONG, &name)
    );
    for fact in facts.iter().rev() {
        line.push_str("  ");
        line.push_str(fact);
    }
    line.push_str("  ");
    line.push_str(&output.styled(style, state));
    line
}

/// How the span stands, and in which colour that is said.
fn state(span: &SpanSnapshot) -> (Style, &'static str) {
    if span.is_interrupted() {
        return (INTERRUPTED, "interrupted");
    }
    match (span.status(), span.ended_at()) {
        (SpanStatus::Error, _) => (BAD, "error"),
        (_, None) => (BUSY, "open"),
        (SpanStatus::Ok, _) => (GOOD, "ok"),
        (_, Some(_)) if span.ended_by_drop() => (QUIET, "dropped"),
        (_, Some(_)) => (QUIET, "ended"),
    }
}

/// What else is known of the span, below its line.
pub(crate) fn span_details(span: &SpanSnapshot, below: &str, output: &mut Output) -> Result<()> {
    let is_at_work = span.ended_at().is_none() || span.is_interrupted();
    let has_failed = span.status() == SpanStatus::Error;
    let mut details = Details { below, output };
    if let Some(words) = span.status_message() {
        details.end_of("says", words, LINES_OF_FAILED)?;
    }
    if let Some(input) = span.input() {
        details.value("input", input)?;
    }
    for (channel, text) in span.texts() {
        let channel = one_line(channel);
        if is_at_work {
            details.lines_of(&format!("{channel} so far"), text, LINES_AT_WORK)?;
        } else if has_failed {
            details.end_of(&channel, text, LINES_OF_FAILED)?;
        } else {
            details.start_of(&channel, text)?;
        }
    }
    match span.output() {
        Some(result) if has_failed => details.end_of_value("result", result)?,
        Some(result) => details.value("result", result)?,
        None => {}
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
        .map_or_else(|| level.get().to_string(), str::to_owned)
}

struct Details<'a> {
    below: &'a str,
    output: &'a mut Output,
}

impl Details<'_> {
    fn fact(&mut self, name: &str, fact: &str) -> Result<()> {
        let before = format!("{}   {name}: ", self.below);
        let fact = cut(fact, self.room(&before));
        let name = self.output.styled(QUIET, &format!("{name}:"));
        self.output.line(&format!("{}   {name} {fact}", self.below))
    }

    /// Text as its first line, anything else as JSON.
    fn value(&mut self, name: &str, value: &Value<'_>) -> Result<()> {
        match value.as_str() {
            Some(text) => self.start_of(name, text),
            None => self.fact(name, &json(value)),
        }
    }

    /// The first line of a text, and how many follow.
    fn start_of(&mut self, name: &str, text: &str) -> Result<()> {
        let mut lines = text.lines().skip_while(|line| line.trim().is_empty());
        let first = text_line(lines.next().unwrap_or_default());
        match lines.count() {
            0 => self.fact(name, &first),
            more => self.fact(name, &format!("{first}  (+{})", line_count(more))),
        }
    }

    /// A text as its last lines; one line stands beside its name, cut in its middle.
    fn end_of(&mut self, name: &str, text: &str, count: usize) -> Result<()> {
        let text = text.trim_end();
        if text.lines().nth(1).is_some() {
            return self.lines_of(name, text, count);
        }
        let before = format!("{}   {name}: ", self.below);
        let fact = cut_middle(&text_line(text), self.room(&before));
        self.fact(name, &fact)
    }

    /// As [`value`](Details::value), with the end of it.
    fn end_of_value(&mut self, name: &str, value: &Value<'_>) -> Result<()> {
        match value.as_str() {
            Some(text) => self.end_of(name, text, LINES_OF_FAILED),
            None => self.end_of(name, &json(value), LINES_OF_FAILED),
        }
    }

    /// The last lines of a text, below each other.
    fn lines_of(&mut self, name: &str, text: &str, count: usize) -> Result<()> {
        let before = text.lines().count().saturating_sub(count);
        let mut name = format!("{name}:");
        if before > 0 {
            name = format!("{name} … after {}", line_count(before));
        }
        let name = self.output.styled(QUIET, &name);
        self.output.line(&format!("{}   {name}", self.below))?;
        let start = format!("{}     ", self.below);
        let room = self.room(&start);
        for line in text.lines().skip(before) {
            let line = cut(&text_line(line), room);
            self.output.line(&format!("{start}{line}"))?;
        }
        Ok(())
    }

    /// The last log lines; of those before them the last error, because it tells most.
    fn logs(&mut self, span: &SpanSnapshot) -> Result<()> {
        let logs = span.logs();
        let mut left_out = logs.len().saturating_sub(LOGS_MAX);
        let (before, last) = logs.split_at(left_out);
        let has_error = last.iter().any(|log| log.level >= Level::ERROR);
        let error = before
            .iter()
            .rfind(|log| !has_error && log.level >= Level::ERROR);
        left_out -= usize::from(error.is_some());
        if left_out > 0 {
            self.fact("log", &format!("… {} before", line_count(left_out)))?;
        }
        for log in error.into_iter().chain(last) {
            let name = format!("log {}", level(log.level));
            match log.message.as_str() {
                Some(words) => self.end_of(&name, words, LINES_OF_FAILED)?,
                None => self.end_of(&name, &json(&log.message), LINES_OF_FAILED)?,
            }
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
pub(crate) fn text_line(line: &str) -> String {
    one_line(&line.replace('\t', "    ")).into_owned()
}

fn line_count(count: usize) -> String {
    counted(u64::try_from(count).unwrap_or(u64::MAX), "line", "lines")
}
