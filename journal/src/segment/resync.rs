//! Finds places that may hold a frame, by their header alone.

use super::expected::Expected;
use crate::format::{COMMIT_BIT, FRAME_ALIGNMENT, FRAME_HEADER_LEN, FrameHeader};

/// How far a look through a slab of bytes went.
pub(super) struct Step {
    pub(super) skipped: u64,
    pub(super) candidate: Option<FrameHeader>,
    /// Behind the last word that is not zero; 0 if all are.
    pub(super) content_end: u64,
}

/// The first place in the slab, which is at offset `at`, whose header could follow `due`.
pub(super) fn next_candidate(slab: &[u8], at: u64, due: Expected) -> Step {
    let mut step = Step {
        skipped: 0,
        candidate: None,
        content_end: 0,
    };
    let mut rest = slab;
    loop {
        while let Some(behind) = skip_zeros(rest) {
            step.skipped += ZEROS_LEN;
            rest = behind;
        }
        let Some((bytes, _)) = rest.split_first_chunk::<FRAME_HEADER_LEN>() else {
            return step;
        };
        let offset = at + step.skipped;
        let [.., top, _, _, _, _, r0, r1, r2, r3, kind, _, _, _] = *bytes;
        if u32::from(top) << 24 >= COMMIT_BIT
            && kind != 0
            && due.may_begin(offset, u32::from_le_bytes([r0, r1, r2, r3]))
            && let Ok(header) = FrameHeader::decode(*bytes)
        {
            step.candidate = Some(header);
            return step;
        }
        let (word, behind) = rest.split_at(8);
        step.skipped += FRAME_ALIGNMENT;
        if word.iter().any(|byte| *byte != 0) {
            step.content_end = at + step.skipped;
        }
        rest = behind;
    }
}

/// What is behind a large run of zeros at the front, if a whole frame header is left there.
fn skip_zeros(bytes: &[u8]) -> Option<&[u8]> {
    let (front, behind) = bytes.split_at_checked(BLANK.len())?;
    (behind.len() >= FRAME_HEADER_LEN && *front == BLANK).then_some(behind)
}

const ZEROS_LEN: u64 = 512;
const BLANK: [u8; 512] = [0; 512];
