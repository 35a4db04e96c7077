//! Row 11: one session that grows to 100,000 spans.

use std::fs::{self, File};
use std::io::Write;
use std::time::Instant;

use trace_journal::{Item, Reader, SpanKind, SpanStatus};

use super::{Case, Row, Task};
use crate::engine::{EVERYTHING, KILL, Outcome};
use crate::figure::{Figure, Watch};
use crate::journal::options;

pub struct Growing;

impl Row for Growing {
    fn number(&self) -> u32 {
        11
    }

    fn title(&self) -> &'static str {
        "one session growing to 100,000 spans, per span"
    }

    fn bar(&self) -> &'static str {
        "cost flat; bytes on disk / payload bytes at most 1.15 at 256 B"
    }

    fn cases(&self) -> Vec<Case> {
        let rewrite = |name| Case::of(name, "floor", "the whole snapshot as JSON, renamed", KILL);
        vec![
            rewrite("growing/100 spans"),
            rewrite("growing/1000 spans"),
            Case::of("growing/100000 spans", "ours", "span handles", EVERYTHING),
        ]
    }

    fn measure(&self, case: &Case, task: &Task) -> Outcome<Figure> {
        match case.name.as_str() {
            "growing/100 spans" => rewritten(task, 100),
            "growing/1000 spans" => rewritten(task, 1000),
            _ => ours(task),
        }
    }
}

fn ours(task: &Task) -> Outcome<Figure> {
    let journal = options().open(&task.dir)?;
    let session = journal.session("session").start();
    let tenth = task.count(10_000);
    let text = "x".repeat(200);
    let watch = Watch::start();
    let mut tenths = Vec::new();
    for _ in 0..10 {
        let begun = Instant::now();
        for _ in 0..tenth {
            let span = session
                .span("bash")
                .kind(SpanKind::TOOL)
                .set("input", &text);
            span.start().end_with(SpanStatus::Ok, &text);
        }
        tenths.push(begun.elapsed().as_secs_f64() * 1e9 / f64::from(tenth));
    }
    let figure = watch.stop(tenth * 10)?;
    drop(session);
    journal.close()?;
    let reader = Reader::open(&task.dir)?;
    let spans = reader.snapshot("session")?.spans().len();
    let expected = usize::try_from(tenth * 10)?;
    if spans < expected {
        return Err(format!("{spans} spans of {expected} are there").into());
    }
    let mut payload_bytes = 0;
    for item in reader.records() {
        if let Item::Record(record) = item? {
            payload_bytes += record.payload.len();
        }
    }
    let disk = bytes_in(&task.dir)?;
    let ratio = float(disk)? / float(u64::try_from(payload_bytes)?)?;
    let first = tenths.first().copied().unwrap_or(0.0);
    let last = tenths.last().copied().unwrap_or(0.0);
    let figure = figure
        .and("first_tenth_ns", first)
        .and("last_tenth_ns", last);
    Ok(figure.and("file_bytes_per_payload_byte", ratio))
}

/// The usual way without a journal: the file is written anew for every span.
fn rewritten(task: &Task, spans: u32) -> Outcome<Figure> {
    let mut snapshot = Vec::new();
    let text = "x".repeat(200);
    let watch = Watch::start();
    for number in 0..spans {
        snapshot.push(serde_json::json!({
            "id": number, "kind": "tool", "name": "bash", "status": "ok",
            "attributes": {"input": text}, "output": text,
        }));
        let mut file = File::create(task.dir.join("new"))?;
        file.write_all(&serde_json::to_vec(&snapshot)?)?;
        fs::rename(task.dir.join("new"), task.dir.join("session.json"))?;
    }
    watch.stop(spans)
}

fn bytes_in(dir: &std::path::Path) -> Outcome<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(dir)? {
        bytes += entry?.metadata()?.len();
    }
    Ok(bytes)
}

fn float(count: u64) -> Outcome<f64> {
    Ok(f64::from(u32::try_from(count)?))
}
