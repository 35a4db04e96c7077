//! What is shown below a span: of one that failed or was cut off, the end of what it said.

use trace_journal::snapshot::SpanSnapshot;
use trace_journal::{Channel, Level, SpanStatus, Value};

use super::style::QUIET;
use crate::error::Result;
use crate::escape::one_line;
use crate::format::counted;
use crate::headline::on_one_line;
use crate::output::Output;
use crate::width::{columns, cut, cut_middle};

/// Longest line of text shown where no terminal sets a limit.
const COLUMNS_MAX: usize = 500;

/// Last lines of text shown of a span that was at work when it died.
const LINES_AT_WORK: usize = 12;

/// Last lines shown of what a span that failed printed and gave back.
const LINES_OF_FAILED: usize = 5;

/// Last log lines shown of a span.
const LOGS_MAX: usize = 5;

/// What is known of a span that failed or was cut off, below its line; of any other, nothing.
/// What its line tells already is left out.
pub(crate) fn print(
    span: &SpanSnapshot,
    (headline, below): (&str, &str),
    output: &mut Output,
) -> Result<()> {
    let is_at_work = span.ended_at().is_none() || span.is_interrupted();
    let has_failed = span.status() == SpanStatus::Error;
    if !is_at_work && !has_failed {
        return Ok(());
    }
    let mut details = Details { below, output };
    if let Some(words) = span.status_message() {
        details.end_of("says", words, LINES_OF_FAILED)?;
    }
    let has_spoken = span.text(Channel::OUTPUT.as_str()).is_some();
    for (channel, text) in span.texts() {
        let is_thought = channel == Channel::REASONING.as_str();
        if is_thought && has_spoken || on_one_line(text) == headline {
            continue;
        }
        let channel = one_line(channel);
        if is_at_work {
            details.lines_of(&format!("{channel} so far"), text, LINES_AT_WORK)?;
        } else {
            details.end_of(&channel, text, LINES_OF_FAILED)?;
        }
    }
    if let Some(result) = span.output() {
        details.end_of_value("result", result)?;
    }
    details.logs(span)
}

/// A value as JSON on one line.
fn json(value: &Value<'_>) -> String {
    let text = serde_json::to_string(value).unwrap_or_default();
    one_line(&text).into_owned()
}

pub(crate) fn level(level: Level) -> String {
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

    /// A value of an event, the last lines of it where it is a text.
    fn end_of_value(&mut self, name: &str, value: &Value<'_>) -> Result<()> {
        match value.as_str() {
            Some(text) => self.end_of(name, text, LINES_OF_FAILED),
            None => self.end_of(name, &json(value), LINES_OF_FAILED),
        }
    }

    /// The last lines of a text, below each other.
    fn lines_of(&mut self, name: &str, text: &str, count: usize) -> Result<()> {
        let text = text.trim_start_matches(['\n', '\r']);
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
