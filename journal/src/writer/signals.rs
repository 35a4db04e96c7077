//! What the rooms of a run tell each other against the order in which they use each other: an
//! appender asks the syncer and the preallocator for something, and either of them ends the run.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::sync_primitives::atomic::{AtomicBool, AtomicU64, Ordering};
use super::wakeup::Wakeup;
use super::watermark::Watermark;
use crate::error::{Error, Result};
use crate::seeded::{self, Bug};

/// Wake-ups, wishes, and how far and whether the run goes on.
///
/// The flags are sequentially consistent where one thread sets a flag and then looks at what
/// another thread changes before it looks at the flag: one of the two sees the other.
#[derive(Debug)]
pub(crate) struct Signals {
    /// Wakes the syncer.
    syncer: Wakeup,
    /// Wakes the preallocator.
    preallocator: Wakeup,
    watermark: Watermark,
    /// When refused records are to be noted if no other record comes, in nanoseconds of the run.
    note_refused_at: AtomicU64,
    /// A thread has waited for a sync since the last rotation.
    has_waited: AtomicBool,
    /// Little of the active segment is still writable.
    wants_window: AtomicBool,
    /// How much of it the preallocator keeps writable under load. A measure that nothing is read
    /// by, so its accesses are relaxed.
    window_len: AtomicU64,
    /// The active segment is half full and the next one has not been looked after yet.
    wants_segment: AtomicBool,
    is_closing: AtomicBool,
    /// How the run ended.
    closed: OnceLock<Result<()>>,
    /// Why the run can promise nothing more.
    poison: OnceLock<Arc<Error>>,
}

impl Default for Signals {
    fn default() -> Signals {
        Signals {
            syncer: Wakeup::default(),
            preallocator: Wakeup::default(),
            watermark: Watermark::default(),
            note_refused_at: AtomicU64::new(NEVER),
            has_waited: AtomicBool::new(false),
            wants_window: AtomicBool::new(false),
            window_len: AtomicU64::new(WINDOW_LEN_MIN),
            wants_segment: AtomicBool::new(false),
            is_closing: AtomicBool::new(false),
            closed: OnceLock::new(),
            poison: OnceLock::new(),
        }
    }
}

impl Signals {
    #[inline]
    pub(crate) fn syncer(&self) -> &Wakeup {
        &self.syncer
    }

    pub(crate) fn preallocator(&self) -> &Wakeup {
        &self.preallocator
    }

    #[inline]
    pub(crate) fn watermark(&self) -> &Watermark {
        &self.watermark
    }

    /// Says when refused records are to be noted, if there are any.
    pub(crate) fn set_note_refused_at(&self, at: Option<Duration>) {
        let nanoseconds = at.map_or(NEVER, |at| u64::try_from(at.as_nanos()).unwrap_or(NEVER));
        self.note_refused_at.store(nanoseconds, Ordering::SeqCst);
    }

    /// When refused records are to be noted, if there are any.
    pub(crate) fn note_refused_at(&self) -> Option<Duration> {
        let nanoseconds = self.note_refused_at.load(Ordering::SeqCst);
        (nanoseconds != NEVER).then(|| Duration::from_nanos(nanoseconds))
    }

    /// Remembers that a thread waits: then it is worth to have zeros in the next segment.
    pub(crate) fn note_waiter(&self) {
        let order = Ordering::SeqCst;
        if !self.has_waited.load(order) && !self.has_waited.swap(true, order) {
            self.preallocator.notify();
        }
    }

    pub(crate) fn has_waited(&self) -> bool {
        self.has_waited.load(Ordering::SeqCst)
    }

    /// Asks the preallocator for more writable room.
    pub(crate) fn want_window(&self) {
        // Waking a thread takes longer than many appends.
        if !self.wants_window.load(Ordering::SeqCst) {
            self.wants_window.store(true, Ordering::SeqCst);
            self.preallocator.notify();
        }
    }

    pub(crate) fn wants_window(&self) -> bool {
        self.wants_window.load(Ordering::SeqCst)
    }

    /// Says that more room has been made writable.
    pub(crate) fn window_is_made(&self) {
        self.wants_window.store(false, Ordering::SeqCst);
    }

    #[inline]
    pub(crate) fn window_len(&self) -> u64 {
        self.window_len.load(Ordering::Relaxed)
    }

    pub(crate) fn set_window_len(&self, len: u64) {
        self.window_len.store(len, Ordering::Relaxed);
    }

    /// Asks the preallocator for the next segment.
    #[inline]
    pub(crate) fn want_segment(&self) {
        if !self.wants_segment.load(Ordering::SeqCst) {
            self.wants_segment.store(true, Ordering::SeqCst);
            self.preallocator.notify();
        }
    }

    pub(crate) fn wants_segment(&self) -> bool {
        self.wants_segment.load(Ordering::SeqCst)
    }

    /// Says that the run goes on in the next segment.
    pub(crate) fn segment_is_taken(&self) {
        self.wants_segment.store(false, Ordering::SeqCst);
        self.has_waited.store(false, Ordering::SeqCst);
    }

    /// Says that nothing more is to be appended.
    pub(crate) fn begin_close(&self) {
        self.is_closing.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.is_closing.load(Ordering::SeqCst)
    }

    /// Settles how the run ended; only the first outcome counts.
    pub(crate) fn set_closed(&self, outcome: Result<()>) {
        let _ = self.closed.set(outcome);
    }

    /// How the run ended, if it has.
    pub(crate) fn closed(&self) -> Option<&Result<()>> {
        self.closed.get()
    }

    /// Stops the run for good, for this reason or for an earlier one, which it gives.
    pub(crate) fn set_poison(&self, cause: Error) -> Arc<Error> {
        Arc::clone(self.poison.get_or_init(|| Arc::new(cause)))
    }

    pub(crate) fn poison(&self) -> Option<&Arc<Error>> {
        self.poison.get()
    }

    #[inline]
    pub(crate) fn is_poisoned(&self) -> bool {
        self.poison.get().is_some()
    }

    /// What a caller of a poisoned run is told.
    pub(crate) fn poisoned(&self) -> Option<Error> {
        self.poison.get().map(|cause| Error::Poisoned {
            cause: Arc::clone(cause),
        })
    }

    /// Whether nothing is written to the run any more.
    pub(crate) fn is_over(&self) -> bool {
        self.closed.get().is_some() || self.is_poisoned()
    }

    /// Whether records are still accepted.
    #[inline]
    pub(crate) fn check_open(&self) -> Result<()> {
        if self.is_poisoned() && !seeded::has(Bug::PoisonIgnored) {
            return Err(self.poisoned().unwrap_or(Error::Closed));
        }
        match self.is_closing() {
            true => Err(Error::Closed),
            false => Ok(()),
        }
    }
}

/// How much of the active segment is made writable ahead at first, under load.
pub(crate) const WINDOW_LEN_MIN: u64 = 512 << 10;

/// Nothing is to be noted.
const NEVER: u64 = u64::MAX;
