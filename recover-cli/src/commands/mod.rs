//! The verbs: each calls the library and renders.

mod cat;
mod demo;
mod ingest;
mod list;
mod recover;
mod show;

use std::collections::BTreeMap;
use std::path::Path;

use trace_journal::{Error, FORMAT_VERSION, Mode, Reader, Report, SegmentState};

use crate::args::Verb;
use crate::escape::one_line;
use crate::failure::{Exit, Failure, Outcome, could_not};
use crate::output::{Output, say};
use crate::text::counted;

/// Runs what was typed.
pub(crate) fn run(verb: Verb, output: &mut Output) -> Outcome<Exit> {
    match verb {
        Verb::Demo { dir } => demo::run(dir.as_deref(), output),
        Verb::Recover(args) => recover::run(&args, output),
        Verb::List { dir, json } => list::run(&dir, json, output),
        Verb::Show { dir, session } => show::run(&dir, &session, output),
        Verb::Cat(args) => cat::run(&args, output),
        Verb::Verify { dir, json } => recover::verify(&dir, json, output),
        Verb::Ingest(args) => ingest::run(&args),
        Verb::DemoWorker { dir, tree, session } => demo::worker::run(&dir, &tree, &session),
    }
}

/// Opens the journal for reading what is asked for.
fn open(dir: &Path) -> Outcome<Reader> {
    Reader::open(dir).map_err(explain)
}

/// Opens the journal for a verdict on all of it.
fn open_verified(dir: &Path, mode: Mode) -> Outcome<Reader> {
    Reader::open_verified(dir, mode).map_err(explain)
}

fn explain(error: Error) -> Failure {
    match &error {
        Error::NotAJournal { .. } => Failure::CouldNot(format!(
            "{error}; give the directory that the program opened as its journal"
        )),
        _ => could_not(error),
    }
}

/// The session meant by `typed`: its id, or the beginning of only one id.
fn resolve(reader: &Reader, typed: &str) -> Outcome<String> {
    if reader.session(typed).is_known() {
        return Ok(typed.to_owned());
    }
    let candidates: Vec<&str> = reader.ids().filter(|id| id.starts_with(typed)).collect();
    match candidates.as_slice() {
        [] => Err(unknown(reader, typed)),
        [only] => Ok((*only).to_owned()),
        several => Err(Failure::Usage(ambiguous(typed, several))),
    }
}

fn unknown(reader: &Reader, typed: &str) -> Failure {
    let (typed, report) = (one_line(typed), reader.report());
    if Exit::of_number(report.exit_code) == Exit::CouldNot {
        say_unread(&report);
        let words = format!("no session \"{typed}\" in what could be read");
        return Failure::CouldNot(words);
    }
    Failure::NothingMatched(format!(
        "no session \"{typed}\"; `list` shows all there are"
    ))
}

fn ambiguous(typed: &str, candidates: &[&str]) -> String {
    let mut words = format!("\"{}\" may be any of:", one_line(typed));
    for candidate in candidates.iter().take(CANDIDATES_MAX) {
        words.push_str("\n  ");
        words.push_str(&one_line(candidate));
    }
    if let Some(left_out) = candidates.len().checked_sub(CANDIDATES_MAX + 1) {
        words.push_str(&format!("\n  and {} more", left_out + 1));
    }
    words
}

const CANDIDATES_MAX: usize = 20;

/// The exit code of a verb that printed `count` things, and words about what is not well.
fn finish(report: &Report, count: usize) -> Outcome<Exit> {
    say_unread(report);
    let exit = Exit::of_number(report.exit_code);
    if exit == Exit::NothingMatched || exit == Exit::Done && count == 0 {
        say("trace-recover: no sessions there");
    }
    if exit == Exit::Lost {
        say("trace-recover: the journal is damaged; `recover` says where and what it cost");
    }
    if exit == Exit::Done && count == 0 {
        return Ok(Exit::NothingMatched);
    }
    Ok(exit)
}

/// Names the files that could not be read, whatever else was reported.
fn say_unread(report: &Report) {
    for segment in &report.segments {
        if let Some(why) = &segment.failure {
            let (file, why) = (one_line(&segment.file), one_line(why));
            say(&format!("trace-recover: {file}: {why}"));
        }
    }
    let unsupported = report.segments.iter();
    let unsupported = unsupported.filter(|segment| segment.state == SegmentState::Unsupported);
    let mut by_version = BTreeMap::<Option<u32>, u64>::new();
    for segment in unsupported {
        *by_version.entry(segment.version).or_default() += 1;
    }
    for (version, count) in by_version {
        let segments = counted(count, "segment", "segments");
        let are = if count == 1 { "is" } else { "are" };
        let what = match version {
            Some(version) => format!("of format {version}"),
            None => "of a kind of a later version".to_owned(),
        };
        let what = format!("{segments} {are} {what}");
        say(&format!(
            "trace-recover: {what}, this command reads up to {FORMAT_VERSION}: update it"
        ));
    }
}
