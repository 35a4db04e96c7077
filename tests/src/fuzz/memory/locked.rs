//! Locks on files of the directory in memory.

use trace_journal::storage::{Lock, LockOutcome};

/// Which handles have a file locked.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Locked {
    #[default]
    Not,
    /// This many together.
    Shared(u64),
    Exclusive,
}

impl Locked {
    /// Takes one more lock, if it goes together with those there are.
    pub(super) fn take(&mut self, wanted: Lock) -> LockOutcome {
        *self = match (&*self, wanted) {
            (Locked::Not, Lock::Exclusive) => Locked::Exclusive,
            (Locked::Not, Lock::Shared) => Locked::Shared(1),
            (Locked::Shared(count), Lock::Shared) => Locked::Shared(count + 1),
            _ => return LockOutcome::Contended,
        };
        LockOutcome::Held
    }

    /// Gives one lock back, if any was held.
    pub(super) fn give_back(&mut self, held: Option<Lock>) {
        *self = match (held, &*self) {
            (None, _) => return,
            (Some(_), Locked::Shared(count)) if *count > 1 => Locked::Shared(count - 1),
            (Some(_), _) => Locked::Not,
        };
    }
}
