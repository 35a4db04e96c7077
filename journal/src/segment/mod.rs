//! One file of frames.

mod scan;
mod window;

pub(crate) use scan::{Island, ScanInput, Scanned, Seen, Stretch, Unread, scan};
