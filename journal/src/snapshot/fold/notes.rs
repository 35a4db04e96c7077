//! Notes in the making, put in order at the end.

use super::record_stamp::RecordStamp;
use crate::seq::{RunId, Seq};
use crate::snapshot::note::Note;

/// Notes with the place they belong to, taken in any order.
#[derive(Debug, Default)]
pub(super) struct Notes {
    notes: Vec<(usize, Note)>,
    /// They are not going to be read.
    is_off: bool,
}

impl Notes {
    /// Takes nothing in.
    pub(super) fn none() -> Notes {
        Notes {
            is_off: true,
            ..Notes::default()
        }
    }

    pub(super) fn add(&mut self, kind: &'static str, place: RecordStamp, text: impl Into<String>) {
        self.add_to_run(kind, place.branch, place.run, place.seq, text);
    }

    pub(super) fn add_to_run(
        &mut self,
        kind: &'static str,
        branch: usize,
        run: RunId,
        seq: Seq,
        text: impl Into<String>,
    ) {
        if self.is_off {
            return;
        }
        let note = Note {
            kind,
            run: Some(run),
            seq: Some(seq),
            text: text.into(),
        };
        self.notes.push((branch, note));
    }

    /// All notes in order of runs and sequence numbers.
    pub(super) fn finish(mut self) -> Vec<Note> {
        self.notes.sort_by_key(|(branch, note)| (*branch, note.seq));
        self.notes.into_iter().map(|(_, note)| note).collect()
    }
}
