//! A dead run before it is read.

use crate::format::DurablePlace;
use crate::seq::{RunId, SegmentNumber};

/// A dead run, and what is known of it before any of its segments is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeadRun {
    pub(crate) run: RunId,
    /// In ascending order.
    pub(crate) segments: Vec<SegmentNumber>,
    /// What its `.run` file says.
    pub(crate) place: Option<DurablePlace>,
    /// Its process ended, no sync of it failed, and all that it had written is there.
    pub(crate) is_killed: bool,
}
