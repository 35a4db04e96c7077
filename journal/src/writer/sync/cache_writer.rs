//! Caches of segments that the run has finished, written out of all others' way.

use crate::writer::sync_primitives::is_finished;
use crate::writer::sync_primitives::thread::{Builder, JoinHandle};
use std::sync::Arc;

use crate::recovery::apply::Uncached;
use crate::recovery::{cache, merged_cache};
use crate::seq::{RunId, SegmentNumber};
use crate::storage::Storage;

/// Segments whose caches are still to be written. That a cache could not be written costs a
/// reader time, and nothing else.
#[derive(Debug, Default)]
pub(crate) struct CacheWriter {
    waiting: Vec<SegmentNumber>,
    /// Segments of runs that were recovered.
    recovered: Vec<Uncached>,
    newest: Option<SegmentNumber>,
    thread: Option<JoinHandle<()>>,
}

impl CacheWriter {
    /// Takes in a segment that is whole on the disk and cut behind its seal.
    pub(crate) fn add(&mut self, number: SegmentNumber) {
        self.waiting.push(number);
        self.newest = Some(number);
    }

    /// Takes in segments of runs that were recovered.
    pub(crate) fn add_recovered(&mut self, uncached: Vec<Uncached>) {
        self.recovered.extend(uncached);
    }

    /// Whether so much is waiting that it cannot be left for a quiet moment.
    pub(crate) fn is_behind(&self) -> bool {
        self.waiting.len() > WAITING_MAX
    }

    /// Writes what is waiting on a thread of its own, one at a time.
    pub(crate) fn step(&mut self, storage: &Arc<dyn Storage>, run: RunId) {
        let is_busy = self.thread.as_ref().is_some_and(|t| !is_finished(t));
        if (self.waiting.is_empty() && self.recovered.is_empty()) || is_busy {
            return;
        }
        let waiting = std::mem::take(&mut self.waiting);
        let recovered = std::mem::take(&mut self.recovered);
        let storage = Arc::clone(storage);
        let builder = Builder::new().name("trace-journal-index".to_owned());
        let spawned = builder.spawn(move || {
            write(&*storage, run, waiting);
            recovered.into_iter().for_each(|one| one.write(&*storage));
        });
        self.thread = spawned.ok();
    }

    /// Writes everything that is left; to be called when the run is over.
    pub(crate) fn finish(&mut self, storage: &Arc<dyn Storage>, run: RunId) {
        if let Some(thread) = self.thread.take() {
            // It panicked at worst, and left no cache.
            let _ = thread.join();
        }
        write(&**storage, run, std::mem::take(&mut self.waiting));
        if let Some(newest) = self.newest {
            merged_cache::write_whole(&**storage, run, newest);
        }
    }
}

/// So many segments wait for a quiet moment; more would make closing long.
const WAITING_MAX: usize = 8;

fn write(storage: &dyn Storage, run: RunId, segments: Vec<SegmentNumber>) {
    for number in segments {
        if cache::write(storage, run, number).is_ok() {
            merged_cache::write_due(storage, run, number);
        }
    }
}
