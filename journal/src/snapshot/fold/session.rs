//! What events say of the session as a whole.

use std::borrow::Cow;

use super::branch::{Terminal, filled};
use super::merge::merge_text;
use super::named::Named;
use super::{Fold, RecordStamp};
use crate::event::{Counter, Crash, SessionEnd, SessionStart, SessionStatus, SessionUpdate, Value};
use crate::snapshot::lines::Lines;
use crate::snapshot::note;
use crate::snapshot::session::CounterSnapshot;
use crate::time::Timestamp;

/// What is known of the session as a whole so far.
#[derive(Debug)]
pub(super) struct SessionDraft {
    pub(super) id: String,
    pub(super) trace_id: Option<Cow<'static, str>>,
    /// When the first start says it started.
    pub(super) started_at: Option<Timestamp>,
    pub(super) name: Option<Cow<'static, str>>,
    pub(super) parent_session: Option<Cow<'static, str>>,
    pub(super) metadata: Named<'static, Value<'static>>,
    pub(super) lines: Lines,
    /// By name and span.
    pub(super) counters: Named<'static, CounterSnapshot>,
}

impl SessionDraft {
    pub(super) fn new(id: &str) -> SessionDraft {
        let id = match id {
            "" => "unknown",
            id => id,
        };
        SessionDraft {
            id: id.to_owned(),
            trace_id: None,
            started_at: None,
            name: None,
            parent_session: None,
            metadata: Named::default(),
            lines: Lines::default(),
            counters: Named::default(),
        }
    }

    pub(super) fn update(&mut self, update: SessionUpdate<'_>) {
        merge_text(&mut self.name, owned(update.name));
        self.metadata.merge_filled(update.metadata.into_owned());
    }

    pub(super) fn count(&mut self, counter: &Counter<'_>) {
        let span = counter.span.as_deref().filter(|span| !span.is_empty());
        // The zero keeps a name with a span's id apart from a longer name.
        let key = format!("{}\0{}", counter.name, span.unwrap_or_default());
        let value = counter.value.normalised();
        let unit = filled(counter.unit.as_deref()).map(str::to_owned);
        if let Some(known) = self.counters.get_mut(&key) {
            known.value = value;
            known.unit = unit.or(known.unit.take());
        } else {
            let counter = CounterSnapshot {
                name: counter.name.clone().into_owned(),
                value,
                unit,
                span: span.map(str::to_owned),
            };
            self.counters.set(&key, counter);
        }
    }
}

impl Fold<'_> {
    pub(super) fn session_start(&mut self, start: SessionStart<'_>, place: RecordStamp) {
        self.spans.name_root(start.span.as_deref());
        let session = &mut self.session;
        session.started_at.get_or_insert(place.at);
        if session.trace_id.is_none() {
            merge_text(&mut session.trace_id, owned(start.trace_id));
        }
        if session.parent_session.is_none() {
            merge_text(&mut session.parent_session, owned(start.parent_session));
        }
        if session.name.is_none() {
            merge_text(&mut session.name, owned(start.name));
        }
        session.metadata.merge_filled(start.metadata.into_owned());
    }

    pub(super) fn session_end(&mut self, end: &SessionEnd<'_>, place: RecordStamp) {
        let error = filled(end.error.as_deref()).map(str::to_owned);
        let current = self.branches[place.branch].current();
        if current.terminal.is_some() {
            let text = match &error {
                Some(error) => format!("{}: {error}", end.status.as_str()),
                None => end.status.as_str().to_owned(),
            };
            self.notes.add(note::LATE_END, place, text);
            return;
        }
        let has_failed = end.status != SessionStatus::Completed;
        if let Some(error) = error.as_deref().filter(|_| !has_failed) {
            self.notes.add(note::END_ERROR, place, error);
        }
        current.terminal = Some(Terminal::Ended {
            seq: place.seq,
            at: place.at,
            has_failed,
            error,
        });
    }

    pub(super) fn crash(&mut self, crash: &Crash<'_>, place: RecordStamp) {
        let reason = filled(crash.reason.as_deref()).map(str::to_owned);
        let mut text = reason
            .clone()
            .unwrap_or_else(|| "no reason given".to_owned());
        if let Some(location) = filled(crash.location.as_deref()) {
            text = format!("{text} (at {location})");
        }
        let current = self.branches[place.branch].current();
        if current.terminal.is_some() {
            self.notes.add(note::LATE_CRASH, place, text);
            return;
        }
        current.terminal = Some(Terminal::Crashed {
            seq: place.seq,
            reason,
            text,
        });
    }
}

fn owned(text: Option<Cow<'_, str>>) -> Option<Cow<'static, str>> {
    text.map(|text| Cow::Owned(text.into_owned()))
}
