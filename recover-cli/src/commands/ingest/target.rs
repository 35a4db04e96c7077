//! Where lines become records.

use trace_journal::{Error, Journal, JsonLine, Seq, Session, UserKind};

use crate::args::{IngestArgs, LineForm};
use crate::escape::one_line;
use crate::output::say;

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
    pub(super) fn append(&self, number: u64, line: &[u8]) -> Result<Option<Seq>, Error> {
        match self {
            Target::Lines(session) => session.append_raw(UserKind::LINE, line).map(Some),
            Target::Events { .. } if line.trim_ascii().is_empty() => Ok(None),
            Target::Events { journal, session } => {
                let line = JsonLine::parse(line, *session)?;
                for warning in &line.warnings {
                    say(&format!("line {number}: warning: {}", one_line(warning)));
                }
                journal.append_line(line).map(Some)
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
