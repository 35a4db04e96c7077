//! The spans of a session as a tree, one a line.

use trace_journal::Number;
use trace_journal::snapshot::{Snapshot, SpanSnapshot};

use super::details;
use super::span;
use super::style::{QUIET, STRONG, state};
use crate::error::Result;
use crate::format::{amount, duration};
use crate::headline::{cwd, headline, label};
use crate::output::Output;
use crate::tree::{Lines, draw};
use crate::width::{columns, cut};
use anstyle::Style;

/// A span's line in parts.
struct Row {
    label: String,
    text: String,
    /// Behind the text: tokens, start, duration, state; empty where there is none.
    facts: [String; FACTS],
    style: Style,
}

const FACTS: usize = 4;
const TOKENS: usize = 0;
const START: usize = 1;
const LASTED: usize = 2;
const STATE: usize = 3;

/// Which facts go where there is no room, first to last; the state stays.
const GO: [usize; 3] = [START, TOKENS, LASTED];

/// Before the text gets less, facts go.
const TEXT_WIDTH_MIN: usize = 60;

/// Prints the spans that are `meant`, and those around them.
pub(crate) fn print(
    snapshot: &Snapshot,
    is_meant: &dyn Fn(&SpanSnapshot<'_>) -> bool,
    is_full: bool,
    output: &mut Output,
) -> Result<()> {
    match is_full {
        true => span::print_whole(snapshot.root(), "", output)?,
        false => details::print(snapshot.root(), ("", ""), output)?,
    }
    let shown = with_ancestors(snapshot, is_meant);
    let (depths, spans): (Vec<usize>, Vec<_>) = snapshot
        .tree()
        .zip(&shown)
        .skip(1)
        .filter(|(_, is_shown)| **is_shown)
        .map(|(node, _)| node)
        .unzip();
    let drawn = draw(&depths, output.width());
    let dir = cwd(snapshot);
    let rows: Vec<Row> = spans.iter().map(|span| row(span, dir, output)).collect();
    let widths = widths(&rows, output.width());
    let room = room(&rows, &drawn, &widths, output);
    for ((span, row), lines) in spans.iter().zip(&rows).zip(&drawn) {
        print_row(row, lines, (&widths, room), output)?;
        match is_full {
            true => span::print_whole(span, &lines.below, output)?,
            false => details::print(span, (&row.text, &lines.below), output)?,
        }
    }
    Ok(())
}

/// Which spans, in the order of the tree, are meant or hold one that is.
fn with_ancestors(snapshot: &Snapshot, is_meant: &dyn Fn(&SpanSnapshot<'_>) -> bool) -> Vec<bool> {
    let nodes: Vec<(usize, bool)> = snapshot
        .tree()
        .map(|(depth, span)| (depth, is_meant(span)))
        .collect();
    let mut shown = vec![false; nodes.len()];
    // The depth of the shallowest node behind this one that still needs its ancestors.
    let mut wanted = usize::MAX;
    for (at, (depth, is_meant)) in nodes.iter().enumerate().rev() {
        if *is_meant || *depth < wanted && wanted != usize::MAX {
            shown[at] = true;
            wanted = *depth;
        }
        if *depth == 0 {
            wanted = usize::MAX;
        }
    }
    shown
}

fn row(span: &SpanSnapshot<'_>, dir: Option<&str>, output: &Output) -> Row {
    let (style, state) = state(span);
    let tokens = span.tokens().map(|tokens| [tokens.input, tokens.output]);
    let tokens = tokens.filter(|tokens| !tokens.iter().copied().all(Number::is_zero));
    let tokens =
        tokens.map(|[input, output]| format!("{} in, {} out", amount(input), amount(output)));
    Row {
        label: label(span),
        text: headline(span, dir),
        facts: [
            tokens.unwrap_or_default(),
            output.clock().time(span.started_at()),
            lasted(span),
            state.to_owned(),
        ],
        style,
    }
}

/// How long it lasted, if that is more than nothing.
fn lasted(span: &SpanSnapshot<'_>) -> String {
    let lasted = span.duration().map(|lasted| lasted.as_nanos());
    let lasted = lasted.filter(|lasted| *lasted > 0);
    lasted.map(duration).unwrap_or_default()
}

/// Columns of each fact; 0 for those that have no room.
fn widths(rows: &[Row], width: usize) -> [usize; FACTS] {
    let mut widths = [0; FACTS];
    for row in rows {
        for (width, fact) in widths.iter_mut().zip(&row.facts) {
            *width = columns(fact).max(*width);
        }
    }
    let taken = |widths: &[usize; FACTS]| widths.iter().map(|one| one + 2).sum::<usize>();
    for fact in GO {
        if taken(&widths) + TEXT_WIDTH_MIN > width && widths[fact] > 0 {
            let is_last = fact == LASTED;
            if is_last && taken(&widths) + TEXT_WIDTH_MIN / 3 <= width {
                break;
            }
            widths[fact] = 0;
        }
    }
    widths
}

/// Columns in front of the facts: as many as the longest line takes, if there is room.
fn room(rows: &[Row], drawn: &[Lines], widths: &[usize; FACTS], output: &Output) -> usize {
    let taken: usize = widths
        .iter()
        .filter(|width| **width > 0)
        .map(|width| width + 2)
        .sum();
    let natural = rows
        .iter()
        .zip(drawn)
        .map(|(row, lines)| columns(&lines.node) + columns(&row.label) + 2 + columns(&row.text));
    output
        .width()
        .saturating_sub(taken)
        .min(natural.max().unwrap_or(0))
}

fn print_row(
    row: &Row,
    lines: &Lines,
    (widths, room): (&[usize; FACTS], usize),
    output: &mut Output,
) -> Result<()> {
    let is_bounded = output.is_bounded();
    let start = cut(&format!("{}{}", lines.node, row.label), room);
    let text = cut(&row.text, room.saturating_sub(columns(&start) + 2));
    let mut line = match start.strip_prefix(&lines.node) {
        Some(label) => format!("{}{}", lines.node, output.styled(STRONG, label)),
        None => start.clone(),
    };
    let mut used = columns(&start);
    if !text.is_empty() {
        line.push_str("  ");
        line.push_str(&text);
        used += 2 + columns(&text);
    }
    if is_bounded {
        line.push_str(&" ".repeat(room.saturating_sub(used)));
    }
    for (at, fact) in row.facts.iter().enumerate() {
        if widths[at] == 0 || !is_bounded && fact.is_empty() {
            continue;
        }
        let missing = match is_bounded && at != STATE {
            true => widths[at].saturating_sub(columns(fact)),
            false => 0,
        };
        line.push_str("  ");
        line.push_str(&" ".repeat(missing));
        if !fact.is_empty() {
            let style = if at == STATE { row.style } else { QUIET };
            line.push_str(&output.styled(style, fact));
        }
    }
    output.line(line.trim_end())
}
