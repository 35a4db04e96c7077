//! `show`: what a session did, as a tree, and how it ended.

use std::path::Path;

use trace_journal::{Loss, Reader, Snapshot};

use super::{finish, open, resolve};
use crate::escape::one_line;
use crate::failure::{Exit, Outcome, could_not};
use crate::output::Output;
use crate::render::{label, span_details, span_line, status_style};
use crate::text::{counted, duration, grouped, number};
use crate::tree;

pub(super) fn run(dir: &Path, session: &str, output: &mut Output) -> Outcome<Exit> {
    let reader = open(dir)?;
    let id = resolve(&reader, session)?;
    print(&reader, &id, output)?;
    finish(&reader.report(), 1)
}

/// Everything about the session with exactly this id.
pub(super) fn print(reader: &Reader, id: &str, output: &mut Output) -> Outcome<()> {
    let snapshot = reader.snapshot(id).map_err(could_not)?;
    print_head(&snapshot, output)?;
    output.line("")?;
    print_tree(&snapshot, output)?;
    print_notes(&snapshot, output)
}

fn print_head(snapshot: &Snapshot, output: &mut Output) -> Outcome<()> {
    let status = snapshot.status();
    let painted = output.paint(status_style(status), status.as_str());
    output.line(&format!("{}  {painted}", one_line(snapshot.id())))?;
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
        format!("{} tokens", grouped(&number(totals.tokens_total))),
        format!("cost {}", number(totals.cost)),
    ];
    if totals.interrupted > 0 {
        sums.insert(
            1,
            format!("{} interrupted", grouped(&totals.interrupted.to_string())),
        );
    }
    label("work", &sums.join(", "), output)?;
    let runs = u64::try_from(snapshot.runs().len()).unwrap_or(u64::MAX);
    let records = counted(totals.records, "record", "records");
    label(
        "kept in",
        &format!("{records} of {}", counted(runs, "run", "runs")),
        output,
    )?;
    if let Some(error) = snapshot.error() {
        label(status.as_str(), error, output)?;
    }
    label("lost", lost(snapshot.loss()), output)
}

fn lost(loss: Loss) -> &'static str {
    match loss {
        Loss::None => "nothing",
        Loss::Tail => "at most an end that was never seen durable",
        Loss::Damage => "DURABLE RECORDS OR PARTS OF THEM: see the report of `recover`",
    }
}

fn print_tree(snapshot: &Snapshot, output: &mut Output) -> Outcome<()> {
    let (depths, spans): (Vec<usize>, Vec<_>) = snapshot.tree().unzip();
    for (span, lines) in spans.into_iter().zip(tree::draw(&depths)) {
        let line = span_line(span, output);
        output.line(&format!("{}{line}", lines.node))?;
        span_details(span, &lines.below, output)?;
    }
    Ok(())
}

fn print_notes(snapshot: &Snapshot, output: &mut Output) -> Outcome<()> {
    if snapshot.notes().is_empty() {
        return Ok(());
    }
    output.line("")?;
    for note in snapshot.notes() {
        let seq = note
            .seq()
            .map(|seq| format!(" (record {seq})"))
            .unwrap_or_default();
        output.line(&format!(
            "note: {}: {}{seq}",
            note.kind(),
            one_line(note.text())
        ))?;
    }
    Ok(())
}
