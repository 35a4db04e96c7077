//! Which sessions a segment has declared already.

use crate::seq::SegmentNumber;
use crate::writer::sync_primitives::atomic::{AtomicU64, Ordering};

/// Remembers where sessions were declared last, one per slot; a session pushed out by another is
/// declared once more, which is harmless.
#[derive(Debug)]
pub(crate) struct DeclaredSessions {
    /// Stored with release when a declaration is committed, loaded with acquire: a record that goes
    /// without one comes behind it.
    slots: Box<[AtomicU64]>,
}

impl DeclaredSessions {
    pub(crate) fn new() -> DeclaredSessions {
        DeclaredSessions {
            slots: (0..SLOTS).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Whether a declaration of the session is known to be committed in the segment.
    pub(crate) fn contains(&self, segment: SegmentNumber, session: u32) -> bool {
        session == 0
            || self
                .slot(session)
                .is_some_and(|s| s.load(Ordering::Acquire) == word(segment, session))
    }

    /// To be called when a declaration of the session is committed in the segment.
    pub(crate) fn add(&self, segment: SegmentNumber, session: u32) {
        if let Some(slot) = self.slot(session) {
            slot.store(word(segment, session), Ordering::Release);
        }
    }

    fn slot(&self, session: u32) -> Option<&AtomicU64> {
        self.slots.get(usize::try_from(session % SLOTS).ok()?)
    }
}

fn word(segment: SegmentNumber, session: u32) -> u64 {
    (u64::from(segment.0) << 32) | u64::from(session)
}

/// A model checker runs out of atomics.
const SLOTS: u32 = if cfg!(loom) { 4 } else { 1024 };

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: SegmentNumber = SegmentNumber::FIRST;

    #[test]
    fn sessions_that_share_a_slot_are_never_taken_for_each_other() {
        let declared = DeclaredSessions::new();
        assert!(declared.contains(FIRST, 0) && !declared.contains(FIRST, 1));
        declared.add(FIRST, 1);
        assert!(declared.contains(FIRST, 1) && !declared.contains(FIRST, 1 + SLOTS));
        declared.add(FIRST, 1 + SLOTS);
        assert!(declared.contains(FIRST, 1 + SLOTS) && !declared.contains(FIRST, 1));
    }

    #[test]
    fn a_declaration_counts_in_its_own_segment_only() {
        let declared = DeclaredSessions::new();
        declared.add(FIRST, 7);
        assert!(!declared.contains(FIRST.next(), 7));
        declared.add(FIRST.next(), 7);
        assert!(declared.contains(FIRST.next(), 7) && !declared.contains(FIRST, 7));
    }
}
