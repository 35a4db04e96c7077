//! What is the caller's own code and is called for the journal's threads: wakers and the error
//! hook. It may panic, wait, or call the journal again, so none of these threads calls it.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::own_thread::without_signals;
use crate::seeded::{self, Bug};
use crate::writer::error_log::ErrorLog;

/// Calls to the caller's code that are still to be made, and the threads that make them: one is
/// started when there is the first one, and another when one has to be watched. They end
/// with the run.
#[derive(Debug, Default)]
pub(crate) struct Callbacks {
    state: Mutex<RunnersState>,
    /// There is more to do, or to be watched, or nothing more will come.
    wanted: Condvar,
    /// A callback is done.
    done: Condvar,
    /// They are done at once by the thread that has them done: there are no others.
    is_stepped: bool,
}

#[derive(Debug, Default)]
struct RunnersState {
    queue: VecDeque<Callback>,
    runners: Vec<Runner>,
    /// A thread looks whether the busy one gets on.
    is_watched: bool,
    is_over: bool,
}

#[derive(Debug)]
struct Runner {
    thread: ThreadId,
    /// Since when it is busy with one callback; `None` while it waits for one.
    busy_since: Option<Instant>,
}

/// One call of the caller's code.
#[derive(Debug)]
pub(crate) enum Callback {
    /// A waiter's waker.
    Wake(Waker),
    /// The error hook.
    Tell(Arc<ErrorLog>, Error),
}

impl Callbacks {
    /// For a run with threads or without.
    pub(crate) fn new(is_stepped: bool) -> Callbacks {
        Callbacks {
            is_stepped,
            ..Callbacks::default()
        }
    }

    /// Has these done soon, in order, by another thread.
    pub(crate) fn run(self: &Arc<Self>, callbacks: impl IntoIterator<Item = Callback>) {
        // A checker of schedules knows only its own threads, and its wakers do nothing else.
        let is_alone = self.is_stepped || cfg!(any(loom, shuttle));
        if is_alone || seeded::has(Bug::WakerInsideLock) {
            return callbacks.into_iter().for_each(Callback::run_unguarded);
        }
        {
            let mut state = self.lock();
            state.queue.extend(callbacks);
            if state.queue.is_empty() {
                return;
            }
        }
        if self.call_runner().is_err() && self.lock().runners.is_empty() {
            // Better here than never.
            self.run_queued();
        }
    }

    /// Makes sure that there is a thread for what will come, while the caller can do without: later
    /// there may be none to be had.
    pub(crate) fn be_ready(self: &Arc<Self>) {
        let is_alone = self.is_stepped || cfg!(any(loom, shuttle));
        if !is_alone && self.lock().runners.is_empty() {
            // Tried again when there is something to do.
            let _ = self.call_runner();
        }
    }

    /// Says that hardly anything more will come: the threads end when all is done.
    pub(crate) fn end(&self) {
        self.lock().is_over = true;
        self.wanted.notify_all();
    }

    /// Waits until all is done, but not for long: the caller's code may wait for this thread.
    pub(crate) fn wait_done(&self) {
        let this = thread::current().id();
        let until = Instant::now() + CLOSE_PATIENCE;
        let mut state = self.lock();
        let is_idle = |state: &RunnersState| state.queue.is_empty() && !state.is_busy();
        while !is_idle(&state) && !state.runners.iter().any(|runner| runner.thread == this) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.done.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Wakes a thread that rests, or starts one.
    fn call_runner(self: &Arc<Self>) -> io::Result<()> {
        let mut state = self.lock();
        if state
            .runners
            .iter()
            .any(|runner| runner.busy_since.is_none())
        {
            self.wanted.notify_one();
            return Ok(());
        }
        if state.runners.len() >= RUNNERS_MAX {
            return Ok(());
        }
        let builder = thread::Builder::new().name("trace-callbacks".to_owned());
        let callbacks = Arc::clone(self);
        // Known before it runs, so that no thread starts another one meanwhile.
        let spawned = without_signals(|| builder.spawn(move || callbacks.serve()))?;
        state.runners.push(Runner {
            thread: spawned.thread().id(),
            busy_since: None,
        });
        Ok(())
    }

    fn serve(self: &Arc<Self>) {
        let this = thread::current().id();
        let mut state = self.lock();
        loop {
            let is_due = !state.queue.is_empty();
            if let Some(callback) = state.take() {
                state.set_busy(this, Some(Instant::now()));
                let is_unwatched = !state.queue.is_empty() && !state.is_watched;
                drop(state);
                if is_unwatched {
                    // Without another thread these wait for this one, however long it takes.
                    let _ = self.call_runner();
                }
                callback.run();
                state = self.lock();
                state.set_busy(this, None);
                self.done.notify_all();
            } else if is_due {
                state.is_watched = true;
                let waited = self.wanted.wait_timeout(state, RUNNER_STUCK_AFTER);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
                state.is_watched = false;
            } else if state.is_over {
                state.runners.retain(|runner| runner.thread != this);
                self.done.notify_all();
                return;
            } else {
                let waited = self.wanted.wait(state);
                state = waited.unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    fn run_queued(&self) {
        loop {
            let next = self.lock().queue.pop_front();
            match next {
                Some(callback) => callback.run(),
                None => return,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, RunnersState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RunnersState {
    fn is_busy(&self) -> bool {
        self.runners
            .iter()
            .any(|runner| runner.busy_since.is_some())
    }

    /// The next callback, unless another thread gets on with them.
    fn take(&mut self) -> Option<Callback> {
        let busy = self.runners.iter().filter_map(|runner| runner.busy_since);
        let gets_on = busy
            .into_iter()
            .any(|since| since.elapsed() < RUNNER_STUCK_AFTER);
        match gets_on {
            true => None,
            false => self.queue.pop_front(),
        }
    }

    fn set_busy(&mut self, thread: ThreadId, since: Option<Instant>) {
        let runner = self.runners.iter_mut().find(|r| r.thread == thread);
        if let Some(runner) = runner {
            runner.busy_since = since;
        }
    }
}

impl Callback {
    /// A panic is the caller's own and harms no others.
    fn run(self) {
        let _ = catch_unwind(AssertUnwindSafe(|| self.run_unguarded()));
    }

    fn run_unguarded(self) {
        match self {
            Callback::Wake(waker) => waker.wake(),
            Callback::Tell(log, error) => log.tell(&error),
        }
    }
}

/// How long closing waits for the caller's code that is under way.
const CLOSE_PATIENCE: Duration = Duration::from_secs(1);

/// A waker is done in less; others are not to wait for one that is not.
const RUNNER_STUCK_AFTER: Duration = Duration::from_millis(20);

/// So many calls that do not come back are passed by.
const RUNNERS_MAX: usize = 8;

#[cfg(not(any(loom, shuttle)))]
#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Sender, channel};
    use std::task::Wake;

    struct Act(Mutex<Box<dyn FnMut() + Send>>);

    impl Wake for Act {
        fn wake(self: Arc<Self>) {
            (self.0.lock().unwrap_or_else(PoisonError::into_inner))();
        }
    }

    fn act(act: impl FnMut() + Send + 'static) -> Callback {
        Callback::Wake(Arc::new(Act(Mutex::new(Box::new(act)))).into())
    }

    fn say(word: &'static str, to: &Sender<&'static str>) -> Callback {
        let to = to.clone();
        act(move || to.send(word).unwrap())
    }

    #[test]
    fn a_panic_ends_one_callback_and_the_others_are_done_in_order() {
        let callbacks = Arc::new(Callbacks::default());
        let (to, from) = channel();
        let panics = act(|| panic!("a caller's own"));
        callbacks.run([panics, say("first", &to), say("second", &to)]);
        assert_eq!(
            [from.recv().unwrap(), from.recv().unwrap()],
            ["first", "second"]
        );
        callbacks.end();
        callbacks.wait_done();
        callbacks.run([say("late", &to)]);
        assert_eq!(from.recv().unwrap(), "late");
    }

    #[test]
    fn a_callback_that_waits_for_another_holds_up_no_others() {
        let callbacks = Arc::new(Callbacks::default());
        let (to, from) = channel();
        let (go_on, waiting) = channel::<()>();
        let begun = to.clone();
        callbacks.run([act(move || {
            begun.send("waits").unwrap();
            waiting.recv().unwrap();
        })]);
        assert_eq!(from.recv().unwrap(), "waits");
        callbacks.run([say("later", &to)]);
        assert_eq!(from.recv().unwrap(), "later");
        go_on.send(()).unwrap();
        callbacks.end();
        callbacks.wait_done();
    }

    #[test]
    fn a_callback_that_waits_for_ever_holds_up_none_that_came_with_it() {
        let callbacks = Arc::new(Callbacks::default());
        let (to, from) = channel();
        let (go_on, waiting) = channel::<()>();
        let waiting = Arc::new(Mutex::new(waiting));
        let waits = || {
            let waiting = Arc::clone(&waiting);
            act(move || waiting.lock().unwrap().recv().unwrap())
        };
        callbacks.run([waits(), say("first", &to), waits(), say("second", &to)]);
        let said = [from.recv().unwrap(), from.recv().unwrap()];
        assert_eq!(said, ["first", "second"]);
        go_on.send(()).unwrap();
        go_on.send(()).unwrap();
        callbacks.end();
        callbacks.wait_done();
    }

    #[test]
    fn a_callback_may_wait_for_all_to_be_done() {
        let callbacks = Arc::new(Callbacks::default());
        let (to, from) = channel();
        let inner = Arc::clone(&callbacks);
        callbacks.run([act(move || {
            inner.end();
            inner.wait_done();
            to.send("done").unwrap();
        })]);
        assert_eq!(from.recv().unwrap(), "done");
    }
}
