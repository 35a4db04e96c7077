//! Places and lengths of frames, in about three bytes a frame.

use crate::format::FRAME_ALIGNMENT;

/// The place a frame takes in its segment, padding included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Extent {
    pub(crate) offset: u64,
    pub(crate) len: u64,
}

impl Extent {
    /// Where the frame behind it may begin.
    pub(crate) fn end(self) -> u64 {
        self.offset.saturating_add(self.len)
    }
}

/// Extents as they are put down one by one, in order.
#[derive(Debug, Default)]
pub(crate) struct ExtentList {
    /// For each two varints, in units of 8 bytes: from the end of the one before, and its length.
    pub(crate) bytes: Vec<u8>,
    end: u32,
}

impl ExtentList {
    /// Adds the frame at this offset, in units of 8 bytes.
    pub(crate) fn push(&mut self, eighth: u32, frame_len: u64) {
        // A frame is far shorter than what fits.
        let len = u32::try_from(frame_len / FRAME_ALIGNMENT).unwrap_or(u32::MAX);
        put_varint(&mut self.bytes, eighth.saturating_sub(self.end));
        put_varint(&mut self.bytes, len);
        self.end = eighth.saturating_add(len);
    }
}

/// Extents from the bytes of a list; `None` unless they are `count` in order, to the last byte.
pub(crate) fn decode_list(mut list: &[u8], count: u64) -> Option<Vec<Extent>> {
    // Each takes two bytes at least.
    let capacity = usize::try_from(count)
        .ok()
        .filter(|n| *n <= list.len() / 2)?;
    let mut extents = Vec::with_capacity(capacity);
    let mut end = 0u64;
    while let Some(gap) = take_varint(&mut list) {
        let len = u64::from(take_varint(&mut list)?);
        let eighth = end.checked_add(u64::from(gap))?;
        end = eighth.checked_add(len)?;
        end.checked_mul(FRAME_ALIGNMENT)?;
        extents.push(Extent {
            offset: eighth * FRAME_ALIGNMENT,
            len: len * FRAME_ALIGNMENT,
        });
    }
    let is_whole = list.is_empty() && extents.len() == capacity;
    is_whole.then_some(extents)
}

fn take_varint(list: &mut &[u8]) -> Option<u32> {
    // Nearly all take one byte or two.
    match **list {
        [low @ 0..=0x7f, ref rest @ ..] => {
            *list = rest;
            return Some(u32::from(low));
        }
        [low, high @ 0..=0x7f, ref rest @ ..] => {
            *list = rest;
            return Some(u32::from(low & 0x7f) | u32::from(high) << 7);
        }
        _ => {}
    }
    let mut value = 0u32;
    for shift in [0, 7, 14, 21, 28] {
        let (byte, rest) = list.split_first()?;
        *list = rest;
        value |= u32::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn put_varint(list: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        let [low, ..] = value.to_le_bytes();
        list.push(low | 0x80);
        value >>= 7;
    }
    let [low, ..] = value.to_le_bytes();
    list.push(low);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_reads_back_and_nothing_else_is_one() {
        let frames = [
            (1024, 24),
            (1027, 16),
            (2000, 1 << 30),
            (1 << 31, 272),
            (u32::MAX - 2, 16),
        ];
        let mut list = ExtentList::default();
        let mut extents = Vec::new();
        for (eighth, len) in frames {
            list.push(eighth, len);
            let offset = u64::from(eighth) * 8;
            extents.push(Extent { offset, len });
        }
        let list = list.bytes;
        assert_eq!(decode_list(&list, 5), Some(extents));
        assert_eq!(decode_list(&list, 4), None);
        assert_eq!(decode_list(&list, u64::MAX), None);
        assert_eq!(decode_list(&list[..list.len() - 1], 5), None);
        assert_eq!(decode_list(&[0xff; 9], 1), None);
    }
}
