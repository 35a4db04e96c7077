//! A file that a simulated program has open.

use std::io;
use std::sync::Arc;

use trace_journal::storage::{
    FileIdentity, Lock, LockOutcome, MappedRegion, StorageFile, read_whole, retry, write_whole,
};

use super::calls::{index, size};
use super::fault::{Bug, Extent, Need};
use super::file::FileId;
use super::mapping::Mapping;
use super::process::Process;
use super::programs::Locks;

/// An open file of a program.
#[derive(Debug)]
pub(super) struct Handle {
    process: Process,
    file: FileId,
    id: u64,
    is_writable: bool,
}

impl Handle {
    pub(super) fn new(process: &Process, file: FileId, id: u64, is_writable: bool) -> Handle {
        Handle {
            process: process.clone(),
            file,
            id,
            is_writable,
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let mut state = self.process.disk.lock();
        if !state.programs.close(self.id) {
            state.unlock(self.id);
        }
    }
}

impl StorageFile for Handle {
    fn len(&self) -> io::Result<u64> {
        self.process.look(Need::Nothing, |state| {
            Ok(size(state.file(self.file)?.cached.len()))
        })
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let read = |buffer: &mut [u8], offset| {
            self.process.check()?;
            let mut state = self.process.disk.lock();
            let extent = state.faults.next(Need::Read)?;
            let cached = state.file(self.file)?.cached.bytes();
            let from = cached.get(index(offset)..).unwrap_or(&[]);
            let len = part(extent, from.len().min(buffer.len()));
            if let (Some(to), Some(from)) = (buffer.get_mut(..len), from.get(..len)) {
                to.copy_from_slice(from);
            }
            Ok(len)
        };
        read_whole(read, buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let write = |bytes: &[u8], offset| {
            self.process.check()?;
            self.process.disk.about_to_change();
            let mut state = self.process.disk.lock();
            let extent = state.faults.next(Need::Write)?;
            let len = part(extent, bytes.len());
            state.write(self.file, bytes.get(..len).unwrap_or(bytes), offset)?;
            Ok(len)
        };
        let written = write_whole(write, bytes, offset);
        if written.is_err() && self.process.check().is_ok() {
            // A write that fails has written a part.
            let mut state = self.process.disk.lock();
            let len = state.random.below(size(bytes.len()));
            let part = bytes.get(..index(len)).unwrap_or(bytes);
            let has_changed = state.file(self.file)?.write(part, index(offset));
            state.note(has_changed);
        }
        written
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.process.change(Need::Space, |state| {
            let has_changed = state.file(self.file)?.set_len(index(len));
            state.note(has_changed);
            Ok(())
        })
    }

    fn map(&self, _len: u64) -> io::Result<Arc<dyn MappedRegion>> {
        self.process.look(Need::Nothing, |_| {
            let mapping: Arc<dyn MappedRegion> = Arc::new(Mapping {
                process: self.process.clone(),
                file: self.file,
            });
            Ok(mapping)
        })
    }

    fn sync(&self, from: u64, to: u64) -> io::Result<()> {
        retry(|| {
            self.process.check()?;
            self.process.disk.about_to_change();
            let mut state = self.process.disk.lock();
            state.sync(self.file, index(from), index(to))
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.process.change(Need::Change, |state| {
            let len = match state.bug {
                Some(Bug::CutTooFar) => len.saturating_sub(512),
                _ => len,
            };
            let has_changed = state.file(self.file)?.set_len(index(len));
            state.note(has_changed);
            Ok(())
        })
    }

    fn next_data(&self, offset: u64) -> io::Result<Option<(u64, u64)>> {
        self.process.look(Need::Nothing, |state| {
            let data = state.file(self.file)?.next_data(index(offset));
            Ok(data.map(|(from, to)| (size(from), size(to))))
        })
    }

    fn drop_cache(&self, from: u64, to: u64) -> io::Result<()> {
        self.process.look(Need::Nothing, |state| {
            if state.bug != Some(Bug::DropCacheIgnored) {
                state.file(self.file)?.drop_cache(index(from), index(to));
                state.version += 1;
            }
            Ok(())
        })
    }

    fn identity(&self) -> io::Result<FileIdentity> {
        self.process
            .look(Need::Nothing, |_| Ok(identity(self.file)))
    }

    fn is_linked(&self) -> io::Result<bool> {
        self.process.look(Need::Nothing, |state| {
            let mut folders = state.folders.iter();
            let is_named = folders.any(|f| f.names.values().any(|id| *id == self.file));
            Ok(is_named)
        })
    }

    fn try_lock(&self, lock: Lock) -> io::Result<LockOutcome> {
        self.process.look(Need::Nothing, |state| {
            let may_lock = self.is_writable || lock == Lock::Shared;
            if state.programs.locks == Locks::Nfs && !may_lock {
                return Err(io::Error::from_raw_os_error(EBADF));
            }
            state.programs.note_owner(self.id, self.process.pid);
            Ok(state.try_lock(self.file, self.id, lock))
        })
    }
}

pub(super) fn identity(inode: FileId) -> FileIdentity {
    FileIdentity { device: 0, inode }
}

/// What NFS says when a lock is asked for by a process that may not write the file.
const EBADF: i32 = 9;

/// How many bytes a call does of those it is asked for.
fn part(extent: Extent, len: usize) -> usize {
    match extent {
        Extent::Whole => len,
        Extent::Part => len.div_ceil(2),
    }
}
