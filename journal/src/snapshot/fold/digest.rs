//! Takes in digests in the place of the records they were made of.

use super::Fold;
use crate::digest::Digest;
use crate::event::Event;
use crate::seq::Seq;

impl Fold<'_> {
    /// Takes in what the run's records in a segment come to, but for the spans that are finished
    /// there, and shows what it takes in; `None` if it is no digest.
    ///
    /// How the session stands is then as if the records had been taken in, and so are its times.
    pub(crate) fn digest(
        &mut self,
        digest: &Digest<'_>,
        see: &mut dyn FnMut(&Event<'_>),
    ) -> Option<()> {
        if let Some(at) = digest.first_at() {
            self.first_at.get_or_insert(at);
        }
        let number = self.branches.len().checked_sub(1)?;
        self.branches[number].has_work |= digest.has_work();
        for event in digest.events() {
            let event = event?;
            see(&event);
            self.passing_record(Seq::FIRST, event);
        }
        if let Some(at) = digest.last_at() {
            self.branches[number].saw(at);
        }
        Some(())
    }
}
