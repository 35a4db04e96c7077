//! A session as a conversation, to be read.

use trace_journal::snapshot::{Snapshot, SpanSnapshot};
use trace_journal::{Channel, Number, SpanKind, Value};

use super::details::text_line;
use super::style::{QUIET, STRONG, state};
use crate::error::Result;
use crate::format::{amount, counted, duration};
use crate::headline::{cwd, headline, label, spoken};
use crate::output::Output;
use crate::width::{columns, cut, fold};
use anstyle::Style;

/// Prints what was said and called, in order; the output of calls only if all is wanted.
pub(crate) fn print(snapshot: &Snapshot, is_full: bool, output: &mut Output) -> Result<()> {
    let mut is_first = true;
    for (_, span) in snapshot.tree().skip(1) {
        let is_spoken =
            [SpanKind::GENERATION, SpanKind::USER_MESSAGE, SpanKind::TEXT].contains(span.kind());
        if is_spoken {
            if !std::mem::take(&mut is_first) {
                output.line("")?;
            }
            print_said(span, output)?;
        } else {
            is_first = false;
            print_call(span, cwd(snapshot), is_full, output)?;
        }
    }
    Ok(())
}

fn print_said(span: &SpanSnapshot<'_>, output: &mut Output) -> Result<()> {
    let at = output.clock().time(span.started_at());
    let mut facts = Vec::new();
    let tokens = span.tokens().map(|tokens| [tokens.input, tokens.output]);
    let tokens = tokens.filter(|tokens| !tokens.iter().copied().all(Number::is_zero));
    facts.extend(
        tokens.map(|[input, output]| format!("{} in, {} out", amount(input), amount(output))),
    );
    let lasted = span
        .duration()
        .map(|lasted| lasted.as_nanos())
        .filter(|lasted| *lasted > 0);
    facts.extend(lasted.map(duration));
    let (style, word) = state(span);
    facts.push(word.to_owned());
    facts.retain(|fact| !fact.is_empty());
    let name = label(span);
    let facts = facts.join("   ");
    let before = format!("{at}  {}", output.styled(STRONG, &name));
    let taken = columns(&at) + 2 + columns(&name);
    print_sides((&before, taken), (&facts, style), output)?;
    if let Some(thought) = span.text(Channel::REASONING.as_str()) {
        print_text(thought, QUIET, output)?;
    }
    let said = spoken(span).or_else(|| span.input().and_then(Value::as_str).map(str::to_owned));
    let thought = span.text(Channel::REASONING.as_str());
    match said.filter(|said| Some(said.as_str()) != thought) {
        Some(said) => print_text(&said, Style::new(), output),
        None => Ok(()),
    }
}

fn print_call(
    span: &SpanSnapshot<'_>,
    dir: Option<&str>,
    is_full: bool,
    output: &mut Output,
) -> Result<()> {
    let (style, word) = state(span);
    let mut facts = Vec::new();
    if let Some(text) = span
        .output()
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
    {
        let lines = u64::try_from(text.lines().count()).unwrap_or(u64::MAX);
        facts.push(counted(lines, "line", "lines"));
    }
    facts.extend(
        span.duration()
            .map(|lasted| lasted.as_nanos())
            .map(duration),
    );
    facts.push(word.to_owned());
    facts.retain(|fact| !fact.is_empty());
    let facts = facts.join("   ");
    let start = format!("  - {}  {}", label(span), headline(span, dir));
    let room = output.width().saturating_sub(columns(&facts) + 2);
    let start = cut(&start, room);
    print_sides((&start, columns(&start)), (&facts, style), output)?;
    let is_cut_off = span.is_interrupted() || span.ended_at().is_none();
    if is_full || is_cut_off {
        for (_, text) in span.texts() {
            print_lines(
                text,
                if is_full { usize::MAX } else { LINES_CUT_OFF },
                output,
            )?;
        }
    }
    match span.output().and_then(Value::as_str).filter(|_| is_full) {
        Some(result) => print_lines(result, usize::MAX, output),
        None => Ok(()),
    }
}

/// Last lines shown of what a call printed that did not end.
const LINES_CUT_OFF: usize = 6;

/// Text at the left, facts at the right edge; in a pipe behind it.
fn print_sides(
    (left, taken): (&str, usize),
    (facts, style): (&str, Style),
    output: &mut Output,
) -> Result<()> {
    let width = output.width().min(SIDES_WIDTH_MAX);
    let gap = match output.is_bounded() {
        true => width.saturating_sub(taken + columns(facts)).max(2),
        false => 2,
    };
    if facts.is_empty() {
        return output.line(left);
    }
    let facts = output.styled(style, facts);
    output.line(&format!("{left}{}{facts}", " ".repeat(gap)))
}

/// Further apart, eyes lose the line.
const SIDES_WIDTH_MAX: usize = 100;

/// A text, whole, on as many lines as it takes.
fn print_text(text: &str, style: Style, output: &mut Output) -> Result<()> {
    let width = output.width().min(TEXT_WIDTH_MAX);
    let width = if output.is_bounded() {
        width
    } else {
        usize::MAX
    };
    for line in text.trim().lines() {
        for line in fold(&format!("  {}", text_line(line)), width, 2) {
            let line = match line.trim().is_empty() {
                true => String::new(),
                false => output.styled(style, &line),
            };
            output.line(&line)?;
        }
    }
    Ok(())
}

/// Longer lines are hard to read.
const TEXT_WIDTH_MAX: usize = 100;

fn print_lines(text: &str, count: usize, output: &mut Output) -> Result<()> {
    let lines: Vec<&str> = text.lines().collect();
    for line in lines.iter().skip(lines.len().saturating_sub(count)) {
        output.folded(&format!("      {}", text_line(line)), 6)?;
    }
    Ok(())
}
