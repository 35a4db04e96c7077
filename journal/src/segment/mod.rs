//! One file of frames.

mod ahead;
#[cfg(test)]
mod ahead_tests;
mod candidate;
mod due;
mod held;
mod hop;
mod islands;
mod portion;
mod read;
mod scan;
mod scanned;
mod scanner;
mod search;
#[cfg(test)]
mod search_tests;
mod seen;
mod source;
mod sums;
#[cfg(test)]
mod tests;
mod window;

pub(crate) use portion::Portion;
pub(crate) use read::{FrameReader, ReadFailure};
pub(crate) use scan::scan;
pub(crate) use scanned::{Island, Scanned, Stretch, Unread};
pub(crate) use scanner::ScanInput;
pub(crate) use seen::Seen;
