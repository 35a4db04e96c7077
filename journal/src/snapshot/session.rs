//! A session as its records tell it.

use std::sync::Arc;
use std::time::Duration;

use super::children::{Children, Walk};
use super::drop_queue::{DropQueue, Spans};
use super::lines::Lines;
use super::note::Note;
use super::span::SpanSnapshot;
use super::totals::Totals;
use crate::event::{Map, Number, SessionStatus};
use crate::recovery::{Liveness, Loss, RunOrigin};
use crate::seq::RunId;
use crate::time::Timestamp;
use crate::words::shown_words;

/// The state of a session: everything its records of all runs say, put together.
///
/// Serialises to the JSON of `trace-recover recover --format json`.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    pub(super) id: String,
    /// A start or an update named the session.
    pub(super) is_named: bool,
    pub(super) trace_id: String,
    pub(super) status: SessionStatus,
    pub(super) liveness: Liveness,
    pub(super) error: Option<String>,
    pub(super) crash_cause: Option<CrashCause>,
    pub(super) started_at: Timestamp,
    pub(super) ended_at: Option<Timestamp>,
    pub(super) last_at: Timestamp,
    pub(super) metadata: Map<'static>,
    pub(super) extra: Map<'static>,
    pub(super) parent_session: Option<String>,
    /// Never empty: the root comes first.
    pub(super) spans: Spans,
    pub(super) children: Children,
    pub(super) counters: Vec<CounterSnapshot>,
    pub(super) totals: Totals,
    pub(super) runs: Vec<RunSnapshot>,
    pub(super) notes: Vec<Note>,
    pub(super) loss: Loss,
    pub(super) refused: u64,
    pub(super) elsewhere_lost: u64,
    pub(super) lines: Lines,
}

impl Snapshot {
    pub(super) fn with_spans(self, spans: Spans) -> Snapshot {
        Snapshot { spans, ..self }
    }

    /// Has the spans, nearly all there is of a session, dropped by the thread that clears `queue`.
    /// They were made of so many bytes of frames.
    pub(crate) fn set_drop_queue(&mut self, queue: &Arc<DropQueue>, bytes: u64) {
        self.spans.set_drop_queue(queue, bytes);
    }

    /// The name that the session was given; else its id.
    pub(super) fn name_or_id(&self) -> &str {
        if self.is_named {
            self.root().name()
        } else {
            &self.id
        }
    }

    /// The session's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The id of its trace: the first one given, else a fixed hash of the session's id.
    #[must_use]
    pub fn trace_id(&self) -> &str {
        &self.trace_id
    }

    /// How the session stands.
    #[must_use]
    pub fn status(&self) -> SessionStatus {
        self.status
    }

    /// Whether a process that decides its status is still there. `Unknown`: the status is as if
    /// it were dead.
    #[must_use]
    pub fn liveness(&self) -> Liveness {
        self.liveness
    }

    /// What went wrong, or why it crashed; always there for a crashed session.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// How the crash of a crashed session is known.
    #[must_use]
    pub fn crash_cause(&self) -> Option<CrashCause> {
        self.crash_cause
    }

    /// The `title` of its metadata, unless it is empty.
    #[must_use]
    pub fn title(&self) -> Option<&str> {
        self.metadata
            .get("title")?
            .as_str()
            .filter(|title| !title.is_empty())
    }

    /// When it first started; where no start was seen, the first time anything was heard of it.
    #[must_use]
    pub fn started_at(&self) -> Timestamp {
        self.started_at
    }

    /// When it was ended; its last activity if it crashed; `None` while it is running.
    #[must_use]
    pub fn ended_at(&self) -> Option<Timestamp> {
        self.ended_at
    }

    /// The latest time any of its records tells.
    #[must_use]
    pub fn last_at(&self) -> Timestamp {
        self.last_at
    }

    /// From its start to its end, or to its last activity while it is running; 0 if
    /// the clock went backwards.
    #[must_use]
    pub fn duration(&self) -> Duration {
        let end = self.ended_at.unwrap_or(self.last_at);
        end.duration_since(self.started_at)
    }

    /// What describes it: title, prompt, model and anything else given.
    #[must_use]
    pub fn metadata(&self) -> &Map<'static> {
        &self.metadata
    }

    /// Members of its starts, updates and ends that this library does not know; later ones win.
    #[must_use]
    pub fn extra(&self) -> &Map<'static> {
        &self.extra
    }

    /// The session it was started from.
    #[must_use]
    pub fn parent_session(&self) -> Option<&str> {
        self.parent_session.as_deref()
    }

    /// Its spans, the root first, then in the order in which they were first heard of.
    #[must_use]
    pub fn spans(&self) -> &[SpanSnapshot<'_>] {
        self.spans.as_slice()
    }

    /// The span that stands for the session; there always is one.
    #[must_use]
    pub fn root(&self) -> &SpanSnapshot<'_> {
        &self.spans()[0]
    }

    /// The span with this id; looks at all of them.
    #[must_use]
    pub fn span(&self, id: &str) -> Option<&SpanSnapshot<'_>> {
        self.spans().iter().find(|span| *span.id == *id)
    }

    /// All spans with their depth, from the root (depth 0), each followed by its children.
    pub fn tree(&self) -> impl Iterator<Item = (usize, &SpanSnapshot<'_>)> {
        Walk {
            spans: self.spans(),
            children: &self.children,
            stack: vec![(0, 0)],
        }
    }

    /// Its counters, in order of their first value.
    #[must_use]
    pub fn counters(&self) -> &[CounterSnapshot] {
        &self.counters
    }

    /// Sums over its spans and records.
    #[must_use]
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// The runs that hold records of it, in order.
    #[must_use]
    pub fn runs(&self) -> &[RunSnapshot] {
        &self.runs
    }

    /// What is odd about its records, in order.
    #[must_use]
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// What was lost of it.
    #[must_use]
    pub fn loss(&self) -> Loss {
        self.loss
    }

    /// How many of its records were refused when they were appended, and so are not here.
    ///
    /// A note of refused records names the first few sessions it is about. What it counts is said
    /// of each of these; and if they are not all, of each other one that was open at the time.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// How many values of its records are kept elsewhere, and are not here.
    #[must_use]
    pub fn elsewhere_lost(&self) -> u64 {
        self.elsewhere_lost
    }

    /// Its lines, where a program's output was put into it.
    #[must_use]
    pub fn lines(&self) -> &Lines {
        &self.lines
    }

    pub(crate) fn set_refused(&mut self, refused: u64) {
        self.refused = refused;
    }
}

/// How it is known that a session crashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum CrashCause {
    /// Its program said so and gave the reason.
    Session,
    /// The run that died had noted a reason, as of a panic.
    Run,
    /// The journal was closed while the session was open.
    JournalClosed,
    /// The process ended without closing the journal.
    ProcessEnded,
    /// Its program said so without a reason.
    Unexplained,
}

shown_words!(CrashCause: "cause of a crash", {
    Session => "session",
    Run => "run",
    JournalClosed => "journal-closed",
    ProcessEnded => "process-ended",
    Unexplained => "unexplained",
});

/// The last value of a counter.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CounterSnapshot {
    /// What is counted.
    pub name: String,
    /// The last value given.
    pub value: Number,
    /// The unit of the value.
    pub unit: Option<String>,
    /// The span it belongs to; `None` for the whole session.
    pub span: Option<String>,
}

/// What one run has of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunSnapshot {
    /// The run.
    pub run: RunId,
    /// How the session stands by this run alone; `None` if it only added notes or metadata.
    pub status: Option<SessionStatus>,
    /// Whether its process is still there.
    pub liveness: Liveness,
    /// What went wrong in this run, or why it crashed.
    pub error: Option<String>,
    /// Whether a later run took the session up again, so that this one's status does not count.
    pub is_superseded: bool,
    /// Records of the session in this run, the library's own ones left out.
    pub records: u64,
    /// The process that opened the run, if the record that says so is there.
    pub origin: Option<Arc<RunOrigin>>,
}
