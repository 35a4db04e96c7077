//! Takes in digests in the place of the records they were made of.

use super::{Fold, Tally};
use crate::rollup::SessionRollup;
use crate::seq::Seq;

impl Tally {
    /// Takes in what the run's records in a segment come to, but for the spans that are finished
    /// there, and shows the hashes that its records give; `None` if it is no digest.
    ///
    /// How the session stands is then as if the records had been taken in, and so are its times.
    pub(crate) fn digest(
        &mut self,
        digest: &SessionRollup<'_>,
        see: &mut dyn FnMut(u64),
    ) -> Option<()> {
        self.fold.saw_first(digest)?;
        for event in digest.events() {
            let hash = self.event(Seq::FIRST, event?);
            hash.into_iter().for_each(&mut *see);
        }
        self.fold.saw_last(digest)
    }
}

impl Fold<'_> {
    fn saw_first(&mut self, digest: &SessionRollup<'_>) -> Option<()> {
        if let Some(at) = digest.first_at() {
            self.first_at.get_or_insert(at);
        }
        let number = self.branches.len().checked_sub(1)?;
        self.branches[number].has_work |= digest.has_work();
        Some(())
    }

    fn saw_last(&mut self, digest: &SessionRollup<'_>) -> Option<()> {
        let number = self.branches.len().checked_sub(1)?;
        if let Some(at) = digest.last_at() {
            self.branches[number].saw(at);
        }
        Some(())
    }
}
