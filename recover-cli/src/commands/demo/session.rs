//! The worker's session, and how its records are announced and acknowledged.

use std::path::PathBuf;

use trace_journal::{Session, Span, SpanKind, SpanStatus, Tokens, Written};

use super::protocol::Watcher;
use crate::error::Result;

/// The worker's session and what it works on.
pub(super) struct Work {
    pub(super) session: Session,
    pub(super) watcher: Watcher,
    pub(super) tree: PathBuf,
    pub(super) files: Vec<PathBuf>,
}

impl Work {
    /// Starts a generation that says something first.
    pub(super) fn generation(&self, name: &str, says: &str) -> Result<Span> {
        self.watcher.begin()?;
        let span = self.session.span(name).kind(SpanKind::GENERATION);
        let span = span.model("local", "walker-1").start();
        self.watcher.ack_start(&span)?;
        for word in says.split_inclusive(' ') {
            self.noted(|| span.text(word))?;
        }
        Ok(span)
    }

    /// Ends a generation that read that many bytes.
    pub(super) fn end_generation(&self, span: &Span, read: usize) -> Result<()> {
        let count = |len: usize| i64::try_from(len).unwrap_or(i64::MAX);
        let tokens = Tokens::new(count(read / 4), count(read / 40));
        let finish = span.finish().tokens(tokens).reason("tool-calls");
        self.noted(|| finish.end(SpanStatus::Ok))
    }

    /// Starts a tool span below `parent`.
    pub(super) fn start_tool(
        &self,
        parent: &Span,
        name: &str,
        input: &serde_json::Value,
    ) -> Result<Span> {
        self.watcher.begin()?;
        let span = parent.child(name).kind(SpanKind::TOOL).input(input).start();
        self.watcher.ack_start(&span)?;
        Ok(span)
    }

    /// Says that a record begins, appends it, and says that it was acknowledged.
    pub(super) fn noted(&self, append: impl FnOnce() -> Written) -> Result<()> {
        self.watcher.begin()?;
        self.watcher.ack(append())
    }
}
