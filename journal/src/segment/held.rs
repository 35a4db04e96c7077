//! Frames that are whole in memory.

use crate::format::{FRAME_HEADER_LEN, FrameHeader};

/// A frame that may be at the start of some bytes.
pub(super) struct Held<'a> {
    pub(super) header: FrameHeader,
    pub(super) payload: &'a [u8],
    pub(super) padding_len: u64,
}

/// The frame at the start of `bytes` and what is behind it, if it is whole and its padding clean.
pub(super) fn split_frame(bytes: &[u8]) -> Option<(Held<'_>, &[u8])> {
    let (fields, rest) = bytes.split_first_chunk::<FRAME_HEADER_LEN>()?;
    let header = FrameHeader::decode(*fields).ok()?;
    let len = usize::try_from(header.payload_len).ok()?;
    let (payload, rest) = rest.split_at_checked(len)?;
    let (padding, rest) = rest.split_at_checked(len.wrapping_neg() % 8)?;
    let held = Held {
        header,
        payload,
        padding_len: u64::try_from(padding.len()).unwrap_or(0),
    };
    padding
        .iter()
        .all(|byte| *byte == 0)
        .then_some((held, rest))
}
