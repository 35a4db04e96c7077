//! Row 8: snapshots of all sessions from a journal of events such as agents record.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};

use serde_json::Value;
use trace_journal::Reader;

use super::{Case, Filling, Row, Task};
use crate::engine::{EVERYTHING, Outcome};
use crate::events::Events;
use crate::figure::{Figure, Watch};
use crate::journal::options;

pub struct Snapshots;

impl Row for Snapshots {
    fn number(&self) -> u32 {
        8
    }

    fn title(&self) -> &'static str {
        "snapshots of 1,000 sessions, 1 GiB of realistic events, per MiB of their JSON"
    }

    fn bar(&self) -> &'static str {
        "at least 5x parsing the same events from JSON lines with serde_json"
    }

    fn cases(&self) -> Vec<Case> {
        let name = "snapshots/1000 sessions/1 GiB";
        vec![
            Case::of(
                name,
                "floor",
                "serde_json of the same JSON lines",
                EVERYTHING,
            ),
            Case::of(name, "ours", "Reader::open, then sessions()", EVERYTHING),
        ]
    }

    fn filling(&self) -> Filling {
        Filling::Once
    }

    fn fill(&self, case: &Case, task: &Task) -> Outcome<()> {
        let events = Events::new(sessions(task), bytes(task));
        if case.who == "floor" {
            let mut lines = BufWriter::new(File::create(task.dir.join(LINES))?);
            for line in events {
                lines.write_all(line.as_bytes())?;
                lines.write_all(b"\n")?;
            }
            return Ok(lines.flush()?);
        }
        let journal = options().open(&task.dir)?;
        for line in events {
            journal.append_json(&line)?;
        }
        Ok(journal.close()?)
    }

    fn measure(&self, case: &Case, task: &Task) -> Outcome<Figure> {
        let watch = Watch::start();
        let mut spans = 0;
        if case.who == "floor" {
            let file = File::open(task.dir.join(LINES))?;
            let mut lines = BufReader::with_capacity(READ_LEN, file);
            let mut line = Vec::new();
            while lines.read_until(b'\n', &mut line)? > 0 {
                let event: Value = serde_json::from_slice(&line)?;
                line.clear();
                let kind = event.get("type").and_then(Value::as_str);
                let begins = ["span", "span.start", "session.start"];
                spans += u32::from(kind.is_some_and(|kind| begins.contains(&kind)));
            }
        } else {
            for snapshot in Reader::open(&task.dir)?.sessions() {
                spans += u32::try_from(snapshot?.spans().len())?;
            }
        }
        let mib = u32::try_from(bytes(task) >> 20)?.max(1);
        let figure = watch.stop(mib)?;
        Ok(figure.and("spans", f64::from(spans)))
    }
}

fn sessions(task: &Task) -> u32 {
    task.count(1000)
}

fn bytes(task: &Task) -> u64 {
    u64::from(task.count(1024)) << 20
}

const LINES: &str = "events.jsonl";
const READ_LEN: usize = 256 << 10;
