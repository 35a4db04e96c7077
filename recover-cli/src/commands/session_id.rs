//! Which session is meant by what was typed.

use std::path::Path;

use trace_journal::{Reader, SessionSummary};

use super::trouble::{argument_of, say_compressed, say_unread, shown, summaries};
use crate::error::{CliError, ExitStatus, Result};
use crate::escape::one_line;
use crate::output::{Output, program};
use crate::quote::{hash_name, quoted, unquoted};
use crate::select::Word;

/// The session meant by `typed`: its id, as it is or as it is printed, the beginning of only one
/// id, its hash behind a `~`, its place from the last one as in `-1`, `latest` or `crashed`.
pub(super) fn resolve(dir: &Path, reader: &Reader, typed: &str, output: &Output) -> Result<String> {
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
        [] => match by_place(dir, typed)? {
            Some(id) => Ok(id),
            None => Err(unknown(dir, reader, typed)),
        },
        [only] => Ok((*only).to_owned()),
        several => Err(CliError::Usage(ambiguous(dir, typed, several, output)?)),
    }
}

/// The session that `status` tells of, or else the last one; `None` if there is none.
pub(super) fn unnamed(dir: &Path) -> Result<Option<String>> {
    let (sessions, _) = summaries(dir)?;
    let told = crashed_of(&sessions).or_else(|| sessions.first());
    Ok(told.map(|session| session.id.clone()))
}

/// The crashed one that is detailed: the newest of the five newest.
pub(super) fn crashed_of(sessions: &[SessionSummary]) -> Option<&SessionSummary> {
    let mut newest = sessions.iter().take(NEWEST_MAX);
    newest.find(|session| Word::of_summary(session) == Word::Crashed)
}

/// Sessions that a first look has.
pub(super) const NEWEST_MAX: usize = 5;

/// What `-1`, `-2`, …, `latest` and `crashed` mean.
fn by_place(dir: &Path, typed: &str) -> Result<Option<String>> {
    let number = typed
        .strip_prefix('-')
        .and_then(|number| number.parse::<usize>().ok());
    let place = match typed {
        "latest" => Some(1),
        _ => number.filter(|number| *number > 0),
    };
    if place.is_none() && typed != "crashed" {
        return Ok(None);
    }
    let (sessions, _) = summaries(dir)?;
    let found = match place {
        Some(place) => sessions.get(place - 1),
        None => sessions
            .iter()
            .find(|one| Word::of_summary(one) == Word::Crashed),
    };
    Ok(found.map(|session| session.id.clone()))
}

/// A session that is not there: where records are missing, it may have been there.
fn unknown(dir: &Path, reader: &Reader, typed: &str) -> CliError {
    let (name, report) = (quoted(typed), reader.report());
    if ExitStatus::of(report.outcome) == ExitStatus::CouldNot {
        say_unread(dir, &report);
        let words = format!("no session {name} in what could be read");
        return CliError::CouldNot(words);
    }
    let is_compressed = say_compressed(&report);
    let (program, at) = (program(), shown(dir));
    let is_damaged = ExitStatus::of(report.outcome) == ExitStatus::Lost;
    if is_compressed || is_damaged || report.missing() > 0 {
        return CliError::NothingMatched(format!(
            "no session {name} in what is left of {at}, of which records are missing; {program} \
             verify {}",
            argument_of(dir)
        ));
    }
    let mut words = format!("no session {name} in {at}");
    if let Some(near) = nearest(reader, typed) {
        words.push_str(&format!("; did you mean {}?", quoted(near)));
    }
    CliError::NothingMatched(format!("{words}; {program} list {}", argument_of(dir)))
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

/// The candidates with what tells them apart, newest first.
fn ambiguous(dir: &Path, typed: &str, candidates: &[&str], output: &Output) -> Result<String> {
    let (mut sessions, _) = summaries(dir)?;
    sessions.retain(|session| candidates.contains(&&*session.id));
    let mut words = format!("{} may be any of:", quoted(typed));
    for session in sessions.iter().take(CANDIDATES_MAX) {
        let title = one_line(session.title.as_deref().unwrap_or_default());
        let (status, age) = (
            Word::of_summary(session).as_str(),
            output.clock().age(session.last_at),
        );
        let row = format!("  {}  {status}  {age}  {title}", quoted(&session.id));
        words.push('\n');
        words.push_str(row.trim_end());
    }
    if let Some(left_out) = candidates.len().checked_sub(CANDIDATES_MAX + 1) {
        words.push_str(&format!("\n  and {} more", left_out + 1));
    }
    Ok(words)
}

const CANDIDATES_MAX: usize = 20;
