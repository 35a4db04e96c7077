//! The first look at a journal: what is there, the newest sessions, and what the crashed one was
//! doing.

use std::path::Path;

use trace_journal::report::RunState;
use trace_journal::{Loss, Report, SessionSummary, Snapshot, Timestamp};

use super::doing;
use super::list::{COLUMNS_OF_STATUS, rows_of_status};
use super::session::{fact, heading, lost, place, whole_fact};
use crate::error::Result;
use crate::escape::one_line;
use crate::format::{bytes, counted, grouped};
use crate::headline::{cwd, headline, label};
use crate::output::Output;
use crate::quote::short_ids;
use crate::select::Word;
use crate::table::table;

/// What `status` shows.
pub(crate) struct Card<'a> {
    pub(crate) dir: &'a Path,
    pub(crate) sessions: &'a [SessionSummary],
    pub(crate) report: &'a Report,
    /// The newest crashed one of the newest.
    pub(crate) crashed: Option<&'a Snapshot>,
    /// How many sessions have a row.
    pub(crate) rows: usize,
}

/// How many sessions stand in a way.
pub(crate) fn count(sessions: &[SessionSummary], word: Word) -> u64 {
    let found = sessions
        .iter()
        .filter(|session| Word::of_summary(session) == word);
    u64::try_from(found.count()).unwrap_or(u64::MAX)
}

/// Bytes of all files.
pub(crate) fn size(report: &Report) -> u64 {
    report.segments.iter().map(|segment| segment.size).sum()
}

/// The first start and the last activity of all sessions.
pub(crate) fn extent(sessions: &[SessionSummary]) -> Option<(Timestamp, Timestamp)> {
    let first = sessions.iter().map(|session| session.started_at).min()?;
    let last = sessions.iter().map(|session| session.last_at).max()?;
    Some((first, last))
}

/// Prints the card.
pub(crate) fn print(card: &Card<'_>, output: &mut Output) -> Result<()> {
    let dir = one_line(&card.dir.display().to_string()).into_owned();
    let runs = u64::try_from(card.report.runs.len()).unwrap_or(u64::MAX);
    let sessions = [
        sessions_counted(card.sessions),
        counted(runs, "run", "runs"),
        bytes(size(card.report)),
    ];
    output.folded(&format!("{dir}: {}", sessions.join(", ")), INDENT)?;
    if let Some((first, last)) = extent(card.sessions) {
        let clock = output.clock();
        let (first, last) = (clock.date(first), clock.age(last));
        let time = match first == last {
            true => last,
            false => format!("{first} to {last}"),
        };
        let words = format!("{time}, {}", missing(card.report));
        output.folded(&format!("{:INDENT$}{words}", ""), INDENT)?;
    }
    if let Some(line) = writers(card.report) {
        output.folded(&format!("{:INDENT$}{line}", ""), INDENT)?;
    }
    if card.sessions.is_empty() {
        return Ok(());
    }
    output.line("")?;
    print_rows(card, output)?;
    match card.crashed {
        Some(crashed) => {
            output.line("")?;
            let ids: Vec<&str> = card.sessions.iter().map(|session| &*session.id).collect();
            let id = short_id(&ids, crashed.id(), output);
            print_crashed(crashed, &id, output)
        }
        None => Ok(()),
    }
}

const INDENT: usize = 8;

/// `6 sessions (1 crashed, 1 running, 1 unended)`.
fn sessions_counted(sessions: &[SessionSummary]) -> String {
    let all = u64::try_from(sessions.len()).unwrap_or(u64::MAX);
    let words = [Word::Crashed, Word::Running, Word::Error, Word::Unended];
    let counts = words.map(|word| (word, count(sessions, word)));
    let counts = counts.iter().filter(|(_, count)| *count > 0);
    let counts: Vec<String> = counts
        .map(|(word, count)| format!("{} {}", grouped(&count.to_string()), word.as_str()))
        .collect();
    let all = counted(all, "session", "sessions");
    match counts.as_slice() {
        [] => all,
        counts => format!("{all} ({})", counts.join(", ")),
    }
}

/// What is known to be missing, without reading what has a cache.
fn missing(report: &Report) -> String {
    match report.loss {
        Loss::Damage if report.counts.lost_durable > 0 => {
            let lost = counted(
                report.counts.lost_durable,
                "durable record",
                "durable records",
            );
            format!("DAMAGED: {lost} lost")
        }
        Loss::Damage => "DAMAGED: records may be lost".to_owned(),
        Loss::None | Loss::Tail if report.counts.refused > 0 => {
            let refused = counted(report.counts.refused, "record was", "records were");
            format!("{refused} refused")
        }
        Loss::Tail => "nothing known lost but an end that was never seen durable".to_owned(),
        Loss::None => "nothing known lost".to_owned(),
    }
}

/// How many processes are writing.
fn writers(report: &Report) -> Option<String> {
    let live = report
        .runs
        .iter()
        .filter(|run| run.state == RunState::Live)
        .count();
    let live = u64::try_from(live).unwrap_or(u64::MAX);
    (live > 0).then(|| format!("{} writing", counted(live, "process is", "processes are")))
}

fn print_rows(card: &Card<'_>, output: &mut Output) -> Result<()> {
    let ids: Vec<&str> = card.sessions.iter().map(|session| &*session.id).collect();
    let ids = short_ids(&ids, super::list::id_room(output));
    let newest = &card.sessions[..card.rows.min(card.sessions.len())];
    let cells = rows_of_status(newest, &ids, output);
    table(&COLUMNS_OF_STATUS, || cells.iter().cloned(), output)?;
    let more = card.sessions.len().saturating_sub(card.rows);
    match u64::try_from(more).unwrap_or(u64::MAX) {
        0 => Ok(()),
        more => output.line(&format!("and {} more", grouped(&more.to_string()))),
    }
}

/// An id as it is short among others, so that it can be typed.
pub(crate) fn short_id(ids: &[&str], id: &str, output: &Output) -> String {
    let at = ids.iter().position(|one| *one == id);
    let short = short_ids(ids, super::list::id_room(output));
    at.map_or_else(|| crate::quote::quoted(id), |at| short[at].clone())
}

/// Everything on one screen that tells what the session was doing when it was cut off.
pub(crate) fn print_crashed(snapshot: &Snapshot, id: &str, output: &mut Output) -> Result<()> {
    heading(snapshot, id, output)?;
    if let Some(error) = snapshot.error() {
        output.folded(&format!("  {}", one_line(error)), 2)?;
    }
    if let Some(place) = place(snapshot) {
        fact("in", &place, output)?;
    }
    doing::print(snapshot, output)?;
    if let Some(calls) = doing::calls_line(snapshot) {
        fact("before", &calls, output)?;
    }
    whole_fact("lost", &lost(snapshot), output)
}

/// The one line of a shell's start; `None` if all is well.
pub(crate) fn short(card: &Card<'_>, output: &Output) -> Option<String> {
    let mut parts = Vec::new();
    if let Some(crashed) = card.crashed {
        let ids: Vec<&str> = card.sessions.iter().map(|session| &*session.id).collect();
        let at = ids.iter().position(|id| *id == crashed.id());
        let ids = short_ids(&ids, SHORT_ID_ROOM);
        let id = at.map_or("", |at| &ids[at]);
        let number = count(card.sessions, Word::Crashed);
        let age = output.clock().age(crashed.last_at());
        let mut words = format!("{} crashed: {id} {age}", grouped(&number.to_string()));
        if let Some((_, span)) = doing::at_work(crashed).last() {
            words.push_str(&format!(
                " in {}: {}",
                label(span),
                headline(span, cwd(crashed))
            ));
        }
        parts.push(words);
    }
    if card.report.loss == Loss::Damage {
        parts.push(missing(card.report));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

const SHORT_ID_ROOM: usize = 10;
