//! Row 2: a typed span with five attributes, its start and its end.

use std::fs::File;
use std::io::{BufRead, BufReader};

use trace_journal::event::Action;
use trace_journal::{Item, Reader, SpanKind, SpanStatus};

use super::{Case, Row, Task};
use crate::engine::{KILL, NOTHING, Outcome};
use crate::figure::{Figure, Watch};
use crate::journal::options;
use crate::peer::traced;

pub struct SpanEvent;

impl Row for SpanEvent {
    fn number(&self) -> u32 {
        2
    }

    fn title(&self) -> &'static str {
        "typed span (start + end, 5 attributes) through handles, per record"
    }

    fn bar(&self) -> &'static str {
        "at most 4x our row 1 per record; at least 8x faster than tracing-appender with JSON"
    }

    fn cases(&self) -> Vec<Case> {
        let name = "append/span_event/5 attributes";
        vec![
            Case::of(name, "ours", "handles, commits every 50 ms or 1 MiB", KILL),
            Case::of(
                name,
                "tracing-appender",
                "JSON layer, lossless channel",
                NOTHING,
            ),
        ]
    }

    fn measure(&self, case: &Case, task: &Task) -> Outcome<Figure> {
        let count = task.count(250_000);
        if case.who == "ours" {
            ours(task, count)
        } else {
            tracing(task, count)
        }
    }
}

fn ours(task: &Task, count: u32) -> Outcome<Figure> {
    let journal = options().open(&task.dir)?;
    let session = journal.session("session").start();
    let watch = Watch::start();
    for number in 0..count {
        let span = session
            .span("bash")
            .kind(SpanKind::TOOL)
            .set("command", "cargo test --workspace")
            .set("directory", "/home/user/project")
            .set("exit_code", 0)
            .set("number", number)
            .set("is_cached", false)
            .start();
        span.end(SpanStatus::Ok);
    }
    let figure = watch.stop(count * 2)?;
    drop(session);
    journal.close()?;
    let mut found = 0;
    for item in Reader::open(&task.dir)?.records() {
        if let Item::Record(record) = item?
            && let Action::SpanStart(_) | Action::SpanEnd(_) = record.event().action
        {
            found += 1;
        }
    }
    expect(found, count * 2)?;
    Ok(figure)
}

fn tracing(task: &Task, count: u32) -> Outcome<Figure> {
    let guard = traced(&task.dir)?;
    let watch = Watch::start();
    for number in 0..count {
        let span = tracing::info_span!(
            "bash",
            command = "cargo test --workspace",
            directory = "/home/user/project",
            exit_code = 0,
            number,
            is_cached = false,
        );
        drop(span);
    }
    let figure = watch.stop(count * 2)?;
    drop(guard);
    let mut found = 0;
    for line in BufReader::new(File::open(task.dir.join("trace.jsonl"))?).lines() {
        line?;
        found += 1;
    }
    expect(found, count * 2)?;
    Ok(figure)
}

fn expect(found: u32, expected: u32) -> Outcome<()> {
    if found == expected {
        return Ok(());
    }
    Err(format!("{found} records of {expected} are there").into())
}
