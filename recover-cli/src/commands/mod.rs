//! The verbs: each calls the library and renders.

mod cat;
mod demo;
mod ingest;
mod list;
mod recover;
mod show;
mod trouble;

use std::path::Path;

use trace_journal::{Loss, Mode, Reader, Report};

use self::trouble::{argument_of, explain, say_compressed, say_unread, shown};
use crate::args::Verb;
use crate::failure::{Exit, Failure, Outcome};
use crate::output::{Output, program, say};
use crate::quote::{hash_name, quoted, unquoted};
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
    Reader::open(dir).map_err(|error| explain(dir, error))
}

/// Opens the journal for a verdict on all of it.
fn open_verified(dir: &Path, mode: Mode) -> Outcome<Reader> {
    Reader::open_verified(dir, mode).map_err(|error| explain(dir, error))
}

/// The session meant by `typed`: its id, as it is or as it is printed, the beginning of only one
/// id, or its hash behind a `~`.
fn resolve(dir: &Path, reader: &Reader, typed: &str) -> Outcome<String> {
    let unquoted = unquoted(typed);
    let spellings = || [Some(typed), unquoted.as_deref()].into_iter().flatten();
    if let Some(exact) = spellings().find(|id| reader.session(id).is_known()) {
        return Ok(exact.to_owned());
    }
    let mut candidates: Vec<&str> = Vec::new();
    for spelling in spellings() {
        candidates.extend(reader.ids().filter(|id| id.starts_with(spelling)));
    }
    if typed.starts_with('~') {
        candidates.extend(reader.ids().filter(|id| hash_name(id) == typed));
    }
    candidates.sort_unstable();
    candidates.dedup();
    match candidates.as_slice() {
        [] => Err(unknown(dir, reader, typed)),
        [only] => Ok((*only).to_owned()),
        several => Err(Failure::Usage(ambiguous(typed, several))),
    }
}

/// A session that is not there: said so that nobody believes it never was where records are
/// missing.
fn unknown(dir: &Path, reader: &Reader, typed: &str) -> Failure {
    let (name, report) = (quoted(typed), reader.report());
    if Exit::of_number(report.exit_code) == Exit::CouldNot {
        say_unread(dir, &report);
        let words = format!("no session {name} in what could be read");
        return Failure::CouldNot(words);
    }
    let is_compressed = say_compressed(&report);
    let (program, at) = (program(), shown(dir));
    let is_damaged = Exit::of_number(report.exit_code) == Exit::Lost;
    if is_compressed || is_damaged || report.missing() > 0 {
        return Failure::NothingMatched(format!(
            "no session {name} in what is left of {at}, of which records are missing; {program} \
             verify {}",
            argument_of(dir)
        ));
    }
    let mut words = format!("no session {name} in {at}");
    if let Some(near) = nearest(reader, typed) {
        words.push_str(&format!("; did you mean {}?", quoted(near)));
    }
    Failure::NothingMatched(format!("{words}; {program} list {}", argument_of(dir)))
}

/// The id that was mistyped, if it is one.
fn nearest<'r>(reader: &'r Reader, typed: &str) -> Option<&'r str> {
    let len = typed.len();
    let is_like = |id: &&str| id.len() <= ID_LEN_MAX && id.len().abs_diff(len) <= len / 4;
    let ids = reader.ids().filter(is_like).take(CANDIDATES_LOOKED_AT_MAX);
    let far = |id: &str| strsim::damerau_levenshtein(id, typed);
    let nearest = ids.map(|id| (far(id), id)).min()?;
    (nearest.0 <= len / 4).then_some(nearest.1)
}

/// Ids so long are not typed.
const ID_LEN_MAX: usize = 100;
const CANDIDATES_LOOKED_AT_MAX: usize = 10_000;

fn ambiguous(typed: &str, candidates: &[&str]) -> String {
    let mut words = format!("{} may be any of:", quoted(typed));
    for candidate in candidates.iter().take(CANDIDATES_MAX) {
        words.push_str("\n  ");
        words.push_str(&quoted(candidate));
    }
    if let Some(left_out) = candidates.len().checked_sub(CANDIDATES_MAX + 1) {
        words.push_str(&format!("\n  and {} more", left_out + 1));
    }
    words
}

const CANDIDATES_MAX: usize = 20;

/// The exit code of a verb that printed `count` things, and words about what is not well.
fn finish(dir: &Path, report: &Report, count: usize) -> Outcome<Exit> {
    say_unread(dir, report);
    say_compressed(report);
    let exit = Exit::of_number(report.exit_code);
    if exit == Exit::NothingMatched || exit == Exit::Done && count == 0 {
        say(&format!("trace-recover: no sessions in {}", shown(dir)));
    }
    if report.counts.refused > 0 {
        let records = counted(report.counts.refused, "record was", "records were");
        let (program, at) = (program(), argument_of(dir));
        say(&format!(
            "trace-recover: {records} refused, so they are missing; {program} verify {at}"
        ));
    }
    if exit == Exit::Lost && report.loss == Loss::Damage {
        let program = program();
        let lost = match (report.counts.lost_durable, report.counts.lost_unwitnessed) {
            (0, 0) => "records may be lost".to_owned(),
            (0, lost) => counted(lost, "record lost", "records lost"),
            (lost, _) => counted(lost, "durable record lost", "durable records lost"),
        };
        let at = shown(dir);
        say(&format!(
            "trace-recover: {at} is damaged: {lost}; {program} verify {}",
            argument_of(dir)
        ));
    }
    if exit == Exit::Done && count == 0 {
        return Ok(Exit::NothingMatched);
    }
    Ok(exit)
}

/// Says of which segments only the caches were read, and where caches told otherwise.
fn say_believed(dir: &Path, report: &Report) {
    if report.believed > 0 {
        let believed = counted(report.believed, "segment", "segments");
        let (program, dir) = (program(), argument_of(dir));
        say(&format!(
            "trace-recover: of {believed} the caches were believed; {program} verify {dir}"
        ));
    }
    if report.contradicted {
        say("trace-recover: caches told otherwise than their segments: everything was read");
    }
}
