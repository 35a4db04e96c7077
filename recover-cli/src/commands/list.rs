//! `list`: one row per session, newest last activity first.

use std::path::Path;

use trace_journal::{Report, SessionSummary, Timestamp};

use super::exit::{finish, say_believed};
use super::trouble::explain;
use crate::error::{ExitStatus, Result};
use crate::escape::one_line;
use crate::format::{amount, cost, duration, grouped};
use crate::output::Output;
use crate::quote::short_ids;
use crate::render::status_word;
use crate::table::{Column, table};

const COLUMNS: [Column; 8] = [
    column("ID", false, None),
    column("STATUS", false, None),
    column("STARTED", false, Some(4)),
    column("DURATION", true, Some(2)),
    column("SPANS", true, Some(1)),
    column("TOKENS", true, Some(0)),
    column("COST", true, Some(3)),
    column("TITLE", false, None),
];

const fn column(title: &'static str, is_number: bool, goes: Option<u8>) -> Column {
    Column {
        title,
        is_number,
        goes,
    }
}

pub(super) fn run(dir: &Path, json: bool, output: &mut Output) -> Result<ExitStatus> {
    let (sessions, report) = list(dir)?;
    if json {
        output.json(&sessions)?;
    } else {
        print_table(&sessions, output)?;
        say_believed(dir, &report);
    }
    finish(dir, &report, sessions.len())
}

/// The table of all sessions.
pub(super) fn print(dir: &Path, output: &mut Output) -> Result<()> {
    let (sessions, _) = list(dir)?;
    print_table(&sessions, output)
}

fn list(dir: &Path) -> Result<(Vec<SessionSummary>, Report)> {
    trace_journal::list(dir).map_err(|error| explain(dir, error))
}

fn print_table(sessions: &[SessionSummary], output: &mut Output) -> Result<()> {
    if sessions.is_empty() {
        return Ok(());
    }
    let is_short = output.is_bounded();
    let ids: Vec<&str> = sessions.iter().map(|session| &*session.id).collect();
    // A third of the width, but room for a short id.
    let ids = short_ids(&ids, (output.width() / 3).clamp(SHORT_ID_ROOM, usize::MAX));
    let rows = || {
        let rows = sessions.iter().zip(&ids);
        rows.map(|(one, id)| row(one, id.clone(), is_short))
    };
    let width = output.width();
    table(&COLUMNS, rows, width, &mut |line| output.line(line))
}

/// Columns of a short id.
const SHORT_ID_ROOM: usize = 10;

fn row(session: &SessionSummary, id: String, is_short: bool) -> Vec<String> {
    vec![
        id,
        status_word(session.status, session.liveness).to_owned(),
        time(session.started_at, is_short),
        duration(session.duration_nanoseconds()),
        grouped(&session.spans.to_string()),
        amount(session.tokens),
        match session.cost.is_zero() {
            true => "-".to_owned(),
            false => cost(session.cost),
        },
        one_line(session.title.as_deref().unwrap_or_default()).into_owned(),
    ]
}

/// Whole seconds for people, all nine digits for programs.
fn time(time: Timestamp, is_short: bool) -> String {
    let text = time.to_string();
    match text.split_once('.') {
        Some((seconds, _)) if is_short => format!("{seconds}Z"),
        _ => text,
    }
}
