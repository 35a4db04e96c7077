//! Criterion benches of the journal, for daily work: is it slower than it was?
//!
//! `cargo bench -p journal-benches -- --save-baseline before`, change something, then
//! `cargo bench -p journal-benches -- --baseline before`. How the journal stands beside the
//! machine's limits and other journals is measured by `compare` in `benches/peers`.

use tempfile::TempDir;
use trace_journal::{Journal, JournalOptions, OnBacklog, UserKind};

/// The length of a record where nothing else is said.
pub const PAYLOAD_LEN: usize = 256;

/// The options all benches use: the defaults, but appends may wait long for the device.
pub fn options() -> JournalOptions {
    Journal::options().on_backlog(OnBacklog::Wait(std::time::Duration::from_secs(60)))
}

/// The kind of all raw records written here.
///
/// # Panics
/// Never.
#[must_use]
pub fn kind() -> UserKind {
    UserKind::new(200).expect("200 is a caller's kind")
}

/// A fresh directory, on the file system that temporary files are on.
///
/// # Panics
/// If there is no space for it.
#[must_use]
pub fn fresh() -> TempDir {
    tempfile::tempdir().expect("a directory can be made")
}

/// A directory with a closed journal of this many records.
///
/// # Panics
/// If it cannot be written.
#[must_use]
pub fn filled(count: u32) -> TempDir {
    let dir = fresh();
    let journal = options().open(&dir).expect("a fresh directory opens");
    for _ in 0..count {
        let appended = journal.append_raw(kind(), [b'x'; PAYLOAD_LEN]);
        appended.expect("the disk has space");
    }
    journal.close().expect("the disk works");
    dir
}
