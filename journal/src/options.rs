//! How a journal is opened.

use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::event::{Event, Map, codec};
use crate::format::PAYLOAD_LEN_MAX;
use crate::session::{Redact, SharedValues};
use crate::settings::{OnBacklog, SEGMENT_LEN_MIN, WriteMode, WriterSettings};
use crate::storage::Storage;
use crate::writer::ErrorHook;

/// Options of a journal that is about to be opened; made by
/// [`Journal::options`](crate::Journal::options).
#[must_use = "options do nothing until the journal is opened with them"]
pub struct JournalOptions {
    pub(crate) settings: WriterSettings,
    /// The settings that were set, by their names.
    given: Vec<&'static str>,
    pub(crate) redact: Option<Redact>,
    pub(crate) on_error: Option<ErrorHook>,
    pub(crate) storage: Option<Arc<dyn Storage>>,
    pub(crate) shares_values: bool,
    pub(crate) is_shared: bool,
    pub(crate) reopens_in_child: bool,
}

impl Default for JournalOptions {
    fn default() -> JournalOptions {
        JournalOptions {
            settings: WriterSettings::default(),
            given: Vec::new(),
            redact: None,
            on_error: None,
            storage: None,
            shares_values: false,
            is_shared: true,
            reopens_in_child: false,
        }
    }
}

impl JournalOptions {
    /// How long a record without a waiter stays un-synced at most, besides the time of one
    /// sync. Default 50 ms; 0 syncs as often as the device allows, and with [`Duration::MAX`] only
    /// those are synced that have a waiter, or that many bytes wait with.
    pub fn sync_interval(mut self, interval: Duration) -> JournalOptions {
        self.given.push("sync_interval");
        self.settings.sync_interval = interval;
        self
    }

    /// Un-synced bytes that start a sync before the interval is over. Default 1 MiB, at least 1.
    pub fn sync_bytes(mut self, bytes: u64) -> JournalOptions {
        self.given.push("sync_bytes");
        self.settings.sync_bytes = bytes;
        self
    }

    /// Size of the largest segments; the first has 256 KiB and the second 1 MiB, or this if it is
    /// less, and each next one twice as much. Default 64 MiB, 16 KiB to 16 GiB. A larger record
    /// gets a segment of its own.
    pub fn segment_bytes_max(mut self, bytes: u64) -> JournalOptions {
        self.given.push("segment_bytes_max");
        self.settings.segment_bytes_max = bytes;
        self
    }

    /// Largest payload that is accepted, in bytes. Default 64 MiB, at most 1 GiB; but no record can
    /// be longer than 512 MiB - 64 bytes, whatever is asked for.
    pub fn record_bytes_max(mut self, bytes: u64) -> JournalOptions {
        self.given.push("record_bytes_max");
        self.settings.record_bytes_max = bytes;
        self
    }

    /// Bytes that may be written and not yet durable before
    /// [`on_backlog`](JournalOptions::on_backlog) applies. Default 64 MiB, at least 1. One record
    /// is always accepted when nothing waits.
    pub fn backlog_bytes_max(mut self, bytes: u64) -> JournalOptions {
        self.given.push("backlog_bytes_max");
        self.settings.backlog_bytes_max = bytes;
        self
    }

    /// What an append does at the backlog limit. Default: wait at most one second.
    pub fn on_backlog(mut self, on_backlog: OnBacklog) -> JournalOptions {
        self.given.push("on_backlog");
        self.settings.on_backlog = on_backlog;
        self
    }

    /// How records get into the file. Default: [`WriteMode::Auto`]. Promises are the same in every
    /// mode; [`Journal::info`](crate::Journal::info) tells which one it is.
    pub fn write_mode(mut self, mode: WriteMode) -> JournalOptions {
        self.given.push("write_mode");
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
        self.given.push("program");
        self.settings.program = (name.into(), version.into());
        self
    }

    /// What else the program says of itself, such as the service it is or the machine's role: kept
    /// with the run, and told with it. Default: nothing; at most 65,536 bytes as they are written.
    pub fn resource(mut self, resource: Map<'_>) -> JournalOptions {
        self.given.push("resource");
        self.settings.resource.clear();
        codec::encode_members(&resource, &mut self.settings.resource);
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
        self.on_error = Some(Arc::new(on_error));
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

    /// Whether openings of one directory in one process share one run, threads and descriptors:
    /// that directory, whatever the path, and as long as one of them is open. Default: yes.
    ///
    /// The first opening decides: another one may leave the options of the run unset, or set them
    /// to the same; hooks are the first one's, [`redact`](JournalOptions::redact) included.
    /// [`close`](crate::Journal::close) of one is its own, the last one closes the run. A session
    /// that another thread goes on with, or a worker that was started again, is then one session of
    /// one run: two runs of one process at the same time are as strange to each other as those of
    /// two processes. A run that failed is shared only by those that
    /// [go on](JournalOptions::open_best_effort) in another one; an opening without that gets a new
    /// run.
    pub fn shared(mut self, is_shared: bool) -> JournalOptions {
        self.is_shared = is_shared;
        self
    }

    /// Whether handles go on in a forked child: in a run of the child's own, which its first append
    /// opens as [`open_best_effort`](JournalOptions::open_best_effort) does. Default: no; appends
    /// in a child are refused with [`Error::Forked`].
    ///
    /// What the parent does is left alone: its run, its numbers, which a child can wait for no
    /// more, and the sessions that end with its journal. The hooks are called in the child, too.
    pub fn reopen_in_child(mut self, reopens: bool) -> JournalOptions {
        self.reopens_in_child = reopens;
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

    /// Whether a run with these settings can be shared by an opening with these options.
    pub(crate) fn check_same(&self, first: &WriterSettings) -> Result<()> {
        let own = &self.settings;
        let WriterSettings {
            sync_interval,
            sync_bytes,
            segment_bytes_max,
            record_bytes_max,
            backlog_bytes_max,
            on_backlog,
            write_mode,
            program,
            resource,
            is_stepped: _,
        } = first;
        let settings = [
            ("sync_interval", own.sync_interval == *sync_interval),
            ("sync_bytes", own.sync_bytes == *sync_bytes),
            (
                "segment_bytes_max",
                own.segment_bytes_max == *segment_bytes_max,
            ),
            (
                "record_bytes_max",
                own.record_bytes_max == *record_bytes_max,
            ),
            (
                "backlog_bytes_max",
                own.backlog_bytes_max == *backlog_bytes_max,
            ),
            ("on_backlog", own.on_backlog == *on_backlog),
            ("write_mode", own.write_mode == *write_mode),
            ("program", own.program == *program),
            ("resource", own.resource == *resource),
        ];
        let mut given = settings
            .iter()
            .filter(|(name, _)| self.given.contains(name));
        match given.find(|(_, is_same)| !is_same) {
            None => Ok(()),
            Some((option, _)) => Err(Error::InvalidOption {
                option,
                reason: format!("this process has the journal open with another one: {first:?}"),
            }),
        }
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
        in_bounds("program", len, 0, PROGRAM_LEN_MAX)?;
        let len = u64::try_from(settings.resource.len()).unwrap_or(u64::MAX);
        in_bounds("resource", len, 0, RESOURCE_LEN_MAX)
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
const RESOURCE_LEN_MAX: u64 = 64 << 10;

/// What may be asked for, though the format holds less.
const RECORD_LEN_MAX: u64 = 1 << 30;
const SEGMENT_LEN_MAX: u64 = 16 << 30;
