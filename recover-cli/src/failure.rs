//! Why a command stopped, and the exit code that says so.

use std::process::ExitCode;

use trace_journal::Error;

use crate::escape::one_line;

/// The result of a command or of a part of it.
pub(crate) type Outcome<T> = Result<T, Failure>;

/// Why a command stopped early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Whoever read our output went away: no reason to complain.
    ClosedPipe,
    /// It could not be done.
    CouldNot(String),
    /// It was asked for in a wrong way.
    Usage(String),
    /// Nothing fits what was asked for.
    NothingMatched(String),
    /// It would have destroyed something.
    Refused(String),
}

impl Failure {
    /// The exit code, and the words for stderr if there are any.
    pub(crate) fn parts(&self) -> (Exit, Option<&str>) {
        match self {
            Failure::ClosedPipe => (Exit::Done, None),
            Failure::CouldNot(words) => (Exit::CouldNot, Some(words)),
            Failure::Usage(words) => (Exit::Usage, Some(words)),
            Failure::NothingMatched(words) => (Exit::NothingMatched, Some(words)),
            Failure::Refused(words) => (Exit::Refused, Some(words)),
        }
    }
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done; nothing lost beyond an end that was never seen durable.
    Done,
    /// Could not do it.
    CouldNot,
    /// Asked for in a wrong way.
    Usage,
    /// Done, but damage was found, durable records were lost or input was refused.
    Lost,
    /// Nothing matched.
    NothingMatched,
    /// Refused to destroy something.
    Refused,
    /// Ended by this signal.
    Signal(u8),
}

impl Exit {
    /// How a report with this exit code ends.
    pub(crate) fn of_number(number: u8) -> Exit {
        let exits = [
            Exit::Done,
            Exit::CouldNot,
            Exit::Usage,
            Exit::Lost,
            Exit::NothingMatched,
            Exit::Refused,
        ];
        let exit = exits.into_iter().find(|exit| exit.number() == number);
        exit.unwrap_or(Exit::CouldNot)
    }

    /// The number given to the shell.
    pub(crate) fn number(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::CouldNot => 1,
            Exit::Usage => 2,
            Exit::Lost => 3,
            Exit::NothingMatched => 4,
            Exit::Refused => 5,
            // As shells say it.
            Exit::Signal(signal) => signal.saturating_add(128),
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.number())
    }
}

/// The library's reason, in words.
pub(crate) fn could_not(error: Error) -> Failure {
    Failure::CouldNot(one_line(&error.to_string()).into_owned())
}
