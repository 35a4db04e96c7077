//! Sessions and runs as rows.

use trace_journal::report::RunState;
use trace_journal::{Report, SessionSummary};

use super::session::from_home;
use super::style::{BAD, BUSY, QUIET, of_word};
use crate::addresses::Addresses;
use crate::escape::one_line;
use crate::format::{amount, bytes, cost, duration, grouped};
use crate::output::Output;
use crate::select::Word;
use crate::table::{Cell, Column};
use crate::width::cut_start;

const fn column(title: &'static str, is_number: bool, goes: Option<u8>) -> Column<'static> {
    Column {
        title,
        is_number,
        goes,
    }
}

/// The columns of `status`.
pub(crate) const COLUMNS_OF_STATUS: [Column<'static>; 7] = [
    column("ID", false, None),
    column("STATUS", false, None),
    column("LAST", true, Some(3)),
    column("DURATION", true, Some(2)),
    column("SPANS", true, Some(0)),
    column("COST", true, Some(1)),
    column("TITLE", false, None),
];

/// The columns of `list`.
pub(crate) const COLUMNS: [Column<'static>; 8] = [
    column("ID", false, None),
    column("STATUS", false, None),
    column("LAST", true, Some(4)),
    column("DURATION", true, Some(2)),
    column("SPANS", true, Some(1)),
    column("COST", true, Some(3)),
    column("WHERE", false, Some(0)),
    column("TITLE", false, None),
];

/// The columns of `list` where nothing has to fit.
pub(crate) const COLUMNS_OF_PIPE: [Column<'static>; 10] = [
    column("ID", false, None),
    column("STATUS", false, None),
    column("STARTED", false, None),
    column("LAST", false, None),
    column("DURATION", true, None),
    column("SPANS", true, None),
    column("TOKENS", true, None),
    column("COST", true, None),
    column("WHERE", false, None),
    column("TITLE", false, None),
];

/// The columns of runs.
pub(crate) const COLUMNS_OF_RUNS: [Column<'static>; 6] = [
    column("RUN", false, None),
    column("STATE", false, None),
    column("RECORDS", true, Some(1)),
    column("REFUSED", true, Some(0)),
    column("SEGMENTS", true, Some(2)),
    column("SIZE", true, None),
];

/// Columns for ids: a third of the width, but room for a short one.
pub(crate) fn id_room(output: &Output) -> usize {
    (output.width() / 3).max(SHORT_ID_ROOM)
}

const SHORT_ID_ROOM: usize = 10;

/// A row of `status` for each session.
pub(crate) fn rows_of_status(
    sessions: &[SessionSummary],
    ids: &[String],
    output: &Output,
) -> Vec<Vec<Cell>> {
    let rows = sessions.iter().zip(ids);
    rows.map(|(session, id)| {
        let [lasted, spans, cost, title] = facts(session);
        vec![
            id.clone().into(),
            status(session),
            output.clock().age(session.last_at).into(),
            lasted.into(),
            spans.into(),
            cost.into(),
            title.into(),
        ]
    })
    .collect()
}

/// A row of `list`; `place` is the directory it worked in.
pub(crate) fn row(
    session: &SessionSummary,
    id: &str,
    place: Option<&str>,
    output: &Output,
) -> Vec<Cell> {
    let [lasted, spans, cost, title] = facts(session);
    let place = place.map(|place| one_line(&from_home(place)).into_owned());
    let place = place.unwrap_or_default();
    if output.is_bounded() {
        return vec![
            id.to_owned().into(),
            status(session),
            output.clock().age(session.last_at).into(),
            lasted.into(),
            spans.into(),
            cost.into(),
            cut_start(&place, PLACE_WIDTH_MAX).into(),
            title.into(),
        ];
    }
    vec![
        id.to_owned().into(),
        status(session),
        session.started_at.to_string().into(),
        output.clock().age(session.last_at).into(),
        lasted.into(),
        spans.into(),
        amount(session.tokens).into(),
        cost.into(),
        place.into(),
        title.into(),
    ]
}

const PLACE_WIDTH_MAX: usize = 20;

fn status(session: &SessionSummary) -> Cell {
    let word = Word::of_summary(session);
    Cell {
        text: word.as_str().to_owned(),
        style: of_word(word),
    }
}

/// Duration, spans, cost and title.
fn facts(session: &SessionSummary) -> [String; 4] {
    [
        duration(session.duration().as_nanos()),
        grouped(&session.spans.to_string()),
        match session.cost.is_zero() {
            true => "-".to_owned(),
            false => cost(session.cost),
        },
        one_line(title(session)).into_owned(),
    ]
}

/// The title, or else the name.
pub(crate) fn title(session: &SessionSummary) -> &str {
    session.title.as_deref().unwrap_or(&session.name)
}

/// A row for each run, the newest first.
pub(crate) fn rows_of_runs(report: &Report) -> Vec<Vec<Cell>> {
    let addresses = Addresses::of(report);
    let runs = report.runs.iter().rev();
    runs.map(|run| {
        let name = run.run.to_string();
        let segments = report.segments.iter();
        let segments: Vec<_> = segments.filter(|one| one.file.starts_with(&name)).collect();
        let records: u64 = segments.iter().map(|segment| segment.records).sum();
        let (state, style) = match run.state {
            RunState::Live => ("live", BUSY),
            RunState::Closed => ("closed", QUIET),
            RunState::Crashed => ("crashed", BAD),
            RunState::Unsupported => ("unsupported", BAD),
            _ => ("unknown", QUIET),
        };
        vec![
            addresses.run(run.run).into(),
            Cell {
                text: state.to_owned(),
                style,
            },
            grouped(&records.to_string()).into(),
            grouped(&run.refused.to_string()).into(),
            segments.len().to_string().into(),
            bytes(segments.iter().map(|segment| segment.size).sum()).into(),
        ]
    })
    .collect()
}
