//! What events say of the session as a whole.

use super::Fold;
use super::branch::{Terminal, filled};
use super::merge::merge_text;
use super::record_stamp::RecordStamp;
use super::session::owned;
use crate::event::{Crash, SessionEnd, SessionStart, SessionStatus};
use crate::snapshot::note;

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
