//! Records of several threads that are written with one call, where they are not stored into a
//! mapping.
//!
//! A thread that finds the log taken leaves its record with the others that wait. The thread that
//! has the log next, mostly the same one as before, takes along all that were left until then: the
//! rest of them need not have it at all, and it need not be handed over after every record.

use std::sync::Arc;

use crate::format::RecordKind;
use crate::seeded::{self, Bug};
use crate::seq::SegmentNumber;
use crate::writer::sync_primitives::atomic::{AtomicU64, Ordering};
use crate::writer::sync_primitives::{Mutex, lock};

/// Records that wait for the log.
#[derive(Debug, Default)]
pub(crate) struct WriteGroup {
    pending: Mutex<PendingGroup>,
    /// How many have been left. Relaxed: only whether to look for the log first depends on it.
    members: AtomicU64,
}

/// Records that are written together, in the order in which they were left.
#[derive(Debug, Default)]
pub(crate) struct PendingGroup {
    /// Stored with release and loaded with acquire: a follower that sees its record written sees
    /// the bytes there.
    outcome: Arc<AtomicU64>,
    records: Vec<(RecordKind, (u32, SegmentNumber), usize)>,
    /// One after the other.
    payloads: Vec<u8>,
}

/// One of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GroupedRecord<'a> {
    pub(crate) kind: RecordKind,
    /// The index of its session, 0 if it has none.
    pub(crate) session: u32,
    /// The segment in which it is declared under that.
    pub(crate) declared_in: SegmentNumber,
    pub(crate) payload: &'a [u8],
}

/// A thread that left a record, or that thread's view of it.
#[derive(Debug)]
pub(crate) struct Follower {
    outcome: Arc<AtomicU64>,
    /// How many records of the group come before this one.
    place: u64,
}

/// What became of a record that was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WriteOutcome {
    Waiting,
    /// It has this sequence number.
    Written(u64),
    /// Nothing of it counts: other frames have to go before one of the group, or there was no
    /// room, or the write failed.
    Alone,
}

impl WriteGroup {
    /// Leaves a record for the thread that takes the group next; its session has been declared in a
    /// segment, under an index.
    pub(crate) fn join(
        &self,
        kind: RecordKind,
        session: (u32, SegmentNumber),
        payload: &[u8],
    ) -> Follower {
        let mut pending = lock(&self.pending);
        let place = pending.len();
        pending.payloads.extend_from_slice(payload);
        pending.records.push((kind, session, payload.len()));
        self.members.store(pending.len(), Ordering::Relaxed);
        Follower {
            outcome: Arc::clone(&pending.outcome),
            place,
        }
    }

    /// How many have joined since the last group was taken.
    pub(crate) fn members(&self) -> u64 {
        self.members.load(Ordering::Relaxed)
    }

    /// Closes the pending group and starts the next one.
    pub(crate) fn take(&self) -> PendingGroup {
        let mut pending = lock(&self.pending);
        self.members.store(0, Ordering::Relaxed);
        std::mem::take(&mut *pending)
    }
}

impl PendingGroup {
    pub(crate) fn len(&self) -> u64 {
        u64::try_from(self.records.len()).unwrap_or(u64::MAX)
    }

    /// All of them, in order.
    pub(crate) fn records(&self) -> impl Iterator<Item = GroupedRecord<'_>> {
        let mut rest = self.payloads.as_slice();
        self.records.iter().map(move |(kind, session, len)| {
            let (payload, behind) = rest.split_at_checked(*len).unwrap_or((rest, &[]));
            rest = behind;
            GroupedRecord {
                kind: *kind,
                session: session.0,
                declared_in: session.1,
                payload,
            }
        })
    }

    /// Tells the followers what became of their records, all of which were written if there is a
    /// sequence number of the last one.
    pub(crate) fn settle(self, last_seq: Option<u64>) {
        let before_last = self.len().saturating_sub(1);
        let outcome = last_seq.map_or(ALONE, |last| last.saturating_sub(before_last));
        self.outcome.store(outcome, Ordering::Release);
    }
}

impl Follower {
    pub(crate) fn outcome(&self) -> WriteOutcome {
        match self.outcome.load(Ordering::Acquire) {
            WAITING => WriteOutcome::Waiting,
            ALONE => WriteOutcome::Alone,
            first_seq if seeded::has(Bug::NumberOfAnother) => WriteOutcome::Written(first_seq),
            first_seq => WriteOutcome::Written(first_seq.saturating_add(self.place)),
        }
    }
}

const WAITING: u64 = 0;
/// No sequence number goes that far.
const ALONE: u64 = u64::MAX;
