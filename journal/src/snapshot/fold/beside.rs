//! Members of events that the library does not know: what becomes of them.

use super::Fold;
use super::record_stamp::RecordStamp;
use crate::event::{Action, Value};
use crate::snapshot::note;
use crate::snapshot::span::OwnMembers;

impl Fold<'_> {
    /// Takes in such members of an event that is not of a span: the session's are kept with it, of
    /// others it is noted that only the record has them.
    pub(super) fn note_beside(
        &mut self,
        action: &Action<'_>,
        beside: &OwnMembers<'_>,
        place: RecordStamp,
    ) {
        let what = match action {
            Action::SessionStart(_) | Action::SessionUpdate(_) | Action::SessionEnd(_) => {
                let mut extra = beside.extra.clone().into_owned();
                if !beside.otel.is_empty() {
                    extra.insert("otel", Value::Map(beside.otel.clone().into_owned()));
                }
                return self.session.extra.extend(extra);
            }
            Action::Text(_) => "texts",
            Action::Counter(_) => "counters",
            Action::Crash(_) => "crash notes",
            // Of a custom record nothing is in the snapshot.
            Action::Custom(_) => return,
            Action::Line(_) => "lines",
            // They keep theirs.
            _ => return,
        };
        let otel = (!beside.otel.is_empty()).then_some("otel");
        let names = beside.extra.iter().map(|(name, _)| name).chain(otel);
        for name in names {
            let text = format!("member {name} of {what} is in the records only");
            self.note_once(note::EXTRA_MEMBER, place, text);
        }
    }

    /// Adds a note, unless it was made before, or there are many of that sort.
    pub(super) fn note_once(&mut self, kind: &'static str, place: RecordStamp, text: String) {
        if self.noted.len() < NOTED_MAX && self.noted.insert(text.clone()) {
            self.notes.add(kind, place, text);
        }
    }
}

/// Notes of this sort that a session has at most.
const NOTED_MAX: usize = 32;
