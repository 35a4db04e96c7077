//! The threads around the syncer's and the preallocator's steps.

use super::sync_primitives::thread::{Builder, JoinHandle};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::run::RunWriter;
use super::supply::preallocator::{BUSY_PAUSE, PreallocTask};
use super::sync::schedule::SyncAction;
use crate::own_thread::without_signals;

/// Starts the threads of a run; they end when it is closed.
pub(super) fn start(run: &Arc<RunWriter>) -> io::Result<()> {
    let syncer = start_syncer(Arc::clone(run))?;
    // Without a preallocator, appenders make ready what they need.
    let preallocator = start_preallocator(Arc::clone(run)).ok();
    run.add_threads([syncer].into_iter().chain(preallocator));
    Ok(())
}

fn start_preallocator(run: Arc<RunWriter>) -> io::Result<JoinHandle<()>> {
    let builder = Builder::new().name("trace-prealloc".to_owned());
    without_signals(|| {
        builder.spawn(move || {
            let _ = catch_unwind(AssertUnwindSafe(|| preallocate(&run)));
        })
    })
}

fn preallocate(run: &RunWriter) {
    let wakeup = run.signals().preallocator();
    while !run.signals().is_over() {
        match run.supply().next_task() {
            PreallocTask::Rest => wakeup.sleep(None),
            PreallocTask::Wait => wakeup.sleep(Some(BUSY_PAUSE)),
            task => {
                if let Err(error) = run.supply().execute(task) {
                    run.syncer().poison(error);
                }
            }
        }
    }
}

fn start_syncer(run: Arc<RunWriter>) -> io::Result<JoinHandle<()>> {
    let builder = Builder::new().name("trace-journal".to_owned());
    without_signals(|| {
        builder.spawn(move || {
            if catch_unwind(AssertUnwindSafe(|| sync(&run))).is_err() {
                // No waiter would ever be woken again: say so, and never claim anything more.
                run.end(Err(run.syncer().poison_by_panic()));
            }
        })
    })
}

fn sync(run: &RunWriter) {
    let (syncer, wakeup) = (run.syncer(), run.signals().syncer());
    let mut was_left = false;
    loop {
        wakeup.park();
        let (action, is_dirty) = {
            let Some(mut state) = syncer.lock_sync_state(&mut was_left) else {
                continue;
            };
            let now = run.constants().now();
            let action = syncer.steps().observe(&mut state, now);
            syncer.steps().execute(&mut state, action, now);
            (action, syncer.steps().is_dirty())
        };
        match action {
            SyncAction::Close => return run.finish_close(),
            SyncAction::Sleep(time) => {
                if is_dirty {
                    wakeup.unpark();
                }
                wakeup.sleep(time);
            }
            _ => {}
        }
    }
}
