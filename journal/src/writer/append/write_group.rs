//! Records of several threads that are written with one call, where they are not stored into a
//! mapping.
//!
//! Who finds the log taken leaves its record with the others that wait. Who has the log next,
//! mostly the same one as before, takes along all that were left until then: the rest of them need
//! not have it at all, and it need not be handed over after every record.

use crate::writer::sync_primitives::atomic::{AtomicU64, Ordering};
use crate::writer::sync_primitives::{Mutex, MutexGuard, thread};
use std::sync::{Arc, TryLockError};

use super::log_writer::{LogWriter, frames_len};
use crate::format::RecordKind;
use crate::seeded::{self, Bug};
use crate::writer::run::{RunWriter, lock, size_of};

/// Records that wait for the log.
#[derive(Debug, Default)]
pub(crate) struct WriteGroup {
    gathering: Mutex<PendingGroup>,
    /// How many have been left.
    members: AtomicU64,
}

/// Records that are written together, in the order in which they were left.
#[derive(Debug, Default)]
pub(crate) struct PendingGroup {
    outcome: Arc<AtomicU64>,
    records: Vec<(RecordKind, u32, usize)>,
    /// One after the other.
    payloads: Vec<u8>,
}

/// One who left a record.
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

/// What comes of waiting for the log.
#[derive(Debug)]
pub(crate) enum WriteRole<'a> {
    LogWriter(MutexGuard<'a, LogWriter>),
    /// The record is written already; its sequence number.
    Written(u64),
}

impl WriteGroup {
    /// Leaves a record for who takes the group next.
    pub(crate) fn join(&self, kind: RecordKind, session: u32, payload: &[u8]) -> Follower {
        let mut gathering = lock(&self.gathering);
        let place = gathering.len();
        gathering.payloads.extend_from_slice(payload);
        gathering.records.push((kind, session, payload.len()));
        self.members.store(gathering.len(), Ordering::Relaxed);
        Follower {
            outcome: Arc::clone(&gathering.outcome),
            place,
        }
    }

    /// How many have joined since the last group was taken.
    pub(crate) fn members(&self) -> u64 {
        self.members.load(Ordering::Relaxed)
    }

    /// Ends the gathering of a group and starts the next one.
    pub(crate) fn take(&self) -> PendingGroup {
        let mut gathering = lock(&self.gathering);
        self.members.store(0, Ordering::Relaxed);
        std::mem::take(&mut *gathering)
    }
}

impl PendingGroup {
    fn len(&self) -> u64 {
        u64::try_from(self.records.len()).unwrap_or(u64::MAX)
    }

    /// Kind, session and payload of each, in order.
    pub(crate) fn records(&self) -> impl Iterator<Item = (RecordKind, u32, &[u8])> {
        let mut rest = self.payloads.as_slice();
        self.records.iter().map(move |(kind, session, len)| {
            let (payload, behind) = rest.split_at_checked(*len).unwrap_or((rest, &[]));
            rest = behind;
            (*kind, *session, payload)
        })
    }

    /// Tells the members what became of their records, all of which were written if there is a
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

impl RunWriter {
    /// Waits for the log, or until who has it has written the record, too.
    pub(crate) fn lock_log_or_follow(
        &self,
        kind: RecordKind,
        session: u32,
        payload: &[u8],
    ) -> WriteRole<'_> {
        let free = self.try_lock_log();
        let is_alone = free.is_some() && self.group.members() == 0;
        if is_alone || !self.can_join(session, payload) {
            return WriteRole::LogWriter(free.unwrap_or_else(|| self.lock_log()));
        }
        let follower = self.group.join(kind, session, payload);
        let mut log = free.or_else(|| self.wait_for_turn(&follower));
        if let Some(log) = &mut log
            && follower.outcome() == WriteOutcome::Waiting
        {
            self.write_group(log);
        }
        match follower.outcome() {
            WriteOutcome::Written(seq) => WriteRole::Written(seq),
            _ => WriteRole::LogWriter(log.unwrap_or_else(|| self.lock_log())),
        }
    }

    /// Whether the record comes by a positioned write and nothing has to go before it.
    fn can_join(&self, session: u32, payload: &[u8]) -> bool {
        let segment = self.controls.active();
        segment.is_positioned()
            && size_of(payload) <= GROUPED_LEN_MAX
            && self.declared.contains(segment.number, session)
            && !self.has_refused.load(Ordering::SeqCst)
    }

    /// Waits for the log or, as `None` says, until it is settled what becomes of the record.
    fn wait_for_turn(&self, follower: &Follower) -> Option<MutexGuard<'_, LogWriter>> {
        for look in 0..LOOKS {
            if follower.outcome() != WriteOutcome::Waiting {
                return None;
            }
            // At first, who has the log is given time to come back and take the group along.
            let log = (look >= LOOKS_AT_FATE).then(|| self.try_lock_log());
            if let Some(log) = log.flatten() {
                return Some(log);
            }
            // Others may have records to leave, and no processor.
            thread::yield_now();
        }
        Some(self.lock_log())
    }

    pub(crate) fn write_group(&self, log: &mut LogWriter) {
        let group = self.group.take();
        let believed = seeded::has(Bug::GroupBelieved).then(|| self.written() + group.len());
        let last_seq = log.append_group(group.records()).or(believed);
        group.settle(last_seq);
    }

    pub(crate) fn try_lock_log(&self) -> Option<MutexGuard<'_, LogWriter>> {
        match self.log.try_lock() {
            Ok(log) => Some(log),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

impl LogWriter {
    /// Writes records of several threads with one write, if nothing has to go before any of them
    /// and they fit; gives the sequence number of the last.
    ///
    /// If that fails, none of them counts, and who left one tries it again alone: then the end of
    /// the segment is held, and the record goes into the next one.
    fn append_group<'a>(
        &mut self,
        records: impl Iterator<Item = (RecordKind, u32, &'a [u8])>,
    ) -> Option<u64> {
        let segment = Arc::clone(&self.active);
        if self.is_closed || !self.refused.tallies.is_empty() {
            return None;
        }
        let frame = |(kind, session, payload)| {
            let is_declared = self.declared.contains(segment.number, session);
            is_declared.then(|| segment.frame(kind, session, payload))
        };
        let frames: Vec<_> = records.map(frame).collect::<Option<_>>()?;
        self.put(&segment, &frames).unwrap_or_else(|_| {
            // Some may be there whole, and none may be found there of what its appender is
            // told was refused. Where not even zeros can be written, only the next seal helps.
            // An end that is not held was not written to, and others may store there.
            let tail = segment.reserve.tail();
            let was_written = tail.is_locked || seeded::has(Bug::FreeEndZeroed);
            if was_written && !seeded::has(Bug::GroupLeftBehind) {
                let zeros = vec![0; usize::try_from(frames_len(&frames)).unwrap_or(0)];
                let _ = segment.file.write_at(&zeros, tail.offset);
            }
            None
        })
    }
}

const WAITING: u64 = 0;
/// No sequence number goes that far.
const ALONE: u64 = u64::MAX;

/// Copying a longer payload to where the group is takes longer than a call of its own.
pub(crate) const GROUPED_LEN_MAX: u64 = 16 << 10;

/// How often one looks for its turn, and gives the processor to others, before it sleeps; and how
/// often only at what became of its record.
const LOOKS: u32 = 20;
const LOOKS_AT_FATE: u32 = 4;
