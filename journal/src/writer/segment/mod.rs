//! The segment that is appended to: its room, its pages, its frames.

pub(super) mod active;
pub(super) mod buffer;
pub(super) mod list;
pub(super) mod prefault;
pub(super) mod tail;

#[cfg(all(test, not(loom)))]
mod buffer_tests;
#[cfg(all(test, not(loom)))]
mod prefault_tests;
