//! Values that options take.

use std::time::Duration;

use crate::words::shown_words;

/// What an append does when too many bytes wait for a sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnBacklog {
    /// Wait for the sync, at most this long, then fail; [`Duration::MAX`] is as long as it takes.
    Wait(Duration),
    /// Fail at once.
    Fail,
}

/// How records get from the program into the segment's file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WriteMode {
    /// Mapped where that is safe (ext4, tmpfs) and can be done, else positioned.
    #[default]
    Auto,
    /// Through a shared mapping of the segment: an append costs a memory copy. Records that are
    /// each waited for before more come, and the first and last ones of a segment, are written as
    /// by `Positioned`, which then is faster; and so are segments that cannot be mapped because
    /// memory or a limit on it is used up, but for the first one. An xfs that stops may end the
    /// process.
    Mapped,
    /// By one positioned write per append, one after the other.
    Positioned,
}

shown_words!(WriteMode: "write mode", {
    Auto => "auto",
    Mapped => "mapped",
    Positioned => "positioned",
});

/// How a run's records get into the segment's file: what [`WriteMode::Auto`] came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ActiveMode {
    /// Through a shared mapping, as [`WriteMode::Mapped`].
    Mapped,
    /// By positioned writes, as [`WriteMode::Positioned`].
    Positioned,
}

shown_words!(ActiveMode: "write mode", {
    Mapped => "mapped",
    Positioned => "positioned",
});

/// How a run is written.
#[derive(Clone, Debug)]
pub(crate) struct WriterSettings {
    pub(crate) sync_interval: Duration,
    pub(crate) sync_bytes: u64,
    pub(crate) segment_bytes_max: u64,
    pub(crate) record_bytes_max: u64,
    pub(crate) backlog_bytes_max: u64,
    pub(crate) on_backlog: OnBacklog,
    pub(crate) write_mode: WriteMode,
    /// Name and version of the program that writes.
    pub(crate) program: (String, String),
    /// What else it says of itself, encoded.
    pub(crate) resource: Vec<u8>,
    /// No threads: the waiter runs the syncer's steps itself.
    pub(crate) is_stepped: bool,
}

impl Default for WriterSettings {
    fn default() -> WriterSettings {
        WriterSettings {
            sync_interval: Duration::from_millis(50),
            sync_bytes: 1 << 20,
            segment_bytes_max: 64 << 20,
            record_bytes_max: 64 << 20,
            backlog_bytes_max: 64 << 20,
            on_backlog: OnBacklog::Wait(Duration::from_secs(1)),
            write_mode: WriteMode::Auto,
            program: (String::new(), String::new()),
            resource: Vec::new(),
            is_stepped: false,
        }
    }
}

/// The shortest segment there is. Where no file may be so long, making it fails and says so.
pub(crate) const SEGMENT_LEN_MIN: u64 = 16 << 10;
