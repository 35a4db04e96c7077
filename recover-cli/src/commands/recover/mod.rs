//! `recover`: says what was lost, and writes sessions to files.

pub(super) mod files;
mod part;

#[cfg(unix)]
mod unix;
#[cfg(unix)]
use unix as system;
#[cfg(windows)]
mod windows;
#[cfg(windows)]
use windows as system;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use trace_journal::export::{self, TraceFileOptions};
use trace_journal::{Loss, ReadMode, Reader, Report, Snapshot};

use self::files::{Existing, Files, names};
use super::session_id::resolve;
use super::trouble::{explain, open_verified};
use super::verify::{About, print};
use crate::args::{FileFormat, ModeName, RecoverArgs};
use crate::error::{CliError, ExitStatus, Result, could_not};
use crate::escape::one_line;
use crate::format::counted;
use crate::output::{Output, warn, warn_error};
use crate::place::locate;

pub(super) fn run(args: &RecoverArgs, dirs: &[PathBuf], output: &mut Output) -> Result<ExitStatus> {
    let named = locate(&args.words, dirs, 1)?;
    if let Some(word) = named.rest.first() {
        let word = one_line(word);
        return Err(CliError::Usage(format!(
            "{word}: sessions are named by --session"
        )));
    }
    let dir = named.journal();
    if args.output.is_none() && args.sessions.is_empty() {
        return count(args, dir, output);
    }
    let reader = open_verified(dir, read_mode(args.mode))?;
    let ids = chosen(dir, &reader, &args.sessions, output)?;
    let is_damaged = reader.report().loss == Loss::Damage;
    let is_refused = args.mode == ModeName::Strict && is_damaged;
    let target = args
        .output
        .as_deref()
        .filter(|_| !is_refused && !ids.is_empty());
    let files = match target {
        Some(out) => Some(Files::prepare(
            (out, dir),
            names(&reader, &ids),
            match args.overwrite {
                true => Existing::Replaced,
                false => Existing::Stays,
            },
        )?),
        None => None,
    };
    let progress = output.progress("recover", ids.len(), "sessions");
    let (report, mut exit) = survey(&reader, &ids, |place, snapshot| {
        progress.step();
        match &files {
            Some(files) => files.write(place, |out| write(snapshot, args.format, out)),
            None => Ok(()),
        }
    });
    drop(progress);
    // Before anything is printed: the reader of that may go away.
    let written = match &files {
        Some(files) => files.finish(),
        None => Ok(0),
    };
    if written.is_err() {
        exit = ExitStatus::CouldNot;
    }
    print(&report, &about(dir, exit, args), output)?;
    let written = counted(written?, "file", "files");
    if let Some(out) = target {
        let out = out.display().to_string();
        warn(&format!("wrote {written} into {}", one_line(&out)));
    }
    if is_refused {
        warn("trace-recover: there is damage and the mode is strict: nothing was written");
    }
    Ok(exit)
}

/// Strict reads everything too: the report is to say what is wrong.
fn read_mode(mode: ModeName) -> ReadMode {
    match mode {
        ModeName::Prefix => ReadMode::Prefix,
        ModeName::Salvage | ModeName::Strict => ReadMode::Salvage,
    }
}

fn about<'a>(dir: &'a Path, exit: ExitStatus, args: &RecoverArgs) -> About<'a> {
    About {
        dir,
        exit,
        has_segments: false,
        is_json: args.json,
    }
}

/// The same, as far as the mode reads, and without any file that was asked for.
fn count(args: &RecoverArgs, dir: &Path, output: &mut Output) -> Result<ExitStatus> {
    let options = Reader::options().verify(true).mode(read_mode(args.mode));
    let report = options.report(dir).map_err(|error| explain(dir, error))?;
    let exit = ExitStatus::of(report.outcome);
    print(&report, &about(dir, exit, args), output)?;
    if args.mode == ModeName::Strict && report.loss == Loss::Damage {
        warn("trace-recover: there is damage and the mode is strict: nothing was written");
    }
    Ok(exit)
}

/// The sessions asked for; all of them if none is named.
fn chosen(dir: &Path, reader: &Reader, typed: &[String], output: &Output) -> Result<Vec<String>> {
    if typed.is_empty() {
        return Ok(reader.ids().map(str::to_owned).collect());
    }
    let mut ids = typed
        .iter()
        .map(|typed| resolve(dir, reader, typed, output))
        .collect::<Result<Vec<String>>>()?;
    ids.sort();
    ids.dedup();
    Ok(ids)
}

/// The report of these sessions, each given to `use_it` as it is made.
fn survey(
    reader: &Reader,
    ids: &[String],
    use_it: impl Fn(usize, &Snapshot) -> Result<()>,
) -> (Report, ExitStatus) {
    let mut report = reader.report();
    let mut exit = ExitStatus::of(report.outcome);
    for (place, id) in ids.iter().enumerate() {
        let snapshot = reader.snapshot(id).map_err(could_not);
        let used = snapshot.and_then(|snapshot| {
            report.add_session(&snapshot);
            use_it(place, &snapshot)
        });
        if let Err(failure) = used {
            // One session must not cost the others.
            if exit != ExitStatus::CouldNot {
                exit = failure.parts().0;
            }
            warn_error(&failure);
        }
    }
    (report, exit)
}

/// Writes a session in a format.
pub(super) fn write(
    snapshot: &Snapshot,
    format: FileFormat,
    out: &mut dyn Write,
) -> io::Result<()> {
    match format {
        FileFormat::Json => export::json(snapshot, out),
        FileFormat::Tracefile => export::trace_file(snapshot, out, &TraceFileOptions::default()),
    }
}
