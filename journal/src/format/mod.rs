//! The bytes on the disk: constants, headers, frames, checksums, file names.
#![doc = include_str!("../../FORMAT.md")]

mod begun;
mod byte_sum;
mod checksum;
#[cfg(test)]
mod example;
mod features;
mod file_name;
mod frame;
mod header;
mod kind;
mod limits;
mod run_text;

pub use crate::seq::SegmentNumber;
pub(crate) use begun::HopHeader;
pub(crate) use byte_sum::ByteSum;
pub(crate) use checksum::checksum;
pub use checksum::{FrameChecksum, FrameSeed};
pub use features::{Features, ReadNeeds};
pub use file_name::FileName;
pub(crate) use frame::FRAME_LEN_MIN;
pub use frame::{FrameHeader, FrameLen, FramePlace, padded, seq_from, seq_low};
pub use header::{HeaderState, SegmentHeader};
pub use kind::{RecordKind, UserKind};
pub(crate) use limits::{HEAD_LEN_MAX, OFFSET_MAX, RUN_TEXT_LEN_MAX, SEQ_MAX, SESSION_ID_LEN_MAX};
pub use run_text::{DurablePlace, Owner, RunText, released};

/// The format version this library writes and reads.
pub const VERSION: u32 = 1;

/// The first bytes of each header page; CR LF and 0x1A show damage by text-mode copying.
pub const MAGIC: [u8; 8] = [0x8A, b'T', b'R', b'J', 0x0D, 0x0A, 0x1A, 0x0A];

/// Length of one of the two identical header pages.
pub const HEADER_PAGE_LEN: usize = 4096;

/// Length of both.
pub(crate) const HEADER_PAGES_LEN: usize = 2 * HEADER_PAGE_LEN;

/// Offset of the first frame: behind the two header pages.
pub const FRAMES_OFFSET: u64 = 2 * 4096;

/// Length of a frame's own fields before the payload.
pub const FRAME_HEADER_LEN: usize = 16;

/// Frames begin at multiples of this.
pub const FRAME_ALIGNMENT: u64 = 8;

/// Set in the length word of every frame that is complete.
pub const COMMIT_BIT: u32 = 1 << 31;

/// The bits of a length word that are the length.
pub const LENGTH_MASK: u32 = (1 << 29) - 1;

/// The bits of a length word that are neither the length nor the commit.
pub const RESERVED_BITS: u32 = !(COMMIT_BIT | LENGTH_MASK);

/// The largest payload a frame can hold: the checksum repeats after 2^32 - 1 bits, and a whole
/// frame has fewer.
pub const PAYLOAD_LEN_MAX: u32 = (1 << 29) - 64;

/// The largest session index a frame can hold.
pub const SESSION_INDEX_MAX: u32 = (1 << 24) - 1;

const _: () = assert!(FRAMES_OFFSET == 2 * 4096 && HEADER_PAGE_LEN == 4096);
const _: () = assert!(FRAMES_OFFSET.is_multiple_of(FRAME_ALIGNMENT));
const _: () = assert!(FRAME_HEADER_LEN.is_multiple_of(8) && FRAME_ALIGNMENT == 8);
const _: () = assert!(PAYLOAD_LEN_MAX < LENGTH_MASK && RESERVED_BITS == 3 << 29);
