//! What calls do to the disk, and what a seeded bug makes of them.

use std::io;

use trace_journal::storage::{Lock, LockOutcome};

use super::fault::{Bug, Need};
use super::{File, FileId, State};

impl State {
    pub(super) fn rename(&mut self, name: &str, to: Option<FileId>) {
        match to {
            Some(id) => drop(self.names.insert(name.to_owned(), id)),
            None => drop(self.names.remove(name)),
        }
        self.name_changes.push((name.to_owned(), to));
    }

    pub(super) fn file(&mut self, id: FileId) -> io::Result<&mut File> {
        let file = self.files.get_mut(&id);
        file.ok_or_else(|| io::Error::other("no such file"))
    }

    /// Writes, or does what a bug makes of it.
    pub(super) fn write(&mut self, id: FileId, bytes: &[u8], offset: u64) -> io::Result<()> {
        let at = index(offset);
        let is_frame = at >= 8192 && bytes.iter().any(|byte| *byte != 0);
        let bug = self.bug.filter(|_| is_frame);
        let file = self.file(id)?;
        match bug {
            Some(Bug::WriteShort) => {
                file.write(bytes.get(..bytes.len() / 2).unwrap_or(bytes), at);
            }
            Some(Bug::WriteMisplaced) => file.write(bytes, at + 8),
            _ => file.write(bytes, at),
        }
        Ok(())
    }

    pub(super) fn sync(&mut self, id: FileId, from: usize, to: usize) -> io::Result<()> {
        let failed = self.faults.next(Need::Sync);
        if failed.is_err() {
            let mut random = Clone::clone(&self.random);
            self.has_failed_sync = true;
            self.file(id)?.fail_sync(from, to, &mut random);
            self.random = random;
        }
        match self.bug {
            Some(Bug::SyncErrorSwallowed) => {
                return self.sync_unless(failed.is_err(), id, from, to);
            }
            _ => failed?,
        }
        match self.bug {
            Some(Bug::SyncIgnored) => Ok(()),
            Some(Bug::SyncShort) => {
                let to = to.saturating_sub(1) / 512 * 512;
                self.sync_unless(to <= from, id, from, to)
            }
            Some(Bug::SyncWrongFile) => {
                let other = self.files.keys().copied().find(|other| *other != id);
                self.sync_unless(false, other.unwrap_or(id), from, to)
            }
            Some(Bug::SyncOnlyFirst) => {
                // The header and one batch of frames.
                self.sync_unless(from > 8192, id, from, to)
            }
            Some(Bug::SyncLate) => {
                if let Some((id, from, to)) = self.delayed.replace((id, from, to)) {
                    self.sync_unless(false, id, from, to)?;
                }
                Ok(())
            }
            _ => self.sync_unless(false, id, from, to),
        }
    }

    pub(super) fn sync_unless(
        &mut self,
        is_left_out: bool,
        id: FileId,
        from: usize,
        to: usize,
    ) -> io::Result<()> {
        if !is_left_out {
            self.file(id)?.sync(from, to, true);
        }
        Ok(())
    }

    pub(super) fn try_lock(&mut self, file: FileId, handle: u64, lock: Lock) -> LockOutcome {
        let is_alone = lock == Lock::Exclusive;
        let mut others = self
            .locks
            .iter()
            .filter(|held| held.0 == file && held.1 != handle);
        let is_contended = others.any(|held| held.2 || is_alone);
        if is_contended && self.bug != Some(Bug::LockIgnored) {
            return LockOutcome::Contended;
        }
        self.locks.retain(|held| (held.0, held.1) != (file, handle));
        self.locks.push((file, handle, is_alone));
        LockOutcome::Held
    }
}

pub(super) fn size(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

pub(super) fn index(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}
