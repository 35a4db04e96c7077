//! `stats`: what sessions come to, by day, model, tool and more.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::exit::finish;
use super::session_id::resolve;
use super::trouble::{open, summaries};
use crate::args::StatsArgs;
use crate::error::{CliError, ExitStatus, Result, could_not};
use crate::output::Output;
use crate::place::locate;
use crate::view::stats::{Key, Sums, csv, documents, print};

pub(super) fn run(args: &StatsArgs, dirs: &[PathBuf], output: &mut Output) -> Result<ExitStatus> {
    let named = locate(&args.words, dirs, usize::MAX)?;
    let keys: Vec<Key> = args.by.iter().map(|name| Key::named(name)).collect();
    let tables: Vec<Vec<Key>> = match (keys.is_empty(), args.json || args.csv) {
        (false, _) => vec![keys],
        (true, true) => vec![Vec::new()],
        (true, false) => vec![vec![], vec![Key::Model], vec![Key::Tool]],
    };
    let mut sums: Vec<Sums> = tables.into_iter().map(Sums::new).collect();
    let mut exit = ExitStatus::NothingMatched;
    for dir in &named.journals {
        let ended = add(args, (dir, &named.rest), &mut sums, output)?;
        exit = match (exit, ended) {
            (ExitStatus::NothingMatched | ExitStatus::Done, ended)
                if ended != ExitStatus::NothingMatched =>
            {
                ended
            }
            (exit, _) => exit,
        };
    }
    let sort = args.sort.as_deref();
    let rows_max = if args.by.is_empty() {
        LARGEST
    } else {
        usize::MAX
    };
    for (number, sums) in sums.iter().enumerate() {
        let groups = sums.sorted(sort).ok_or_else(|| {
            let name = crate::escape::one_line(sort.unwrap_or_default());
            CliError::Usage(format!("no column {name} to sort by"))
        })?;
        match (args.json, args.csv) {
            (true, _) => output.json(&documents(sums, &groups))?,
            (_, true) => csv(sums, &groups, output)?,
            _ if groups.is_empty() => {}
            _ => {
                if number > 0 {
                    output.line("")?;
                }
                print(sums, &groups, rows_max, output)?;
            }
        }
    }
    Ok(exit)
}

/// Rows of a table that was not asked for.
const LARGEST: usize = 3;

/// Adds up the sessions of a journal.
fn add(
    args: &StatsArgs,
    (dir, words): (&Path, &[String]),
    sums: &mut [Sums],
    output: &mut Output,
) -> Result<ExitStatus> {
    let (mut sessions, _) = summaries(dir)?;
    let reader = open(dir)?;
    let typed: Vec<&String> = args.selection.sessions.iter().chain(words).collect();
    if !typed.is_empty() {
        let meant = typed
            .iter()
            .map(|typed| resolve(dir, &reader, typed, output));
        let meant = meant.collect::<Result<BTreeSet<String>>>()?;
        sessions.retain(|session| meant.contains(&session.id));
    }
    let selection = args.selection.understood(None, output.clock())?;
    let chosen = selection.sessions(&sessions, |id| reader.snapshot(id).ok());
    let progress = output.progress("stats", chosen.len(), "sessions");
    let count = chosen.len();
    for session in chosen {
        progress.step();
        let snapshot = reader.snapshot(&session.id).map_err(could_not)?;
        for sums in sums.iter_mut() {
            sums.add(&snapshot, &selection, output.clock());
        }
    }
    drop(progress);
    finish(dir, &reader.report(), count, output)
}
