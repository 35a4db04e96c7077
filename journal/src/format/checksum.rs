//! The one place that names the checksum: CRC-32/ISO-HDLC.

use super::COMMIT_BIT;
use super::byte_sum::{ByteSum, POLYNOMIAL};
use super::features::ReadNeeds;
use crate::seeded::{self, Bug};
use crate::seq::{RunId, SegmentNumber};

/// What the checksums of one segment's frames start from: its run and its number.
///
/// Frames of another run or segment do not fit it, so stale and foreign bytes never validate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameSeed(u32);

impl FrameSeed {
    /// The seed of a segment of the format that this library writes.
    #[must_use]
    pub fn new(run: RunId, segment: SegmentNumber) -> FrameSeed {
        FrameSeed::of(ReadNeeds::OURS, run, segment)
    }

    /// The seed of a segment that needs this to be read. A reader that does not know it finds no
    /// frames there, even if the header that would tell is lost.
    #[must_use]
    pub fn of(needs: ReadNeeds, run: RunId, segment: SegmentNumber) -> FrameSeed {
        let mut hasher = crc32fast::Hasher::new();
        if needs.version > 1 || needs.incompatible != 0 {
            hasher.update(&needs.version.to_le_bytes());
            hasher.update(&needs.incompatible.to_le_bytes());
        }
        hasher.update(&run.generation.0.to_le_bytes());
        hasher.update(&run.random.to_le_bytes());
        hasher.update(&segment.0.to_le_bytes());
        FrameSeed(hasher.finalize())
    }

    /// A checksum that continues from the seed; feed it the payload, then call
    /// [`FrameChecksum::finish`]. For many, begin one and clone it, which costs less.
    #[inline]
    #[must_use]
    pub fn begin(self) -> FrameChecksum {
        FrameChecksum(crc32fast::Hasher::new_with_initial(self.0))
    }

    /// The checksum of a begun frame.
    pub(super) fn of_begun(self, words: [u32; 3], offset: u64) -> u32 {
        with_fields(self.0, words, offset)
    }

    /// One that has taken in a payload of which only the sum is known.
    pub(crate) fn begin_with(self, payload: ByteSum, len: u64) -> FrameChecksum {
        let crc = ByteSum::of_checksum(self.0).and_behind(payload, len);
        FrameChecksum(crc32fast::Hasher::new_with_initial(crc.checksum()))
    }
}

/// A frame's checksum in the making.
#[derive(Clone, Debug)]
pub struct FrameChecksum(crc32fast::Hasher);

impl FrameChecksum {
    /// Takes in the next part of the payload.
    #[inline]
    pub fn payload(&mut self, part: &[u8]) {
        self.0.update(part);
    }

    /// Takes in the header's three words but the checksum and the frame's offset, and gives the
    /// checksum.
    #[inline]
    #[must_use]
    pub fn finish(self, words: [u32; 3], offset: u64) -> u32 {
        with_fields(self.0.finalize(), words, offset)
    }

    /// The same, and the checksum of the same frame while it is begun: the fields of both but the
    /// length word are taken in once.
    #[inline]
    pub(super) fn finish_with_begun(
        self,
        seed: FrameSeed,
        [length, number, kind]: [u32; 3],
        offset: u64,
    ) -> [u32; 2] {
        let rest = of_fields([number, kind], offset);
        let begun = with_length(seed.0, length & !COMMIT_BIT) ^ rest;
        let whole = with_length(self.0.finalize(), length) ^ rest;
        [!whole, !begun]
    }
}

/// The checksum that goes on from that of a payload, over header and offset: 20 bytes.
#[inline]
fn with_fields(payload: u32, [length, number, kind]: [u32; 3], offset: u64) -> u32 {
    !(with_length(payload, length) ^ of_fields([number, kind], offset))
}

/// What a payload's checksum and the length word add: only this has to wait for the payload.
#[inline]
fn with_length(payload: u32, length: u32) -> u32 {
    look(&BEFORE_SIXTEEN, !payload ^ length)
}

/// What the other fields and the offset add.
#[inline]
fn of_fields([number, kind]: [u32; 2], offset: u64) -> u32 {
    let offset = seeded::either(Bug::OffsetNotCovered, 0, offset);
    let [o0, o1, o2, o3, o4, o5, o6, o7] = offset.to_le_bytes();
    let low = u32::from_le_bytes([o0, o1, o2, o3]);
    let high = u32::from_le_bytes([o4, o5, o6, o7]);
    let mut added = look(&BEFORE_TWELVE, number);
    added ^= look(&BEFORE_EIGHT, kind) ^ look(&BEFORE_FOUR, low);
    if high != 0 {
        added ^= look(&LAST, high);
    }
    added
}

/// What four bytes add to the checksum: the checksum's library goes byte by byte for so few,
/// which every frame would pay for.
fn look([fourth, third, second, first]: &[[u32; 256]; 4], bytes: u32) -> u32 {
    let of = |table: &[u32; 256], byte: u8| table.get(usize::from(byte)).copied().unwrap_or(0);
    let [b0, b1, b2, b3] = bytes.to_le_bytes();
    of(first, b0) ^ of(second, b1) ^ of(third, b2) ^ of(fourth, b3)
}

/// What the bytes of a word add when so many bytes follow it.
static BEFORE_SIXTEEN: [[u32; 256]; 4] = tables(16);
static BEFORE_TWELVE: [[u32; 256]; 4] = tables(12);
static BEFORE_EIGHT: [[u32; 256]; 4] = tables(8);
static BEFORE_FOUR: [[u32; 256]; 4] = tables(4);
static LAST: [[u32; 256]; 4] = tables(0);

const fn tables(following: usize) -> [[u32; 256]; 4] {
    [
        table(following),
        table(following + 1),
        table(following + 2),
        table(following + 3),
    ]
}

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

/// The checksum of bytes that are no frame: of a header page or a cache.
pub(crate) fn checksum(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_offset_are_taken_in_as_bytes() {
        for seed in [0, 1, 0x4158_aa29, u32::MAX] {
            let words = [0x8000_0005, 0x0403_0201, 0x0700_ffc8];
            for offset in [0x0102_0304_0506_0708, 0x0506_0708] {
                let mut whole = crc32fast::Hasher::new_with_initial(seed);
                whole.update(b"hello");
                for word in words {
                    whole.update(&u32::to_le_bytes(word));
                }
                whole.update(&u64::to_le_bytes(offset));
                let mut checksum = FrameSeed(seed).begin();
                checksum.payload(b"hello");
                assert_eq!(checksum.finish(words, offset), whole.finalize());
            }
        }
    }

    #[test]
    fn frames_that_need_more_than_a_reader_knows_do_not_fit_for_it() {
        let run: RunId = "00000001-0123456789abcdef".parse().unwrap();
        let of = |version, incompatible| {
            let needs = ReadNeeds {
                version,
                incompatible,
            };
            FrameSeed::of(needs, run, SegmentNumber::FIRST)
        };
        let seeds = [of(1, 0), of(1, 1), of(2, 0), of(2, 1), of(3, 0)];
        for (at, seed) in seeds.iter().enumerate() {
            assert!(!seeds[..at].contains(seed), "{at}");
        }
        assert_eq!(of(1, 0), FrameSeed::new(run, SegmentNumber::FIRST));
    }

    #[test]
    fn the_polynomial_is_iso_hdlc() {
        assert_eq!(crc32fast::hash(b"123456789"), 0xCBF4_3926);
    }
}
