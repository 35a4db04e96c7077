//! What one run has of a session: its starts, its ends, its last activity.

use std::sync::Arc;

use crate::event::SessionStatus;
use crate::recovery::{Liveness, RunFacts};
use crate::seeded::{self, Bug};
use crate::seq::Seq;
use crate::snapshot::session::CrashCause;
use crate::time::Timestamp;

/// A run's records of a session, as far as they decide how the session stands.
#[derive(Clone, Debug)]
pub(super) struct Branch {
    pub(super) facts: Arc<RunFacts>,
    /// Whether it holds a start or any work, not only updates and notes.
    pub(super) has_work: bool,
    /// Never empty; each but the last ended before the session was started again.
    incarnations: Vec<Incarnation>,
    /// The latest time any of its records tells.
    latest: Option<Timestamp>,
    /// How many records there are, of all branches, up to the last that shows that its program went
    /// on: that is no end by drop and no note of a crash.
    went_on_until: u64,
    pub(super) records: u64,
    /// Kinds this library does not know: the first record of each and how many there are.
    pub(super) unknown_kinds: Vec<(u8, Seq, u64)>,
}

/// A session from one start to the next within a run.
#[derive(Clone, Debug, Default)]
pub(super) struct Incarnation {
    pub(super) terminal: Option<Terminal>,
    pub(super) last_at: Option<Timestamp>,
    /// Whether there was work after the terminal record.
    pub(super) has_late_work: bool,
}

/// The first record that says a session is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Terminal {
    Ended {
        seq: Seq,
        at: Timestamp,
        has_failed: bool,
        error: Option<String>,
    },
    Crashed {
        seq: Seq,
        reason: Option<String>,
        /// The reason and the place in the program, for a note.
        text: String,
    },
}

/// How a session stands by one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) status: SessionStatus,
    pub(super) error: Option<String>,
    pub(super) cause: Option<CrashCause>,
    pub(super) ended_at: Option<Timestamp>,
}

/// What becomes of a span that was not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OpenSpan {
    /// It stays open: its session goes on, or was ended over it.
    StaysOpen,
    /// Its session crashed, and was last active then.
    Interrupted(Timestamp),
}

impl Branch {
    pub(super) fn new(facts: Arc<RunFacts>) -> Branch {
        Branch {
            facts,
            has_work: false,
            incarnations: vec![Incarnation::default()],
            latest: None,
            went_on_until: 0,
            records: 0,
            unknown_kinds: Vec::new(),
        }
    }

    /// The number of the incarnation that records go to now.
    pub(super) fn incarnation(&self) -> usize {
        self.incarnations.len() - 1
    }

    pub(super) fn current(&mut self) -> &mut Incarnation {
        let last = self.incarnations.len() - 1;
        &mut self.incarnations[last]
    }

    /// A start after a terminal record takes the session up again; any other changes nothing.
    pub(super) fn start(&mut self) {
        self.has_work = true;
        if self.current().terminal.is_some() {
            self.incarnations.push(Incarnation::default());
        }
    }

    /// Takes note that the last of so many records is one that no dying program writes.
    pub(super) fn went_on(&mut self, records: u64) {
        self.went_on_until = records;
    }

    /// Whether nothing came behind this record but what a program that dies leaves: drops of
    /// spans, and the note of a crash.
    pub(super) fn is_last_breath(&self, order: u64) -> bool {
        order >= self.went_on_until && !seeded::has(Bug::DropsAlwaysTold)
    }

    /// Takes note of a time that a record tells.
    pub(super) fn saw(&mut self, at: Timestamp) {
        self.latest = self.latest.max(Some(at));
        let current = self.current();
        current.last_at = current.last_at.max(Some(at));
    }

    pub(super) fn saw_unknown(&mut self, kind: u8, seq: Seq) {
        match self.unknown_kinds.iter_mut().find(|one| one.0 == kind) {
            Some((_, _, count)) => *count += 1,
            None => self.unknown_kinds.push((kind, seq, 1)),
        }
    }

    pub(super) fn terminals(&self) -> impl Iterator<Item = &Terminal> {
        self.incarnations
            .iter()
            .filter_map(|one| one.terminal.as_ref())
    }

    pub(super) fn terminal(&self) -> Option<&Terminal> {
        self.last().terminal.as_ref()
    }

    /// The latest time any of its records tells; when the run was opened if none does.
    pub(super) fn last_at(&self) -> Option<Timestamp> {
        self.latest.or(self.facts.opened_at)
    }

    /// A run that was closed is over even while its process still holds the lock.
    pub(super) fn is_running(&self) -> bool {
        self.facts.liveness == Liveness::Live && self.facts.closed.is_none()
    }

    /// Whether the process went away without closing the journal.
    fn has_died(&self) -> bool {
        self.facts.liveness != Liveness::Live && self.facts.closed.is_none()
    }

    pub(super) fn standing(&self) -> Standing {
        match self.terminal() {
            Some(Terminal::Ended {
                at,
                has_failed,
                error,
                ..
            }) => Standing {
                status: match has_failed {
                    true => SessionStatus::Error,
                    false => SessionStatus::Completed,
                },
                error: error.clone().filter(|_| *has_failed),
                cause: None,
                ended_at: Some(*at),
            },
            None if self.is_running() => Standing {
                status: SessionStatus::Running,
                error: None,
                cause: None,
                ended_at: None,
            },
            Some(Terminal::Crashed { reason, .. }) => self.crashed(reason.as_deref(), true),
            None => self.crashed(None, false),
        }
    }

    /// The first reason there is: the session's own, the dying run's, how the run went.
    fn crashed(&self, reason: Option<&str>, was_told: bool) -> Standing {
        let run_notes = self.facts.crash_notes.iter();
        let mut run_reasons = run_notes.filter_map(|(_, reason)| filled(reason.as_deref()));
        let (cause, error) = if let Some(reason) = filled(reason) {
            (CrashCause::Session, reason)
        } else if let Some(reason) = run_reasons.next().filter(|_| self.has_died()) {
            (CrashCause::Run, reason)
        } else if was_told {
            (CrashCause::Unexplained, UNEXPLAINED)
        } else if self.facts.closed.is_some() {
            (CrashCause::JournalClosed, JOURNAL_CLOSED)
        } else {
            (CrashCause::ProcessEnded, PROCESS_ENDED)
        };
        Standing {
            status: SessionStatus::Crashed,
            error: Some(error.to_owned()),
            cause: Some(cause),
            ended_at: self.last_at(),
        }
    }

    /// What becomes of a span that was opened in one of its incarnations and never ended.
    pub(super) fn open_span(&self, incarnation: usize) -> OpenSpan {
        let Some(one) = self.incarnations.get(incarnation) else {
            return OpenSpan::StaysOpen;
        };
        let is_last = incarnation == self.incarnation();
        let has_crashed = match one.terminal {
            Some(Terminal::Ended { .. }) => false,
            Some(Terminal::Crashed { .. }) => true,
            None => is_last && !self.is_running(),
        };
        match one.last_at {
            Some(at) if has_crashed => OpenSpan::Interrupted(at),
            _ => OpenSpan::StaysOpen,
        }
    }

    fn last(&self) -> &Incarnation {
        &self.incarnations[self.incarnations.len() - 1]
    }
}

/// Empty words say nothing.
pub(super) fn filled(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

const JOURNAL_CLOSED: &str = "journal closed without ending the session";
const PROCESS_ENDED: &str = "process ended without closing";
pub(crate) const UNEXPLAINED: &str = "Process exited before trace completed";
