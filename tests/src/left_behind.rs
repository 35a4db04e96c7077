//! What a killed process leaves, made of what a living one has.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use tempfile::TempDir;
use trace_journal::format::released;

/// A copy of a journal as its process would leave it if it were killed now. That the process is
/// over, which a copy of a living one's files does not say, is noted in it.
///
/// # Errors
/// As the system says.
pub fn copy(dir: &Path) -> io::Result<TempDir> {
    let left = tempfile::tempdir()?;
    for found in fs::read_dir(dir)? {
        let found = found?;
        let to = left.path().join(found.file_name());
        fs::copy(found.path(), &to)?;
        if to.extension().is_some_and(|extension| extension == "run") {
            let (text, at) = released();
            let file = OpenOptions::new().write(true).open(&to)?;
            file.write_all_at(text.as_bytes(), at)?;
        }
    }
    Ok(left)
}
