//! The ways a journal can be written, as far as they work here.

use std::path::Path;

use trace_journal::{Journal, WriteMode};

use crate::rigs;

/// Every write mode that works in a temporary directory, with its name; those that do not are
/// said to be skipped.
///
/// # Panics
/// If a temporary directory cannot be made.
#[must_use]
pub fn modes() -> Vec<(WriteMode, &'static str)> {
    let all = [
        (WriteMode::Positioned, "positioned"),
        (WriteMode::Mapped, "mapped"),
    ];
    let dir = tempfile::tempdir().expect("a temporary directory");
    all.into_iter()
        .filter(|(mode, name)| works(dir.path(), *mode, name))
        .collect()
}

fn works(dir: &Path, mode: WriteMode, name: &str) -> bool {
    match Journal::options().write_mode(mode).open(dir) {
        Ok(_) => true,
        Err(error) => {
            rigs::skip(name, &format!("no such writing here: {error}"));
            false
        }
    }
}
