//! `list`: one row per session, newest last activity first.

use std::cmp::Reverse;
use std::path::Path;

use serde_json::{Value, json};
use trace_journal::{Reader, Snapshot, Timestamp};

use super::{finish, open};
use crate::escape::one_line;
use crate::failure::{Exit, Outcome, could_not};
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
    let reader = open(dir)?;
    let count = if json {
        print_json(&reader, output)?
    } else {
        print(&reader, output)?
    };
    finish(&reader, count)
}

/// The table of all sessions; how many there are.
pub(super) fn print(reader: &Reader, output: &mut Output) -> Outcome<usize> {
    let is_terminal = output.is_terminal();
    let rows = rows(reader, |snapshot| row(snapshot, is_terminal))?;
    if rows.is_empty() {
        return Ok(0);
    }
    for line in table(&HEADER, &rows, &RIGHT, output.width()) {
        output.line(&line)?;
    }
    Ok(rows.len())
}

fn print_json(reader: &Reader, output: &mut Output) -> Outcome<usize> {
    let rows = rows(reader, json_row)?;
    let count = rows.len();
    output.json(&Value::Array(rows))?;
    Ok(count)
}

/// What `make` makes of each session; of the snapshots few are in memory at a time.
fn rows<T>(reader: &Reader, make: impl Fn(&Snapshot) -> T) -> Outcome<Vec<T>> {
    let mut rows = Vec::new();
    for snapshot in reader.sessions() {
        let snapshot = snapshot.map_err(could_not)?;
        let order = (Reverse(snapshot.last_at()), snapshot.id().to_owned());
        rows.push((order, make(&snapshot)));
    }
    rows.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

fn row(snapshot: &Snapshot, is_terminal: bool) -> Vec<String> {
    let totals = snapshot.totals();
    let id = one_line(snapshot.id()).into_owned();
    vec![
        if is_terminal {
            cut(&id, ID_COLUMNS_MAX)
        } else {
            id
        },
        snapshot.status().as_str().to_owned(),
        time(snapshot.started_at(), is_terminal),
        duration(snapshot.duration_nanoseconds()),
        grouped(&totals.spans.to_string()),
        grouped(&number(totals.tokens_total)),
        number(totals.cost),
        one_line(snapshot.title().unwrap_or_default()).into_owned(),
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

fn json_row(snapshot: &Snapshot) -> Value {
    let totals = snapshot.totals();
    json!({
        "id": snapshot.id(),
        "title": snapshot.title(),
        "status": snapshot.status().as_str(),
        "liveness": snapshot.liveness().as_str(),
        "started_at": snapshot.started_at().to_string(),
        "ended_at": snapshot.ended_at().map(|time| time.to_string()),
        "last_at": snapshot.last_at().to_string(),
        "runs": snapshot.runs().len(),
        "records": totals.records,
        "spans": totals.spans,
        "interrupted": totals.interrupted,
        "tokens": totals.tokens_total,
        "cost": totals.cost,
        "error": snapshot.error(),
        "loss": snapshot.loss().as_str(),
    })
}
