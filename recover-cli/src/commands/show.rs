//! `show`: what a session did, as a tree, and how it ended.

use std::path::Path;

use trace_journal::{Loss, Reader, Snapshot};

use super::exit::{finish, say_believed};
use super::session_id::resolve;
use super::trouble::open;
use crate::addresses::Addresses;
use crate::error::{ExitStatus, Result, could_not};
use crate::escape::one_line;
use crate::format::{amount, cost, counted, duration, grouped};
use crate::output::Output;
use crate::quote::id_heading;
use crate::render::{
    label, span_details, span_line, status_style, status_word, text_line, whole_label,
};
use crate::tree;

pub(super) fn run(dir: &Path, session: &str, output: &mut Output) -> Result<ExitStatus> {
    let reader = open(dir)?;
    let id = resolve(dir, &reader, session)?;
    print(&reader, &id, output)?;
    let report = reader.report();
    say_believed(dir, &report);
    finish(dir, &report, 1)
}

/// Everything about the session with exactly this id.
pub(super) fn print(reader: &Reader, id: &str, output: &mut Output) -> Result<()> {
    let snapshot = reader.snapshot(id).map_err(could_not)?;
    print_head(&snapshot, output)?;
    output.line("")?;
    print_tree(&snapshot, output)?;
    print_lines(&snapshot, output)?;
    print_notes(&snapshot, &Addresses::of(&reader.report()), output)
}

fn print_head(snapshot: &Snapshot, output: &mut Output) -> Result<()> {
    let status = snapshot.status();
    let word = status_word(status, snapshot.liveness());
    let painted = output.styled(status_style(status), word);
    let room = output.width().saturating_sub(word.len() + 2);
    output.line(&format!("{}  {painted}", id_heading(snapshot.id(), room)))?;
    if let Some(title) = snapshot.title() {
        label("title", title, output)?;
    }
    label("started", &snapshot.started_at().to_string(), output)?;
    match snapshot.ended_at() {
        Some(ended) => label("ended", &ended.to_string(), output)?,
        None => label("last seen", &snapshot.last_at().to_string(), output)?,
    }
    label(
        "duration",
        &duration(snapshot.duration_nanoseconds()),
        output,
    )?;
    let totals = snapshot.totals();
    let mut sums = vec![
        counted(totals.spans, "span", "spans"),
        counted(totals.generations, "generation", "generations"),
        counted(totals.tools, "tool call", "tool calls"),
        format!("{} tokens", amount(totals.tokens_total)),
        format!("cost {}", cost(totals.cost)),
    ];
    if totals.interrupted > 0 {
        sums.insert(
            1,
            format!("{} interrupted", grouped(&totals.interrupted.to_string())),
        );
    }
    whole_label("work", &sums.join(", "), output)?;
    let runs = u64::try_from(snapshot.runs().len()).unwrap_or(u64::MAX);
    let records = counted(totals.records, "record", "records");
    label(
        "kept in",
        &format!("{records} of {}", counted(runs, "run", "runs")),
        output,
    )?;
    if let Some(error) = snapshot.error() {
        whole_label(word, error, output)?;
    }
    if snapshot.refused() > 0 {
        let records = counted(snapshot.refused(), "record", "records");
        let words = format!("{records} WHILE IT WAS OPEN: see the report of `recover`");
        whole_label("refused", &words, output)?;
    }
    match lost(snapshot) {
        Some(words) => whole_label("lost", words, output),
        None => Ok(()),
    }
}

fn lost(snapshot: &Snapshot) -> Option<&'static str> {
    match snapshot.loss() {
        // What was refused is not here either.
        Loss::None if snapshot.refused() > 0 => None,
        Loss::None => Some("nothing"),
        Loss::Tail => Some("at most an end that was never seen durable"),
        Loss::Damage => Some("RECORDS OR PARTS OF THEM: see the report of `recover`"),
    }
}

fn print_tree(snapshot: &Snapshot, output: &mut Output) -> Result<()> {
    let (depths, spans): (Vec<usize>, Vec<_>) = snapshot.tree().unzip();
    for (span, lines) in spans.into_iter().zip(tree::draw(&depths, output.width())) {
        output.line(&span_line(span, &lines.node, output))?;
        span_details(span, &lines.below, output)?;
    }
    Ok(())
}

/// The last lines of a program's output, as they came.
fn print_lines(snapshot: &Snapshot, output: &mut Output) -> Result<()> {
    let lines = snapshot.lines();
    if lines.count == 0 {
        return Ok(());
    }
    let last = u64::try_from(lines.last.len()).unwrap_or(u64::MAX);
    let before = lines.count.saturating_sub(last);
    output.line("")?;
    if before > 0 {
        let before = counted(before, "line", "lines");
        output.folded(
            &format!("… after {before}: `cat --format raw` prints all"),
            2,
        )?;
    }
    for line in &lines.last {
        output.line(&text_line(&line.text()))?;
    }
    Ok(())
}

fn print_notes(snapshot: &Snapshot, addresses: &Addresses, output: &mut Output) -> Result<()> {
    if snapshot.notes().is_empty() {
        return Ok(());
    }
    output.line("")?;
    for note in snapshot.notes() {
        let place = match (note.run(), note.seq()) {
            (Some(run), Some(seq)) => format!(" (record {}:{seq})", addresses.run(run)),
            (None, Some(seq)) => format!(" (record {seq})"),
            (_, None) => String::new(),
        };
        let (kind, text) = (note.kind(), one_line(note.text()));
        output.folded(&format!("note: {kind}: {text}{place}"), 6)?;
    }
    Ok(())
}
