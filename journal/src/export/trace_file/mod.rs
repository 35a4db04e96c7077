//! TraceFile v2: the JSON that viewers of agent traces read.

mod cap;
mod cut;
mod facts;
mod generation;
mod metadata;
mod span;
mod summary;

#[cfg(test)]
mod tests;

use std::io::{self, Write};

use serde::Serialize;

use super::write_line;
use crate::snapshot::Snapshot;
use crate::time::Timestamp;
use metadata::Metadata;
use span::TraceSpans;
use summary::Summary;

/// What a TraceFile leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceFileOptions {
    /// Whether long texts are written whole. Default: they are cut.
    pub full: bool,
    /// How many spans to write at most, one of them saying how many are left out; at least 2.
    /// Default: 5,000.
    pub max_spans: usize,
}

impl Default for TraceFileOptions {
    fn default() -> TraceFileOptions {
        TraceFileOptions {
            full: false,
            max_spans: 5_000,
        }
    }
}

/// Writes a snapshot as a TraceFile v2, one line of JSON.
///
/// Totals are those of the whole session whatever is left out.
///
/// # Errors
/// What writing to `out` gives; what was written before it stays.
pub fn trace_file(
    snapshot: &Snapshot,
    out: &mut (impl Write + ?Sized),
    options: &TraceFileOptions,
) -> io::Result<()> {
    let file = TraceFile {
        version: 2,
        trace_id: snapshot.trace_id(),
        session_id: snapshot.id(),
        started_at: iso_8601(snapshot.started_at()),
        ended_at: snapshot.ended_at().map(iso_8601),
        metadata: Metadata(snapshot.metadata()),
        spans: TraceSpans::new(snapshot, options.max_spans, options.full),
        summary: Summary::of(snapshot),
    };
    write_line(&file, out)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TraceFile<'s> {
    version: u8,
    trace_id: &'s str,
    session_id: &'s str,
    started_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
    metadata: Metadata<'s>,
    spans: TraceSpans<'s>,
    summary: Summary<'s>,
}

/// With three fraction digits: the six behind them go.
fn iso_8601(time: Timestamp) -> String {
    let text = time.to_string();
    let kept = text.len().saturating_sub("000000Z".len());
    format!("{}Z", &text[..kept])
}
