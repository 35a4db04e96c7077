//! The one place that names the checksum: CRC-32/ISO-HDLC.

use crate::seeded::{self, Bug};
use crate::seq::{RunId, SegmentNumber};

/// What the checksums of one segment's frames start from: its run and its number.
///
/// Frames of another run or segment do not fit it, so stale and foreign bytes never validate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameSeed(u32);

impl FrameSeed {
    /// The seed of a segment.
    #[must_use]
    pub fn new(run: RunId, segment: SegmentNumber) -> FrameSeed {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&run.generation.0.to_le_bytes());
        hasher.update(&run.random.to_le_bytes());
        hasher.update(&segment.0.to_le_bytes());
        FrameSeed(hasher.finalize())
    }

    /// A checksum that continues from the seed; feed it the payload, then call
    /// [`FrameChecksum::finish`].
    #[must_use]
    pub fn begin(self) -> FrameChecksum {
        FrameChecksum(crc32fast::Hasher::new_with_initial(self.0))
    }
}

/// A frame's checksum in the making.
#[derive(Clone, Debug)]
pub struct FrameChecksum(crc32fast::Hasher);

impl FrameChecksum {
    /// Takes in the next part of the payload.
    pub fn payload(&mut self, part: &[u8]) {
        self.0.update(part);
    }

    /// Takes in the header fields and the frame's offset, and gives the checksum.
    #[must_use]
    pub fn finish(self, fields: [u8; 12], offset: u64) -> u32 {
        let [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11] = fields;
        let offset = seeded::either(Bug::OffsetNotCovered, 0, offset);
        let [o0, o1, o2, o3, o4, o5, o6, o7] = offset.to_le_bytes();
        // What the last 20 bytes add does not depend on the payload, so it is not waited for.
        let mut added = 0;
        for four in [
            [f0, f1, f2, f3],
            [f4, f5, f6, f7],
            [f8, f9, f10, f11],
            [o0, o1, o2, o3],
            [o4, o5, o6, o7],
        ] {
            added = look(&LAST, added ^ u32::from_le_bytes(four));
        }
        !(look(&BEFORE_SIXTEEN, !self.0.finalize()) ^ added)
    }
}

/// What four bytes add to the checksum: the checksum's library goes byte by byte for so few,
/// which every frame would pay for.
fn look([fourth, third, second, first]: &[[u32; 256]; 4], bytes: u32) -> u32 {
    let of = |table: &[u32; 256], byte: u8| table.get(usize::from(byte)).copied().unwrap_or(0);
    let [b0, b1, b2, b3] = bytes.to_le_bytes();
    of(first, b0) ^ of(second, b1) ^ of(third, b2) ^ of(fourth, b3)
}

/// What a byte adds when nothing, or one to three bytes, follow.
static LAST: [[u32; 256]; 4] = [table(0), table(1), table(2), table(3)];

/// What a byte adds when 16 bytes more follow.
static BEFORE_SIXTEEN: [[u32; 256]; 4] = [table(16), table(17), table(18), table(19)];

/// What each value of a byte adds to the checksum when this many bytes follow it.
const fn table(following: usize) -> [u32; 256] {
    let mut table = [0; 256];
    let mut at = 0;
    let mut value = 0u32;
    while at < 256 {
        let mut crc = value;
        let mut bit = 0;
        while bit < 8 * (following + 1) {
            crc = (crc >> 1) ^ (POLYNOMIAL * (crc & 1));
            bit += 1;
        }
        table[at] = crc;
        at += 1;
        value += 1;
    }
    table
}

/// Of CRC-32/ISO-HDLC, bits reversed.
const POLYNOMIAL: u32 = 0xEDB8_8320;

/// The checksum of bytes that are no frame: of a header page or a cache.
pub(crate) fn checksum(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_offset_are_taken_in_as_bytes() {
        for seed in [0, 1, 0x4158_aa29, u32::MAX] {
            let fields = [5, 0, 0, 0x80, 1, 2, 3, 4, 0xc8, 0xff, 0, 7];
            let offset = 0x0102_0304_0506_0708;
            let mut whole = crc32fast::Hasher::new_with_initial(seed);
            whole.update(b"hello");
            whole.update(&fields);
            whole.update(&u64::to_le_bytes(offset));
            let mut checksum = FrameSeed(seed).begin();
            checksum.payload(b"hello");
            assert_eq!(checksum.finish(fields, offset), whole.finalize());
        }
    }

    #[test]
    fn the_polynomial_is_iso_hdlc() {
        assert_eq!(crc32fast::hash(b"123456789"), 0xCBF4_3926);
    }
}
