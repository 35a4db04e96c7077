//! What calls do to the disk, and what a seeded bug makes of them.

use std::io;
use std::sync::Arc;

use trace_journal::storage::{Lock, LockOutcome};

use super::disk::State;
use super::fault::{Bug, Need};
use super::file::{File, FileId};

impl State {
    pub(super) fn file(&mut self, id: FileId) -> io::Result<&mut File> {
        let file = self.files.get_mut(&id).map(Arc::make_mut);
        file.ok_or_else(|| io::Error::other("no such file"))
    }

    /// Notes whether a call changed anything that a crash could show.
    pub(super) fn note(&mut self, has_changed: bool) {
        self.version += u64::from(has_changed);
    }

    /// Writes, or does what a bug makes of it.
    pub(super) fn write(&mut self, id: FileId, bytes: &[u8], offset: u64) -> io::Result<()> {
        let at = index(offset);
        let is_frame = at >= 8192 && bytes.iter().any(|byte| *byte != 0);
        let bug = self.bug.filter(|_| is_frame);
        let file = self.file(id)?;
        let has_changed = match bug {
            Some(Bug::WriteShort) => {
                let half = bytes.get(..bytes.len() / 2).unwrap_or(bytes);
                file.write(half, at)
            }
            Some(Bug::WriteMisplaced) => file.write(bytes, at + 8),
            _ => file.write(bytes, at),
        };
        self.note(has_changed);
        Ok(())
    }

    pub(super) fn sync(&mut self, id: FileId, from: usize, to: usize) -> io::Result<()> {
        let failed = self.faults.next(Need::Sync).map(drop);
        if matches!(&failed, Err(error) if error.kind() == io::ErrorKind::Interrupted) {
            return failed;
        }
        if failed.is_err() {
            self.version += 1;
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
            let has_changed = self.file(id)?.sync(from, to, true);
            self.note(has_changed);
        }
        Ok(())
    }

    pub(super) fn try_lock(&mut self, file: FileId, handle: u64, lock: Lock) -> LockOutcome {
        let is_alone = lock == Lock::Exclusive;
        let outcome = self.outcome(file, handle, is_alone);
        if outcome != LockOutcome::Held && self.bug != Some(Bug::LockIgnored) {
            return outcome;
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
