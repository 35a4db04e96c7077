//! A session of a run, and under which index its records go.
//!
//! An index stands for one session within a segment. A session gets one when it is declared there,
//! and keeps it for as long as it is not too old: indices are given out in turn, and go round. One
//! is given again only in a later segment, after all others.

use std::sync::Arc;

use crate::format::SESSION_INDEX_MAX;
use crate::seq::SegmentNumber;
use crate::writer::sync_primitives::atomic::{AtomicU64, Ordering};

/// A session of a run.
#[derive(Debug)]
pub(crate) struct RunSession {
    id: Arc<str>,
    /// Which of the run's it is.
    serial: u64,
    /// The number that its index comes of, 0 before there is one. Relaxed: only the thread that has
    /// the log looks at it.
    number: AtomicU64,
    /// The segment that a declaration is committed in, and the index there: stored with release
    /// when it is, loaded with acquire. A record that goes without one comes behind it.
    declared: AtomicU64,
}

impl RunSession {
    pub(crate) fn new(id: &str, serial: u64) -> RunSession {
        RunSession {
            id: id.into(),
            serial,
            number: AtomicU64::new(0),
            declared: AtomicU64::new(0),
        }
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn shared_id(&self) -> Arc<str> {
        Arc::clone(&self.id)
    }

    /// Tells it from all others of the run, ones of the same id as well.
    pub(crate) fn serial(&self) -> u64 {
        self.serial
    }

    /// Its index in a segment, if a declaration is known to be committed there.
    #[inline]
    pub(crate) fn index_in(&self, segment: SegmentNumber) -> Option<u32> {
        let declared = self.declared.load(Ordering::Acquire);
        let index = u32::try_from(declared & u64::from(SESSION_INDEX_MAX)).ok();
        index.filter(|_| declared >> INDEX_BITS == u64::from(segment.0))
    }

    /// To be called when a declaration is committed in the segment.
    pub(crate) fn set_declared(&self, segment: SegmentNumber, index: u32) {
        let declared = u64::from(segment.0) << INDEX_BITS | u64::from(index);
        self.declared.store(declared, Ordering::Release);
    }
}

/// Bits of an index.
const INDEX_BITS: u32 = SESSION_INDEX_MAX.count_ones();

const _: () = assert!(SESSION_INDEX_MAX.trailing_ones() == INDEX_BITS && INDEX_BITS <= 32);

/// The indices of a run's sessions, as they are given out.
#[derive(Debug)]
pub(crate) struct SessionIndices {
    /// How many there are.
    count: u64,
    /// The last number that was given out, and the last one before the active segment: numbers are
    /// never given again. Those that a segment has are less than `count` apart, around the latter.
    newest: u64,
    before_segment: u64,
}

impl Default for SessionIndices {
    fn default() -> SessionIndices {
        SessionIndices::of(SESSION_INDEX_MAX)
    }
}

impl SessionIndices {
    pub(crate) fn of(count: u32) -> SessionIndices {
        SessionIndices {
            count: u64::from(count),
            newest: 0,
            before_segment: 0,
        }
    }

    /// To be called when a segment begins.
    pub(crate) fn begin_segment(&mut self) {
        self.before_segment = self.newest;
    }

    /// The index under which a session may be declared in the active segment; `None` if all that
    /// are left are those of others there.
    pub(crate) fn index_of(&mut self, session: &RunSession) -> Option<u32> {
        let near = (self.count - 1) / 2;
        let mut number = session.number.load(Ordering::Relaxed);
        if number == 0 || number + near <= self.before_segment {
            self.newest += 1;
            number = self.newest;
            session.number.store(number, Ordering::Relaxed);
        }
        let is_free = number <= self.before_segment + near;
        let index = u32::try_from(1 + (number - 1) % self.count).ok();
        index.filter(|_| is_free)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    const FIRST: SegmentNumber = SegmentNumber::FIRST;

    #[test]
    fn a_declaration_counts_in_its_own_segment_only() {
        let session = RunSession::new("a", 1);
        assert_eq!(session.index_in(FIRST), None);
        session.set_declared(FIRST, 7);
        assert_eq!(session.index_in(FIRST), Some(7));
        assert_eq!(session.index_in(FIRST.next()), None);
        let last = SegmentNumber(u32::MAX);
        session.set_declared(last, SESSION_INDEX_MAX);
        assert_eq!(session.index_in(last), Some(SESSION_INDEX_MAX));
        assert_eq!(session.index_in(FIRST), None);
    }

    #[test]
    fn an_index_is_one_session_s_in_a_segment_and_comes_again_after_all_others() {
        const COUNT: u32 = 11;
        let mut indices = SessionIndices::of(COUNT);
        let old = RunSession::new("old", 0);
        let mut given = Vec::new();
        let mut serial = 0;
        for _ in 0..50 {
            indices.begin_segment();
            let mut here = BTreeMap::new();
            loop {
                serial += 1;
                let session = RunSession::new("new", serial);
                let Some(index) = indices.index_of(&session) else {
                    break;
                };
                assert_eq!(here.insert(index, serial), None);
                given.push(index);
                // One that was there from the first is found a place everywhere.
                if serial % 3 == 0 {
                    let index = indices.index_of(&old).unwrap();
                    assert!(here.get(&index).is_none_or(|its| *its == 0), "{here:?}");
                    here.insert(index, 0);
                }
            }
            assert!(here.len() >= 5, "{here:?}");
        }
        for turn in given.windows(6) {
            let different: BTreeSet<_> = turn.iter().collect();
            assert_eq!(different.len(), turn.len());
        }
    }
}
