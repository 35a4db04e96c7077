//! Where the journal is that a verb reads, and which of the words are sessions.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use trace_journal::RunId;

use crate::error::{CliError, Result};
use crate::escape::one_line;

/// The journals of a command line, and the words behind them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) journals: Vec<PathBuf>,
    pub(crate) rest: Vec<String>,
}

impl Named {
    /// The journal of a verb that reads one.
    pub(crate) fn journal(&self) -> &Path {
        self.journals
            .first()
            .map_or(Path::new("."), PathBuf::as_path)
    }
}

/// Takes the journals, `most` of them at most, from the front of the words. Without any it is
/// `given`, `TRACE_JOURNAL_DIR`, or the current directory if there are segments in it.
pub(crate) fn locate(words: &[OsString], given: &[PathBuf], most: usize) -> Result<Named> {
    let is_dir = |word: &&OsString| Path::new(word).is_dir();
    let count = match given {
        [] => words.iter().take(most).take_while(is_dir).count(),
        _ => 0,
    };
    let (dirs, rest) = words.split_at(count);
    let mut journals: Vec<PathBuf> = dirs.iter().map(PathBuf::from).collect();
    journals.extend(given.iter().cloned());
    if journals.is_empty() {
        journals.extend(unnamed(rest.first())?);
    }
    let rest = rest.iter().map(|word| word.to_string_lossy().into_owned());
    Ok(Named {
        journals,
        rest: rest.collect(),
    })
}

/// The journal that no word names; the first word may have been meant to.
fn unnamed(word: Option<&OsString>) -> Result<Option<PathBuf>> {
    if let Some(word) = word {
        let path = Path::new(word);
        let shown = one_line(&word.to_string_lossy()).into_owned();
        if let Some(dir) = path.is_file().then(|| journal_of(path)).flatten() {
            let dir = one_line(&dir.display().to_string()).into_owned();
            return Err(CliError::CouldNot(format!(
                "{shown}: that is one segment; its journal is {dir}"
            )));
        }
        if path.exists() {
            return Err(CliError::CouldNot(format!("{shown} is no directory")));
        }
        if shown.contains('/') {
            return Err(CliError::CouldNot(format!("{shown}: no such directory")));
        }
    }
    if let Some(dir) = env::var_os("TRACE_JOURNAL_DIR").filter(|dir| !dir.is_empty()) {
        return Ok(Some(dir.into()));
    }
    if holds_segments(Path::new(".")) {
        return Ok(Some(".".into()));
    }
    match word {
        Some(word) => {
            let shown = one_line(&word.to_string_lossy()).into_owned();
            Err(CliError::CouldNot(format!("{shown}: no such directory")))
        }
        None => Err(CliError::Usage(
            "no journal: give its directory, -D DIR or TRACE_JOURNAL_DIR".to_owned(),
        )),
    }
}

/// The directory that a segment is in.
fn journal_of(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    is_segment(name).then(|| dir.unwrap_or(Path::new(".")).to_owned())
}

/// Whether a directory looks like a journal.
pub(crate) fn holds_segments(dir: &Path) -> bool {
    let names = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names = names.map(|file| file.file_name());
    names.any(|name| name.to_str().is_some_and(is_segment))
}

/// Whether a file has a name that begins with a run's, as those of a journal have.
fn is_segment(name: &str) -> bool {
    let stem = name.split_once('.').map(|(stem, _)| stem);
    let run = stem.and_then(|stem| stem.rsplit_once('-'));
    run.is_some_and(|(run, _)| run.parse::<RunId>().is_ok())
}

/// The journals right below a directory.
pub(crate) fn journals_below(dir: &Path) -> Vec<PathBuf> {
    let found = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut below: Vec<PathBuf> = found
        .map(|found| found.path())
        .filter(|path| path.is_dir() && holds_segments(path))
        .take(BELOW_MAX)
        .collect();
    below.sort();
    below
}

/// So many journals are named below a directory that is none.
const BELOW_MAX: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leading_directories_are_the_journals() {
        let words = ["/tmp", "/usr", "ses_1", "/tmp"].map(OsString::from);
        let located = |most| locate(&words, &[], most).unwrap();
        assert_eq!(located(1).journals, [PathBuf::from("/tmp")]);
        assert_eq!(located(1).rest, ["/usr", "ses_1", "/tmp"]);
        assert_eq!(located(9).journals.len(), 2);
        assert_eq!(located(9).rest, ["ses_1", "/tmp"]);
        let given = locate(&words[2..3], &["/usr".into()], 1).unwrap();
        assert_eq!(given.journals, [PathBuf::from("/usr")]);
        assert_eq!(given.rest, ["ses_1"]);
    }

    #[test]
    fn segments_are_known_by_their_names() {
        let name = "00000001-5d5504de7dddb6c2-000001";
        assert!(is_segment(&format!("{name}.x")));
        assert!(!is_segment("notes.x"));
        assert!(!is_segment(name));
    }
}
