//! Makes snapshots before they are taken, on processors that would be idle.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use super::journal_view::JournalView;
use super::record_fetch::RecordFetcher;
use super::session_fold::snapshot;
use crate::error::Result;
use crate::own_thread::without_signals;
use crate::snapshot::{DropQueue, Snapshot};

/// Threads that make the snapshots of some sessions, in order; the caller that takes them lends
/// a hand.
#[derive(Debug)]
pub(super) struct Prefetcher {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    view: Arc<JournalView>,
    /// Which of the view's sessions are made, and the bytes of their frames.
    jobs: Vec<(usize, u64)>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// Jobs that were begun, and jobs whose snapshot was taken.
    begun: usize,
    taken: usize,
    /// Snapshots not taken yet; `None` where the thread that was to make it panicked.
    ready: BTreeMap<usize, Option<Result<Snapshot>>>,
    /// Frame bytes of the sessions begun and not taken.
    bytes: u64,
    ahead_max: usize,
    is_over: bool,
}

impl Prefetcher {
    /// Threads for the sessions at these places of the view; `None` if it would not pay.
    pub(super) fn start(
        view: &Arc<JournalView>,
        sessions: impl Iterator<Item = usize>,
    ) -> Option<Prefetcher> {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let helpers = processors.min(PROCESSORS_MAX).checked_sub(1)?;
        let job = |at: usize| Some((at, view.frame_bytes(view.sessions.get(at)?)));
        let jobs: Vec<(usize, u64)> = sessions.filter_map(job).collect();
        let bytes: u64 = jobs.iter().map(|(_, bytes)| bytes).sum();
        if helpers == 0 || jobs.len() < 2 || bytes < PREFETCH_BYTES_MIN {
            return None;
        }
        let state = State {
            begun: 0,
            taken: 0,
            ready: BTreeMap::new(),
            bytes: 0,
            ahead_max: 2 * processors,
            is_over: false,
        };
        let shared = Arc::new(Shared {
            view: Arc::clone(view),
            jobs,
            state: Mutex::new(state),
            changed: Condvar::new(),
        });
        // Without other threads the caller makes them all.
        let threads = (0..helpers).map_while(|_| {
            let shared = Arc::clone(&shared);
            let builder = std::thread::Builder::new().name("trace-journal-read".to_owned());
            without_signals(|| builder.spawn(move || shared.help())).ok()
        });
        Some(Prefetcher {
            threads: threads.collect(),
            shared,
        })
    }

    /// The next snapshot in order; there must be one.
    pub(super) fn take(&mut self, fetcher: &mut RecordFetcher) -> Option<Result<Snapshot>> {
        let shared = &*self.shared;
        let mut state = shared.lock();
        let wanted = state.taken;
        let made = loop {
            if let Some(made) = state.ready.remove(&wanted) {
                break made;
            }
            match shared.begin(&mut state) {
                Some(job) => {
                    drop(state);
                    let made = shared.make(job, fetcher);
                    state = shared.lock();
                    state.ready.insert(job, Some(made?));
                }
                None => {
                    let changed = shared.changed.wait(state);
                    state = changed.unwrap_or_else(PoisonError::into_inner);
                }
            }
        };
        state.taken += 1;
        state.bytes -= shared.jobs.get(wanted)?.1;
        drop(state);
        shared.changed.notify_all();
        // What made another thread panic may as well happen here.
        made.or_else(|| shared.make(wanted, fetcher))
    }
}

impl Drop for Prefetcher {
    fn drop(&mut self) {
        self.shared.lock().is_over = true;
        self.shared.changed.notify_all();
        for thread in self.threads.drain(..) {
            // It has caught what there was to catch.
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// Makes snapshots until there are none to make.
    fn help(&self) {
        let mut fetcher = RecordFetcher::of_all();
        let queue = Arc::new(DropQueue::new(RETURNED_BYTES_MAX));
        let mut state = self.lock();
        while !state.is_over && state.begun < self.jobs.len() {
            let Some(job) = self.begin(&mut state) else {
                let changed = self.changed.wait(state);
                state = changed.unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            drop(state);
            queue.clear();
            let mut made = catch_unwind(AssertUnwindSafe(|| self.make(job, &mut fetcher)));
            if let (Ok(Some(Ok(snapshot))), Some((_, bytes))) = (&mut made, self.jobs.get(job)) {
                snapshot.set_drop_queue(&queue, *bytes);
            }
            state = self.lock();
            state.ready.insert(job, made.ok().flatten());
            self.changed.notify_all();
        }
    }

    /// The next job to be done, unless too much is there that was not taken; the one that is to be
    /// taken next may always be done.
    fn begin(&self, state: &mut State) -> Option<usize> {
        let job = state.begun;
        let bytes = self.jobs.get(job)?.1;
        let is_near = job - state.taken < state.ahead_max
            && state.bytes.saturating_add(bytes) <= AHEAD_BYTES_MAX;
        if job > state.taken && !is_near {
            return None;
        }
        state.begun += 1;
        state.bytes += bytes;
        Some(job)
    }

    fn make(&self, job: usize, fetcher: &mut RecordFetcher) -> Option<Result<Snapshot>> {
        let (at, _) = self.jobs.get(job)?;
        let session = self.view.sessions.get(*at)?;
        Some(snapshot(&self.view, session, fetcher))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// More threads than this would wait for memory.
pub(super) const PROCESSORS_MAX: usize = 4;

/// Less than this is read by one thread: starting others would take longer.
const PREFETCH_BYTES_MIN: u64 = 4 << 20;

/// Sessions are made ahead while their frames take no more than this, all together.
const AHEAD_BYTES_MAX: u64 = 16 << 20;

/// Snapshots that were dropped wait for the thread that made them while their frames take no
/// more than this.
const RETURNED_BYTES_MAX: u64 = 8 << 20;
