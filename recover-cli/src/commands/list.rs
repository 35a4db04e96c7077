//! `list`: one row per session, or run, newest first.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use trace_journal::{Report, SessionSummary};

use super::exit::{finish, say_believed};
use super::places::place_of;
use super::session_id::resolve;
use super::trouble::{open, summaries};
use crate::args::{ListArgs, SortBy};
use crate::error::{ExitStatus, Result};
use crate::output::Output;
use crate::place::locate;
use crate::quote::short_ids;
use crate::table::table;
use crate::view::list::{COLUMNS, COLUMNS_OF_PIPE, COLUMNS_OF_RUNS, id_room, row, rows_of_runs};

pub(super) fn run(args: &ListArgs, dirs: &[PathBuf], output: &mut Output) -> Result<ExitStatus> {
    let named = locate(&args.words, dirs, usize::MAX)?;
    let is_one = named.journals.len() == 1;
    let mut exit = ExitStatus::NothingMatched;
    for dir in &named.journals {
        if !is_one && !args.json {
            output.line(&format!("{}:", super::trouble::shown(dir)))?;
        }
        let ended = of_journal(args, dir, &named.rest, output)?;
        exit = match (exit, ended) {
            (ExitStatus::NothingMatched, ended) => ended,
            (exit, ExitStatus::NothingMatched | ExitStatus::Done) => exit,
            (ExitStatus::Done, ended) => ended,
            (exit, _) => exit,
        };
    }
    Ok(exit)
}

fn of_journal(
    args: &ListArgs,
    dir: &Path,
    words: &[String],
    output: &mut Output,
) -> Result<ExitStatus> {
    let (mut sessions, report) = summaries(dir)?;
    if let Some(prefix) = &args.ids {
        for session in sessions.iter().filter(|one| one.id.starts_with(prefix)) {
            output.line(&crate::quote::quoted(&session.id))?;
        }
        return Ok(ExitStatus::Done);
    }
    if args.runs {
        return runs(args, dir, &report, output);
    }
    let all: Vec<String> = sessions.iter().map(|session| session.id.clone()).collect();
    sort(&mut sessions, args.sort);
    let selection = args
        .selection
        .understood(args.grep.as_deref(), output.clock())?;
    let typed: Vec<&String> = args.selection.sessions.iter().chain(words).collect();
    if !typed.is_empty() {
        let reader = open(dir)?;
        let meant = typed
            .iter()
            .map(|typed| resolve(dir, &reader, typed, output));
        let meant = meant.collect::<Result<Vec<String>>>()?;
        sessions.retain(|session| meant.contains(&session.id));
    }
    let reader = open(dir)?;
    let chosen = selection.sessions(&sessions, |id| reader.snapshot(id).ok());
    if args.json {
        output.json(&chosen)?;
    } else if !chosen.is_empty() {
        print(&chosen, &all, |id| place_of(&reader, id), output)?;
        say_believed(dir, &report, output)?;
    }
    finish(dir, &report, chosen.len(), output)
}

fn sort(sessions: &mut [SessionSummary], by: SortBy) {
    let number = |one: f64, other: f64| other.partial_cmp(&one).unwrap_or(Ordering::Equal);
    // Stable: what is equal stays newest first.
    match by {
        SortBy::Last => {}
        SortBy::Started => sessions.sort_by_key(|one| std::cmp::Reverse(one.started_at)),
        SortBy::Duration => {
            sessions.sort_by_key(|one| std::cmp::Reverse(one.duration()));
        }
        SortBy::Spans => sessions.sort_by_key(|one| std::cmp::Reverse(one.spans)),
        SortBy::Tokens => {
            sessions.sort_by(|one, other| number(one.tokens.as_f64(), other.tokens.as_f64()));
        }
        SortBy::Cost => {
            sessions.sort_by(|one, other| number(one.cost.as_f64(), other.cost.as_f64()));
        }
    }
}

/// The table; ids are short as no other session of the journal is.
fn print(
    chosen: &[&SessionSummary],
    all: &[String],
    place: impl Fn(&str) -> Option<String>,
    output: &mut Output,
) -> Result<()> {
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let short: BTreeMap<&str, String> = all
        .iter()
        .copied()
        .zip(short_ids(&all, id_room(output)))
        .collect();
    let cells: Vec<_> = chosen
        .iter()
        .map(|session| {
            let id = short.get(&*session.id).map_or(&*session.id, String::as_str);
            row(session, id, place(&session.id).as_deref(), output)
        })
        .collect();
    match output.is_bounded() {
        true => table(&COLUMNS, || cells.iter().cloned(), output),
        false => table(&COLUMNS_OF_PIPE, || cells.iter().cloned(), output),
    }
}

fn runs(args: &ListArgs, dir: &Path, report: &Report, output: &mut Output) -> Result<ExitStatus> {
    if args.json {
        output.json(&report.runs)?;
    } else {
        let rows = rows_of_runs(report);
        table(&COLUMNS_OF_RUNS, || rows.iter().cloned(), output)?;
    }
    finish(dir, report, report.runs.len(), output)
}
