//! Where in its session a record is.

use crate::seq::{RunId, Seq};
use crate::time::Timestamp;

/// Where a record is and when it says it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RecordStamp {
    pub(super) branch: usize,
    pub(super) incarnation: usize,
    pub(super) run: RunId,
    pub(super) seq: Seq,
    pub(super) at: Timestamp,
    /// Records of the session before it.
    pub(super) order: u64,
}

#[cfg(test)]
impl RecordStamp {
    pub(super) fn test(branch: usize) -> RecordStamp {
        RecordStamp {
            branch,
            incarnation: 0,
            run: RunId {
                generation: crate::seq::Generation(1),
                random: 0,
            },
            seq: Seq::FIRST,
            at: Timestamp::default(),
            order: 0,
        }
    }
}
