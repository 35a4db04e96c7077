//! Files of sessions: written beside their place, synced, then renamed into it.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use trace_journal::{Reader, export};

use super::part::{Part, give_up};
use super::system::{make_directory, sync_directory, watch_signals};
use crate::error::{CliError, Result};
use crate::escape::one_line;

/// A directory that gets one file per session.
pub(in crate::commands) struct Files {
    dir: PathBuf,
    names: Vec<String>,
    written: Cell<u64>,
    existing: Existing,
}

/// What becomes of a file that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::commands) enum Existing {
    /// It stays, and nothing is written.
    Stays,
    Replaced,
    /// It is replaced if it is not what would be written.
    Updated,
}

impl Files {
    /// Makes the directory if it is missing; refuses if it is the journal, or if a file of these
    /// names is there already and may not be replaced.
    pub(in crate::commands) fn prepare(
        (dir, journal): (&Path, &Path),
        names: Vec<String>,
        existing: Existing,
    ) -> Result<Files> {
        if is_same(dir, journal) {
            let words = "OUT is the journal itself; give another directory";
            return Err(CliError::Usage(words.to_owned()));
        }
        let files = Files {
            dir: dir.to_owned(),
            names,
            written: Cell::new(0),
            existing,
        };
        let taken = files
            .names
            .iter()
            .map(|name| dir.join(name))
            .find(|path| path.exists());
        if let Some(taken) = taken.filter(|_| existing == Existing::Stays) {
            let words = refused(&taken);
            return Err(CliError::Refused(format!("{words}; nothing was written")));
        }
        make_directory(dir).map_err(|error| failed("make", dir, &error))?;
        watch_signals(give_up).map_err(|error| failed("listen to signals for", dir, &error))?;
        Ok(files)
    }

    /// Writes the file of this place in the list of names, whole or not at all.
    pub(in crate::commands) fn write(
        &self,
        place: usize,
        content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<()> {
        let name = &self.names[place];
        let path = self.dir.join(name);
        let mut made = Vec::new();
        if self.existing == Existing::Updated {
            content(&mut made).map_err(|error| failed("write", &path, &error))?;
            if fs::read(&path).is_ok_and(|there| there == made) {
                return Ok(());
            }
            return self.put(name, &path, |out| out.write_all(&made));
        }
        self.put(name, &path, content)
    }

    fn put(
        &self,
        name: &str,
        path: &Path,
        content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<()> {
        let part = match Part::begin(&self.dir, name) {
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                let path = path.display().to_string();
                let words = format!("{} is being written by another command", one_line(&path));
                return Err(CliError::Refused(words));
            }
            part => part.map_err(|error| failed("write in", &self.dir, &error))?,
        };
        let mut buffered = BufWriter::new(&part.file);
        content(&mut buffered)
            .and_then(|()| buffered.flush())
            .and_then(|()| part.file.sync_all())
            .map_err(|error| failed("write", path, &error))?;
        drop(buffered);
        match part.place(path, self.existing != Existing::Stays) {
            Ok(()) => {
                self.written.set(self.written.get() + 1);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(CliError::Refused(refused(path)))
            }
            Err(error) => Err(failed("write", path, &error)),
        }
    }

    /// Makes the names durable; how many files were written.
    pub(in crate::commands) fn finish(&self) -> Result<u64> {
        sync_directory(&self.dir).map_err(|error| failed("sync", &self.dir, &error))?;
        Ok(self.written.get())
    }
}

/// The names of the sessions' files; they depend on the journal, not on what was chosen of it.
pub(in crate::commands) fn names(reader: &Reader, chosen: &[String]) -> Vec<String> {
    let all: Vec<&str> = reader.ids().collect();
    let names: BTreeMap<&str, String> = all.iter().copied().zip(export::file_names(&all)).collect();
    let name = |id: &String| names.get(id.as_str()).cloned();
    let name = |id: &String| name(id).unwrap_or_else(|| export::file_name(id));
    chosen.iter().map(name).collect()
}

fn is_same(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

fn refused(path: &Path) -> String {
    let path = path.display().to_string();
    format!(
        "{} exists and stays as it is; --overwrite replaces it",
        one_line(&path)
    )
}

fn failed(what: &str, path: &Path, error: &io::Error) -> CliError {
    let path = one_line(&path.display().to_string()).into_owned();
    CliError::CouldNot(format!("{what} {path}: {error}"))
}
