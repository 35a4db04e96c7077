//! The segment after the active one: made ahead where there was time, else when it is needed.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Instant;

use super::setbacks::Setbacks;
use crate::error::Error;
use crate::format::FRAMES_OFFSET;
use crate::seq::{RunId, SegmentNumber};
use crate::storage::PAGE_LEN;
use crate::storage::Storage;
use crate::writer::segment::active::{
    ActiveSegment, Making, Mapping, PrepareFailure, is_full, zero,
};
use crate::writer::segment::prefault::WINDOW_IDLE;

/// Gives out the segments of a run one after the other.
#[derive(Debug)]
pub(crate) struct SegmentPipeline {
    run: RunId,
    /// Number of the next segment to be made.
    number: SegmentNumber,
    /// Its planned length.
    len: u64,
    /// Length that planned ones do not go beyond.
    len_max: u64,
    is_mapped: bool,
    prepared: Option<Prepared>,
    /// Making it ahead has failed; the appender that needs it tries again.
    has_given_up: bool,
    /// There was no space even for a small one: another attempt, which is not cheap everywhere,
    /// begins with that.
    is_full: bool,
    /// A failure that poisons the run; the next thread gets it too, however soon that is.
    failed: Option<Error>,
    /// Failures that may not last.
    setbacks: Setbacks,
}

/// Which segments a pipeline makes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SegmentPlan {
    pub(crate) run: RunId,
    /// Number of the first one.
    pub(crate) number: SegmentNumber,
    /// Its length; later ones are longer.
    pub(crate) len: u64,
    /// Length that none goes beyond unless one record needs it.
    pub(crate) len_max: u64,
    pub(crate) is_mapped: bool,
    /// Failed attempts are repeated at once, as in a simulation.
    pub(crate) is_stepped: bool,
}

impl SegmentPipeline {
    pub(crate) fn new(plan: SegmentPlan) -> SegmentPipeline {
        SegmentPipeline {
            run: plan.run,
            number: plan.number,
            len: plan.len,
            len_max: plan.len_max.next_multiple_of(PAGE_LEN),
            is_mapped: plan.is_mapped,
            prepared: None,
            has_given_up: false,
            is_full: false,
            failed: None,
            setbacks: Setbacks::new(plan.is_stepped),
        }
    }

    /// Whether there is nothing to be made ahead.
    pub(crate) fn is_settled(&self) -> bool {
        self.prepared.is_some() || self.has_given_up
    }

    pub(crate) fn has_zeroing_left(&self) -> bool {
        let unfinished = |prepared: &Prepared| prepared.zeroed_to < prepared.segment.file_len();
        self.prepared.as_ref().is_some_and(unfinished)
    }

    /// Makes the next segment ahead of its time.
    pub(crate) fn prepare(&mut self, storage: &dyn Storage) -> Result<(), PrepareFailure> {
        if !self.is_settled() {
            self.has_given_up = true;
            let segment = self.make(storage, 0)?;
            self.has_given_up = false;
            self.prepared = Some(Prepared::new(segment));
        }
        Ok(())
    }

    /// Hands over the next segment, at least `needed` bytes long, its first bytes writable.
    pub(crate) fn take(
        &mut self,
        storage: &dyn Storage,
        needed: u64,
    ) -> Result<Arc<ActiveSegment>, PrepareFailure> {
        self.forget_removed(storage);
        let prepared = match self.prepared.take() {
            Some(prepared) if prepared.segment.file_len() >= needed => prepared,
            small => {
                // Nothing was ever written to one that is too small, so it can go; if it will
                // not, it stays as an empty segment and its number is not used again.
                if let Some(small) = small
                    && storage.remove(small.segment.name()).is_ok()
                {
                    self.number = small.segment.number();
                }
                Prepared::new(self.make(storage, needed)?)
            }
        };
        self.has_given_up = false;
        let segment = Arc::clone(&prepared.segment);
        // Others may share the pages by now, as in a window that was not used.
        let is_old = |since: Instant| since.elapsed() >= WINDOW_IDLE;
        if prepared.writable_since.is_some_and(is_old) {
            segment.invalidate();
        }
        if let Err(error) = make_first_writable(&segment) {
            self.prepared = Some(prepared);
            let path = storage.path().join(segment.name());
            return Err(PrepareFailure::Discarded(Error::io(
                "get space in",
                path,
                error,
            )));
        }
        Ok(segment)
    }

    /// Lets go of the prepared segment if it was removed or replaced.
    fn forget_removed(&mut self, storage: &dyn Storage) {
        let Some(Prepared { segment, .. }) = &self.prepared else {
            return;
        };
        match storage.identity_of(segment.name()) {
            Ok(found) => match segment.file().identity() {
                // Whatever is there now stays, and its number is not used again.
                Ok(own) if own != found => {}
                _ => return,
            },
            Err(error) if error.kind() == ErrorKind::NotFound => self.number = segment.number(),
            Err(_) => return,
        }
        self.prepared = None;
    }

    /// Makes the next part at the beginning of the prepared segment writable, up to `at_most`
    /// bytes; `false` if there is nothing to be done.
    pub(crate) fn extend_writable(&mut self, at_most: u64) -> bool {
        // Zeros that are still being synced would take it away again.
        let has_zeroing_left = self.has_zeroing_left();
        let Some(prepared) = self.prepared.as_mut().filter(|_| !has_zeroing_left) else {
            return false;
        };
        let segment = &prepared.segment;
        if segment.writable_to() == 0 {
            prepared.writable_since = Some(Instant::now());
            return segment.make_writable(WRITABLE_AHEAD).is_ok();
        }
        let end = FRAMES_OFFSET.saturating_add(at_most);
        segment.writable_to() < end && segment.extend_writable()
    }

    /// Says that the prepared segment must be made writable anew.
    pub(crate) fn invalidate(&self) {
        if let Some(prepared) = &self.prepared {
            prepared.segment.invalidate();
        }
    }

    /// Takes the prepared segment away for good.
    pub(crate) fn take_prepared(&mut self) -> Option<Arc<ActiveSegment>> {
        self.prepared.take().map(|prepared| prepared.segment)
    }

    /// Overwrites the next part of the prepared segment with zeros; gives what is to be synced.
    pub(crate) fn zero_next_part(&mut self) -> Option<(Arc<ActiveSegment>, u64, u64)> {
        self.prepared.as_mut().and_then(Prepared::zero_next_part)
    }

    /// Makes a segment of the planned length; on a full disk, a smaller one that will do.
    fn make(
        &mut self,
        storage: &dyn Storage,
        needed: u64,
    ) -> Result<ActiveSegment, PrepareFailure> {
        if let Some(error) = &self.failed {
            return Err(PrepareFailure::Poison(error.clone()));
        }
        if let Some(error) = self.setbacks.pending() {
            return Err(PrepareFailure::Discarded(error));
        }
        let len_max = storage.file_len_max() / PAGE_LEN * PAGE_LEN;
        let planned = self.len.min(len_max).max(needed);
        let small = SMALL_SEGMENT_LEN.min(len_max).max(needed).min(planned);
        let first = if self.is_full { small } else { planned };
        let mut made = self.make_of(storage, first);
        if lacks_space(&made) && small < first {
            made = self.make_of(storage, small);
        } else if made.is_ok() && first == planned {
            self.len = self.len.saturating_mul(2).min(self.len_max);
        }
        self.is_full = lacks_space(&made);
        match &made {
            Ok(_) => {
                self.number = self.number.next();
                self.setbacks.end();
            }
            Err(PrepareFailure::Poison(error)) => self.failed = Some(error.clone()),
            Err(PrepareFailure::Discarded(error)) => self.setbacks.add(error),
        }
        made
    }

    /// Makes a segment of this length, with the next number that is free: where what was made
    /// before could not be removed, it stays as an empty segment.
    fn make_of(
        &mut self,
        storage: &dyn Storage,
        len: u64,
    ) -> Result<ActiveSegment, PrepareFailure> {
        let making = Making {
            mapping: match self.is_mapped {
                true => Mapping::IfPossible,
                false => Mapping::No,
            },
            is_zeroed: false,
        };
        for _ in 0..TAKEN_MAX {
            let made = ActiveSegment::prepare(storage, self.run, self.number, len, making);
            match made {
                Err(PrepareFailure::Discarded(error)) if is_taken(&error) => {
                    self.number = self.number.next();
                }
                made => return made,
            }
        }
        ActiveSegment::prepare(storage, self.run, self.number, len, making)
    }
}

/// Makes the first bytes of a segment writable that no thread has stored into. Where that cannot be
/// done, it is enough if they can be written.
fn make_first_writable(segment: &ActiveSegment) -> io::Result<()> {
    match segment.make_writable(WRITABLE_AHEAD) {
        Err(error) if !is_full(&error) => zero(
            &**segment.file(),
            FRAMES_OFFSET,
            FRAMES_OFFSET + WRITABLE_AHEAD,
        ),
        made => made,
    }
}

fn lacks_space<T>(made: &Result<T, PrepareFailure>) -> bool {
    matches!(made, Err(PrepareFailure::Discarded(error)) if error.is_for_space())
}

/// Whether there is a file of that name already.
fn is_taken(error: &Error) -> bool {
    matches!(error, Error::Io { operation: "create", source, .. }
        if source.kind() == ErrorKind::AlreadyExists)
}

/// A segment that waits for its turn; its space is overwritten with zeros little by little.
///
/// Space that is only reserved must be marked as written in the file system's own journal when a
/// sync reaches it for the first time, which costs that sync a second device write; zeros written
/// and synced beforehand spare it that.
#[derive(Debug)]
struct Prepared {
    segment: Arc<ActiveSegment>,
    zeroed_to: u64,
    /// Since when its beginning is writable, if it is.
    writable_since: Option<Instant>,
}

impl Prepared {
    fn new(segment: ActiveSegment) -> Prepared {
        Prepared {
            segment: Arc::new(segment),
            zeroed_to: FRAMES_OFFSET,
            writable_since: None,
        }
    }

    /// Overwrites the next part with zeros; gives the part still to be synced, or `None` when
    /// there is nothing left to do.
    fn zero_next_part(&mut self) -> Option<(Arc<ActiveSegment>, u64, u64)> {
        let from = self.zeroed_to;
        let to = self.segment.file_len().min(from + ZEROED_AT_ONCE);
        if from >= to {
            return None;
        }
        // A failure only means a slower sync later.
        if zero(&**self.segment.file(), from, to).is_err() {
            self.zeroed_to = self.segment.file_len();
            return None;
        }
        self.zeroed_to = to;
        self.segment.protect_to(to);
        Some((Arc::clone(&self.segment), from, to))
    }
}

/// The smallest segment that has room for frames of this many bytes in all.
pub(crate) fn segment_len_for(room: u64) -> u64 {
    FRAMES_OFFSET
        .saturating_add(room)
        .saturating_add(PAGE_LEN - 1)
        / PAGE_LEN
        * PAGE_LEN
}

const ZEROED_AT_ONCE: u64 = 64 * PAGE_LEN;

/// The length of a segment made when the planned one does not fit on the disk.
const SMALL_SEGMENT_LEN: u64 = 64 << 10;

/// So many names may be taken before that is an error.
const TAKEN_MAX: u32 = 16;

/// Enough for the segment's first record and its last ones.
const WRITABLE_AHEAD: u64 = 2 * PAGE_LEN;
