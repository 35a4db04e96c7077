//! Streamed texts, joined from their pieces.

use std::collections::BTreeMap;

use super::ordered_map::OrderedMap;
use super::record_stamp::RecordStamp;
use crate::event::Key;

/// The texts of a span, by channel.
#[derive(Debug, Default)]
pub(super) struct Texts(OrderedMap<'static, Vec<Stream>>, Option<Box<Earlier>>);

/// Where texts of another span of the same id end, whose bytes the writer counted before: by
/// channel, with the run. It is 0 where it did not.
type Earlier = Vec<(Key<'static>, usize, u64)>;

/// Pieces that one run counted the bytes of together, by their offset. They never overlap.
#[derive(Debug)]
struct Stream {
    branch: usize,
    /// The one with the largest offset: nearly always the only one, with all others appended.
    last: Option<(u64, TextPiece)>,
    before: BTreeMap<u64, TextPiece>,
}

#[derive(Debug)]
struct TextPiece {
    text: String,
    place: RecordStamp,
}

/// A part of a text that no record holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct MissingText {
    pub(super) channel: String,
    pub(super) offset: u64,
    pub(super) len: u64,
    /// The piece behind it.
    pub(super) place: RecordStamp,
}

impl Texts {
    /// Texts of a span that comes after another one of the same id, which had these.
    pub(super) fn behind(other: &Texts) -> Texts {
        let mut earlier: Earlier = other.1.as_deref().cloned().unwrap_or_default();
        for (channel, streams) in other.0.iter() {
            let Some(stream) = streams.last() else {
                continue;
            };
            let end = stream
                .last
                .as_ref()
                .map_or(0, |(start, last)| piece_end((start, last)));
            let is_it = |(name, branch, _): &&mut (Key<'static>, usize, u64)| {
                *name == *channel && *branch == stream.branch
            };
            match earlier.iter_mut().find(is_it) {
                Some((_, _, known)) => *known += end,
                None => earlier.push((channel.clone(), stream.branch, end)),
            }
        }
        let earlier = Some(earlier).filter(|earlier| !earlier.is_empty());
        Texts(OrderedMap::default(), earlier.map(Box::new))
    }

    /// Adds a piece; without an offset it continues the text.
    pub(super) fn add(
        &mut self,
        channel: &str,
        mut offset: Option<u64>,
        text: &str,
        place: RecordStamp,
    ) {
        if let (Some(given), Some(earlier)) = (&mut offset, &mut self.1) {
            let mut earlier = earlier.iter_mut();
            let its = earlier
                .find(|(name, branch, _)| name.as_str() == channel && *branch == place.branch);
            if let Some((_, _, end)) = its {
                // It was counted from 0 again.
                if *given < *end {
                    *end = 0;
                }
                *given -= *end;
            }
        }
        if self.0.get_mut(channel).is_none() {
            self.0.set(channel, Vec::new());
        }
        let Some(streams) = self.0.get_mut(channel).filter(|_| !text.is_empty()) else {
            return;
        };
        let fits = |stream: &mut Stream| {
            stream.branch == place.branch && stream.add(offset, text, place).is_some()
        };
        if !streams.last_mut().is_some_and(fits) {
            // Another run counts from 0 again, and so does a writer over a written part.
            let mut stream = Stream {
                branch: place.branch,
                last: None,
                before: BTreeMap::new(),
            };
            stream.add(offset, text, place);
            streams.push(stream);
        }
    }

    /// Takes in all texts of another span behind its own.
    pub(super) fn append(&mut self, other: Texts) {
        for (channel, mut streams) in other.0.into_members() {
            match self.0.get_mut(channel.as_str()) {
                Some(own) => own.append(&mut streams),
                None => self.0.set(channel.as_str(), streams),
            }
        }
    }

    /// Every channel with its whole text, and what is missing in them.
    pub(super) fn finish(self) -> (Vec<(Key<'static>, String)>, Vec<MissingText>) {
        let mut texts = Vec::new();
        let mut missing = Vec::new();
        for (channel, streams) in self.0.into_members() {
            let mut whole = String::new();
            for stream in streams {
                stream.join(channel.as_str(), &mut whole, &mut missing);
            }
            texts.push((channel, whole));
        }
        (texts, missing)
    }
}

impl Stream {
    /// `None` if a part of it is there already.
    fn add(&mut self, offset: Option<u64>, text: &str, place: RecordStamp) -> Option<()> {
        let Some((start, last)) = &mut self.last else {
            self.last = Some((offset.unwrap_or(0), TextPiece::new(text, place)));
            return Some(());
        };
        let (start, end) = (*start, piece_end((start, last)));
        let offset = offset.unwrap_or(end);
        if offset < start {
            return self.add_before(start, offset, text, place);
        }
        if offset == start || offset < end {
            return None;
        }
        if offset == end {
            last.text.push_str(text);
        } else {
            let last = self.last.replace((offset, TextPiece::new(text, place)));
            self.before.extend(last);
        }
        Some(())
    }

    /// Adds what is in front of the last piece, which begins at `last`.
    fn add_before(&mut self, last: u64, offset: u64, text: &str, place: RecordStamp) -> Option<()> {
        let behind = offset.saturating_add(byte_len(text));
        let next = self.before.range(offset..).next();
        let next = next.map_or(last, |(next, _)| *next);
        if next < behind || next == offset {
            return None;
        }
        if let Some((start, before)) = self.before.range_mut(..offset).next_back() {
            let end = piece_end((start, before));
            if end > offset {
                return None;
            }
            if end == offset {
                before.text.push_str(text);
                return Some(());
            }
        }
        self.before.insert(offset, TextPiece::new(text, place));
        Some(())
    }

    fn join(self, channel: &str, whole: &mut String, missing: &mut Vec<MissingText>) {
        let mut expected = 0;
        for (offset, piece) in self.before.into_iter().chain(self.last) {
            if offset > expected {
                missing.push(MissingText {
                    channel: channel.to_owned(),
                    offset: expected,
                    len: offset - expected,
                    place: piece.place,
                });
            }
            expected = piece_end((&offset, &piece));
            match whole.is_empty() {
                true => *whole = piece.text,
                false => whole.push_str(&piece.text),
            }
        }
    }
}

impl TextPiece {
    fn new(text: &str, place: RecordStamp) -> TextPiece {
        let text = text.to_owned();
        TextPiece { text, place }
    }
}

fn piece_end((offset, piece): (&u64, &TextPiece)) -> u64 {
    offset.saturating_add(byte_len(&piece.text))
}

fn byte_len(text: &str) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(pieces: &[(usize, Option<u64>, &str)]) -> (String, Vec<(u64, u64)>) {
        let mut texts = Texts::default();
        for (branch, offset, text) in pieces {
            texts.add("output", *offset, text, RecordStamp::test(*branch));
        }
        let (mut texts, missing) = texts.finish();
        let missing = missing.iter().map(|gap| (gap.offset, gap.len)).collect();
        (texts.pop().unwrap().1, missing)
    }

    #[test]
    fn pieces_join_in_order_of_their_offsets() {
        let pieces = [(0, Some(0), "ab"), (0, Some(5), "fg"), (0, Some(2), "cde")];
        assert_eq!(joined(&pieces), ("abcdefg".to_owned(), vec![]));
    }

    #[test]
    fn pieces_without_offset_continue() {
        let pieces = [(0, None, "ab"), (0, None, "cd")];
        assert_eq!(joined(&pieces), ("abcd".to_owned(), vec![]));
    }

    #[test]
    fn a_missing_piece_shows_in_front_and_in_the_middle() {
        let pieces = [(0, Some(3), "d"), (0, Some(6), "g")];
        assert_eq!(joined(&pieces), ("dg".to_owned(), vec![(0, 3), (4, 2)]));
    }

    #[test]
    fn each_run_counts_from_zero() {
        let pieces = [(0, Some(0), "ab"), (1, Some(0), "c"), (1, Some(1), "d")];
        assert_eq!(joined(&pieces), ("abcd".to_owned(), vec![]));
    }

    #[test]
    fn a_count_that_starts_over_is_a_text_behind_the_first() {
        let pieces = [(0, Some(0), "abc"), (0, Some(0), "x"), (0, Some(1), "y")];
        assert_eq!(joined(&pieces), ("abcxy".to_owned(), vec![]));
    }

    #[test]
    fn absurd_offsets_are_gaps() {
        let pieces = [(0, Some(u64::MAX), "a"), (0, Some(u64::MAX), "b")];
        let (text, missing) = joined(&pieces);
        assert_eq!((text.as_str(), missing.len()), ("ab", 2));
    }

    #[test]
    fn an_empty_piece_opens_its_channel() {
        assert_eq!(joined(&[(0, Some(7), "")]), (String::new(), vec![]));
    }
}
