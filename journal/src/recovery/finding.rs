//! Something that is not as it should be, and where.

use super::files::SegmentFile;
use super::verdict::Verdict;
use super::witness::Fate;
use crate::error::DamageReason;
use crate::seeded::{self, Bug};
use crate::seq::SegmentNumber;

/// A place of a segment, or of a run, that holds no intact frames though it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) file: String,
    /// The segment it is in, or that is not there.
    pub(crate) segment: SegmentNumber,
    pub(crate) offset: u64,
    pub(crate) len: u64,
    pub(crate) reason: DamageReason,
    pub(crate) missing: Option<MissingRange>,
    /// First and last number of valid frames that others contradict.
    pub(crate) contested: Option<(u64, u64)>,
    pub(crate) verdict: Verdict,
}

/// Sequence numbers that no intact record has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MissingRange {
    pub(crate) first: u64,
    /// `None`: how many were given out is not known.
    pub(crate) last: Option<u64>,
    pub(crate) fate: Fate,
}

impl Finding {
    /// Whether a reader is told of it: of what is being written, or was never finished by a process
    /// that was killed, none is.
    pub(crate) fn is_told(&self) -> bool {
        let is_unfinished = matches!(self.verdict, Verdict::InFlight);
        let is_told = !is_unfinished || seeded::has(Bug::UnfinishedToldAsGap);
        is_told && self.verdict != Verdict::Sound
    }

    /// Whether a report has a range for it.
    pub(crate) fn is_ranged(&self) -> bool {
        !matches!(
            self.verdict,
            Verdict::Sound | Verdict::InFlight | Verdict::Retired
        )
    }

    /// Damage that cost no record.
    pub(crate) fn costless(
        file: &SegmentFile,
        (offset, len): (u64, u64),
        reason: DamageReason,
    ) -> Finding {
        Finding {
            file: file.name.clone(),
            segment: file.number,
            offset,
            len,
            reason,
            missing: None,
            contested: None,
            verdict: Verdict::Damage,
        }
    }
}
