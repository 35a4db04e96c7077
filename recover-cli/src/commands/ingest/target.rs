//! Where lines become records.

use trace_journal::event::JsonLine;
use trace_journal::{Error, Event, Journal, Seq, Session};

use super::words::Words;
use crate::args::{IngestArgs, LineForm};
use crate::escape::one_line;

/// Where lines go.
pub(super) enum Target<'a> {
    Events {
        journal: &'a Journal,
        session: Option<&'a str>,
    },
    Lines(Session),
}

impl<'a> Target<'a> {
    pub(super) fn new(journal: &'a Journal, args: &'a IngestArgs) -> Target<'a> {
        let session = args.session.as_deref();
        match args.from {
            LineForm::Events => Target::Events { journal, session },
            LineForm::Lines => Target::Lines(journal.session(session.unwrap_or_default()).start()),
        }
    }

    /// Appends the line; `None` if there is nothing to append.
    pub(super) fn append(
        &self,
        number: u64,
        mut line: &[u8],
        words: &Words,
    ) -> Result<Option<Seq>, Error> {
        if number == 1 && matches!(self, Target::Events { .. }) {
            line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        }
        match self {
            Target::Lines(session) => session.append(Event::line(line)).map(Some),
            Target::Events { .. } if line.trim_ascii().is_empty() => Ok(None),
            Target::Events { journal, session } => {
                let line = JsonLine::parse(line, *session)?;
                for warning in &line.warnings {
                    words.warn(&format!("line {number}: warning: {}", one_line(warning)));
                }
                journal.append_parsed(line).map(Some)
            }
        }
    }

    /// All lines are in: a session of lines is complete.
    pub(super) fn finish(self) -> Result<(), Error> {
        match self {
            Target::Events { .. } => Ok(()),
            Target::Lines(session) => session.end().result().map(|_| ()),
        }
    }
}

/// What some programs begin a text in UTF-8 with.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
