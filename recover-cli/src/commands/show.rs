//! `show`: what a session did, and how it ended.

use std::path::PathBuf;

use trace_journal::snapshot::SpanSnapshot;
use trace_journal::{Reader, Snapshot, SpanStatus, export};

use super::exit::{finish, say_believed};
use super::session_id::{resolve, unnamed};
use super::trouble::open;
use crate::addresses::Addresses;
use crate::args::{Only, ShowArgs};
use crate::error::{CliError, ExitStatus, Result, could_not};
use crate::escape::one_line;
use crate::format::counted;
use crate::output::Output;
use crate::place::locate;
use crate::quote::quoted;
use crate::view::details::text_line;
use crate::view::status::short_id;
use crate::view::{doing, session, tree};

pub(super) fn run(args: &ShowArgs, dirs: &[PathBuf], output: &mut Output) -> Result<ExitStatus> {
    let named = locate(&args.words, dirs, 1)?;
    let dir = named.journal();
    let reader = open(dir)?;
    let id = match named.rest.as_slice() {
        [] => match unnamed(dir)? {
            Some(id) => {
                output.note(&format!("session {}", quoted(&id)));
                id
            }
            None => return finish(dir, &reader.report(), 0, output),
        },
        [typed] => resolve(dir, &reader, typed, output)?,
        [.., word] => {
            let word = one_line(word);
            return Err(CliError::Usage(format!("{word}: `show` takes one session")));
        }
    };
    let snapshot = reader.snapshot(&id).map_err(could_not)?;
    if args.json {
        let mut out = Vec::new();
        let made = export::json(&snapshot, &mut out);
        made.map_err(|error| CliError::CouldNot(error.to_string()))?;
        output.json_text(&out)?;
    } else {
        let is_meant = |span: &SpanSnapshot<'_>| is_meant(span, args.only);
        print(&reader, &snapshot, &is_meant, output)?;
    }
    let report = reader.report();
    say_believed(dir, &report, output)?;
    finish(dir, &report, 1, output)
}

fn is_meant(span: &SpanSnapshot<'_>, only: Option<Only>) -> bool {
    match only {
        None => true,
        Some(Only::Errors) => span.status() == SpanStatus::Error,
        Some(Only::Open) => span.is_interrupted() || span.ended_at().is_none(),
    }
}

/// Head, what it was doing, then its spans.
fn print(
    reader: &Reader,
    snapshot: &Snapshot,
    is_meant: &dyn Fn(&SpanSnapshot<'_>) -> bool,
    output: &mut Output,
) -> Result<()> {
    let addresses = Addresses::of(&reader.report());
    let ids: Vec<&str> = reader.ids().collect();
    let id = short_id(&ids, snapshot.id(), output);
    session::head(snapshot, &id, &addresses, output)?;
    doing::print(snapshot, output)?;
    output.line("")?;
    tree::print(snapshot, is_meant, output)?;
    print_lines(snapshot, output)?;
    print_notes(snapshot, &addresses, output)
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
