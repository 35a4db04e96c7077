//! A program's view of the disk: the storage seam.

use std::io;
use std::path::Path;
use std::sync::Arc;

use trace_journal::Timestamp;
use trace_journal::format::Owner;
use trace_journal::storage::{
    ClockReading, Durability, Entry, FileIdentity, FileSystem, ProcessFacts, ProcessState, Storage,
    StorageFile,
};

use super::calls::size;
use super::disk::State;
use super::fault::{Bug, Need};
use super::file::FileId;
use super::opened::{Handle, identity};
use super::process::Process;
use super::programs::TMPFS;

impl Process {
    fn handle(&self, state: &mut State, file: FileId, is_writable: bool) -> Arc<dyn StorageFile> {
        state.next_id += 1;
        state.programs.open();
        Arc::new(Handle::new(self, file, state.next_id, is_writable))
    }
}

impl Storage for Process {
    fn path(&self) -> &Path {
        Path::new("/simulated")
    }

    fn list(&self) -> io::Result<Vec<Entry>> {
        self.look(Need::Nothing, |state| {
            let entry = |(name, id): (&String, &FileId)| Entry {
                name: name.clone(),
                len: size(state.files.get(id).map_or(0, |file| file.cached.len())),
                is_file: true,
            };
            Ok(self.names(state).iter().map(entry).collect())
        })
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        self.change(Need::NewFile, |state| {
            let folder = self.name_free(state, name)?;
            state.next_id += 1;
            let id = state.next_id;
            state.files.insert(id, Arc::default());
            state.rename(folder, name, Some(id));
            Ok(self.handle(state, id, true))
        })
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        self.look(Need::OpenFile, |state| {
            let id = self.names(state).get(name).copied();
            let id = id.ok_or(io::ErrorKind::NotFound)?;
            Ok(self.handle(state, id, false))
        })
    }

    fn open_to_lock(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        self.look(Need::OpenFile, |state| {
            let id = self.names(state).get(name).copied();
            let id = id.ok_or(io::ErrorKind::NotFound)?;
            Ok(self.handle(state, id, true))
        })
    }

    fn link(&self, from: &str, to: &str) -> io::Result<()> {
        self.change(Need::Space, |state| {
            let id = self.names(state).get(from).copied();
            let id = id.ok_or(io::ErrorKind::NotFound)?;
            let folder = self.name_free(state, to)?;
            state.rename(folder, to, Some(id));
            Ok(())
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.change(Need::Change, |state| {
            let folder = self.folder(state);
            if !state.names(folder).contains_key(name) {
                return Err(io::ErrorKind::NotFound.into());
            }
            state.rename(folder, name, None);
            if state.bug == Some(Bug::RemoveTooMuch) && name.ends_with(".run") {
                let names = state.names(folder);
                let first = names.keys().find(|name| name.ends_with(".seg"));
                if let Some(first) = first {
                    state.rename(folder, first, None);
                }
            }
            Ok(())
        })
    }

    fn stamp(&self) -> io::Result<Option<u64>> {
        self.look(Need::Nothing, |state| {
            let folder = state.folders.get(self.disk.folder);
            Ok(folder.map(|folder| folder.stamp))
        })
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.change(Need::DirSync, |state| {
            if state.bug != Some(Bug::DirSyncIgnored) {
                let folder = state.folders.get_mut(self.disk.folder);
                let folder = folder.ok_or(io::ErrorKind::NotFound)?;
                let has_changed = !folder.name_changes.is_empty();
                folder.disk_names = Arc::clone(&folder.names);
                folder.name_changes.clear();
                state.note(has_changed);
            }
            Ok(())
        })
    }

    fn identity_of(&self, name: &str) -> io::Result<FileIdentity> {
        self.look(Need::Nothing, |state| {
            let id = self.names(state).get(name).copied();
            Ok(identity(id.ok_or(io::ErrorKind::NotFound)?))
        })
    }

    fn is_linked(&self) -> io::Result<bool> {
        self.look(Need::Nothing, |state| {
            let folder = state.folders.get(self.disk.folder);
            Ok(folder.is_some_and(|folder| !folder.is_removed))
        })
    }

    fn file_system(&self) -> FileSystem {
        FileSystem::Ext4
    }

    fn durability(&self) -> Durability {
        match self.disk.lock().programs.file_system {
            TMPFS => Durability::None,
            _ => Durability::Disk,
        }
    }

    fn clocks(&self) -> ClockReading {
        let mut state = self.disk.lock();
        let passed = state.random.below(20_000_000);
        state.nanoseconds += passed;
        // The wall clock goes forth and back.
        let jump = i64::try_from(state.nanoseconds % 5).unwrap_or(0);
        ClockReading {
            wall: Timestamp::new(1_700_000_000 - jump * 3600, 0),
            boot_nanoseconds: state.nanoseconds,
        }
    }

    fn random(&self) -> u64 {
        self.disk.lock().random.draw()
    }

    fn process(&self) -> ProcessFacts {
        self.disk.lock().programs.facts(self.pid)
    }

    fn file_system_type(&self) -> u64 {
        self.disk.lock().programs.file_system
    }

    fn process_state(&self, owner: &Owner) -> ProcessState {
        self.disk.lock().programs.state_of(owner)
    }
}
