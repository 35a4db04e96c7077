//! What versions and features of the format a segment needs to be read, or to be taken on.

use super::VERSION;
use crate::seeded::{self, Bug};

/// Bits for what versions add to the format. This version knows none of them and sets none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features {
    /// Without knowing all of these a segment cannot be read.
    pub incompatible: u32,
    /// Without knowing all of these a segment is read and its run left as it is: not put on record,
    /// cached, retired or packed.
    pub hands_off: u32,
    /// These need not be known.
    pub compatible: u32,
    /// Which key the records are encrypted with, once they can be; zeros for none.
    pub key_id: [u8; 16],
}

impl Features {
    /// Whether a run whose segments have these is only read.
    #[must_use]
    pub fn is_hands_off(&self) -> bool {
        self.hands_off != 0 && !seeded::has(Bug::HandsOffClaimed)
    }
}

/// What a reader has to know to find the frames of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReadNeeds {
    /// The format's version.
    pub version: u32,
    /// The features without which it cannot be read, by their bits.
    pub incompatible: u32,
}

impl ReadNeeds {
    /// What this library writes, and all that it reads.
    pub const OURS: ReadNeeds = ReadNeeds {
        version: VERSION,
        incompatible: 0,
    };

    pub(super) fn is_met(self) -> bool {
        let has_features = self.incompatible == 0 || seeded::has(Bug::FeatureIgnored);
        self.version == VERSION && has_features
    }

    /// The bits of the features, if there are any.
    pub(crate) fn features(self) -> Option<u32> {
        Some(self.incompatible).filter(|bits| *bits != 0)
    }
}
