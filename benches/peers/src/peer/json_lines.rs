//! tracing with its JSON layer through tracing-appender 0.2.5, made lossless.
//!
//! A line is in a channel when the call returns: a kill loses what the channel holds, and nothing
//! is ever synced.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::Mutex;

use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::fmt::format::FmtSpan;

use crate::engine::{Engine, Log, Mode, NOTHING, Outcome, Setting, Work};

pub struct JsonLines;

impl Engine for JsonLines {
    fn who(&self) -> &'static str {
        "tracing-appender"
    }

    fn mode(&self, work: Work) -> Option<Mode> {
        match work {
            Work::Append | Work::AppendUnsynced => {
                Mode::new("JSON layer, lossless channel", NOTHING)
            }
            Work::Durable | Work::Bulk => None,
        }
    }

    fn open(&self, setting: &Setting) -> Outcome<Box<dyn Log>> {
        let guard = traced(&setting.dir)?;
        Ok(Box::new(Open(Mutex::new(Some(guard)))))
    }

    fn count(&self, dir: &Path) -> Outcome<u64> {
        let lines = BufReader::new(File::open(dir.join(NAME))?).lines();
        let mut count = 0;
        for line in lines {
            line?;
            count += 1;
        }
        Ok(count)
    }
}

/// Makes this process trace into a file of JSON lines until the guard is dropped; the start and
/// the end of spans are lines of their own.
pub fn traced(dir: &Path) -> Outcome<WorkerGuard> {
    let file = tracing_appender::rolling::never(dir, NAME);
    let (writer, guard) = NonBlockingBuilder::default().lossy(false).finish(file);
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_span_events(FmtSpan::NEW | FmtSpan::CLOSE)
        .with_writer(writer)
        .finish();
    tracing::subscriber::set_global_default(subscriber)?;
    Ok(guard)
}

const NAME: &str = "trace.jsonl";

struct Open(Mutex<Option<WorkerGuard>>);

impl Log for Open {
    fn append(&self, _thread: usize, payload: &[u8]) -> Outcome<()> {
        tracing::info!(payload = std::str::from_utf8(payload)?);
        Ok(())
    }

    fn sync(&self) -> Outcome<()> {
        Ok(())
    }

    fn close(self: Box<Self>) -> Outcome<()> {
        // Dropping the guard waits until the channel is empty.
        drop(self.0.into_inner()?);
        Ok(())
    }
}
