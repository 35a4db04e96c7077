//! The threads around the syncer's and the tender's steps.

use super::primitives::thread::{self, Builder, JoinHandle};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::core::{Core, lock};
use super::schedule::Decision;
use super::tender::{BUSY_PAUSE, Task};
use crate::error::Error;

/// Starts the threads of a run; they end when it is closed.
pub(super) fn start(core: &Arc<Core>) -> io::Result<()> {
    let syncer = start_syncer(Arc::clone(core))?;
    // Without a tender, appenders make ready what they need.
    let tender = start_tender(Arc::clone(core)).ok();
    lock(&core.threads).extend([syncer].into_iter().chain(tender));
    Ok(())
}

impl Core {
    /// Whether this is a thread that closing would have to wait for: one of the run's own, which
    /// call the error hook, or one that runs a sync for them.
    pub(super) fn is_own_thread(&self) -> bool {
        let this = thread::current().id();
        let is_own = lock(&self.threads)
            .iter()
            .any(|thread| thread.thread().id() == this);
        is_own || *lock(&self.helper) == Some(this)
    }

    /// Runs a sync for a waiter on its own thread, which spares it two wake-ups; `false` if the
    /// syncer is the better one for it: a sync is under way, or others wait as well.
    pub(super) fn help_sync(&self) -> bool {
        let Ok(mut state) = self.sync.try_lock() else {
            return false;
        };
        if state.awaited > 1 || self.is_over() {
            return false;
        }
        *lock(&self.helper) = Some(thread::current().id());
        let now = self.now();
        let helped = catch_unwind(AssertUnwindSafe(|| self.run_sync(&mut state, now)));
        // Whatever was appended since then is dirty since then, for all the syncer can know.
        state.helped_at = Some(now);
        if helped.is_err() {
            self.poison_by_panic();
        }
        *lock(&self.helper) = None;
        true
    }

    fn poison_by_panic(&self) -> Error {
        let cause = io::Error::other("the syncer panicked");
        self.poison(Error::io("sync", self.storage().path(), cause))
    }

    /// Waits for the threads of a run that is closed, so that none of its files stays open.
    pub(super) fn join_threads(&self) {
        for thread in std::mem::take(&mut *lock(&self.threads)) {
            // A panic of theirs has poisoned the run already.
            let _ = thread.join();
        }
    }
}

fn start_tender(core: Arc<Core>) -> io::Result<JoinHandle<()>> {
    let builder = Builder::new().name("trace-journal-2".to_owned());
    builder.spawn(move || {
        let _ = catch_unwind(AssertUnwindSafe(|| tend(&core)));
    })
}

fn tend(core: &Core) {
    while !core.is_over() {
        match core.next_task() {
            Task::Rest => core.tender.sleep(None),
            Task::Wait => core.tender.sleep(Some(BUSY_PAUSE)),
            task => core.tend(task),
        }
    }
}

fn start_syncer(core: Arc<Core>) -> io::Result<JoinHandle<()>> {
    let builder = Builder::new().name("trace-journal".to_owned());
    builder.spawn(move || {
        if catch_unwind(AssertUnwindSafe(|| run(&core))).is_err() {
            // Nobody would ever be woken again: say so, and never claim anything more.
            core.end(Err(core.poison_by_panic()));
        }
    })
}

fn run(core: &Core) {
    loop {
        core.await_callers();
        core.bell.rest();
        let (decision, is_dirty) = {
            let mut state = lock(&core.sync);
            let now = core.now();
            let decision = core.look(&mut state, now);
            core.act(&mut state, decision, now);
            (decision, core.is_dirty())
        };
        match decision {
            Decision::Close => return core.finish_close(),
            Decision::Sleep(time) => {
                if is_dirty {
                    core.bell.rest_no_more();
                }
                core.bell.sleep(time);
            }
            _ => {}
        }
    }
}
