//! Threads of the journal's own, which are none of the program's business.

use std::io;

use nix::sys::signal::{SigSet, SigmaskHow, Signal};

use crate::seeded::{self, Bug};
use crate::storage::has_address_space;

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
    let mut all = SigSet::all();
    FAULTS.into_iter().for_each(|fault| all.remove(fault));
    // It cannot fail for a set that is one.
    let _before = all.thread_swap_mask(SigmaskHow::SIG_BLOCK).map(Before);
    start()
}

/// The stack of a thread, and half as much for what else it needs to begin.
const STACK_LEN: u64 = 3 << 20;

/// What was blocked before, and is again when this is dropped.
struct Before(SigSet);

impl Drop for Before {
    fn drop(&mut self) {
        let _ = self.0.thread_set_mask();
    }
}

/// Raised by what a thread does: blocked, they would end the program past its own handlers.
const FAULTS: [Signal; 6] = [
    Signal::SIGSEGV,
    Signal::SIGBUS,
    Signal::SIGILL,
    Signal::SIGFPE,
    Signal::SIGTRAP,
    Signal::SIGSYS,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_starts_a_thread_takes_its_signals_afterwards_as_before() {
        let before = SigSet::thread_get_mask().unwrap();
        let inside = without_signals(|| Ok(SigSet::thread_get_mask()?)).unwrap();
        assert!(inside.contains(Signal::SIGTERM) && inside.contains(Signal::SIGXFSZ));
        assert!(FAULTS.into_iter().all(|fault| !inside.contains(fault)));
        assert_eq!(SigSet::thread_get_mask().unwrap(), before);
        let panicked =
            std::panic::catch_unwind(|| without_signals::<()>(|| panic!("at the start")));
        assert!(panicked.is_err());
        assert_eq!(SigSet::thread_get_mask().unwrap(), before);
    }
}
