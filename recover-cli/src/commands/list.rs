//! `list`: one row per session, newest last activity first.

use std::path::Path;

use trace_journal::{Report, SessionSummary, Timestamp};

use super::{explain, finish};
use crate::escape::one_line;
use crate::failure::{Exit, Outcome};
use crate::output::Output;
use crate::text::{cut, duration, grouped, number, table};

const HEADER: [&str; 8] = [
    "ID", "STATUS", "STARTED", "DURATION", "SPANS", "TOKENS", "COST", "TITLE",
];

/// Of a longer id a person sees the beginning, which is enough to name the session.
const ID_COLUMNS_MAX: usize = 40;

/// Columns of numbers.
const RIGHT: [usize; 4] = [3, 4, 5, 6];

pub(super) fn run(dir: &Path, json: bool, output: &mut Output) -> Outcome<Exit> {
    let (sessions, report) = list(dir)?;
    if json {
        output.json(&sessions)?;
    } else {
        print_table(&sessions, output)?;
    }
    finish(&report, sessions.len())
}

/// The table of all sessions.
pub(super) fn print(dir: &Path, output: &mut Output) -> Outcome<()> {
    let (sessions, _) = list(dir)?;
    print_table(&sessions, output)
}

fn list(dir: &Path) -> Outcome<(Vec<SessionSummary>, Report)> {
    trace_journal::list(dir).map_err(explain)
}

fn print_table(sessions: &[SessionSummary], output: &mut Output) -> Outcome<()> {
    if sessions.is_empty() {
        return Ok(());
    }
    let is_terminal = output.is_terminal();
    let rows: Vec<Vec<String>> = sessions.iter().map(|one| row(one, is_terminal)).collect();
    for line in table(&HEADER, &rows, &RIGHT, output.width()) {
        output.line(&line)?;
    }
    Ok(())
}

fn row(session: &SessionSummary, is_terminal: bool) -> Vec<String> {
    let id = one_line(&session.id).into_owned();
    vec![
        if is_terminal {
            cut(&id, ID_COLUMNS_MAX)
        } else {
            id
        },
        session.status.as_str().to_owned(),
        time(session.started_at, is_terminal),
        duration(session.duration_nanoseconds()),
        grouped(&session.spans.to_string()),
        grouped(&number(session.tokens)),
        number(session.cost),
        one_line(session.title.as_deref().unwrap_or_default()).into_owned(),
    ]
}

/// Whole seconds for people, all nine digits for programs.
fn time(time: Timestamp, is_terminal: bool) -> String {
    let text = time.to_string();
    match text.split_once('.') {
        Some((seconds, _)) if is_terminal => format!("{seconds}Z"),
        _ => text,
    }
}
