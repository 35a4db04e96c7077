//! The window of a mapped segment: what of it can be stored into without asking for space.

use crate::storage::PAGE_LEN;
use crate::writer::sync_primitives::atomic::{AtomicU64, Ordering};
use crate::writer::sync_primitives::{Mutex, MutexGuard, PoisonError};
use std::io;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::tail::AtomicTail;
use crate::format::FRAMES_OFFSET;
use crate::seeded::{self, Bug};
use crate::storage::{MappedRegion, StorageFile};

/// A mapping and how far it is writable.
///
/// Pages that are new are made by writing zeros, many at once, where there is something to be
/// gained by it: the system then gets memory for them in large pieces and maps each with one
/// fault, which takes a third of the time that single pages take. Where anything may have been
/// put down no zeros are written: the room is [claimed](PrefaultWindow::protect_to) first.
#[derive(Debug)]
pub(crate) struct PrefaultWindow {
    region: Arc<dyn MappedRegion>,
    /// What zeros are written to, if that makes pages; gone when every frame is durable.
    file: Option<Weak<dyn StorageFile>>,
    file_len: u64,
    /// Where it ends; 0 if nothing is writable. Stored with release when the pages in front of it
    /// are writable, loaded with acquire before anything is stored into them.
    end: AtomicU64,
    /// Up to where something may have been put down; held by the thread that writes zeros behind
    /// that.
    claimed: Mutex<u64>,
    /// What the next appender to run short makes writable beyond its own record. Relaxed: a measure
    /// that nothing is read by.
    ahead: AtomicU64,
}

impl PrefaultWindow {
    /// The window of a segment in which nothing is writable yet.
    pub(crate) fn new(
        region: Arc<dyn MappedRegion>,
        file: Option<Weak<dyn StorageFile>>,
        file_len: u64,
    ) -> PrefaultWindow {
        PrefaultWindow {
            region,
            file,
            file_len,
            end: AtomicU64::new(0),
            claimed: Mutex::new(FRAMES_OFFSET),
            ahead: AtomicU64::new(AHEAD_MIN),
        }
    }

    pub(crate) fn region(&self) -> &dyn MappedRegion {
        &*self.region
    }

    /// Up to where the region can be stored into.
    pub(crate) fn end(&self) -> u64 {
        self.end.load(Ordering::Acquire)
    }

    /// Says that something is going to be put down in front of `to`, and waits for the thread
    /// that writes zeros there.
    pub(crate) fn protect_to(&self, to: u64) {
        if seeded::has(Bug::RoomNotClaimed) {
            return;
        }
        let mut claimed = self.lock();
        *claimed = to.max(*claimed);
    }

    /// Makes `len` bytes from the tail on safe to store into.
    pub(crate) fn populate(&self, reserve: &AtomicTail, len: u64) -> io::Result<()> {
        let from = reserve.tail().offset;
        let to = self.page_end(from.saturating_add(len));
        self.prepare(&mut self.lock(), from, to)?;
        self.end.fetch_max(to, Ordering::AcqRel);
        Ok(())
    }

    /// As [`populate`](PrefaultWindow::populate), and some more for records to come: the more often
    /// appenders run short between two syncs, the more, for each of them has to wait for it.
    pub(crate) fn populate_ahead(&self, reserve: &AtomicTail, len: u64) -> io::Result<()> {
        let mut claimed = self.lock();
        let from = reserve.tail().offset;
        let needed = from.saturating_add(len);
        // The thread that had the lock has just extended it.
        if needed <= self.end() {
            return Ok(());
        }
        let ahead = self.ahead.load(Ordering::Relaxed);
        let more = (ahead * 2).min(AHEAD_MAX);
        self.ahead.store(more, Ordering::Relaxed);
        let to = self.page_end(needed.saturating_add(ahead));
        self.prepare(&mut claimed, from, to)?;
        self.end.fetch_max(to, Ordering::AcqRel);
        Ok(())
    }

    /// Makes the next piece behind the window writable; `false` if there is none or another
    /// thread has changed the window meanwhile.
    pub(crate) fn extend(&self, reserve: &AtomicTail) -> bool {
        let mut claimed = self.lock();
        let end = self.end();
        // A journal at rest has nothing writable, and keeps it so.
        if end == 0 {
            return false;
        }
        let from = end.max(reserve.tail().offset);
        let to = piece_end(from).min(self.file_len);
        if from >= to || self.prepare(&mut claimed, from, to).is_err() {
            return false;
        }
        // The window may have ended meanwhile: then this part alone is worth nothing.
        let (written, read) = (Ordering::AcqRel, Ordering::Acquire);
        let widened = self.end.compare_exchange(end, to, written, read);
        widened.is_ok()
    }

    /// Begins anew with `len` bytes from the tail on.
    pub(crate) fn repopulate(&self, reserve: &AtomicTail, len: u64) {
        self.ahead.store(AHEAD_MIN, Ordering::Relaxed);
        let from = reserve.tail().offset;
        let to = self.page_end(from.saturating_add(len));
        // Where there is no space, the appender finds out and says so.
        let renewed = self.prepare(&mut self.lock(), from, to);
        let end = renewed.map_or(0, |()| to);
        self.end.store(end, Ordering::Release);
    }

    /// Makes the rest of the piece anew in which a sync ended, which wrote all of it; what is
    /// behind that was not touched by the sync.
    pub(crate) fn renew_end(&self, end: u64) {
        if seeded::has(Bug::SyncedEndNotRenewed) {
            return;
        }
        let to = piece_end(end).min(self.end()).max(end);
        if self
            .region
            .make_writable(end.saturating_sub(1), to)
            .is_err()
        {
            self.invalidate();
        }
    }

    /// Ends the window: it must be made anew before anything is stored.
    pub(crate) fn invalidate(&self) {
        self.end.store(0, Ordering::Release);
        self.ahead.store(AHEAD_MIN, Ordering::Relaxed);
    }

    /// Makes `from..to` safe to store into, and claims it.
    fn prepare(&self, claimed: &mut u64, from: u64, to: u64) -> io::Result<()> {
        let new = seeded::either(Bug::ZerosOverStored, from, from.max(*claimed));
        if to.saturating_sub(new) >= ZEROED_MIN
            && let Some(file) = self.file.as_ref().and_then(Weak::upgrade)
        {
            // Whether there is space shows when the pages are made writable.
            let _ = zero_pieces(&*file, new, to);
        }
        *claimed = to.max(*claimed);
        self.region.make_writable(from, to)
    }

    fn page_end(&self, offset: u64) -> u64 {
        offset.next_multiple_of(PAGE_LEN).min(self.file_len)
    }

    fn lock(&self) -> MutexGuard<'_, u64> {
        self.claimed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Overwrites a part of a file with zeros, piece by piece.
fn zero_pieces(file: &dyn StorageFile, from: u64, to: u64) -> io::Result<()> {
    let mut at = from;
    while at < to {
        let end = piece_end(at).min(to);
        let len = usize::try_from(end - at).unwrap_or(usize::MAX);
        file.write_at(ZEROS.get(..len).unwrap_or(&ZEROS), at)?;
        at = end;
    }
    Ok(())
}

/// Where the piece ends that this offset is in.
fn piece_end(offset: u64) -> u64 {
    (offset + 1).next_multiple_of(PIECE_LEN)
}

/// The window is widened by so much at once, and memory got for it in one piece. A sync writes
/// pieces as a whole, the last one again when it is full: longer ones were hardly faster.
pub(crate) const PIECE_LEN: u64 = 128 << 10;
static ZEROS: [u8; 128 << 10] = [0; 128 << 10];

/// How long pages stay writable when nothing is stored into them: a journal at rest must notice
/// that its pages need new space, because a copy was made that shares them.
pub(crate) const WINDOW_IDLE: Duration = Duration::from_millis(50);

/// Few pages are made one by one: later syncs of single records are to be short.
const ZEROED_MIN: u64 = 8 * PAGE_LEN;

const AHEAD_MIN: u64 = PAGE_LEN;
const AHEAD_MAX: u64 = PIECE_LEN;
