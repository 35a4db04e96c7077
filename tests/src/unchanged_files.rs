//! Files that may not be changed any more.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use trace_journal::RunId;
use trace_journal::format::FileName;

/// The segments of runs that are over, as they were then.
#[derive(Clone, Debug)]
pub struct UnchangedFiles {
    dir: PathBuf,
    files: BTreeMap<String, Vec<u8>>,
}

impl UnchangedFiles {
    /// Nothing yet, of this journal.
    #[must_use]
    pub fn new(dir: &Path) -> UnchangedFiles {
        UnchangedFiles {
            dir: dir.to_owned(),
            files: BTreeMap::new(),
        }
    }

    /// Takes in the segments of a run that is over; all there are for `None`.
    ///
    /// # Panics
    /// If they cannot be read.
    pub fn add(&mut self, run: Option<RunId>) {
        for (name, of) in segments(&self.dir) {
            if run.is_none_or(|run| run == of) && !self.files.contains_key(&name) {
                let bytes = fs::read(self.dir.join(&name)).expect("a segment that can be read");
                self.files.insert(name, bytes);
            }
        }
    }

    /// Whether all are still there and unchanged.
    ///
    /// # Errors
    /// What is wrong with the first that is not.
    pub fn check(&self) -> Result<(), String> {
        for (name, then) in &self.files {
            let now = fs::read(self.dir.join(name)).map_err(|error| format!("{name}: {error}"))?;
            if now == *then {
                continue;
            }
            let (had, has) = (then.len(), now.len());
            let changed = now.iter().zip(then).position(|(now, then)| now != then);
            let offset = changed.unwrap_or(had.min(has));
            return Err(format!(
                "{name} had {had} bytes, has {has}, changed at offset {offset}"
            ));
        }
        Ok(())
    }
}

/// The segments of a directory by name, with their runs.
fn segments(dir: &Path) -> Vec<(String, RunId)> {
    let listed = fs::read_dir(dir).into_iter().flatten();
    let names = listed.filter_map(|found| found.ok()?.file_name().into_string().ok());
    let of = |name: String| match FileName::parse(&name) {
        Some(FileName::Segment(run, _)) => Some((name, run)),
        _ => None,
    };
    names.filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_byte_and_a_changed_length_are_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("00000001-0000000000000001-000001.seg");
        fs::write(&path, b"abc").unwrap();
        let mut unchanged = UnchangedFiles::new(dir.path());
        unchanged.add(None);
        assert_eq!(unchanged.check(), Ok(()));
        fs::write(&path, b"abd").unwrap();
        assert!(unchanged.check().unwrap_err().ends_with("at offset 2"));
        fs::write(&path, b"ab").unwrap();
        assert!(unchanged.check().is_err());
        fs::remove_file(&path).unwrap();
        assert!(unchanged.check().is_err());
    }
}
