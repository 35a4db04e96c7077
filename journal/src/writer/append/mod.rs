//! Appending: a record's way into the active segment, without a lock where it can be.

pub(super) mod appender;
pub(super) mod backlog;
pub(super) mod frame_writer;
pub(super) mod log_writer;
pub(super) mod open_sessions;
pub(super) mod path;
pub(super) mod preamble;
pub(super) mod pwrite_range;
pub(super) mod refused;
pub(super) mod run_session;
pub(super) mod sync_queue;
pub(super) mod write_group;

#[cfg(all(test, not(loom)))]
mod pwrite_tests;
