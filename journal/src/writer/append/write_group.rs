//! Records of several threads that are written with one call, where they are not stored into a
//! mapping.
//!
//! Who finds the lane taken leaves its record with the others that wait. Who has the lane next,
//! mostly the same one as before, takes along all that were left until then: the rest of them need
//! not have it at all, and it need not be handed over after every record.

use crate::writer::sync_primitives::atomic::{AtomicU64, Ordering};
use crate::writer::sync_primitives::{Mutex, MutexGuard, thread};
use std::sync::{Arc, TryLockError};

use super::log_writer::{Lane, frames_len};
use crate::format::RecordKind;
use crate::seeded::{self, Bug};
use crate::writer::run::{Core, lock, size_of};

/// Records that wait for the lane.
#[derive(Debug, Default)]
pub(crate) struct Group {
    gathering: Mutex<Gathering>,
    /// How many have been left.
    members: AtomicU64,
}

/// Records that are written together, in the order in which they were left.
#[derive(Debug, Default)]
pub(crate) struct Gathering {
    fate: Arc<AtomicU64>,
    records: Vec<(RecordKind, u32, usize)>,
    /// One after the other.
    payloads: Vec<u8>,
}

/// One who left a record.
#[derive(Debug)]
pub(crate) struct Member {
    fate: Arc<AtomicU64>,
    /// How many records of the group come before this one.
    place: u64,
}

/// What became of a record that was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Waiting,
    /// It has this sequence number.
    Written(u64),
    /// Nothing of it counts: other frames have to go before one of the group, or there was no
    /// room, or the write failed.
    Alone,
}

/// What comes of waiting for the lane.
#[derive(Debug)]
pub(crate) enum Turn<'a> {
    Lane(MutexGuard<'a, Lane>),
    /// The record is written already; its sequence number.
    Written(u64),
}

impl Group {
    /// Leaves a record for who takes the group next.
    pub(crate) fn join(&self, kind: RecordKind, session: u32, payload: &[u8]) -> Member {
        let mut gathering = lock(&self.gathering);
        let place = gathering.len();
        gathering.payloads.extend_from_slice(payload);
        gathering.records.push((kind, session, payload.len()));
        self.members.store(gathering.len(), Ordering::Relaxed);
        Member {
            fate: Arc::clone(&gathering.fate),
            place,
        }
    }

    /// How many have joined since the last group was taken.
    pub(crate) fn members(&self) -> u64 {
        self.members.load(Ordering::Relaxed)
    }

    /// Ends the gathering of a group and starts the next one.
    pub(crate) fn take(&self) -> Gathering {
        let mut gathering = lock(&self.gathering);
        self.members.store(0, Ordering::Relaxed);
        std::mem::take(&mut *gathering)
    }
}

impl Gathering {
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
        let fate = last_seq.map_or(ALONE, |last| last.saturating_sub(before_last));
        self.fate.store(fate, Ordering::Release);
    }
}

impl Member {
    pub(crate) fn fate(&self) -> Fate {
        match self.fate.load(Ordering::Acquire) {
            WAITING => Fate::Waiting,
            ALONE => Fate::Alone,
            first_seq if seeded::has(Bug::NumberOfAnother) => Fate::Written(first_seq),
            first_seq => Fate::Written(first_seq.saturating_add(self.place)),
        }
    }
}

impl Core {
    /// Waits for the lane, or until who has it has written the record, too.
    pub(crate) fn take_turn(&self, kind: RecordKind, session: u32, payload: &[u8]) -> Turn<'_> {
        let free = self.try_lock_lane();
        let is_alone = free.is_some() && self.group.members() == 0;
        if is_alone || !self.can_join(session, payload) {
            return Turn::Lane(free.unwrap_or_else(|| self.lock_lane()));
        }
        let member = self.group.join(kind, session, payload);
        let mut lane = free.or_else(|| self.wait_for_turn(&member));
        if let Some(lane) = &mut lane
            && member.fate() == Fate::Waiting
        {
            self.write_group(lane);
        }
        match member.fate() {
            Fate::Written(seq) => Turn::Written(seq),
            _ => Turn::Lane(lane.unwrap_or_else(|| self.lock_lane())),
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

    /// Waits for the lane or, as `None` says, until it is settled what becomes of the record.
    fn wait_for_turn(&self, member: &Member) -> Option<MutexGuard<'_, Lane>> {
        for look in 0..LOOKS {
            if member.fate() != Fate::Waiting {
                return None;
            }
            // At first, who has the lane is given time to come back and take the group along.
            let lane = (look >= LOOKS_AT_FATE).then(|| self.try_lock_lane());
            if let Some(lane) = lane.flatten() {
                return Some(lane);
            }
            // Others may have records to leave, and no processor.
            thread::yield_now();
        }
        Some(self.lock_lane())
    }

    pub(crate) fn write_group(&self, lane: &mut Lane) {
        let group = self.group.take();
        let believed = seeded::has(Bug::GroupBelieved).then(|| self.written() + group.len());
        let last_seq = lane.append_group(group.records()).or(believed);
        group.settle(last_seq);
    }

    pub(crate) fn try_lock_lane(&self) -> Option<MutexGuard<'_, Lane>> {
        match self.lane.try_lock() {
            Ok(lane) => Some(lane),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

impl Lane {
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
            let was_written = tail.is_held || seeded::has(Bug::FreeEndZeroed);
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
