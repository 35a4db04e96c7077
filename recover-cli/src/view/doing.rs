//! What a session was in when it ended: every span that was open, and the calls before.

use trace_journal::snapshot::{Snapshot, SpanSnapshot};
use trace_journal::{SpanKind, SpanStatus};

use super::session::is_printed;
use super::style::{QUIET, STRONG};
use crate::error::Result;
use crate::escape::one_line;
use crate::format::{counted, duration};
use crate::headline::{cwd, headline, label};
use crate::output::Output;
use crate::select::Word;
use crate::width::{columns, cut, pad};

/// Open spans that are shown.
const SPANS_MAX: usize = 12;

/// Last lines shown of what an open span printed.
const LINES_MAX: usize = 3;

/// Finished calls that are shown.
const CALLS_MAX: usize = 3;

/// The spans that were open at the end, outer ones first, each with how deep it is in others.
pub(crate) fn at_work(snapshot: &Snapshot) -> Vec<(usize, &SpanSnapshot<'_>)> {
    let mut open: Vec<usize> = Vec::new();
    let mut found = Vec::new();
    for (depth, span) in snapshot.tree().skip(1) {
        open.retain(|outer| *outer < depth);
        if span.is_interrupted() || span.ended_at().is_none() {
            found.push((open.len(), span));
            open.push(depth);
        }
    }
    found
}

/// The last calls of tools that were over when the first open span of a tool began.
pub(crate) fn calls_before(snapshot: &Snapshot) -> Vec<&SpanSnapshot<'_>> {
    let is_over = |span: &&SpanSnapshot<'_>| {
        *span.kind() == SpanKind::TOOL && !span.is_interrupted() && span.ended_at().is_some()
    };
    let mut calls: Vec<&SpanSnapshot<'_>> = snapshot.spans().iter().filter(is_over).collect();
    calls.sort_by_key(|span| span.started_at());
    calls.split_off(calls.len().saturating_sub(CALLS_MAX))
}

/// A span as a line, to be laid out with those around it.
struct Row<'s> {
    start: String,
    text: String,
    lasted: String,
    printed: Vec<(&'s str, Vec<&'s str>, usize)>,
}

/// Prints what it was doing, below a name; nothing if no span was open.
pub(crate) fn print(snapshot: &Snapshot, output: &mut Output) -> Result<()> {
    let spans = at_work(snapshot);
    let name = match Word::of_snapshot(snapshot) {
        // It was ended on purpose, whatever was left open.
        Word::Completed => return Ok(()),
        Word::Running => "is doing",
        _ => "was doing",
    };
    if spans.is_empty() {
        return Ok(());
    }
    output.line(&format!("  {}", output.styled(QUIET, name)))?;
    let dir = cwd(snapshot);
    let rows: Vec<Row<'_>> = spans
        .iter()
        .take(SPANS_MAX)
        .map(|(depth, span)| row(*depth, span, dir))
        .collect();
    let lasted = rows
        .iter()
        .map(|row| columns(&row.lasted))
        .max()
        .unwrap_or(0);
    let room = output.width().saturating_sub(lasted + 2);
    let natural = rows
        .iter()
        .map(|row| columns(&row.start) + 2 + columns(&row.text));
    let room = natural.max().unwrap_or(0).min(room);
    for row in &rows {
        print_row(row, room, output)?;
    }
    match spans.len().saturating_sub(SPANS_MAX) {
        0 => Ok(()),
        more => output.line(&format!("    and {more} more")),
    }
}

fn row<'s>(depth: usize, span: &'s SpanSnapshot<'_>, dir: Option<&str>) -> Row<'s> {
    let indent = "  ".repeat(depth.min(DEPTH_MAX) + 2);
    let printed = span.texts().filter(|(channel, _)| {
        // What a generation said is in its headline.
        is_printed(channel) && *span.kind() != SpanKind::GENERATION
    });
    Row {
        start: format!("{indent}{}", label(span)),
        text: headline(span, dir),
        lasted: span
            .duration()
            .map(|lasted| lasted.as_nanos())
            .map(duration)
            .unwrap_or_default(),
        printed: printed
            .map(|(channel, text)| last_lines(channel, text))
            .collect(),
    }
}

/// Deeper spans are indented no more.
const DEPTH_MAX: usize = 8;

fn print_row(row: &Row<'_>, room: usize, output: &mut Output) -> Result<()> {
    let start = cut(&row.start, room.max(1));
    let indent = row.start.len() - row.start.trim_start().len();
    let text = cut(&row.text, room.saturating_sub(columns(&start) + 2));
    let name = output.styled(STRONG, start.trim_start());
    let line = match output.is_bounded() {
        true => {
            let gap = room.saturating_sub(columns(&start) + columns(&text) + 2);
            let before = format!("{}{name}  {text}{}", " ".repeat(indent), " ".repeat(gap));
            format!("{before}  {}", row.lasted)
        }
        false => format!("{}{name}  {text}  {}", " ".repeat(indent), row.lasted),
    };
    output.line(line.trim_end())?;
    for (channel, lines, before) in &row.printed {
        let channel = cut(&one_line(channel), CHANNEL_WIDTH_MAX);
        let start = format!("{}{channel}  ", " ".repeat(indent + 2));
        let blank = pad("", columns(&start));
        let mut is_first = true;
        if *before > 0 {
            let before = u64::try_from(*before).unwrap_or(u64::MAX);
            let words = format!("(after {})", counted(before, "line", "lines"));
            output.line(&format!("{start}{}", output.styled(QUIET, &words)))?;
            is_first = false;
        }
        for line in lines {
            let start = if is_first { &start } else { &blank };
            is_first = false;
            let line = super::details::text_line(line);
            output.line(&format!("{start}{line}"))?;
        }
    }
    Ok(())
}

const CHANNEL_WIDTH_MAX: usize = 16;

/// The last lines of a text, and how many stand before them.
fn last_lines<'t>(channel: &'t str, text: &'t str) -> (&'t str, Vec<&'t str>, usize) {
    let lines: Vec<&str> = text.lines().collect();
    let before = lines.len().saturating_sub(LINES_MAX);
    (channel, lines[before..].to_vec(), before)
}

/// The last finished calls in a line: `edit src/a.rs 4ms, bash 4.20s failed`.
pub(crate) fn calls_line(snapshot: &Snapshot) -> Option<String> {
    let dir = cwd(snapshot);
    let calls: Vec<String> = calls_before(snapshot)
        .iter()
        .map(|span| call(span, dir))
        .collect();
    (!calls.is_empty()).then(|| calls.join(", "))
}

fn call(span: &SpanSnapshot<'_>, dir: Option<&str>) -> String {
    let mut words = vec![label(span)];
    words.push(cut(&headline(span, dir), CALL_WIDTH_MAX));
    words.extend(span.duration().map(|lasted| duration(lasted.as_nanos())));
    if span.status() == SpanStatus::Error {
        words.push("failed".to_owned());
    }
    words.retain(|word| !word.is_empty());
    words.join(" ")
}

const CALL_WIDTH_MAX: usize = 24;
