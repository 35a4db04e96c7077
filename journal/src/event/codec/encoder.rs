//! A payload being put together, one part after the other.
//!
//! The bytes are those postcard would write; [`Decoder`](super::decoder::Decoder) reads them.

use super::mark::{Marks, OpenMark};
use crate::error::Error;
use crate::event::value::NODES_MAX;

/// The end of a buffer, to which the parts of a payload go.
#[derive(Debug)]
pub(super) struct Encoder<'v> {
    out: &'v mut Vec<u8>,
    /// Where to note which values are long, if that is asked for.
    marks: Option<&'v mut Marks>,
    /// Values put down so far, those in lists and maps included.
    nodes: usize,
    /// It is known that there are too many of them.
    is_bounded: bool,
    /// The member of the event that is put down now.
    member: &'static str,
    /// Members of which a part has become text.
    converted: Vec<&'static str>,
}

impl<'v> Encoder<'v> {
    /// A payload behind what is in the buffer already.
    pub(super) fn new(out: &'v mut Vec<u8>) -> Encoder<'v> {
        Encoder {
            out,
            marks: None,
            nodes: 0,
            is_bounded: false,
            member: "",
            converted: Vec::new(),
        }
    }

    /// As [`new`](Encoder::new); notes which values are long.
    pub(super) fn with_marks(out: &'v mut Vec<u8>, marks: Option<&'v mut Marks>) -> Encoder<'v> {
        Encoder {
            marks,
            ..Encoder::new(out)
        }
    }

    /// A value begins here that has no more than so many bytes.
    #[inline]
    pub(super) fn begin_value(&mut self, len_max: usize) -> Option<OpenMark> {
        let at = self.out.len();
        self.marks.as_mut()?.begin(at, len_max)
    }

    /// A value that began there ends here.
    #[inline]
    pub(super) fn end_value(&mut self, open: Option<OpenMark>) {
        if let (Some(open), Some(marks)) = (open, &mut self.marks) {
            marks.end(open, self.out.len());
        }
    }

    /// The value that begins next is an element of the list that begins there, or of none.
    #[inline]
    pub(super) fn next_is(&mut self, list: Option<usize>) {
        if let Some(marks) = &mut self.marks {
            marks.next_is(list);
        }
    }

    /// Bytes so far, and what was in the buffer before.
    pub(super) fn len(&self) -> usize {
        self.out.len()
    }

    /// As [`new`](Encoder::new), for an event with too many values.
    pub(super) fn bounded(out: &'v mut Vec<u8>) -> Encoder<'v> {
        Encoder {
            is_bounded: true,
            ..Encoder::new(out)
        }
    }

    pub(super) fn is_bounded(&self) -> bool {
        self.is_bounded
    }

    /// Whether there are more values than a record may have.
    pub(super) fn is_overfull(&self) -> bool {
        self.nodes > NODES_MAX
    }

    /// One more value is put down.
    #[inline]
    pub(super) fn node(&mut self) {
        self.nodes += 1;
    }

    /// How many more values there may be, besides texts in the place of whole members.
    pub(super) fn room(&self) -> usize {
        (NODES_MAX - NODES_SPARED).saturating_sub(self.nodes)
    }

    pub(super) fn has_room(&self, nodes: usize) -> bool {
        nodes <= self.room()
    }

    /// What follows is, or is part of, this member of the event.
    #[inline]
    pub(super) fn member(&mut self, name: &'static str) {
        self.member = name;
    }

    /// A part of the member has become text.
    #[cold]
    pub(super) fn note_converted(&mut self) {
        if !self.converted.contains(&self.member) {
            self.converted.push(self.member);
        }
    }

    /// Members of which a part has become text.
    pub(super) fn converted(&self) -> &[&'static str] {
        &self.converted
    }

    /// A part of the payload, put down elsewhere.
    pub(super) fn part<'p>(&self, out: &'p mut Vec<u8>) -> Encoder<'p> {
        Encoder {
            out,
            marks: None,
            nodes: self.nodes,
            is_bounded: self.is_bounded,
            member: self.member,
            converted: self.converted.clone(),
        }
    }

    /// What is to be known of a part.
    pub(super) fn into_state(self) -> (usize, Vec<&'static str>) {
        (self.nodes, self.converted)
    }

    /// Takes note of what is known of a part.
    pub(super) fn join(&mut self, state: (usize, Vec<&'static str>)) {
        (self.nodes, self.converted) = state;
    }

    pub(super) fn byte(&mut self, byte: u8) {
        self.out.push(byte);
    }

    pub(super) fn bool(&mut self, value: bool) {
        self.byte(u8::from(value));
    }

    /// A number of any width: seven bits a byte, the lowest first.
    #[inline]
    pub(super) fn number(&mut self, number: impl Into<u64>) {
        let mut left = number.into();
        while left >= u64::from(MORE) {
            let [lowest, ..] = left.to_le_bytes();
            self.byte(lowest | MORE);
            left >>= 7;
        }
        let [last, ..] = left.to_le_bytes();
        self.byte(last);
    }

    /// The sign goes to the last bit, so that small numbers are short.
    pub(super) fn i64(&mut self, value: i64) {
        self.number(((value << 1) ^ (value >> 63)).cast_unsigned());
    }

    pub(super) fn f64(&mut self, value: f64) {
        self.array(&value.to_le_bytes());
    }

    /// How many bytes or things follow.
    pub(super) fn count(&mut self, count: usize) {
        // No address space is larger than what 64 bits count.
        self.number(u64::try_from(count).unwrap_or(u64::MAX));
    }

    /// Bytes whose number the reader knows.
    pub(super) fn array(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    #[inline]
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.array(bytes);
    }

    pub(super) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// Something that may be absent.
    #[inline]
    pub(super) fn option<T>(&mut self, part: Option<T>, put: impl FnOnce(&mut Encoder<'v>, T)) {
        self.bool(part.is_some());
        if let Some(part) = part {
            put(self, part);
        }
    }
}

/// The error of what has no encoding.
pub(super) fn invalid(reason: String) -> Error {
    Error::InvalidEvent { reason }
}

/// Whole members of an event that can become texts, and what is over of its maps.
const NODES_SPARED: usize = 16;

/// Set in every byte of a number but the last one.
pub(super) const MORE: u8 = 0x80;

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::*;
    use crate::event::arbitrary::Rng;

    /// What is written behind the bytes there are is what postcard makes of the value.
    fn is_as_plain<T: Serialize>(value: T, put: impl FnOnce(&mut Encoder<'_>)) {
        let mut out = b"before".to_vec();
        let mut payload = Encoder::new(&mut out);
        put(&mut payload);
        let plain = postcard::to_allocvec(&value).unwrap();
        assert_eq!(out, [b"before", plain.as_slice()].concat());
    }

    #[test]
    fn parts_are_the_bytes_that_postcard_writes() {
        let mut rng = Rng::new(5);
        for case in 0..20_000_u32 {
            // Of every length, and at the ends of it.
            let any = rng.next() >> (case % 64);
            let near = (1_u64 << (case % 64)).wrapping_sub(rng.below(3));
            for number in [any, near] {
                is_as_plain(number, |to| to.number(number));
                for value in [number.cast_signed(), number.wrapping_neg().cast_signed()] {
                    is_as_plain(value, |to| to.i64(value));
                }
                let float = f64::from_bits(number);
                is_as_plain(float, |to| to.f64(float));
                let [byte, ..] = number.to_le_bytes();
                is_as_plain(byte, |to| to.byte(byte));
                is_as_plain(byte > 9, |to| to.bool(byte > 9));
                let maybe = (byte > 99).then_some(number);
                is_as_plain(maybe, |to| to.option(maybe, Encoder::number));
            }
        }
        for len in (0..300).chain([16_383, 16_384, 70_000]) {
            let text = "x".repeat(len);
            is_as_plain(&text, |to| to.text(&text));
            let bytes = text.as_bytes();
            is_as_plain(serde_bytes::Bytes::new(bytes), |to| to.bytes(bytes));
        }
    }
}
