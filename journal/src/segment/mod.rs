//! One file of frames.

mod expected;
mod found_ranges;
mod frame_walk;
mod hop;
mod read;
mod read_ahead;
#[cfg(test)]
mod read_ahead_tests;
mod read_buffer;
mod resync;
mod scan;
mod scan_range;
mod scan_result;
mod scanner;
mod search;
#[cfg(test)]
mod search_tests;
mod seen;
mod source;
mod sums;
#[cfg(test)]
mod tests;

pub(crate) use read::{FrameReader, ReadFailure};
pub(crate) use scan::scan;
pub(crate) use scan_range::ScanRange;
pub(crate) use scan_result::{BrokenRange, IntactRange, ScanResult, UnreadableRange};
pub(crate) use scanner::ScanInput;
pub(crate) use seen::Seen;
