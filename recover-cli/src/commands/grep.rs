//! `grep`: what was said, called and printed, searched.

use std::path::{Path, PathBuf};

use regex::Regex;
use serde::Serialize;
use trace_journal::{Reader, SessionSummary, Snapshot};

use super::exit::finish;
use super::session_id::resolve;
use super::trouble::{open, shown, summaries};
use crate::args::GrepArgs;
use crate::error::{CliError, ExitStatus, Result, could_not};
use crate::output::Output;
use crate::place::locate;
use crate::quote::short_ids;
use crate::select::regex;
use crate::view::grep::{Hit, hits, print_hit, print_session};
use crate::view::list::id_room;

pub(super) fn run(args: &GrepArgs, dirs: &[PathBuf], output: &mut Output) -> Result<ExitStatus> {
    let named = locate(&args.words, dirs, usize::MAX)?;
    let [pattern] = named.rest.as_slice() else {
        let words = "one pattern behind the journals; sessions are named by --session";
        return Err(CliError::Usage(words.to_owned()));
    };
    let pattern = match args.fixed_strings {
        true => regex(&regex::escape(pattern), args.ignore_case)?,
        false => regex(pattern, args.ignore_case)?,
    };
    let mut found = ExitStatus::NothingMatched;
    for dir in &named.journals {
        if named.journals.len() > 1 && !args.json {
            output.line(&format!("{}:", shown(dir)))?;
        }
        let ended = of_journal(args, dir, &pattern, output)?;
        found = match (found, ended) {
            (ExitStatus::NothingMatched | ExitStatus::Done, ended)
                if ended != ExitStatus::NothingMatched =>
            {
                ended
            }
            (found, _) => found,
        };
    }
    Ok(found)
}

fn of_journal(
    args: &GrepArgs,
    dir: &Path,
    pattern: &Regex,
    output: &mut Output,
) -> Result<ExitStatus> {
    let (mut sessions, _) = summaries(dir)?;
    let reader = open(dir)?;
    let ids: Vec<String> = sessions.iter().map(|session| session.id.clone()).collect();
    let all: Vec<&str> = ids.iter().map(String::as_str).collect();
    let short = short_ids(&all, id_room(output));
    if !args.selection.sessions.is_empty() {
        let meant = args.selection.sessions.iter();
        let meant = meant.map(|typed| resolve(dir, &reader, typed, output));
        let meant = meant.collect::<Result<Vec<String>>>()?;
        sessions.retain(|session| meant.contains(&session.id));
    }
    let selection = args.selection.understood(None, output.clock())?;
    let chosen = selection.sessions(&sessions, |id| reader.snapshot(id).ok());
    let progress = output.progress("grep", chosen.len(), "sessions");
    let mut count = 0;
    for session in chosen {
        progress.step();
        let snapshot = reader.snapshot(&session.id).map_err(could_not)?;
        let mut found = hits(&snapshot, pattern, &args.places);
        found.retain(|hit| selection.has_kind(&[hit.kind]) && selection.has_time(Some(hit.at)));
        found.truncate(args.max_count.unwrap_or(usize::MAX));
        if found.is_empty() {
            continue;
        }
        count += found.len();
        let at = all.iter().position(|id| *id == session.id);
        let id = at.map_or("", |at| &short[at]);
        print(args, (session, id), &snapshot, &found, output)?;
    }
    drop(progress);
    end(dir, &reader, count, output)
}

fn print(
    args: &GrepArgs,
    (session, id): (&SessionSummary, &str),
    snapshot: &Snapshot,
    found: &[Hit<'_>],
    output: &mut Output,
) -> Result<()> {
    if args.json {
        return found
            .iter()
            .try_for_each(|hit| output.json(&Document::of(snapshot, hit)));
    }
    if args.files_with_matches {
        return output.line(id);
    }
    if args.count {
        return output.line(&format!("{id}  {}", found.len()));
    }
    print_session(session, id, output)?;
    found
        .iter()
        .try_for_each(|hit| print_hit(hit, args.context, output))
}

/// Nothing found is told by the exit code alone; damage and unread files as everywhere.
fn end(dir: &Path, reader: &Reader, count: usize, output: &mut Output) -> Result<ExitStatus> {
    let exit = finish(dir, &reader.report(), 1, output)?;
    Ok(match (exit, count) {
        (ExitStatus::Done | ExitStatus::Lost, 0) => ExitStatus::NothingMatched,
        (exit, _) => exit,
    })
}

/// A hit as JSON has it.
#[derive(Serialize)]
struct Document<'a> {
    session: &'a str,
    span: &'a str,
    kind: &'a str,
    name: &'a str,
    at: String,
    #[serde(rename = "in")]
    place: &'a str,
    line: usize,
    text: &'a str,
    start: usize,
    end: usize,
}

impl<'a> Document<'a> {
    fn of(snapshot: &'a Snapshot, hit: &'a Hit<'a>) -> Document<'a> {
        Document {
            session: snapshot.id(),
            span: hit.span,
            kind: hit.kind,
            name: hit.name,
            at: hit.at.to_string(),
            place: &hit.place,
            line: hit.line,
            text: hit.text(),
            start: hit.start,
            end: hit.end,
        }
    }
}
