//! The thread that leads a sync on behalf of all: the syncer, or one of those that wait for it.

use std::time::Duration;

use crate::writer::sync_primitives::thread::{self, ThreadId};
use crate::writer::sync_primitives::{Mutex, lock};

/// The waiter that leads a sync, and when it began.
#[derive(Debug, Default)]
pub(crate) struct SyncLead(Mutex<Option<(ThreadId, Duration)>>);

impl SyncLead {
    /// Says that this thread leads a sync that begins now.
    pub(crate) fn begin(&self, now: Duration) {
        *lock(&self.0) = Some((thread::current().id(), now));
    }

    pub(crate) fn end(&self) {
        *lock(&self.0) = None;
    }

    /// When the sync began that a waiter leads, if one does.
    pub(crate) fn began(&self) -> Option<Duration> {
        (*lock(&self.0)).map(|(_, began)| began)
    }

    pub(crate) fn is_this_thread(&self) -> bool {
        let this = thread::current().id();
        lock(&self.0).is_some_and(|(leader, _)| leader == this)
    }
}
