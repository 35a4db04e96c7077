//! `export`: sessions in a format that others read.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use trace_journal::Reader;

use super::exit::finish;
use super::recover::files::{Existing, Files, names};
use super::recover::write;
use super::session_id::resolve;
use super::trouble::{open, summaries};
use crate::args::ExportArgs;
use crate::error::{CliError, ExitStatus, Result, could_not};
use crate::escape::one_line;
use crate::format::counted;
use crate::output::{Output, warn};
use crate::place::locate;

pub(super) fn run(args: &ExportArgs, dirs: &[PathBuf], output: &mut Output) -> Result<ExitStatus> {
    let named = locate(&args.words, dirs, 1)?;
    let dir = named.journal();
    let reader = open(dir)?;
    let ids = chosen(args, (dir, &named.rest), &reader, output)?;
    let out = args.output.as_deref().filter(|out| *out != Path::new("-"));
    match out {
        Some(out) if !ids.is_empty() => to_files(args, (dir, out), &reader, &ids, output)?,
        _ => to_stdout(args, &reader, &ids, output)?,
    }
    finish(dir, &reader.report(), ids.len(), output)
}

/// The sessions that are meant, newest first.
fn chosen(
    args: &ExportArgs,
    (dir, words): (&Path, &[String]),
    reader: &Reader,
    output: &Output,
) -> Result<Vec<String>> {
    let (mut sessions, _) = summaries(dir)?;
    let typed: Vec<&String> = args.selection.sessions.iter().chain(words).collect();
    if !typed.is_empty() {
        let meant = typed
            .iter()
            .map(|typed| resolve(dir, reader, typed, output));
        let meant = meant.collect::<Result<BTreeSet<String>>>()?;
        sessions.retain(|session| meant.contains(&session.id));
    }
    let selection = args.selection.understood(None, output.clock())?;
    let chosen = selection.sessions(&sessions, |id| reader.snapshot(id).ok());
    Ok(chosen
        .into_iter()
        .map(|session| session.id.clone())
        .collect())
}

/// One line a session.
fn to_stdout(
    args: &ExportArgs,
    reader: &Reader,
    ids: &[String],
    output: &mut Output,
) -> Result<()> {
    for id in ids {
        let snapshot = reader.snapshot(id).map_err(could_not)?;
        let mut text = Vec::new();
        let made = write(&snapshot, args.format, &mut text);
        made.map_err(|error| CliError::CouldNot(error.to_string()))?;
        output.json_text(&text)?;
    }
    Ok(())
}

fn to_files(
    args: &ExportArgs,
    (dir, out): (&Path, &Path),
    reader: &Reader,
    ids: &[String],
    output: &mut Output,
) -> Result<()> {
    let existing = match (args.overwrite, args.update) {
        (true, _) => Existing::Replaced,
        (_, true) => Existing::Updated,
        _ => Existing::Stays,
    };
    let files = Files::prepare((out, dir), names(reader, ids), existing)?;
    let progress = output.progress("export", ids.len(), "sessions");
    for (place, id) in ids.iter().enumerate() {
        progress.step();
        let snapshot = reader.snapshot(id).map_err(could_not)?;
        files.write(place, |to| write(&snapshot, args.format, to))?;
    }
    drop(progress);
    let written = counted(files.finish()?, "file", "files");
    let out = out.display().to_string();
    warn(&format!("wrote {written} into {}", one_line(&out)));
    Ok(())
}
