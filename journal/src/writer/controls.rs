//! The control blocks of a run's segments, of which the last is the active one.

use super::primitives::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

use super::control::Control;

/// Grows only: whoever has looked at a segment may go on looking at it, without a lock and without
/// a count of those who look.
#[derive(Debug)]
pub(super) struct Controls {
    first: Arc<Control>,
    /// Those after the first.
    later: boxcar::Vec<Arc<Control>>,
    /// How many of `later` there are; the last of them is active.
    active: AtomicUsize,
}

impl Controls {
    pub(super) fn new(first: Arc<Control>) -> Controls {
        Controls {
            first,
            later: boxcar::Vec::new(),
            active: AtomicUsize::new(0),
        }
    }

    /// The active segment.
    pub(super) fn active(&self) -> &Control {
        let count = self.active.load(Ordering::Acquire);
        let last = count.checked_sub(1).and_then(|place| self.later.get(place));
        last.unwrap_or(&self.first)
    }

    /// Makes another segment the active one; only ever called by one thread at a time.
    pub(super) fn push(&self, next: Arc<Control>) {
        let place = self.later.push(next);
        self.active.store(place + 1, Ordering::Release);
    }
}
