//! What makes records durable, and those that wait for it.

pub(super) mod after_sync;
pub(super) mod backlog_wait;
pub(super) mod cache_writer;
pub(super) mod callbacks;
pub(super) mod commit_delay;
pub(super) mod commit_queue;
pub(super) mod file_sync;
pub(super) mod frontier;
pub(super) mod lead;
pub(super) mod lock_watch;
pub(super) mod poison;
pub(super) mod schedule;
pub(super) mod segment_names;
pub(super) mod stall;
pub(super) mod steps;
pub(super) mod sync_mark;
pub(super) mod syncer;
pub(super) mod wait;
