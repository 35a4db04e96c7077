//! Which sessions a segment has declared already.

use super::primitives::atomic::{AtomicU32, Ordering};

/// Remembers declared sessions, one per slot; a session pushed out by another is declared once
/// more, which is harmless.
#[derive(Debug)]
pub(super) struct Declared {
    slots: Box<[AtomicU32]>,
}

impl Declared {
    pub(super) fn new() -> Declared {
        Declared {
            slots: (0..SLOTS).map(|_| AtomicU32::new(0)).collect(),
        }
    }

    /// Whether a declaration of the session is known to be committed.
    pub(super) fn contains(&self, session: u32) -> bool {
        session == 0
            || self
                .slot(session)
                .is_some_and(|s| s.load(Ordering::Acquire) == session)
    }

    /// To be called when a declaration of the session is committed.
    pub(super) fn add(&self, session: u32) {
        if let Some(slot) = self.slot(session) {
            slot.store(session, Ordering::Release);
        }
    }

    fn slot(&self, session: u32) -> Option<&AtomicU32> {
        self.slots.get(usize::try_from(session % SLOTS).ok()?)
    }
}

const SLOTS: u32 = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_that_share_a_slot_are_never_taken_for_each_other() {
        let declared = Declared::new();
        assert!(declared.contains(0) && !declared.contains(1));
        declared.add(1);
        assert!(declared.contains(1) && !declared.contains(1 + SLOTS));
        declared.add(1 + SLOTS);
        assert!(declared.contains(1 + SLOTS) && !declared.contains(1));
    }
}
