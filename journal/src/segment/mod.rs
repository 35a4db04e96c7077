//! One file of frames.

mod candidate;
mod read;
mod scan;
mod window;

pub(crate) use read::{FrameReader, ReadFailure};
pub(crate) use scan::{Island, ScanInput, Scanned, Seen, Stretch, Unread, scan};
