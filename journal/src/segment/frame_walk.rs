//! Sound frames that are whole in memory, one behind the other: nearly all there are.

use super::expected::Expected;
use super::seen::Seen;
use crate::format::{FRAME_HEADER_LEN, FrameChecksum, FrameHeader, RecordKind};
use crate::len::len_u64;

/// How far sound frames go.
pub(super) struct Walked {
    pub(super) due: Expected,
    pub(super) padding: u64,
    /// The last one is a `Seal`.
    pub(super) is_sealed: bool,
}

/// Takes in the frames at the start of `bytes`, and shows those that say anything, up to the
/// first place that needs a closer look.
pub(super) fn walk_frames(
    bytes: &[u8],
    due: Expected,
    (begun, shows_all): (&FrameChecksum, bool),
    visit: &mut dyn FnMut(&Seen<'_>),
) -> Walked {
    let mut walked = Walked {
        due,
        padding: 0,
        is_sealed: false,
    };
    let Some(base) = due.base else {
        return walked;
    };
    // Kept apart from `walked`, so that they need not be stored for every frame.
    let (mut offset, mut relative, mut padding) = (due.offset, due.relative, 0);
    let mut rest = bytes;
    while let Some((frame, behind)) = split_frame(rest)
        && u64::from(frame.header.seq_low.wrapping_sub(base)) == relative
        && frame.header.fits_begun(begun, offset, frame.payload)
    {
        rest = behind;
        if shows_all || !is_bare(&frame.header) {
            frame.show(offset, visit);
            walked.is_sealed = is_seal(&frame.header);
        }
        offset += frame.header.frame_len();
        relative += 1;
        padding += frame.padding_len;
        if walked.is_sealed {
            break;
        }
    }
    walked.due.offset = offset;
    walked.due.relative = relative;
    walked.padding = padding;
    walked
}

/// Whether all there is to know of a record is that it is there: it is a caller's own, and of no
/// session.
pub(super) fn is_bare(header: &FrameHeader) -> bool {
    header.kind.is_user() && header.session == 0 && !header.is_later()
}

/// Whether a frame is a `Seal`, as this library knows it.
pub(super) fn is_seal(header: &FrameHeader) -> bool {
    header.kind == RecordKind::SEAL && !header.is_later()
}

/// A frame that may be at the start of some bytes.
#[derive(Clone, Copy)]
struct Held<'a> {
    header: FrameHeader,
    payload: &'a [u8],
    padding_len: u64,
}

impl Held<'_> {
    fn show(self, offset: u64, visit: &mut dyn FnMut(&Seen<'_>)) {
        let is_own = self.header.kind.is_user();
        visit(&Seen {
            offset,
            header: &self.header,
            payload: if is_own { &[] } else { self.payload },
            is_found: false,
            is_doubted: false,
        });
    }
}

/// The frame at the start of `bytes` and what is behind it, if it is whole and its padding clean.
fn split_frame(bytes: &[u8]) -> Option<(Held<'_>, &[u8])> {
    let (fields, rest) = bytes.split_first_chunk::<FRAME_HEADER_LEN>()?;
    let header = FrameHeader::decode(*fields).ok()?;
    let len = usize::try_from(header.payload_len).ok()?;
    let (payload, rest) = rest.split_at_checked(len)?;
    let (padding, rest) = rest.split_at_checked(len.wrapping_neg() % 8)?;
    let held = Held {
        header,
        payload,
        padding_len: len_u64(padding.len()),
    };
    padding
        .iter()
        .all(|byte| *byte == 0)
        .then_some((held, rest))
}
