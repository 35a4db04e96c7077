//! Events as JSON, one object a line: what `ingest` reads and `cat` writes.

mod fields;
mod members;
mod parse;
mod syntax;
#[cfg(test)]
mod tests;
mod write;

use super::Event;
use crate::error::Result;
use crate::seq::RunId;

/// An event read from its JSON form, and what was odd about it.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonLine<'a> {
    /// The event.
    pub event: Event<'a>,
    /// The run whose record the line was printed from, if it says so.
    pub run: Option<RunId>,
    /// What was taken in, but not as it stood: one sentence each.
    pub warnings: Vec<String>,
}

impl<'a> JsonLine<'a> {
    /// Reads one line; `session` is the session of an event that names none.
    ///
    /// A line without a time gives an event without one, which is the moment it is appended.
    ///
    /// # Errors
    /// [`Error::InvalidEvent`](crate::Error::InvalidEvent), saying which member is wrong and what
    /// was expected.
    pub fn parse(line: &'a [u8], session: Option<&'a str>) -> Result<JsonLine<'a>> {
        parse::parse(line, session)
    }
}
