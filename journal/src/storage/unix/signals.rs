//! Signals that are meant for the program, kept from threads of the journal.

use std::io;

use nix::sys::signal::{SigSet, SigmaskHow, Signal};

/// What was blocked before, and is again when this is dropped.
#[derive(Debug)]
pub(crate) struct SignalsHeldBack(SigSet);

/// Blocks all signals in this thread, and so in those that it starts, but for what a thread does
/// wrong itself.
pub(crate) fn hold_back_signals() -> io::Result<SignalsHeldBack> {
    let mut all = SigSet::all();
    FAULTS.into_iter().for_each(|fault| all.remove(fault));
    Ok(SignalsHeldBack(
        all.thread_swap_mask(SigmaskHow::SIG_BLOCK)?,
    ))
}

impl Drop for SignalsHeldBack {
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
    use crate::own_thread::without_signals;

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
