//! A frame that was begun: its header without the commit bit, stored before its payload.
//!
//! Its checksum is one of the header alone, so that bytes of a damaged frame, or of a payload, are
//! not taken for one: where it ends the next frame begins, whatever became of the payload.

use super::checksum::FrameSeed;
use super::frame::{FrameLen, header_words, padded};
use super::{COMMIT_BIT, FRAME_HEADER_LEN, LENGTH_MASK};

/// The fields of a header that tell where the next one is, whether or not the frame is sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HopHeader {
    length: u32,
    crc: u32,
    pub(crate) seq_low: u32,
    kind: u32,
}

impl HopHeader {
    /// Reads them; `None` if nothing was written there.
    pub(crate) fn decode(bytes: [u8; FRAME_HEADER_LEN]) -> Option<HopHeader> {
        let [length, crc, seq_low, kind] = header_words(bytes);
        (length != 0 || crc != 0).then_some(HopHeader {
            length,
            crc,
            seq_low,
            kind,
        })
    }

    /// The low bits of the number in a header whose first words are not there yet; `None` if
    /// nothing is.
    pub(crate) fn number_of(bytes: [u8; FRAME_HEADER_LEN]) -> Option<u32> {
        let [length, crc, seq_low, kind] = header_words(bytes);
        (length == 0 && crc == 0 && kind != 0).then_some(seq_low)
    }

    /// Bytes of the whole frame, if the length is right.
    pub(crate) fn frame_len(self) -> FrameLen {
        padded(u64::from(self.length & LENGTH_MASK))
    }

    /// Whether a writer put down this header, at this place, and no more than that is sure.
    pub(crate) fn is_begun(self, seed: FrameSeed, offset: u64) -> bool {
        let words = [self.length, self.seq_low, self.kind];
        self.length & COMMIT_BIT == 0 && seed.of_begun(words, offset) == self.crc
    }
}
