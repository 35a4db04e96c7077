//! Snapshots as files for other programs.

mod file_name;
mod trace_file;

use std::io::{self, Write};

use crate::snapshot::Snapshot;

pub use file_name::{file_name, file_names};
pub use trace_file::{TraceFileOptions, trace_file};

/// Writes a snapshot as one line of JSON, nothing left out.
///
/// # Errors
/// What writing to `out` gives; what was written before it stays.
pub fn json(snapshot: &Snapshot, out: &mut (impl Write + ?Sized)) -> io::Result<()> {
    write_line(snapshot, out)
}

fn write_line(value: &impl serde::Serialize, out: &mut (impl Write + ?Sized)) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}
