//! Opening a journal.

use std::path::Path;

use crate::error::Result;
use crate::journal::Journal;
use crate::opener::{Opened, Opener};
use crate::options::JournalOptions;

impl JournalOptions {
    /// Opens the journal in `dir`, which is made if it is missing, and recovers what runs that
    /// died left there. Any number of processes may have it open at once; openings in one process
    /// share one run unless [`shared`](JournalOptions::shared) says otherwise.
    ///
    /// # Durability
    /// What [`Journal::recovery`] reports as there is durable when this returns.
    ///
    /// # Errors
    /// [`Error::InvalidOption`](crate::Error::InvalidOption) for a value out of its bounds, or
    /// another one than the run has that is to be shared, [`Error::Io`](crate::Error::Io) or
    /// [`Error::DiskFull`](crate::Error::DiskFull) if the directory cannot be used. Old damage
    /// never refuses an open.
    pub fn open(self, dir: impl AsRef<Path>) -> Result<Journal> {
        self.validate()?;
        let opener = Opener::new(self, dir.as_ref());
        let opened = opener.open()?;
        Ok(journal(&opener, opened))
    }

    /// As [`open`](JournalOptions::open), but never fails: where the directory cannot be used, the
    /// journal is disabled and refuses records; after a failed sync it goes on in a new run,
    /// tried at most every 10 s. Errors go to [`on_error`](JournalOptions::on_error).
    pub fn open_best_effort(self, dir: impl AsRef<Path>) -> Journal {
        let opener = Opener::new(self, dir.as_ref());
        journal(&opener, opener.open_best_effort(0, None))
    }
}

fn journal(opener: &Opener, (opening, problems): Opened) -> Journal {
    let journal = Journal::new(opening, opener.sharing());
    journal.report(&problems);
    journal
}
