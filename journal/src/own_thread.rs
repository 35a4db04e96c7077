//! Threads of the journal's own, which are none of the program's business.

use std::io;

use crate::seeded::{self, Bug};
use crate::storage::{has_address_space, hold_back_signals};

/// Starts a thread that takes no signal that is meant for the program: a thread that waits for one,
/// with `signalfd` or `sigwait`, has blocked it only in threads that the program started itself,
/// and it would end the program in any other:
/// <https://man7.org/linux/man-pages/man7/signal.7.html>.
///
/// A thread begins with the signals blocked that its maker has blocked. What a thread does wrong
/// itself is left to the handlers there are.
///
/// # Errors
/// As `start`; `OutOfMemory` before that, if there is no room in memory for one more thread.
pub(crate) fn without_signals<T>(start: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    // The standard library ends the process if a thread that has started finds no memory for the
    // stack of its signal handler. Others may take it at this very moment: only a limit is met.
    has_address_space(STACK_LEN)?;
    if seeded::has(Bug::SignalsLeftOpen) {
        return start();
    }
    // It cannot fail for a set that is one.
    let _held_back = hold_back_signals();
    start()
}

/// The stack of a thread, and half as much for what else it needs to begin.
const STACK_LEN: u64 = 3 << 20;
