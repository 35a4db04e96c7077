//! One workload, and what is to be done to it.

use trace_journal::WriteMode;

use crate::simdisk::Bug;

/// One workload and what is to be done to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Decides everything.
    pub seed: u64,
    /// How journals are written.
    pub mode: WriteMode,
    /// Calls fail.
    pub has_faults: bool,
    /// Another program moves and removes what the journal has.
    pub has_meddlers: bool,
    /// The disk is a file system in memory, where power is not lost: nothing would be left.
    pub is_in_memory: bool,
    /// The disk breaks its word.
    pub bug: Option<Bug>,
}

impl Plan {
    /// The workload of a number, on an honest disk: each second one is written mapped.
    #[must_use]
    pub fn numbered(seed: u64, has_faults: bool) -> Plan {
        Plan {
            seed,
            mode: match seed % 2 {
                0 => WriteMode::Positioned,
                _ => WriteMode::Mapped,
            },
            has_faults,
            has_meddlers: false,
            is_in_memory: false,
            bug: None,
        }
    }
}
