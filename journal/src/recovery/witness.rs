//! What proves that sequence numbers were durable, and the fate of those that are missing.

use super::part::Recovered;

/// What became of a missing sequence number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fate {
    /// A witness proves that its record was durable: it was lost to damage.
    Durable,
    /// Retention removed its record, and a record says so.
    Retired,
    /// Nothing proves that its record was durable: a crash can explain the loss.
    Unwitnessed,
}

/// All proofs about one run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Witness {
    /// The highest sequence number a record of the run itself proves durable, 0 for none.
    pub(crate) in_band: u64,
    /// What later runs found when they recovered it.
    pub(crate) recovered: Vec<Recovered>,
    /// What retention removed, first and last of each range.
    pub(crate) retired: Vec<(u64, u64)>,
}

impl Witness {
    /// The highest sequence number known to have been durable, 0 for none.
    pub(crate) fn durable(&self) -> u64 {
        let recovered = self.recovered.iter().map(|r| r.last_seq);
        recovered.max().unwrap_or(0).max(self.in_band)
    }

    /// The highest sequence number known to have been given out and then removed or made durable.
    pub(crate) fn highest(&self) -> u64 {
        let retired = self.retired.iter().map(|(_, last)| *last);
        retired.max().unwrap_or(0).max(self.durable())
    }
}
