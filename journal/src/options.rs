//! How a journal is opened.

use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::event::Event;
use crate::format::PAYLOAD_LEN_MAX;
use crate::session::{Redact, SharedValues};
use crate::settings::{OnBacklog, SEGMENT_LEN_MIN, WriteMode, WriterSettings};
use crate::storage::Storage;
use crate::writer::ErrorHook;

/// Options of a journal that is about to be opened; made by
/// [`Journal::options`](crate::Journal::options).
#[must_use = "options do nothing until the journal is opened with them"]
#[derive(Default)]
pub struct JournalOptions {
    pub(crate) settings: WriterSettings,
    pub(crate) redact: Option<Redact>,
    pub(crate) on_error: Option<ErrorHook>,
    pub(crate) storage: Option<Arc<dyn Storage>>,
    pub(crate) shares_values: bool,
}

impl JournalOptions {
    /// How long a record without a waiter stays un-synced at most, besides the time of one
    /// sync. Default 50 ms; 0 syncs as often as the device allows, and with [`Duration::MAX`] only
    /// those are synced that have a waiter, or that many bytes wait with.
    pub fn sync_interval(mut self, interval: Duration) -> JournalOptions {
        self.settings.sync_interval = interval;
        self
    }

    /// Un-synced bytes that start a sync before the interval is over. Default 1 MiB, at least 1.
    pub fn sync_bytes(mut self, bytes: u64) -> JournalOptions {
        self.settings.sync_bytes = bytes;
        self
    }

    /// Size of the largest segments; the first has 256 KiB and the second 1 MiB, or this if it is
    /// less, and each next one twice as much. Default 64 MiB, 16 KiB to 16 GiB. A larger record
    /// gets a segment of its own.
    pub fn segment_bytes_max(mut self, bytes: u64) -> JournalOptions {
        self.settings.segment_bytes_max = bytes;
        self
    }

    /// Largest payload that is accepted, in bytes. Default 64 MiB, at most 1 GiB; but no record can
    /// be longer than 512 MiB - 64 bytes, whatever is asked for.
    pub fn record_bytes_max(mut self, bytes: u64) -> JournalOptions {
        self.settings.record_bytes_max = bytes;
        self
    }

    /// Bytes that may be written and not yet durable before
    /// [`on_backlog`](JournalOptions::on_backlog) applies. Default 64 MiB, at least 1. One record
    /// is always accepted when nothing waits.
    pub fn backlog_bytes_max(mut self, bytes: u64) -> JournalOptions {
        self.settings.backlog_bytes_max = bytes;
        self
    }

    /// What an append does at the backlog limit. Default: wait at most one second.
    pub fn on_backlog(mut self, on_backlog: OnBacklog) -> JournalOptions {
        self.settings.on_backlog = on_backlog;
        self
    }

    /// How records get into the file. Default: [`WriteMode::Auto`]. Promises are the same in every
    /// mode; [`Journal::info`](crate::Journal::info) tells which one it is.
    pub fn write_mode(mut self, mode: WriteMode) -> JournalOptions {
        self.settings.write_mode = mode;
        self
    }

    /// Name and version of the program, kept with the run. Default: empty; at most 1,024 bytes
    /// each.
    pub fn program(
        mut self,
        name: impl Into<String>,
        version: impl Into<String>,
    ) -> JournalOptions {
        self.settings.program = (name.into(), version.into());
        self
    }

    /// A function that sees every typed event before a byte of it is encoded, and may change it.
    /// If it panics, that event is refused. Raw appends bypass it.
    pub fn redact(
        mut self,
        redact: impl Fn(&mut Event<'_>) + Send + Sync + 'static,
    ) -> JournalOptions {
        self.redact = Some(Arc::new(redact));
        self
    }

    /// A function that hears of the first error of each code; all are counted in
    /// [`Journal::info`](crate::Journal::info). Default: none.
    pub fn on_error(mut self, on_error: impl Fn(&Error) + Send + Sync + 'static) -> JournalOptions {
        self.on_error = Some(Box::new(on_error));
        self
    }

    /// Whether a value that a session has said before is not said again, where that is possible:
    /// the record then refers to where it stands. A value of 1 KiB or more in input, output,
    /// attributes, messages and data counts, and so do elements of lists, of 64 bytes or more.
    /// Reading gives the same events either way; what a record refers to is in the same segment and
    /// durable when the record is, but if that is lost to damage, so is the value here. For
    /// programs that log their whole history again and again. Default: no.
    pub fn share_values(mut self, shares: bool) -> JournalOptions {
        self.shares_values = shares;
        self
    }

    /// Another disk than the operating system's, for simulations.
    #[doc(hidden)]
    pub fn storage(mut self, storage: Arc<dyn Storage>) -> JournalOptions {
        self.storage = Some(storage);
        self
    }

    /// No threads: a caller that waits for a sync runs it, for simulations.
    #[doc(hidden)]
    pub fn stepped(mut self) -> JournalOptions {
        self.settings.is_stepped = true;
        self
    }

    /// What keeps values from being said again, if that is wished.
    pub(crate) fn sharing(&self) -> Option<SharedValues> {
        let len_max = self
            .settings
            .record_bytes_max
            .min(u64::from(PAYLOAD_LEN_MAX));
        self.shares_values.then(|| SharedValues::new(len_max))
    }

    pub(crate) fn validate(&self) -> Result<()> {
        let settings = &self.settings;
        in_bounds("sync_bytes", settings.sync_bytes, 1, u64::MAX)?;
        in_bounds(
            "segment_bytes_max",
            settings.segment_bytes_max,
            SEGMENT_LEN_MIN,
            SEGMENT_LEN_MAX,
        )?;
        in_bounds(
            "record_bytes_max",
            settings.record_bytes_max,
            0,
            RECORD_LEN_MAX,
        )?;
        in_bounds("backlog_bytes_max", settings.backlog_bytes_max, 1, u64::MAX)?;
        let (name, version) = &settings.program;
        let len = u64::try_from(name.len().max(version.len())).unwrap_or(u64::MAX);
        in_bounds("program", len, 0, PROGRAM_LEN_MAX)
    }
}

impl std::fmt::Debug for JournalOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

fn in_bounds(option: &'static str, value: u64, min: u64, max: u64) -> Result<()> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    Err(Error::InvalidOption {
        option,
        reason: format!("{value} is not in {min}..={max}"),
    })
}

const PROGRAM_LEN_MAX: u64 = 1024;

/// What may be asked for, though the format holds less.
const RECORD_LEN_MAX: u64 = 1 << 30;
const SEGMENT_LEN_MAX: u64 = 16 << 30;
