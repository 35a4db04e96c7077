//! `show`: what a session did, and how it ended.

use std::path::PathBuf;

use trace_journal::snapshot::SpanSnapshot;
use trace_journal::{Reader, Snapshot, SpanStatus, export};

use super::exit::{finish, say_believed};
use super::session_id::{resolve, unnamed};
use super::trouble::open;
use crate::addresses::Addresses;
use crate::args::{Form, Only, ShowArgs};
use crate::error::{CliError, ExitStatus, Result, could_not};
use crate::escape::one_line;
use crate::format::counted;
use crate::headline::label;
use crate::output::Output;
use crate::place::locate;
use crate::quote::quoted;
use crate::view::details::text_line;
use crate::view::status::short_id;
use crate::view::{chat, doing, handoff, session, span, tree};

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
        print(&reader, &snapshot, args, output)?;
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

/// The session in the form that is wanted.
fn print(reader: &Reader, snapshot: &Snapshot, args: &ShowArgs, output: &mut Output) -> Result<()> {
    if let Some(typed) = &args.span {
        return print_span(snapshot, typed, output);
    }
    if args.form == Form::Handoff {
        let text = handoff::text(snapshot, args.max_chars, output.clock());
        return output.bytes(text.as_bytes());
    }
    let addresses = Addresses::of(&reader.report());
    let ids: Vec<&str> = reader.ids().collect();
    let id = short_id(&ids, snapshot.id(), output);
    session::head(snapshot, &id, &addresses, output)?;
    if args.form == Form::Chat {
        output.line("")?;
        return chat::print(snapshot, args.full, output);
    }
    doing::print(snapshot, output)?;
    output.line("")?;
    let is_meant = |span: &SpanSnapshot<'_>| is_meant(span, args.only);
    tree::print(snapshot, &is_meant, args.full, output)?;
    print_lines(snapshot, output)?;
    print_notes(snapshot, &addresses, output)
}

/// Spans that are named where one is not enough.
const CANDIDATES_MAX: usize = 20;

/// The span with this id, or with the only one that begins so.
fn print_span(snapshot: &Snapshot, typed: &str, output: &mut Output) -> Result<()> {
    let begins = |span: &&SpanSnapshot<'_>| span.id().starts_with(typed);
    let found = match snapshot.span(typed) {
        Some(exact) => vec![exact],
        None => snapshot.spans().iter().filter(begins).collect(),
    };
    match found.as_slice() {
        [span] => span::print(span, output),
        [] => Err(CliError::NothingMatched(format!(
            "no span {} in this session",
            quoted(typed)
        ))),
        several => {
            let mut words = format!("{} may be any of:", quoted(typed));
            for span in several.iter().take(CANDIDATES_MAX) {
                let (id, name) = (quoted(span.id()), label(span));
                words.push_str(&format!("\n  {id}  {name}"));
            }
            Err(CliError::Usage(words))
        }
    }
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
