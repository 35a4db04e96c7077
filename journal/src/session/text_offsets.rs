//! How much of each text a run has written: a missing piece then shows.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use crate::event::Text;
use crate::seq::RunId;

/// Lengths of texts written so far, by a hash of session, span and channel.
#[derive(Debug, Default)]
pub(super) struct TextOffsets {
    hasher: RandomState,
    /// Which run of the journal the lengths are of.
    opening: u16,
    lengths: HashMap<u64, u64>,
    /// For texts copied from another journal: from which run, and where its text begins here.
    sources: HashMap<u64, (RunId, u64)>,
}

impl TextOffsets {
    /// Sets the offset of a piece that is about to be written, and counts the piece.
    ///
    /// A given offset counts from the start of what run `source` wrote, or this one.
    pub(super) fn place(
        &mut self,
        opening: u16,
        session: &str,
        text: &mut Text<'_>,
        source: Option<RunId>,
    ) {
        if self.opening != opening {
            self.opening = opening;
            self.lengths.clear();
            self.sources.clear();
        }
        let key = self
            .hasher
            .hash_one((session, text.span.as_ref(), text.channel.as_str()));
        let known = self.lengths.get(&key).copied();
        if known.is_none() && self.lengths.len() >= TEXTS_MAX {
            return;
        }
        let written = known.unwrap_or(0);
        let offset = match (text.offset, source) {
            (None, _) => written,
            (Some(given), None) => given,
            (Some(given), Some(run)) => self.start_of(key, run, written).saturating_add(given),
        };
        let len = u64::try_from(text.text.len()).unwrap_or(u64::MAX);
        text.offset = Some(offset);
        self.lengths
            .insert(key, written.max(offset.saturating_add(len)));
    }

    fn start_of(&mut self, key: u64, run: RunId, written: u64) -> u64 {
        match self.sources.get(&key) {
            Some((known, start)) if *known == run => *start,
            _ => {
                self.sources.insert(key, (run, written));
                written
            }
        }
    }
}

/// How many texts are counted; pieces of further ones have no offset, so that a journal that is
/// open for months needs no more than some 32 MiB for this.
const TEXTS_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Channel;
    use crate::seq::Generation;

    fn place(
        offsets: &mut TextOffsets,
        (opening, channel): (u16, Channel<'_>),
        offset: Option<u64>,
        source: Option<RunId>,
    ) -> Option<u64> {
        let mut text = Text {
            span: "g1".into(),
            channel,
            offset,
            text: "abc".into(),
        };
        offsets.place(opening, "s", &mut text, source);
        text.offset
    }

    #[test]
    fn each_text_is_counted_by_itself_and_anew_in_each_run() {
        let mut offsets = TextOffsets::default();
        let output = (0, Channel::OUTPUT);
        assert_eq!(place(&mut offsets, output.clone(), None, None), Some(0));
        assert_eq!(place(&mut offsets, output.clone(), None, None), Some(3));
        assert_eq!(
            place(&mut offsets, (0, Channel::REASONING), None, None),
            Some(0)
        );
        assert_eq!(
            place(&mut offsets, output.clone(), Some(10), None),
            Some(10)
        );
        assert_eq!(place(&mut offsets, output, None, None), Some(13));
        assert_eq!(
            place(&mut offsets, (1, Channel::OUTPUT), None, None),
            Some(0)
        );
    }

    #[test]
    fn texts_of_several_runs_are_put_one_behind_the_other() {
        let mut offsets = TextOffsets::default();
        let run = |generation| {
            Some(RunId {
                generation: Generation(generation),
                random: 1,
            })
        };
        let output = || (0, Channel::OUTPUT);
        assert_eq!(place(&mut offsets, output(), Some(0), run(1)), Some(0));
        assert_eq!(place(&mut offsets, output(), Some(5), run(1)), Some(5));
        assert_eq!(place(&mut offsets, output(), Some(0), run(2)), Some(8));
        assert_eq!(place(&mut offsets, output(), Some(3), run(2)), Some(11));
    }
}
