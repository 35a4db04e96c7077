//! The segments to come, and the pages and zeros made ahead in them.

pub(super) mod pipeline;
pub(super) mod preallocator;
pub(super) mod setbacks;
