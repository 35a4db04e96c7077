//! What can go wrong, told apart so that a program can act on it.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::seq::Seq;
use crate::words::words;

/// The result of a journal operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a journal operation was not done.
///
/// Cloning is cheap: every waiter of a failed sync gets the same cause.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused an operation.
    #[error("{operation} {}: {source}", path.display())]
    Io {
        /// What was being done, as in "create" or "sync".
        operation: &'static str,
        /// The file or directory it was done to.
        path: PathBuf,
        /// The system's reason.
        source: Arc<io::Error>,
    },
    /// No space is left for the record; nothing of it was acknowledged, and appends work again
    /// when there is space.
    #[error("no space left in {}: {source}", path.display())]
    DiskFull {
        /// The journal's directory.
        path: PathBuf,
        /// The system's reason.
        source: Arc<io::Error>,
    },
    /// A file may not grow for a limit of this process, which has nothing to do with the disk.
    /// Nothing of the record was acknowledged, and appends work again when the limit is raised.
    #[error(
        "{} may not grow: the file size limit of this process (ulimit -f) is reached; raise it",
        path.display()
    )]
    FileSizeLimit {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: Arc<io::Error>,
    },
    /// Bytes on the disk that no crash explains.
    #[error("{file} at offset {offset}: {reason}")]
    Damage {
        /// The file's name within the journal.
        file: String,
        /// Where in the file, in bytes from its start.
        offset: u64,
        /// What is wrong there.
        reason: DamageReason,
    },
    /// The file was written by another version of this library.
    #[error(
        "{file}: its format is {}, and this program reads {supported}",
        format_name(*version, *features)
    )]
    Unsupported {
        /// The file's name within the journal.
        file: String,
        /// The version the file has.
        version: u32,
        /// The bits of the features it takes to read it.
        features: u32,
        /// The version this library reads.
        supported: u32,
    },
    /// The directory has files, but none of a journal.
    #[error("{} is not a journal: it has only foreign files", path.display())]
    NotAJournal {
        /// The directory.
        path: PathBuf,
    },
    /// Something is larger than its limit.
    #[error("{what}: {size} is over the limit of {limit}")]
    LimitExceeded {
        /// What is too large.
        what: &'static str,
        /// How large it is.
        size: u64,
        /// How large it may be.
        limit: u64,
    },
    /// An option has a value that cannot work.
    #[error("option {option}: {reason}")]
    InvalidOption {
        /// The option's name.
        option: &'static str,
        /// What is wrong with its value.
        reason: String,
    },
    /// An event cannot be recorded as it is; nothing of it was written.
    #[error("{reason}")]
    InvalidEvent {
        /// What is wrong with it.
        reason: String,
    },
    /// More bytes wait for a sync than the backlog option allows.
    #[error("backlog of {bytes} bytes not yet durable is over the limit of {limit}")]
    Backlog {
        /// Bytes written and not yet durable.
        bytes: u64,
        /// The option's value.
        limit: u64,
    },
    /// The wait ended before the record was durable; it may still become so.
    #[error("not durable within the time given")]
    Timeout,
    /// A sync failed earlier, so this run promises nothing more; open the journal again.
    #[error("the journal is poisoned: {cause}")]
    Poisoned {
        /// The first failure.
        #[source]
        cause: Arc<Error>,
    },
    /// Something removed a segment of this run or its directory, moved it away or put something
    /// else in its place: what is written there cannot be found again. Open the journal again.
    #[error(
        "the {what} {} was removed, moved away or replaced while it was written; \
         open the journal again to go on in a new run",
        path.display()
    )]
    Removed {
        /// "segment" or "directory".
        what: &'static str,
        /// Where it was.
        path: PathBuf,
    },
    /// The journal is closed.
    #[error("the journal is closed")]
    Closed,
    /// This process is a fork of the one that opened the journal.
    #[error("the journal belongs to the parent process; open it again in this one")]
    Forked,
    /// The journal could not be opened and records nothing.
    #[error("the journal is disabled: {cause}")]
    Disabled {
        /// Why it could not be opened.
        #[source]
        cause: Arc<Error>,
    },
    /// A record was refused; the full error went to the error hook.
    #[error("the record was refused ({code})")]
    Refused {
        /// The stable code of the first error.
        code: &'static str,
    },
    /// No record of this run has that sequence number yet.
    #[error("sequence number {seq} was not given out; the last one is {last}")]
    UnknownSeq {
        /// The number asked for.
        seq: Seq,
        /// The last number given out, 0 if none.
        last: u64,
    },
    /// No session of the journal has that id.
    #[error("no session {id:?}")]
    UnknownSession {
        /// The id asked for.
        id: String,
    },
}

/// A format by its version and the features that it takes to read it.
fn format_name(version: u32, features: u32) -> String {
    match features {
        0 => format!("version {version}"),
        bits => format!("version {version} with features {bits:#x}"),
    }
}

impl Error {
    /// A stable name for the kind of error; it never changes between releases.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Error::Io { .. } => "io",
            Error::DiskFull { .. } => "disk-full",
            Error::FileSizeLimit { .. } => "file-size-limit",
            Error::Damage { .. } => "damage",
            Error::Unsupported { .. } => "unsupported",
            Error::NotAJournal { .. } => "not-a-journal",
            Error::LimitExceeded { .. } => "limit",
            Error::InvalidOption { .. } => "invalid-option",
            Error::InvalidEvent { .. } => "invalid-event",
            Error::Backlog { .. } => "backlog",
            Error::Timeout => "timeout",
            Error::Poisoned { .. } => "poisoned",
            Error::Removed { .. } => "removed",
            Error::Closed => "closed",
            Error::Forked => "forked",
            Error::Disabled { .. } => "disabled",
            Error::Refused { code } => code,
            Error::UnknownSeq { .. } => "unknown-seq",
            Error::UnknownSession { .. } => "unknown-session",
        }
    }

    /// The error of a system call, told apart by whether space ran out.
    pub(crate) fn io(
        operation: &'static str,
        path: impl Into<PathBuf>,
        source: io::Error,
    ) -> Error {
        let path = path.into();
        let kind = source.kind();
        let source = Arc::new(source);
        match kind {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Error::DiskFull { path, source }
            }
            io::ErrorKind::FileTooLarge => Error::FileSizeLimit { path, source },
            _ => Error::Io {
                operation,
                path,
                source,
            },
        }
    }

    /// Whether there is no space for it, on the disk or by a limit: that may be over at any time.
    pub(crate) fn is_for_space(&self) -> bool {
        matches!(self, Error::DiskFull { .. } | Error::FileSizeLimit { .. })
    }
}

/// What is wrong with bytes that no crash explains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum DamageReason {
    /// The file ends inside a frame.
    #[error("the file ends inside a frame")]
    ShortFrame,
    /// A frame's checksum does not fit its bytes.
    #[error("checksum mismatch")]
    BadCrc,
    /// A frame's length is not one.
    #[error("impossible length")]
    BadLength,
    /// Zeros where a frame should be.
    #[error("zeros where a frame should be")]
    ZeroRun,
    /// A segment's header page is broken.
    #[error("broken header page")]
    BadHeader,
    /// Records are missing between two intact ones.
    #[error("records are missing")]
    SeqGap,
    /// A whole segment is missing.
    #[error("the segment is missing")]
    MissingSegment,
    /// The segment has a newer format version.
    #[error("unknown format version")]
    UnknownVersion,
    /// The frame is intact but its payload cannot be decoded.
    #[error("payload cannot be decoded")]
    UndecodablePayload,
    /// Valid frames that others behind them contradict.
    #[error("contradicted by what lies behind")]
    Contested,
    /// The bytes could not be read.
    #[error("read error")]
    IoError,
    /// What has the name of a segment is no file.
    #[error("not a file")]
    NoFile,
}

words!(DamageReason: "reason", code {
    ShortFrame => "short-frame",
    BadCrc => "bad-crc",
    BadLength => "bad-length",
    ZeroRun => "zero-run",
    BadHeader => "bad-header",
    SeqGap => "seq-gap",
    MissingSegment => "missing-segment",
    UnknownVersion => "unknown-version",
    UndecodablePayload => "undecodable-payload",
    Contested => "contested",
    IoError => "io-error",
    NoFile => "not-a-file",
});
