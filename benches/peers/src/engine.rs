//! What is measured: one trait for this journal, raw floors and other journals.

use std::error::Error;
use std::path::{Path, PathBuf};

use crate::{floor, journal, peer};

/// Outcome of anything a measurement does; an error ends that measurement and is shown.
pub type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// What a record has been through when an append returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Nobody waits for the device.
    Append,
    /// As `Append`, with nothing that makes records durable at work in the background.
    AppendUnsynced,
    /// The append waits until its record is durable.
    Durable,
    /// Many appends, then one wait until all are durable.
    Bulk,
}

/// What a record survives once an append has returned (for `Bulk`: once all of it has).
#[derive(Clone, Copy, Debug)]
pub struct Survives {
    pub kill: bool,
    pub power_loss: bool,
}

/// How a log is to be opened.
#[derive(Clone, Debug)]
pub struct Setting {
    pub dir: PathBuf,
    pub work: Work,
    /// Threads that will append.
    pub threads: usize,
    /// Payload bytes that will be appended, framing allowed for: peers may reserve them.
    pub expected_bytes: u64,
}

/// Something that can be measured.
pub trait Engine: Sync {
    /// `ours`, `floor` or the name of a peer.
    fn who(&self) -> &'static str;

    /// How it is used for this kind of work; `None` if it has no such mode.
    fn mode(&self, work: Work) -> Option<Mode>;

    /// Opens a log in a fresh directory.
    fn open(&self, setting: &Setting) -> Outcome<Box<dyn Log>>;

    /// Opens what was left in a directory, reads and verifies all records, and counts them.
    fn count(&self, dir: &Path) -> Outcome<u64>;
}

/// A way of using an engine, and what it promises.
#[derive(Clone, Copy, Debug)]
pub struct Mode {
    pub name: &'static str,
    pub survives: Survives,
}

/// An open log.
pub trait Log: Send + Sync {
    /// Appends one record in the mode the log was opened for.
    fn append(&self, thread: usize, payload: &[u8]) -> Outcome<()>;

    /// Makes everything appended so far durable.
    fn sync(&self) -> Outcome<()>;

    /// Appends a record `count` times at full speed and returns when all are durable.
    fn bulk(&self, count: u32, payload: &[u8]) -> Outcome<()> {
        for _ in 0..count {
            self.append(0, payload)?;
        }
        self.sync()
    }

    /// Closes the log so that it can be read.
    fn close(self: Box<Self>) -> Outcome<()>;
}

/// Survives kill -9 and power loss.
pub const EVERYTHING: Survives = Survives {
    kill: true,
    power_loss: true,
};
/// Survives kill -9 only.
pub const KILL: Survives = Survives {
    kill: true,
    power_loss: false,
};
/// Survives neither.
pub const NOTHING: Survives = Survives {
    kill: false,
    power_loss: false,
};

impl Mode {
    /// A mode of this name that keeps this promise.
    pub const fn new(name: &'static str, survives: Survives) -> Option<Mode> {
        Some(Mode { name, survives })
    }
}

/// Everything there is, floors first, then this journal, then the peers.
pub fn all() -> Vec<&'static dyn Engine> {
    vec![
        &floor::Warm,
        &floor::Fresh,
        &floor::OneWrite,
        &floor::Grouped,
        &floor::Pieces,
        &journal::Ours { is_mapped: true },
        &journal::Ours { is_mapped: false },
        &peer::OkayWal,
        &peer::RaftEngine,
        &peer::WriteAhead,
        &peer::OpenWal,
        &peer::WalDb,
        &peer::Sqlite { is_full: true },
        &peer::Sqlite { is_full: false },
        &peer::JsonLines,
    ]
}
