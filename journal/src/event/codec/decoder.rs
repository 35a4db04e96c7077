//! What a payload is made of, read one part after the other.
//!
//! The bytes are postcard's; each part is `None` where postcard would give an error.

use std::ops::Range;

use super::encoder::MORE;
use crate::event::value::NODES_MAX;

/// A payload and how much of it was read.
#[derive(Clone, Debug)]
pub(super) struct Decoder<'a> {
    payload: &'a [u8],
    at: usize,
    /// Data need only be known to be sound.
    skips_values: bool,
    /// Names of members are known to be sound.
    trusts_names: bool,
    /// How many more values may be put together.
    nodes_left: usize,
    /// One was one too many.
    is_exhausted: bool,
    odd: Oddities,
    /// Where the values are that stand elsewhere, their tags included.
    elsewhere: Vec<Range<usize>>,
    /// A stretch of it that is known to be text, and where that begins.
    text: &'a str,
    text_at: usize,
}

/// What there is to say about a payload besides its event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Oddities {
    /// A value is kept as its bytes, for it has too many others in it.
    pub(crate) left_whole: bool,
    /// How many of its values are elsewhere.
    pub(crate) elsewhere: u64,
    /// A status is one of a later version, and taken for one that is not set.
    pub(crate) has_unknown_status: bool,
}

/// Where something begins in a payload, and what was known there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    at: usize,
    nodes_left: usize,
    odd: Oddities,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(payload: &'a [u8]) -> Decoder<'a> {
        Decoder {
            payload,
            at: 0,
            skips_values: false,
            trusts_names: false,
            nodes_left: NODES_MAX,
            is_exhausted: false,
            odd: Oddities::default(),
            elsewhere: Vec::new(),
            text: "",
            text_at: 0,
        }
    }

    /// A payload of which the data is left out: it is gone through, but not put together.
    pub(super) fn without_values(payload: &'a [u8]) -> Decoder<'a> {
        Decoder {
            skips_values: true,
            ..Decoder::new(payload)
        }
    }

    pub(super) fn skips_values(&self) -> bool {
        self.skips_values
    }

    /// A part of this payload, of which as many values may be put together as of the rest.
    pub(super) fn part(&self, part: &'a [u8]) -> Decoder<'a> {
        Decoder {
            nodes_left: self.nodes_left,
            odd: self.odd,
            ..Decoder::new(part)
        }
    }

    /// Takes note of what was found in a part.
    pub(super) fn join(&mut self, part: &Decoder<'_>) {
        (self.nodes_left, self.odd) = (part.nodes_left, part.odd);
    }

    /// One more value is put together; `None` if that is one too many.
    #[inline]
    pub(super) fn node(&mut self) -> Option<()> {
        let left = self.nodes_left.checked_sub(1);
        self.is_exhausted |= left.is_none();
        self.nodes_left = left?;
        Some(())
    }

    /// Whether so many more values may be put together.
    pub(super) fn has_room(&self, nodes: usize) -> bool {
        nodes <= self.nodes_left
    }

    /// Whether that was too much.
    pub(super) fn is_exhausted(&self) -> bool {
        self.is_exhausted
    }

    pub(super) fn oddities(&self) -> Oddities {
        self.odd
    }

    /// What was read from a tag on stands for so many values that are elsewhere.
    #[cold]
    pub(super) fn note_elsewhere(&mut self, tag_at: usize, count: u32) {
        self.odd.elsewhere = self.odd.elsewhere.saturating_add(u64::from(count));
        self.elsewhere.push(tag_at..self.at);
    }

    /// Where values are that stand elsewhere, their tags included.
    pub(super) fn elsewhere(&self) -> &[Range<usize>] {
        &self.elsewhere
    }

    /// How many bytes were read.
    pub(super) fn offset(&self) -> usize {
        self.at
    }

    #[cold]
    pub(super) fn note_unknown_status(&mut self) {
        self.odd.has_unknown_status = true;
    }

    pub(super) fn place(&self) -> Place {
        Place {
            at: self.at,
            nodes_left: self.nodes_left,
            odd: self.odd,
        }
    }

    pub(super) fn go_back(&mut self, to: Place) {
        (self.at, self.nodes_left, self.odd) = (to.at, to.nodes_left, to.odd);
        self.elsewhere.retain(|place| place.end <= to.at);
        self.is_exhausted = false;
    }

    /// The bytes from a place up to here, which are kept as they are.
    pub(super) fn leave_whole(&mut self, from: Place) -> Option<&'a [u8]> {
        self.odd.left_whole = true;
        self.payload.get(from.at..self.at)
    }

    /// All bytes that are left.
    pub(super) fn rest(&mut self) -> &'a [u8] {
        let rest = self.payload.get(self.at..).unwrap_or_default();
        self.at = self.payload.len();
        rest
    }

    pub(super) fn checks_names(&self) -> bool {
        !self.trusts_names
    }

    /// Reads something without a look at whether members have the same name.
    pub(super) fn without_names<T>(
        &mut self,
        read: impl FnOnce(&mut Decoder<'a>) -> Option<T>,
    ) -> Option<T> {
        let before = std::mem::replace(&mut self.trusts_names, true);
        let made = read(self);
        self.trusts_names = before;
        made
    }

    /// `None` if there is more.
    pub(super) fn end(&self) -> Option<()> {
        (self.at == self.payload.len()).then_some(())
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        let byte = *self.payload.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let bytes = *self.payload.get(self.at..)?.first_chunk()?;
        self.at += N;
        Some(bytes)
    }

    pub(super) fn bool(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        u16::try_from(self.varint(3)?).ok()
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        u32::try_from(self.varint(5)?).ok()
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.varint(10)
    }

    /// The sign is in the last bit, so that small numbers are short.
    pub(super) fn i64(&mut self) -> Option<i64> {
        let zigzag = self.varint(10)?;
        Some((zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed())
    }

    pub(super) fn f64(&mut self) -> Option<f64> {
        self.array().map(f64::from_le_bytes)
    }

    /// How many bytes or things follow.
    #[inline]
    pub(super) fn count(&mut self) -> Option<usize> {
        usize::try_from(self.varint(10)?).ok()
    }

    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = self.count()?;
        let bytes = self.payload.get(self.at..)?.get(..len)?;
        self.at += len;
        Some(bytes)
    }

    #[inline]
    pub(super) fn text(&mut self) -> Option<&'a str> {
        let bytes = self.bytes()?;
        let begin = self.at - bytes.len();
        let known = begin - self.text_at..self.at - self.text_at;
        if let Some(text) = self.text.get(known) {
            return Some(text);
        }
        self.unknown_text(begin, bytes)
    }

    /// Text that is not in the stretch that is known.
    fn unknown_text(&mut self, begin: usize, bytes: &'a [u8]) -> Option<&'a str> {
        if bytes.len() >= LONG {
            return simdutf8::basic::from_utf8(bytes).ok();
        }
        // What follows a short text is mostly more text and small numbers, which look like text:
        // to check them together takes less than to check the texts one by one.
        let ascii = ascii(self.payload.get(begin..)?);
        if ascii.len() < bytes.len() {
            return std::str::from_utf8(bytes).ok();
        }
        (self.text, self.text_at) = (simdutf8::basic::from_utf8(ascii).ok()?, begin);
        self.text.get(..bytes.len())
    }

    /// Something that may be absent.
    pub(super) fn option<T>(
        &mut self,
        read: impl FnOnce(&mut Decoder<'a>) -> Option<T>,
    ) -> Option<Option<T>> {
        match self.bool()? {
            true => read(self).map(Some),
            false => Some(None),
        }
    }

    /// A number of at most so many bytes, the lowest seven bits first.
    #[inline]
    fn varint(&mut self, len_max: usize) -> Option<u64> {
        let first = self.byte()?;
        match first < MORE {
            true => Some(u64::from(first)),
            false => self.long_varint(first, len_max),
        }
    }

    fn long_varint(&mut self, first: u8, len_max: usize) -> Option<u64> {
        let mut number = u64::from(first & !MORE);
        for place in 1..len_max {
            let byte = self.byte()?;
            let bits = u64::from(byte & !MORE);
            let shifted = bits << (7 * place);
            if shifted >> (7 * place) != bits {
                return None;
            }
            number |= shifted;
            if byte < MORE {
                // A number has one spelling: the shortest.
                return (byte != 0).then_some(number);
            }
        }
        None
    }
}

/// The first bytes, up to where one is not ASCII or where they are enough.
fn ascii(bytes: &[u8]) -> &[u8] {
    let (words, _) = bytes.as_chunks();
    let mut len = 0;
    for word in words.iter().take(STRETCH) {
        let others = u64::from_le_bytes(*word) & NOT_ASCII;
        if others != 0 {
            let place = others.trailing_zeros() / u8::BITS;
            len += usize::try_from(place).unwrap_or_default();
            break;
        }
        len += size_of::<u64>();
    }
    bytes.get(..len).unwrap_or_default()
}

/// Text of this many bytes is checked by itself.
const LONG: usize = 64;

/// Words of eight bytes that are checked together at most.
const STRETCH: usize = 32;

/// The bits that are not set in eight bytes of ASCII.
const NOT_ASCII: u64 = u64::from_le_bytes([0x80; 8]);

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::event::arbitrary::Rng;

    /// What is read, and the bytes left, are what postcard says of what it would write so.
    fn is_as_plain<'p, T: Deserialize<'p> + Serialize + Debug>(
        payload: &'p [u8],
        read: impl FnOnce(&mut Decoder<'p>) -> Option<T>,
    ) -> bool {
        let mut from = Decoder::new(payload);
        let quick = read(&mut from).map(|part| (part, &payload[from.at..]));
        let plain = postcard::take_from_bytes::<T>(payload).ok();
        let plain = plain.filter(|(part, _)| {
            let written = postcard::to_allocvec(part).unwrap();
            payload.starts_with(&written)
        });
        // Not all floats equal themselves.
        assert_eq!(format!("{quick:?}"), format!("{plain:?}"), "{payload:x?}");
        plain.is_some()
    }

    #[test]
    fn numbers_are_those_that_postcard_reads() {
        let mut rng = Rng::new(3);
        let mut accepted = [0; 8];
        for _ in 0..100_000 {
            let len = rng.below_len(13);
            // Bytes of numbers that are long, that end, and that are nearly too large.
            let byte = |rng: &mut Rng| match rng.below(6) {
                0 => rng.below(20).to_le_bytes()[0],
                1 => 0xff,
                2 => 0x80,
                _ => rng.next().to_le_bytes()[0] | 0x80,
            };
            let bytes: Vec<u8> = (0..len).map(|_| byte(&mut rng)).collect();
            let read = [
                is_as_plain(&bytes, Decoder::bool),
                is_as_plain(&bytes, Decoder::byte),
                is_as_plain(&bytes, Decoder::u16),
                is_as_plain(&bytes, Decoder::u32),
                is_as_plain(&bytes, Decoder::u64),
                is_as_plain(&bytes, Decoder::i64),
                is_as_plain(&bytes, Decoder::f64),
                is_as_plain(&bytes, |from| from.option(Decoder::u32)),
            ];
            for (count, is_accepted) in accepted.iter_mut().zip(read) {
                *count += u32::from(is_accepted);
            }
        }
        assert!(accepted.iter().all(|count| *count > 1000), "{accepted:?}");
    }

    #[test]
    fn numbers_are_as_long_as_they_may_be() {
        for last in 0..=u8::MAX {
            for len in 0..12 {
                let bytes = [vec![0xff; len], vec![last]].concat();
                is_as_plain(&bytes, Decoder::u16);
                is_as_plain(&bytes, Decoder::u32);
                is_as_plain(&bytes, Decoder::u64);
                is_as_plain(&bytes, Decoder::i64);
                is_as_plain(&bytes, Decoder::count);
            }
        }
    }

    /// The checks differ by length and by what follows, so every length gets every kind of
    /// sequence everywhere, in the first of three texts and in the last.
    #[test]
    fn texts_are_those_that_postcard_reads() {
        let sequences: [&[u8]; 13] = [
            b"",
            "\u{e9}".as_bytes(),
            "\u{2192}".as_bytes(),
            "\u{1f41b}".as_bytes(),
            &[0],
            &[0x7f],
            &[0x80],
            &[0xff],
            &[0xc3],
            &[0xc0, 0x80],
            &[0xed, 0xa0, 0x80],
            &[0xf4, 0x90, 0x80, 0x80],
            &[0xf0, 0x9f, 0x90],
        ];
        let mut accepted = 0;
        for len in (0..140).chain([255, 256, 1000]) {
            for (sequence, place) in sequences
                .iter()
                .flat_map(|s| (0..=len).map(move |at| (s, at)))
            {
                let mut text = vec![b'a'; len];
                text.splice(place..place, sequence.iter().copied());
                for texts in [[&text[..], b"bc", b""], [b"d", b"", &text[..]]] {
                    let texts = texts.map(serde_bytes::Bytes::new);
                    let payload = postcard::to_allocvec(&texts).unwrap();
                    let read = |from: &mut Decoder<'_>| -> Option<[String; 3]> {
                        let mut text = || from.text().map(str::to_owned);
                        Some([text()?, text()?, text()?])
                    };
                    accepted += u32::from(is_as_plain(&payload, read));
                }
            }
        }
        assert!(accepted > 50_000, "{accepted}");
    }

    /// A length may end a text within a character of a stretch that is text as a whole.
    #[test]
    fn a_text_does_not_end_within_a_character() {
        let whole = "\u{1}a\u{3}\u{e9}\u{2192}\u{1f41b}bcdefgh".as_bytes();
        for begin in 0..whole.len() {
            for len in 0..=whole.len() {
                let mut payload = whole.to_vec();
                payload.insert(begin, u8::try_from(len).unwrap());
                let read = |from: &mut Decoder<'_>| from.text().map(str::to_owned);
                is_as_plain(&payload, read);
                is_as_plain(&payload[begin..], read);
                let two = |from: &mut Decoder<'_>| Some((read(from)?, read(from)?));
                is_as_plain(&payload, two);
            }
        }
    }
}
