//! The pipe from the worker to the supervisor: one word, then what it is about.

use std::io::{self, Write};

use trace_journal::{Span, Written};

use crate::error::{CliError, Result, could_not};

/// The worker's end.
pub(super) struct Watcher;

impl Watcher {
    /// A record is about to be appended.
    pub(super) fn begin(&self) -> Result<()> {
        self.send("begin")
    }

    /// The journal acknowledged it.
    pub(super) fn ack(&self, written: Written) -> Result<()> {
        let seq = written.result().map_err(could_not)?;
        self.send(&format!("ack {seq}"))
    }

    /// The journal acknowledged the start of a span.
    pub(super) fn ack_start(&self, span: &Span) -> Result<()> {
        span.started().map_or(Ok(()), |written| self.ack(written))
    }

    /// One write a line: what was said is said, whatever happens next.
    pub(super) fn send(&self, line: &str) -> Result<()> {
        let line = format!("{}\n", line.replace('\n', " "));
        let mut stdout = io::stdout().lock();
        let sent = stdout
            .write_all(line.as_bytes())
            .and_then(|()| stdout.flush());
        // The supervisor is gone: there is nothing to show.
        sent.map_err(|_| CliError::ClosedPipe)
    }
}
