//! What became of a record that a handle wrote.

use crate::error::{Error, Result};
use crate::seq::Seq;

/// What became of a record that a handle wrote.
///
/// May be ignored: the first error of each code also went to the error hook, and all are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written(std::result::Result<Seq, &'static str>);

impl Written {
    pub(super) fn new(result: &Result<Seq>) -> Written {
        Written(match result {
            Ok(seq) => Ok(*seq),
            Err(error) => Err(error.code()),
        })
    }

    /// The number of the record.
    ///
    /// # Durability
    /// After `Ok` the record survives the death of this process. It survives power loss after
    /// [`Journal::wait_durable`](crate::Journal::wait_durable) of that number.
    ///
    /// # Errors
    /// [`Error::Refused`] with the code of the error.
    pub fn result(self) -> Result<Seq> {
        self.0.map_err(|code| Error::Refused { code })
    }

    /// The number of the record; `None` if it was refused.
    #[must_use]
    pub fn seq(self) -> Option<Seq> {
        self.0.ok()
    }
}
