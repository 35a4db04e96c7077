//! `status`: what is there, what crashed, and what it was doing.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Value, json};
use trace_journal::snapshot::SpanSnapshot;
use trace_journal::{Report, SessionStatus, SessionSummary, Snapshot, SpanStatus};

use super::exit::finish;
use super::session_id::{NEWEST_MAX, crashed_of};
use super::trouble::{argument_of, open, summaries};
use crate::args::StatusArgs;
use crate::error::{CliError, ExitStatus, Result, could_not};
use crate::escape::one_line;
use crate::headline::{cwd, headline};
use crate::output::{Output, program};
use crate::place::locate;
use crate::quote::id_argument;
use crate::select::Word;
use crate::view::doing::{at_work, calls_before};
use crate::view::status::{self, Card, count, extent, size};

pub(super) fn run(args: &StatusArgs, dirs: &[PathBuf], output: &mut Output) -> Result<ExitStatus> {
    let named = locate(&args.words, dirs, 1)?;
    if let Some(word) = named.rest.first() {
        let word = one_line(word);
        return Err(CliError::Usage(format!(
            "{word}: `status` takes one journal; `show` a session"
        )));
    }
    let dir = named.journal();
    let (sessions, report) = summaries(dir)?;
    let crashed = crashed(dir, &sessions)?;
    let card = Card {
        dir,
        sessions: &sessions,
        report: &report,
        crashed: crashed.as_ref(),
        rows: NEWEST_MAX,
    };
    if args.short {
        if let Some(line) = status::short(&card, output) {
            output.line(&line)?;
        }
        return Ok(ExitStatus::of(report.outcome));
    }
    if args.json {
        output.json(&document(&card))?;
    } else {
        status::print(&card, output)?;
        hint(&card, output);
    }
    finish(dir, &report, sessions.len(), output)
}

/// The card of a journal, without what is missing of it.
pub(super) fn print(dir: &Path, output: &mut Output) -> Result<()> {
    let (sessions, report) = summaries(dir)?;
    let crashed = crashed(dir, &sessions)?;
    let card = Card {
        dir,
        sessions: &sessions,
        report: &report,
        crashed: crashed.as_ref(),
        rows: NEWEST_MAX,
    };
    status::print(&card, output)?;
    hint(&card, output);
    Ok(())
}

fn crashed(dir: &Path, sessions: &[SessionSummary]) -> Result<Option<Snapshot>> {
    let Some(session) = crashed_of(sessions) else {
        return Ok(None);
    };
    let snapshot = open(dir)?.snapshot(&session.id).map_err(could_not)?;
    Ok(Some(snapshot))
}

fn hint(card: &Card<'_>, output: &mut Output) {
    let (program, dir) = (program(), argument_of(card.dir));
    if card.sessions.is_empty() {
        return;
    }
    match card.crashed {
        Some(crashed) => {
            let id = id_argument(crashed.id());
            output.hint(&format!("{program} show {dir} {id}"), "all of it");
            let about = "text to go on with";
            output.hint(&format!("{program} show --as handoff {dir} {id}"), about);
        }
        None => output.hint(&format!("{program} show {dir}"), "the last one"),
    }
    if card.sessions.len() > NEWEST_MAX {
        output.hint(&format!("{program} list {dir}"), "all sessions");
    }
    let about = "a file for each session";
    output.hint(&format!("{program} recover {dir} -o OUT"), about);
}

/// What `--json` prints.
fn document(card: &Card<'_>) -> Value {
    let count = |word| count(card.sessions, word);
    let extent = extent(card.sessions);
    let crashed = card.crashed.map(|snapshot| {
        let row = card
            .sessions
            .iter()
            .find(|session| session.id == snapshot.id());
        let dir = cwd(snapshot);
        let work = at_work(snapshot);
        let spans = |span: &SpanSnapshot<'_>| SpanDocument::of(span, dir);
        json!({
            "session": row,
            "at_work": work.iter().map(|(_, span)| spans(span)).collect::<Vec<_>>(),
            "before": calls_before(snapshot).into_iter().map(spans).collect::<Vec<_>>(),
        })
    });
    json!({
        "schema": "trace-recover/status/1",
        "journal": card.dir.display().to_string(),
        "at": trace_journal::Timestamp::now().to_string(),
        "sessions": {
            "total": card.sessions.len(),
            "running": count(Word::Running),
            "completed": count(Word::Completed),
            "error": count(Word::Error),
            "crashed": count(Word::Crashed),
            "unended": count(Word::Unended),
        },
        "records": card.report.counts.recovered,
        "segments": card.report.segments.len(),
        "bytes": size(card.report),
        "oldest_at": extent.map(|(first, _)| first.to_string()),
        "newest_at": extent.map(|(_, last)| last.to_string()),
        "loss": card.report.loss.as_str(),
        "verified": card.report.is_verified(),
        "runs": card.report.runs,
        "crashed": crashed,
        "exit_code": exit_code(card.report, card.sessions.len()),
    })
}

fn exit_code(report: &Report, sessions: usize) -> u8 {
    match ExitStatus::of(report.outcome) {
        ExitStatus::Done if sessions == 0 => ExitStatus::NothingMatched.number(),
        exit => exit.number(),
    }
}

/// A span as JSON tells it in short.
#[derive(Serialize)]
struct SpanDocument {
    id: String,
    parent: Option<String>,
    kind: String,
    name: String,
    headline: String,
    started_at: String,
    duration_s: Option<f64>,
    status: &'static str,
    texts: Value,
}

impl SpanDocument {
    fn of(span: &SpanSnapshot<'_>, dir: Option<&str>) -> SpanDocument {
        let texts = span.texts().map(|(channel, text)| {
            let lines: Vec<&str> = text.lines().collect();
            let last = &lines[lines.len().saturating_sub(LINES_MAX)..];
            (
                channel.to_owned(),
                json!({"lines": lines.len(), "last": last}),
            )
        });
        SpanDocument {
            id: span.id().to_owned(),
            parent: span.parent().map(str::to_owned),
            kind: span.kind().as_str().to_owned(),
            name: span.name().to_owned(),
            headline: headline(span, dir),
            started_at: span.started_at().to_string(),
            duration_s: span.duration().map(|lasted| seconds(lasted.as_nanos())),
            status: match span.status() {
                _ if span.is_interrupted() => "interrupted",
                _ if span.ended_at().is_none() => SessionStatus::Running.as_str(),
                SpanStatus::Ok => "ok",
                SpanStatus::Error => "error",
                _ => "unset",
            },
            texts: Value::Object(texts.collect()),
        }
    }
}

const LINES_MAX: usize = 3;

/// Nanoseconds as seconds.
fn seconds(nanoseconds: u128) -> f64 {
    let nanoseconds = u64::try_from(nanoseconds).unwrap_or(u64::MAX);
    std::time::Duration::from_nanos(nanoseconds).as_secs_f64()
}
