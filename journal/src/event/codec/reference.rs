//! A value that stands elsewhere: in an earlier record of the same session and segment.

use super::encoder::Encoder;
use super::tag;

/// Where the bytes of a value stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    /// The offset in the segment of the frame they are in, a multiple of 8.
    pub(crate) frame: u64,
    /// The first of them in its payload.
    pub(crate) from: u64,
    pub(crate) len: u64,
    /// How many values they are; more than one only as elements of a list.
    pub(crate) stands_for: u32,
}

/// Puts a reference down in place of the values it stands for.
pub(crate) fn put_reference(out: &mut Vec<u8>, reference: &Reference) {
    let mut body = Vec::with_capacity(BODY_LEN_MAX);
    let mut to = Encoder::new(&mut body);
    to.byte(AGAIN);
    to.number(reference.stands_for);
    to.number(reference.len);
    to.number(reference.frame / 8);
    to.number(reference.from);
    to.number(reference.len);
    let mut to = Encoder::new(out);
    to.number(tag::ELSEWHERE);
    to.bytes(&body);
}

/// The form of a value that was said before.
const AGAIN: u8 = 1;

/// A form, and five numbers.
const BODY_LEN_MAX: usize = 64;
