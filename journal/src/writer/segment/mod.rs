//! The segment that is appended to: its room, its pages, its frames.

pub(super) mod active;
pub(super) mod buffer;
#[cfg(all(test, not(loom)))]
mod buffer_tests;
pub(super) mod list;
pub(super) mod prefault;
#[cfg(all(test, not(loom)))]
mod prefault_tests;
pub(super) mod tail;
