//! What makes records durable, and those who wait for it.

pub(super) mod after_sync;
pub(super) mod cache_writer;
pub(super) mod errands;
pub(super) mod frontier;
pub(super) mod names;
pub(super) mod poison;
pub(super) mod schedule;
pub(super) mod sign;
pub(super) mod stall;
pub(super) mod sync_mark;
pub(super) mod syncer;
