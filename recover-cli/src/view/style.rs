//! Colours: the terminal's own sixteen, and never the only sign of anything.

use anstyle::{AnsiColor, Style};
use trace_journal::SpanStatus;
use trace_journal::snapshot::SpanSnapshot;

use crate::select::Word;

pub(crate) const QUIET: Style = Style::new().dimmed();
pub(crate) const STRONG: Style = Style::new().bold();
pub(crate) const CUT_OFF: Style = AnsiColor::Yellow.on_default().bold();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const BUSY: Style = AnsiColor::Cyan.on_default();

/// The colour of how a session stands.
pub(crate) fn of_word(word: Word) -> Style {
    match word {
        Word::Completed => GOOD,
        Word::Running => BUSY,
        Word::Unended => CUT_OFF,
        Word::Error | Word::Crashed => BAD,
    }
}

/// How the span stands, if that is worth saying, and in which colour.
pub(crate) fn state(span: &SpanSnapshot<'_>) -> (Style, &'static str) {
    if span.is_interrupted() {
        return (CUT_OFF, "interrupted");
    }
    match (span.status(), span.ended_at()) {
        (SpanStatus::Error, _) => (BAD, "error"),
        (_, None) => (BUSY, "open"),
        (_, Some(_)) if span.ended_by_drop() => (QUIET, "dropped"),
        _ => (QUIET, ""),
    }
}
