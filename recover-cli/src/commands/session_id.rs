//! Which session is meant by what was typed.

use std::path::Path;

use trace_journal::Reader;

use super::trouble::{argument_of, say_compressed, say_unread, shown};
use crate::error::{CliError, ExitStatus, Result};
use crate::output::program;
use crate::quote::{hash_name, quoted, unquoted};

/// The session meant by `typed`: its id, as it is or as it is printed, the beginning of only one
/// id, or its hash behind a `~`.
pub(super) fn resolve(dir: &Path, reader: &Reader, typed: &str) -> Result<String> {
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
        several => Err(CliError::Usage(ambiguous(typed, several))),
    }
}

/// A session that is not there: where records are missing, it may have been there.
fn unknown(dir: &Path, reader: &Reader, typed: &str) -> CliError {
    let (name, report) = (quoted(typed), reader.report());
    if ExitStatus::of_number(report.exit_code) == ExitStatus::CouldNot {
        say_unread(dir, &report);
        let words = format!("no session {name} in what could be read");
        return CliError::CouldNot(words);
    }
    let is_compressed = say_compressed(&report);
    let (program, at) = (program(), shown(dir));
    let is_damaged = ExitStatus::of_number(report.exit_code) == ExitStatus::Lost;
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
