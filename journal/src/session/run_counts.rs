//! What all handles of a run count together.

use std::sync::{Mutex, PoisonError};

use super::ids::IdSource;
use super::text_offsets::TextOffsets;
use crate::event::Text;
use crate::seq::RunId;

/// What all handles of a run, and of those after it, count together.
#[derive(Debug)]
pub(crate) struct RunCounts {
    texts: Mutex<TextOffsets>,
    ids: IdSource,
}

impl RunCounts {
    /// Ids begin at this number, which cannot be guessed.
    pub(crate) fn new(random: u64) -> RunCounts {
        RunCounts {
            texts: Mutex::default(),
            ids: IdSource::new(random),
        }
    }

    /// Sets the offset of a piece of text that is about to be written, and counts the piece: in the
    /// run with this number, and if it is copied, from this one.
    pub(crate) fn place_text(
        &self,
        opening: u16,
        session: &str,
        text: &mut Text<'_>,
        source: Option<RunId>,
    ) {
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        texts.place(opening, session, text, source);
    }

    /// A number for an id, not 0, that no other id has.
    pub(crate) fn new_id(&self) -> u64 {
        self.ids.next()
    }
}
