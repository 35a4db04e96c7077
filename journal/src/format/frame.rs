//! One record on the disk: 16 bytes of fields, the payload, zeros up to the next multiple of 8.

use super::byte_sum::ByteSum;
use super::checksum::{FrameChecksum, FrameSeed};
use super::kind::RecordKind;
use super::{COMMIT_BIT, FRAME_ALIGNMENT, FRAME_HEADER_LEN, PAYLOAD_LEN_MAX, SESSION_INDEX_MAX};
use super::{LENGTH_MASK, RESERVED_BITS};
use crate::error::DamageReason;
use crate::seeded::{self, Bug};

/// The fields in front of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// Bytes of payload, at most [`PAYLOAD_LEN_MAX`].
    pub payload_len: u32,
    /// The reserved bits of its length word, in their places: a frame that has any is of a later
    /// kind, whatever its kind says.
    pub reserved: u32,
    /// Checksum of the frame.
    pub crc: u32,
    /// The low 32 bits of its sequence number.
    pub seq_low: u32,
    /// What kind of record it is.
    pub kind: RecordKind,
    /// Which session of the run it belongs to; 0 for none.
    pub session: u32,
}

/// A number of bytes a whole frame takes, padding included.
pub type FrameLen = u64;

impl FrameHeader {
    /// The header of a frame at this place with this payload.
    #[must_use]
    pub fn new(at: FramePlace, kind: RecordKind, session: u32, payload: &[u8]) -> FrameHeader {
        let mut checksum = at.seed.begin();
        checksum.payload(payload);
        let payload_len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        FrameHeader::with_checksum(checksum, at, (kind, session), payload_len)
    }

    /// The header of a frame whose payload `checksum` has taken in already.
    #[must_use]
    pub fn with_checksum(
        checksum: FrameChecksum,
        at: FramePlace,
        (kind, session): (RecordKind, u32),
        payload_len: u32,
    ) -> FrameHeader {
        FrameHeader::with_begun(checksum, at, (kind, session), payload_len).0
    }

    /// The same, and the first word of the frame while it is begun.
    #[inline]
    #[must_use]
    pub fn with_begun(
        checksum: FrameChecksum,
        at: FramePlace,
        (kind, session): (RecordKind, u32),
        payload_len: u32,
    ) -> (FrameHeader, u64) {
        debug_assert!(payload_len <= PAYLOAD_LEN_MAX && session <= SESSION_INDEX_MAX);
        let unsealed = FrameHeader {
            payload_len,
            reserved: 0,
            crc: 0,
            seq_low: seq_low(at.seq),
            kind,
            session,
        };
        let [crc, begun] = checksum.finish_with_begun(at.seed, unsealed.covered(), at.offset);
        let begun = u64::from(payload_len) | u64::from(begun) << 32;
        (FrameHeader { crc, ..unsealed }, begun)
    }

    /// A header that has some of the reserved bits.
    #[cfg(test)]
    pub(crate) fn later(
        at: FramePlace,
        (kind, session): (RecordKind, u32),
        payload: &[u8],
        reserved: u32,
    ) -> FrameHeader {
        let unsealed = FrameHeader {
            reserved,
            ..FrameHeader::new(at, kind, session, payload)
        };
        let mut checksum = at.seed.begin();
        checksum.payload(payload);
        FrameHeader {
            crc: checksum.finish(unsealed.covered(), at.offset),
            ..unsealed
        }
    }

    /// The two words before the payload; the first, with the length, makes the frame count.
    #[must_use]
    pub fn words(&self) -> [u64; 2] {
        let [length, number, kind] = self.covered().map(u64::from);
        [length | u64::from(self.crc) << 32, number | kind << 32]
    }

    /// Bytes of the whole frame whose first word this is; `None` if the word commits no frame.
    #[must_use]
    pub fn frame_len_of(first_word: u64) -> Option<FrameLen> {
        let length = u32::try_from(first_word & u64::from(u32::MAX)).ok()?;
        (length & COMMIT_BIT != 0).then(|| padded(u64::from(length & LENGTH_MASK)))
    }

    /// The 16 bytes on the disk.
    #[must_use]
    pub fn encode(&self) -> [u8; FRAME_HEADER_LEN] {
        let [length, number, kind] = self.covered().map(u32::to_le_bytes);
        let [l0, l1, l2, l3] = length;
        let [c0, c1, c2, c3] = self.crc.to_le_bytes();
        let [r0, r1, r2, r3] = number;
        let [k0, k1, k2, k3] = kind;
        [
            l0, l1, l2, l3, c0, c1, c2, c3, r0, r1, r2, r3, k0, k1, k2, k3,
        ]
    }

    /// Reads the fields back; the checksum is not compared here.
    ///
    /// # Errors
    /// Why the bytes cannot be a frame's, whatever follows them.
    #[inline]
    pub fn decode(bytes: [u8; FRAME_HEADER_LEN]) -> Result<FrameHeader, DamageReason> {
        let [word, crc, seq_low, kind_and_session] = header_words(bytes);
        let [kind, s0, s1, s2] = kind_and_session.to_le_bytes();
        if word == 0 {
            return Err(DamageReason::ZeroRun);
        }
        let payload_len = word & LENGTH_MASK;
        if word & COMMIT_BIT == 0 || payload_len > PAYLOAD_LEN_MAX || kind == 0 {
            return Err(DamageReason::BadLength);
        }
        Ok(FrameHeader {
            payload_len,
            reserved: word & RESERVED_BITS,
            crc,
            seq_low,
            kind: RecordKind(kind),
            session: u32::from_le_bytes([s0, s1, s2, 0]),
        })
    }

    /// Whether the checksum fits these fields, the offset and the payload.
    #[must_use]
    pub fn fits(&self, seed: FrameSeed, offset: u64, payload: &[u8]) -> bool {
        self.fits_begun(&seed.begin(), offset, payload)
    }

    /// The same, where the checksum that the segment's frames start from was begun before.
    #[inline]
    #[must_use]
    pub fn fits_begun(&self, begun: &FrameChecksum, offset: u64, payload: &[u8]) -> bool {
        let mut checksum = begun.clone();
        checksum.payload(payload);
        self.is_sum(checksum, offset)
    }

    /// Whether a checksum that has taken in the payload comes out as these fields say.
    #[inline]
    #[must_use]
    pub fn is_sum(&self, checksum: FrameChecksum, offset: u64) -> bool {
        let crc = checksum.finish(self.covered(), offset);
        crc == self.crc || seeded::has(Bug::ChecksumNotCompared)
    }

    /// The same, from what the payload alone adds.
    pub(crate) fn is_sum_of(&self, seed: FrameSeed, payload: ByteSum, offset: u64) -> bool {
        self.is_sum(
            seed.begin_with(payload, u64::from(self.payload_len)),
            offset,
        )
    }

    /// Whether this library does not know what the frame holds, though it is sound.
    #[must_use]
    pub fn is_later(&self) -> bool {
        self.reserved != 0
    }

    /// The kind that tells how its payload is read: one that no library knows where the frame is of
    /// a later kind, whatever its kind says.
    pub(crate) fn kind_to_read(&self) -> RecordKind {
        match self.is_later() {
            true => RecordKind::FREE,
            false => self.kind,
        }
    }

    /// Bytes the whole frame takes, padding included.
    #[must_use]
    pub fn frame_len(&self) -> FrameLen {
        padded(u64::from(self.payload_len))
    }

    /// The fields in their three words on the disk, the checksum's left out: it covers these.
    #[inline]
    fn covered(&self) -> [u32; 3] {
        let kind = u32::from(self.kind.0) | self.session << 8;
        let length = self.payload_len | self.reserved | COMMIT_BIT;
        [length, self.seq_low, kind]
    }
}

/// The four words of a header as they are on the disk: length, checksum, number, kind and session.
#[inline]
pub(super) fn header_words(bytes: [u8; FRAME_HEADER_LEN]) -> [u32; 4] {
    let (words, _) = bytes.as_chunks::<4>();
    match words {
        [length, crc, number, kind] => [*length, *crc, *number, *kind].map(u32::from_le_bytes),
        _ => [0; 4],
    }
}

/// Where a frame is going to be.
#[derive(Clone, Copy, Debug)]
pub struct FramePlace {
    /// Seed of its segment.
    pub seed: FrameSeed,
    /// Offset within the segment.
    pub offset: u64,
    /// Its sequence number, from 1.
    pub seq: u64,
}

/// What a frame says of its sequence number.
#[must_use]
pub fn seq_low(seq: u64) -> u32 {
    let [a, b, c, d, ..] = seq.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// The sequence number with these low bits that is `from` or follows it next.
#[must_use]
pub fn seq_from(from: u64, low: u32) -> u64 {
    from.saturating_add(u64::from(low.wrapping_sub(seq_low(from))))
}

/// Bytes a frame with this much payload takes.
#[must_use]
pub const fn padded(payload_len: u64) -> FrameLen {
    let len = 16 + payload_len;
    len.next_multiple_of(FRAME_ALIGNMENT)
}

/// Bytes a frame takes without a payload: those of its fields.
pub(crate) const FRAME_LEN_MIN: FrameLen = padded(0);

const _: () = assert!(FRAME_HEADER_LEN == 16 && FRAME_LEN_MIN == 16);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seq::{Generation, RunId, SegmentNumber};

    fn place(offset: u64) -> FramePlace {
        let run = RunId {
            generation: Generation(1),
            random: 2,
        };
        FramePlace {
            seed: FrameSeed::new(run, SegmentNumber(3)),
            offset,
            seq: 4,
        }
    }

    #[test]
    fn a_header_reads_back_and_fits_only_its_own_place() {
        let header = FrameHeader::new(place(8192), RecordKind(200), 77, b"payload");
        assert_eq!(FrameHeader::decode(header.encode()), Ok(header));
        assert!(header.fits(place(0).seed, 8192, b"payload"));
        assert!(!header.fits(place(0).seed, 8200, b"payload"));
        assert!(!header.fits(place(0).seed, 8192, b"payloae"));
    }

    #[test]
    fn a_record_of_256_bytes_takes_272() {
        assert_eq!(padded(256), 272);
        assert_eq!(padded(0), 16);
        assert_eq!(padded(1), 24);
    }

    #[test]
    fn a_sequence_number_is_known_from_its_low_bits_and_one_before_it() {
        let far = (7 << 32) - 2;
        for ahead in [0, 1, 2, 3, 1 << 31, (1 << 32) - 1] {
            assert_eq!(seq_from(far, seq_low(far + ahead)), far + ahead);
        }
    }

    #[test]
    fn zeros_are_no_frame() {
        assert_eq!(FrameHeader::decode([0; 16]), Err(DamageReason::ZeroRun));
    }
}
