//! A part of a segment that is read from another file of it.

use crate::error::DamageReason;

/// A range of a segment whose frames are intact in another file of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Patch {
    pub(crate) from: u64,
    pub(crate) to: u64,
    /// That file.
    pub(super) name: String,
    /// What is wrong with the range in the segment's own file.
    pub(crate) reason: DamageReason,
}
