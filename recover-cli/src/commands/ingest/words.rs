//! Words for stderr, written by a thread of their own: unread ones hold up no line.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::format::counted;
use crate::output::warn;

/// Says lines in order; clones say them in the same order.
#[derive(Clone)]
pub(super) struct Words {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<String>,
    /// Lines handed over so far.
    said: u64,
    is_saying: bool,
    /// Not read for a while: no line waits for that again before something is.
    is_unheard: bool,
    left_out: u64,
}

/// So many lines may wait.
const WAITING_MAX: usize = 10_000;

/// How long it is waited until something is read.
const PATIENCE: Duration = Duration::from_secs(1);

impl Words {
    /// Starts the thread.
    pub(super) fn start() -> io::Result<Words> {
        let shared = Arc::new(Shared::default());
        let speaker = Arc::clone(&shared);
        thread::Builder::new()
            .name("words".to_owned())
            .spawn(move || speaker.speak())?;
        Ok(Words { shared })
    }

    /// Has a line written, or counted where lines are not read.
    pub(super) fn warn(&self, line: &str) {
        let mut state = self.shared.lock();
        if state.waiting.len() >= WAITING_MAX && !state.is_unheard {
            let is_full = |state: &mut State| state.waiting.len() >= WAITING_MAX;
            let waited = self
                .shared
                .changed
                .wait_timeout_while(state, PATIENCE, is_full);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            state.is_unheard = state.waiting.len() >= WAITING_MAX;
        }
        if state.waiting.len() >= WAITING_MAX {
            state.left_out += 1;
        } else {
            state.waiting.push_back(line.to_owned());
        }
        self.shared.changed.notify_all();
    }

    /// Waits until everything is said, as long as lines are read.
    pub(super) fn finish(&self) {
        let mut state = self.shared.lock();
        while state.is_saying || !state.waiting.is_empty() {
            let said = state.said;
            let is_silent = |state: &mut State| {
                state.said == said && (state.is_saying || !state.waiting.is_empty())
            };
            let waited = self
                .shared
                .changed
                .wait_timeout_while(state, PATIENCE, is_silent);
            let (now, timed_out) = waited.unwrap_or_else(PoisonError::into_inner);
            if timed_out.timed_out() {
                return;
            }
            state = now;
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn speak(&self) {
        let mut state = self.lock();
        loop {
            let line = match state.waiting.pop_front() {
                Some(line) => line,
                None if state.left_out > 0 => {
                    let count = std::mem::take(&mut state.left_out);
                    let lines = counted(count, "line", "lines");
                    format!("trace-recover: {lines} of words left out: nobody read them")
                }
                None => {
                    let waited = self.changed.wait(state);
                    state = waited.unwrap_or_else(PoisonError::into_inner);
                    continue;
                }
            };
            state.is_saying = true;
            drop(state);
            warn(&line);
            state = self.lock();
            state.is_saying = false;
            state.is_unheard = false;
            state.said += 1;
            self.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_nobody_reads_are_counted_and_hold_nobody_up() {
        // No thread says anything here.
        let words = Words {
            shared: Arc::default(),
        };
        for number in 0..WAITING_MAX + 3 {
            words.warn(&number.to_string());
        }
        let state = words.shared.lock();
        assert_eq!((state.waiting.len(), state.left_out), (WAITING_MAX, 3));
        assert!(state.is_unheard);
        drop(state);
        words.finish();
    }
}
