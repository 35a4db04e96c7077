//! What bytes add to a checksum, so that the checksum of a range comes from sums at its two ends.

use crate::len::len_usize;

/// The checksum's register after some bytes, begun with zeros: sums of parts can be put together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ByteSum(u32);

impl ByteSum {
    /// The register after these bytes if it was so before them.
    pub(crate) fn after(self, bytes: &[u8]) -> ByteSum {
        let mut hasher = crc32fast::Hasher::new_with_initial(!self.0);
        hasher.update(bytes);
        ByteSum(!hasher.finalize())
    }

    /// The sum of these bytes and of `len` others behind them, whose sum this is.
    pub(crate) fn and_behind(self, behind: ByteSum, len: u64) -> ByteSum {
        ByteSum(self.shift(len).0 ^ behind.0)
    }

    /// What is left of a sum when that of the bytes in front of the last `len` is taken out.
    pub(crate) fn without(self, front: ByteSum, len: u64) -> ByteSum {
        ByteSum(self.0 ^ front.shift(len).0)
    }

    /// The register after so many zeros.
    pub(crate) fn shift(self, mut len: u64) -> ByteSum {
        if self.0 == 0 {
            return self;
        }
        let mut register = self.0;
        for table in &SHIFTS {
            let digit = len_usize(len % DIGIT);
            if digit > 0 {
                register = product(register, table.get(digit).copied().unwrap_or(0));
            }
            len /= DIGIT;
        }
        ByteSum(register)
    }

    /// From the checksum of what was in front, and back.
    pub(super) fn of_checksum(crc: u32) -> ByteSum {
        ByteSum(!crc)
    }

    pub(super) fn checksum(self) -> u32 {
        !self.0
    }
}

/// The product of two polynomials, which stand for registers, modulo the checksum's.
const fn product(left: u32, mut right: u32) -> u32 {
    let mut sum = 0;
    let mut bit = 1 << 31;
    while bit != 0 {
        sum ^= if left & bit != 0 { right } else { 0 };
        right = (right >> 1) ^ (POLYNOMIAL * (right & 1));
        bit >>= 1;
    }
    sum
}

/// What so many zero bytes multiply a register by, `step` at a time.
const fn shifts(step: u32) -> [u32; 1 << 10] {
    let mut table = [0; 1 << 10];
    table[0] = 1 << 31;
    let mut at = 1;
    while at < table.len() {
        table[at] = product(table[at - 1], step);
        at += 1;
    }
    table
}

/// Behind the last number of a table comes the first of the next one.
const fn behind(table: &[u32; 1 << 10], step: u32) -> u32 {
    product(table[table.len() - 1], step)
}

/// Of CRC-32/ISO-HDLC, bits reversed.
pub(super) const POLYNOMIAL: u32 = 0xEDB8_8320;

const DIGIT: u64 = 1 << 10;
const BYTE: u32 = 1 << 23;
const ONES: [u32; 1 << 10] = shifts(BYTE);
const KIBIBYTES: [u32; 1 << 10] = shifts(behind(&ONES, BYTE));
const MEBIBYTES: [u32; 1 << 10] = shifts(behind(&KIBIBYTES, KIBIBYTES[1]));
const GIBIBYTES: [u32; 1 << 10] = shifts(behind(&MEBIBYTES, MEBIBYTES[1]));

/// Reach 2^40 bytes, more than any file of frames has.
static SHIFTS: [[u32; 1 << 10]; 4] = [ONES, KIBIBYTES, MEBIBYTES, GIBIBYTES];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_parts_make_that_of_the_whole() {
        let bytes: Vec<u8> = (0..5_000_u32).map(|n| n.to_le_bytes()[0] ^ 0x5a).collect();
        let whole = ByteSum::default().after(&bytes);
        for cut in [0, 1, 7, 1023, 1024, 1025, 4999, 5000] {
            let (front, back) = bytes.split_at(cut);
            let [front, back] = [front, back].map(|part| ByteSum::default().after(part));
            let len = u64::try_from(bytes.len() - cut).unwrap();
            assert_eq!(front.and_behind(back, len), whole);
            assert_eq!(whole.without(front, len), back);
        }
        let crc = ByteSum::of_checksum(0).after(&bytes).checksum();
        assert_eq!(crc, crc32fast::hash(&bytes));
    }

    #[test]
    fn zeros_are_gone_over_in_one_step() {
        let begun = ByteSum(0x1234_5678);
        for len in [0, 1, 5, 1023, 1024, 70_000, 1 << 20, (3 << 20) + 1] {
            let zeros = vec![0; usize::try_from(len).unwrap()];
            assert_eq!(begun.shift(len), begun.after(&zeros), "{len}");
        }
        let far = begun.shift((1 << 33) + 12_345);
        let steps = (0..8).fold(begun.shift(12_345), |sum, _| sum.shift(1 << 30));
        assert_eq!(far, steps);
    }
}
