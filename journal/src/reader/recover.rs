//! Everything a journal holds, read once more in full.

use std::path::Path;

use super::list::of_records;
use super::record_fetch::RecordFetcher;
use super::{ReadMode, Reader, Sessions};
use crate::error::Result;
use crate::recovery::Report;

/// Everything a journal holds: its sessions, made one by one, and what is missing. Every byte is
/// read.
///
/// # Errors
/// As [`Reader::open_mode`].
///
/// # Examples
/// ```
/// # fn main() -> trace_journal::Result<()> {
/// # let dir = std::env::temp_dir();
/// # let dir = dir.join(format!("trace-journal-recover-{}", std::process::id()));
/// # std::fs::create_dir_all(&dir).expect("a new directory");
/// use trace_journal::{Mode, recover};
/// let (sessions, report) = recover(&dir, Mode::Salvage)?;
/// for snapshot in sessions {
///     let snapshot = snapshot?;
///     println!("{} {}", snapshot.id(), snapshot.status().as_str());
/// }
/// println!("lost: {}", report.loss().as_str());
/// # std::fs::remove_dir_all(&dir).expect("the directory is empty");
/// # Ok(())
/// # }
/// ```
pub fn recover(dir: impl AsRef<Path>, mode: ReadMode) -> Result<(Sessions, Report)> {
    let reader = Reader::open_verified(dir, mode)?;
    let mut report = reader.report();
    let mut fetcher = RecordFetcher::of_all();
    for session in &reader.view.sessions {
        match of_records(&reader.view, session, &mut fetcher) {
            Ok(told) => report.sessions.push(told.into()),
            // The iterator gives the error again, where it can be told whose it is.
            Err(_) => report.exit_code = 1,
        }
    }
    Ok((reader.sessions(), report))
}
