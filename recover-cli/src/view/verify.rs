//! The verdict on a journal, and where it is damaged.

use std::collections::BTreeMap;
use std::path::Path;

use trace_journal::report::{DamagedRange, SegmentReport, SegmentState, SessionReport};
use trace_journal::{Loss, Report, RunId, SessionStatus};

use super::style::{BAD, GOOD};
use crate::addresses::Addresses;
use crate::error::Result;
use crate::escape::one_line;
use crate::format::{bytes, counted, grouped};
use crate::output::Output;
use crate::quote::quoted;
use crate::width::columns;

/// Damaged places that are shown of one file, and files, and sessions.
const SHOWN_MAX: usize = 20;

/// Prints the verdict, then the damaged places by file, then the sessions that may miss something.
pub(crate) fn print(report: &Report, dir: &Path, output: &mut Output) -> Result<()> {
    let dir = one_line(&dir.display().to_string()).into_owned();
    let (verdict, style) = verdict(report);
    let line = format!("{dir}: {verdict}");
    match columns(&line) <= output.width() {
        true => output.line(&format!("{dir}: {}", output.styled(style, &verdict)))?,
        false => output.folded(&line, 2)?,
    }
    if report.loss == Loss::Damage {
        print_places(report, output)?;
        print_sessions(report, output)?;
    }
    for line in notes(report) {
        output.folded(&format!("  {line}"), 4)?;
    }
    Ok(())
}

/// `nothing lost; 11,792 records in 10 segments, 2.6 MiB, 6 sessions, 1 crashed`.
fn verdict(report: &Report) -> (String, anstyle::Style) {
    let records = grouped(&report.counts.recovered.to_string());
    let places = counted(len(report.ranges.len()), "place", "places");
    if report.loss == Loss::Damage {
        let lost = match (report.counts.lost_durable, report.counts.lost_unwitnessed) {
            (0, 0) => "records may be lost".to_owned(),
            (0, lost) => counted(lost, "record lost", "records lost"),
            (lost, _) => counted(lost, "durable record lost", "durable records lost"),
        };
        let words = format!("DAMAGED, {lost} in {places}; {records} are intact");
        return (words, BAD);
    }
    let lost = match (report.loss, report.counts.refused) {
        (_, refused) if refused > 0 => counted(refused, "record was", "records were") + " refused",
        (Loss::Tail, _) => format!(
            "nothing lost but an end that was never seen durable ({})",
            bytes(report.tail_bytes)
        ),
        _ => "nothing lost".to_owned(),
    };
    let crashed = report
        .sessions
        .iter()
        .filter(|one| one.status == SessionStatus::Crashed);
    let segments = report
        .segments
        .iter()
        .filter(|one| one.state != SegmentState::Foreign);
    let size = report.segments.iter().map(|segment| segment.size).sum();
    let mut parts = vec![
        format!(
            "{} in {}",
            counted(report.counts.recovered, "record", "records"),
            counted(len(segments.count()), "segment", "segments")
        ),
        bytes(size),
        counted(len(report.sessions.len()), "session", "sessions"),
    ];
    match crashed.count() {
        0 => {}
        count => parts.push(format!("{} crashed", grouped(&count.to_string()))),
    }
    (format!("{lost}; {}", parts.join(", ")), GOOD)
}

fn print_places(report: &Report, output: &mut Output) -> Result<()> {
    let addresses = Addresses::of(report);
    let runs: BTreeMap<String, RunId> = report
        .runs
        .iter()
        .map(|run| (run.run.to_string(), run.run))
        .collect();
    let mut files: Vec<(&str, Vec<&DamagedRange>)> = Vec::new();
    for range in &report.ranges {
        match files.last_mut().filter(|(file, _)| *file == range.file) {
            Some((_, ranges)) => ranges.push(range),
            None => files.push((&range.file, vec![range])),
        }
    }
    output.line("")?;
    for (file, ranges) in files.iter().take(SHOWN_MAX) {
        let segment = report.segments.iter().find(|segment| segment.file == *file);
        let size = segment.map_or_else(|| "missing".to_owned(), size);
        output.folded(&format!("  {}, {size}", one_line(file)), 4)?;
        let run = file.rsplit_once('-').and_then(|(run, _)| runs.get(run));
        let run = run.map(|run| addresses.run(*run)).unwrap_or_default();
        for range in ranges.iter().take(SHOWN_MAX) {
            output.folded(&place(range, &run), 6)?;
        }
        more(ranges.len(), "    ", output)?;
    }
    more(files.len(), "  ", output)
}

fn size(segment: &SegmentReport) -> String {
    counted(segment.size, "byte", "bytes")
}

/// `    at 199,952  616 bytes  checksum mismatch  lost 2:1301`.
fn place(range: &DamagedRange, run: &str) -> String {
    let at = grouped(&range.offset.to_string());
    let len = counted(range.len, "byte", "bytes");
    let mut line = format!("    at {at}  {len}  {}", range.reason);
    match (range.first_missing, range.last_missing) {
        (Some(first), Some(last)) if first == last => {
            line.push_str(&format!("  lost {run}:{first}"));
        }
        (Some(first), Some(last)) => {
            line.push_str(&format!("  lost {run}:{first} to {run}:{last}"))
        }
        (Some(first), None) => line.push_str(&format!("  lost {run}:{first} and what followed")),
        _ => line.push_str("  no record"),
    }
    if range.first_missing.is_some() && !range.durable {
        line.push_str(", never seen durable");
    }
    if let Some((first, last)) = range.contested {
        line.push_str(&format!("  contested {run}:{first} to {run}:{last}"));
    }
    line
}

fn print_sessions(report: &Report, output: &mut Output) -> Result<()> {
    let (hit, whole): (Vec<_>, Vec<_>) = report
        .sessions
        .iter()
        .partition(|one| one.loss == Loss::Damage);
    if !hit.is_empty() {
        output.line("  may be missing records")?;
        for session in hit.iter().take(SHOWN_MAX) {
            output.folded(&session_line(session), 6)?;
        }
        more(hit.len(), "    ", output)?;
    }
    if whole.is_empty() {
        return Ok(());
    }
    let crashed = whole
        .iter()
        .filter(|one| one.status == SessionStatus::Crashed)
        .count();
    let mut words = format!(
        "  all others are whole: {}",
        counted(len(whole.len()), "session", "sessions")
    );
    if crashed > 0 {
        words.push_str(&format!(", {} crashed", grouped(&crashed.to_string())));
    }
    output.folded(&words, 4)
}

fn session_line(session: &SessionReport) -> String {
    format!(
        "    {}  {}  {} of {} intact",
        quoted(&session.id),
        session.status.as_str(),
        counted(session.spans, "span", "spans"),
        counted(session.records, "record", "records"),
    )
}

/// What is worth a line whatever the verdict.
fn notes(report: &Report) -> Vec<String> {
    let mut notes = Vec::new();
    if report.later_kinds > 0 {
        let records = counted(report.later_kinds, "record is", "records are");
        notes.push(format!("{records} for a later version to read"));
    }
    for run in &report.runs {
        if let Some(refusals) = &run.refusals {
            notes.push(format!(
                "{} refused by run {} between {} and {}: {}",
                counted(run.refused, "record", "records"),
                run.run,
                refusals.first_at,
                refusals.last_at,
                one_line(&refusals.codes.join(", "))
            ));
        }
    }
    notes
}

fn more(count: usize, indent: &str, output: &mut Output) -> Result<()> {
    match count.saturating_sub(SHOWN_MAX) {
        0 => Ok(()),
        more => output.line(&format!("{indent}and {} more", grouped(&more.to_string()))),
    }
}

fn len(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
