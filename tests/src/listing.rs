//! What is in a directory.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// The paths of all files of a directory, in order.
///
/// # Panics
/// If it cannot be read.
#[must_use]
pub fn paths(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).expect("a directory that can be read");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut paths: Vec<PathBuf> = paths.collect();
    paths.sort();
    paths
}

/// As [`paths`], of the files with this extension.
///
/// # Panics
/// As [`paths`].
#[must_use]
pub fn paths_with(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let mut paths = paths(dir);
    paths.retain(|path| path.extension().is_some_and(|found| found == extension));
    paths
}

/// The names of all files of a directory, in order.
///
/// # Panics
/// As [`paths`], and if a name is no UTF-8.
#[must_use]
pub fn names(dir: &Path) -> Vec<String> {
    let paths = paths(dir).into_iter();
    let names = paths.map(|path| path.file_name()?.to_str().map(str::to_owned));
    names.map(|name| name.expect("a name in UTF-8")).collect()
}

/// All files of a directory.
///
/// # Panics
/// As [`names`], and if one cannot be read.
#[must_use]
pub fn contents(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let read = |name: String| {
        let bytes = fs::read(dir.join(&name)).expect("a file that can be read");
        (name, bytes)
    };
    names(dir).into_iter().map(read).collect()
}

/// A directory with copies of all files.
///
/// # Panics
/// As [`paths`], and if one cannot be copied.
#[must_use]
pub fn copy(dir: &Path) -> TempDir {
    let to = tempfile::tempdir().expect("a temporary directory");
    for name in names(dir) {
        fs::copy(dir.join(&name), to.path().join(&name)).expect("a file that can be copied");
    }
    to
}
