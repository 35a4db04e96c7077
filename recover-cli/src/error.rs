//! Why a command stopped, and the exit code that says so.

use std::io;
use std::process::ExitCode;

use trace_journal::Error;
use trace_journal::report::Outcome;

use crate::escape::one_line;

/// The result of a command or of a part of it.
pub(crate) type Result<T, E = CliError> = std::result::Result<T, E>;

/// Why a command stopped early.
#[derive(Debug)]
pub(crate) enum CliError {
    /// The reader of our output went away: no reason to complain.
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

impl CliError {
    /// The exit code, and the words for stderr if there are any.
    pub(crate) fn parts(&self) -> (ExitStatus, Option<&str>) {
        match self {
            CliError::ClosedPipe => (ExitStatus::Done, None),
            CliError::CouldNot(words) => (ExitStatus::CouldNot, Some(words)),
            CliError::Usage(words) => (ExitStatus::Usage, Some(words)),
            CliError::NothingMatched(words) => (ExitStatus::NothingMatched, Some(words)),
            CliError::Refused(words) => (ExitStatus::Refused, Some(words)),
        }
    }
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExitStatus {
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
    #[cfg_attr(windows, expect(dead_code, reason = "there are none"))]
    Signal(u8),
}

impl ExitStatus {
    /// How a command ends that reports this.
    pub(crate) fn of(outcome: Outcome) -> ExitStatus {
        match outcome {
            Outcome::Sound => ExitStatus::Done,
            Outcome::Lost => ExitStatus::Lost,
            Outcome::Empty => ExitStatus::NothingMatched,
            _ => ExitStatus::CouldNot,
        }
    }

    /// The number given to the shell.
    pub(crate) fn number(self) -> u8 {
        match self {
            ExitStatus::Done => 0,
            ExitStatus::CouldNot => 1,
            ExitStatus::Usage => 2,
            ExitStatus::Lost => 3,
            ExitStatus::NothingMatched => 4,
            ExitStatus::Refused => 5,
            // As shells say it.
            ExitStatus::Signal(signal) => signal.saturating_add(128),
        }
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(exit: ExitStatus) -> ExitCode {
        ExitCode::from(exit.number())
    }
}

/// The library's reason, in words.
pub(crate) fn could_not(error: Error) -> CliError {
    CliError::CouldNot(one_line(&error.to_string()).into_owned())
}

/// What could not be done, and the system's reason.
pub(crate) fn failed(what: &str, error: &io::Error) -> CliError {
    CliError::CouldNot(format!("{what}: {error}"))
}
