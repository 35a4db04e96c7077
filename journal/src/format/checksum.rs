//! The one place that names the checksum: CRC-32/ISO-HDLC.

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
    pub fn finish(mut self, fields: [u8; 12], offset: u64) -> u32 {
        self.0.update(&fields);
        self.0.update(&offset.to_le_bytes());
        self.0.finalize()
    }
}

/// The checksum of a header page.
pub(super) fn page_checksum(page: &[u8]) -> u32 {
    crc32fast::hash(page)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_polynomial_is_iso_hdlc() {
        assert_eq!(crc32fast::hash(b"123456789"), 0xCBF4_3926);
    }
}
