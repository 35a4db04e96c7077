//! What several parts of a file say of a span or a session.

use crate::event::SessionStatus;
use crate::snapshot::{CrashCause, Snapshot, SpanSnapshot, UNEXPLAINED};
use crate::time::Timestamp;

/// The name of a tool; one without is called unknown.
pub(super) fn tool_name<'s>(tool: &'s SpanSnapshot<'_>) -> &'s str {
    match tool.name() {
        "" => "unknown",
        name => name,
    }
}

/// What a span streamed as its output, if it streamed any.
pub(super) fn output_text<'s>(span: &'s SpanSnapshot<'_>) -> Option<&'s str> {
    let text = |channel| span.text(channel).filter(|text| !text.is_empty());
    text("output").or_else(|| text("stdout"))
}

/// Milliseconds between two moments as a file shows them; 0 if they are the wrong way round.
pub(super) fn duration_ms(started_at: Timestamp, ended_at: Timestamp) -> i64 {
    let (start, end) = (
        started_at.as_unix_milliseconds(),
        ended_at.as_unix_milliseconds(),
    );
    end.saturating_sub(start).max(0)
}

/// What went wrong; where no reason was given for a crash, the words viewers know.
pub(super) fn error(snapshot: &Snapshot) -> Option<&str> {
    match snapshot.crash_cause() {
        Some(CrashCause::ProcessEnded | CrashCause::Unexplained) => Some(UNEXPLAINED),
        _ if snapshot.status() == SessionStatus::Completed => None,
        _ => snapshot.error(),
    }
}
