//! Takes in rollups in the place of the records they were made of.

use super::{Fold, Tally, Told};
use crate::rollup::SessionRollup;
use crate::seq::Seq;

impl Tally {
    /// Takes in what the run's records in a segment come to, but for the spans that are finished
    /// there, and shows the hashes that its records give; `None` if it is no rollup.
    ///
    /// How the session stands is then as if the records had been taken in, and so are its times.
    pub(crate) fn rollup(
        &mut self,
        rollup: &SessionRollup<'_>,
        see: &mut dyn FnMut(u64, Told),
    ) -> Option<()> {
        self.fold.saw_first(rollup)?;
        for event in rollup.events() {
            if let Some((hash, told)) = self.event(Seq::FIRST, event?) {
                see(hash, told);
            }
        }
        self.fold.saw_last(rollup)
    }
}

impl Fold<'_> {
    fn saw_first(&mut self, rollup: &SessionRollup<'_>) -> Option<()> {
        if let Some(at) = rollup.first_at() {
            self.first_at.get_or_insert(at);
        }
        let number = self.branches.len().checked_sub(1)?;
        self.branches[number].has_work |= rollup.has_work();
        Some(())
    }

    fn saw_last(&mut self, rollup: &SessionRollup<'_>) -> Option<()> {
        let number = self.branches.len().checked_sub(1)?;
        if let Some(at) = rollup.last_at() {
            self.branches[number].saw(at);
        }
        // There is no rollup of records that a dying program may have left last.
        self.branches[number].went_on(self.records);
        Some(())
    }
}
