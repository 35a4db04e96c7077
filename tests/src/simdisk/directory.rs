//! What programs and others do to the directories of the disk and to their files.

use std::sync::Arc;

use trace_journal::RunId;
use trace_journal::format::FileName;

use super::disk::{SimDisk, State};
use super::file::{File, FileId};
use super::folder::Folder;

impl State {
    /// Gives a file a name in a directory, or takes a name away.
    pub(super) fn rename(&mut self, folder: usize, name: &str, to: Option<FileId>) {
        self.version += 1;
        let Some(folder) = self.folders.get_mut(folder) else {
            return;
        };
        let names = Arc::make_mut(&mut folder.names);
        match to {
            Some(id) => drop(names.insert(name.to_owned(), id)),
            None => drop(names.remove(name)),
        }
        folder.stamp += 1;
        folder.name_changes.push((name.to_owned(), to));
    }

    fn new_folder(&mut self) -> usize {
        self.folders.push(Folder::default());
        self.folders.len() - 1
    }
}

/// What another program does to a file of the directory that this disk shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// It is removed.
    Remove,
    /// It is moved to another directory.
    MoveAway,
    /// A copy of it takes its place.
    PutCopy,
}

impl SimDisk {
    /// Which of the disk's directories this shows.
    #[must_use]
    pub fn folder(&self) -> usize {
        self.folder
    }

    /// The same disk, showing another of its directories.
    #[must_use]
    pub fn showing(&self, folder: usize) -> SimDisk {
        SimDisk {
            folder,
            ..self.clone()
        }
    }

    /// The directory is moved away and another one takes its place, to which its path leads from
    /// now on; gives that. A process that has it open goes on in it.
    #[must_use]
    pub fn replace_directory(&self) -> SimDisk {
        let mut state = self.lock();
        let folder = state.new_folder();
        state.here = folder;
        drop(state);
        self.showing(folder)
    }

    /// All files of the directory are removed, and itself.
    pub fn remove_directory(&self) {
        let mut state = self.lock();
        for name in state.names(self.folder).keys() {
            state.rename(self.folder, name, None);
        }
        if let Some(folder) = state.folders.get_mut(self.folder) {
            folder.is_removed = true;
        }
    }

    /// Whether the directory was removed.
    #[must_use]
    pub fn is_removed(&self) -> bool {
        let state = self.lock();
        let folder = state.folders.get(self.folder);
        folder.is_none_or(|folder| folder.is_removed)
    }

    /// Another program does something to a file.
    pub fn meddle(&self, name: &str, deed: Deed) {
        let mut state = self.lock();
        let Some(id) = state.names(self.folder).get(name).copied() else {
            return;
        };
        match deed {
            Deed::Remove => state.rename(self.folder, name, None),
            Deed::MoveAway => {
                let other = state.new_folder();
                state.rename(other, name, Some(id));
                state.rename(self.folder, name, None);
            }
            Deed::PutCopy => {
                let copied = state.files.get(&id).map(|file| file.cached.clone());
                state.next_id += 1;
                let copy = state.next_id;
                let file = File::settled(copied.unwrap_or_default());
                state.files.insert(copy, Arc::new(file));
                state.rename(self.folder, name, Some(copy));
            }
        }
    }

    /// The names of a run's segments, in order.
    #[must_use]
    pub fn segments_of(&self, run: RunId) -> Vec<String> {
        let is_its = |name: &String| match FileName::parse(name) {
            Some(FileName::Segment(of, _)) => of == run,
            _ => false,
        };
        self.names().into_iter().filter(is_its).collect()
    }
}

#[cfg(test)]
mod tests {
    use trace_journal::storage::Storage;

    use super::super::process::Process;
    use super::*;
    use crate::random::Random;

    #[test]
    fn a_directory_that_is_open_is_used_after_its_name_is_gone() {
        let disk = SimDisk::new(Random::new(1));
        let process = Process::start(&disk);
        let file = process.create("one").unwrap();
        let other = disk.replace_directory();
        process.create("two").unwrap();
        assert_eq!(disk.names(), ["one", "two"]);
        assert!(other.names().is_empty() && Process::start(&other).list().unwrap().is_empty());
        let same = process.identity_of("one").unwrap();
        assert_eq!(same, file.identity().unwrap());
        let stamp = process.stamp().unwrap();
        disk.meddle("one", Deed::PutCopy);
        assert_ne!(process.identity_of("one").unwrap(), same);
        assert_ne!(process.stamp().unwrap(), stamp);
        disk.meddle("one", Deed::MoveAway);
        assert_eq!(disk.names(), ["two"]);
        disk.remove_directory();
        assert!(!Storage::is_linked(&process).unwrap() && process.create("three").is_err());
    }
}
