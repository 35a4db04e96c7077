//! The end of the run: appends that need more than room in the active segment, and the step to
//! the next segment.

use std::sync::Arc;

use super::declared_sessions::DeclaredSessions;
use super::preamble::{AppendRequest, encode};
use super::refused::Pending;
use super::sync_queue::SyncQueue;
use crate::error::{Error, Result};
use crate::event::system::SEGMENT_START_LEN_MAX;
use crate::event::system::{Clocks, RunClose, Seal, SegmentStart, SyncMark};
use crate::event::system::{REFUSED_LEN_MAX, RUN_CLOSE_LEN_MAX, SEAL_LEN_MAX};
use crate::format::{RecordKind, padded};
use crate::seeded::{self, Bug};
use crate::seq::Seq;
use crate::storage::Storage;
use crate::writer::close::clocks;
use crate::writer::run::lock;
use crate::writer::segment::active::{ActiveSegment, PrepareFailure, is_full};
use crate::writer::segment::buffer::{Frame, SegmentBuffer};
use crate::writer::segment::list::SegmentList;
use crate::writer::segment::tail::Tail;
use crate::writer::sync_primitives::Mutex;

/// Why a record was not written.
#[derive(Debug)]
pub(crate) enum AppendError {
    /// Nothing of it counts; later records may do better.
    Refused(Error),
    /// The run cannot promise anything any more.
    Poison(Error),
}

/// Makes or hands over the next segment: at least `room` bytes for frames.
pub(crate) type NextSegmentFn<'a> =
    &'a mut dyn FnMut(u64) -> Result<Arc<ActiveSegment>, PrepareFailure>;

/// The end of a run that is being written. Whoever holds it may rotate, and in a segment that is
/// not mapped, is the only one to append.
#[derive(Debug)]
pub(crate) struct LogWriter {
    storage: Arc<dyn Storage>,
    pub(crate) active: Arc<ActiveSegment>,
    /// The active segment, for appenders that do not hold the log.
    controls: Arc<SegmentList>,
    pub(crate) declared: Arc<DeclaredSessions>,
    pub(crate) is_closed: bool,
    pub(crate) refused: Pending,
    unsynced: Arc<Mutex<SyncQueue>>,
    buffer: Vec<u8>,
}

impl LogWriter {
    /// A run that begins with the given segment, whose first bytes are writable.
    pub(crate) fn begin(storage: Arc<dyn Storage>, first: Arc<ActiveSegment>) -> Result<LogWriter> {
        let mut log = LogWriter {
            storage,
            controls: Arc::new(SegmentList::new(Arc::clone(first.control()))),
            declared: Arc::new(DeclaredSessions::new()),
            unsynced: Arc::new(Mutex::new(SyncQueue::new(Arc::clone(&first)))),
            active: first,
            is_closed: false,
            refused: Pending::default(),
            buffer: Vec::new(),
        };
        log.active.begin(Seq::FIRST.get(), 0);
        log.start_segment(0, 0)?;
        Ok(log)
    }

    /// The segments so far, for appenders that do not hold the log.
    pub(crate) fn controls(&self) -> Arc<SegmentList> {
        Arc::clone(&self.controls)
    }

    /// The segments that are not durable yet, for who syncs and does not hold the log.
    pub(crate) fn unsynced(&self) -> Arc<Mutex<SyncQueue>> {
        Arc::clone(&self.unsynced)
    }

    /// Which sessions are declared where.
    pub(crate) fn declared(&self) -> Arc<DeclaredSessions> {
        Arc::clone(&self.declared)
    }

    /// Writes one record, with the declaration of its session and a note of refused ones before
    /// it where they are due, and returns its sequence number.
    pub(crate) fn append(
        &mut self,
        record: AppendRequest<'_>,
        durable_seq: u64,
        take_next: NextSegmentFn<'_>,
    ) -> Result<Seq, AppendError> {
        loop {
            let segment = Arc::clone(&self.active);
            let before = record
                .before(&segment, &self.declared, &self.refused.tallies)
                .map_err(AppendError::Refused)?;
            let frames = before.frames(&segment, &record);
            if seeded::has(Bug::RefusedForgotten) {
                self.refused.tallies.clear();
            }
            if seeded::has(Bug::DeclaredTooEarly) {
                self.declared.add(segment.number, record.session);
            }
            if let Some(seq) = self.put(&segment, &frames)? {
                if before.says_refused() {
                    self.refused.was_told();
                }
                self.declared.add(segment.number, record.session);
                return Ok(Seq::new(seq).unwrap_or(Seq::MAX));
            }
            // In a fresh segment the session has to be declared in any case.
            let room = frames_len(&frames) + record.declaration_len();
            self.rotate(room, durable_seq, take_next)?;
        }
    }

    /// Writes a sync mark if it fits into the active segment; gives its sequence number.
    pub(crate) fn mark(&mut self, durable_seq: u64, durable_bytes: u64) -> Option<u64> {
        let first_seq = self.active.first_seq();
        let mark = SyncMark {
            durable_seq,
            first_seq,
            durable_end: self.active.offset_of(durable_bytes),
            clocks: self.clocks(),
            extras: Vec::new(),
        };
        if self.is_closed {
            return None;
        }
        self.put_system(RecordKind::SYNC_MARK, &mark).ok().flatten()
    }

    fn clocks(&self) -> Clocks {
        clocks(self.storage.clocks())
    }

    /// Writes what is still to be said of refused records, a last record and the last seal into
    /// the room kept for them. Afterwards the log is closed, whatever the outcome.
    pub(crate) fn close(&mut self, last: &RunClose<'_>, durable_seq: u64) -> Result<()> {
        self.is_closed = true;
        let note = self.last_note();
        let mut before: Vec<_> = note
            .map(|note| (RecordKind::REFUSED, note))
            .into_iter()
            .collect();
        // After a failed write the tail is soiled by half a frame: the run is not said to be
        // closed then.
        if !self.active.reserve.tail().is_locked {
            before.push((RecordKind::RUN_CLOSE, encode(last)?));
        }
        self.seal(&before, None, durable_seq)?;
        self.refused.was_told();
        Ok(())
    }

    /// Writes frames one after the other and gives the sequence number of the last; `None` if
    /// there is no room for them here.
    pub(crate) fn put(
        &mut self,
        segment: &ActiveSegment,
        frames: &[Frame<'_>],
    ) -> Result<Option<u64>, AppendError> {
        let len = frames_len(frames);
        let limit = segment.file_len.saturating_sub(closing_room());
        // Held before the log is: by a write that failed, over which only a seal may go.
        let has_room = |tail: Tail| {
            let end = tail.offset.checked_add(len);
            !tail.is_locked && end.is_some_and(|end| end <= limit)
        };
        if !has_room(segment.reserve.tail()) {
            return Ok(None);
        }
        if segment.takes_positioned(count(frames)) {
            let written = self.write_next(segment, frames, limit);
            return written.map_err(AppendError::Refused);
        }
        loop {
            // Others append meanwhile: what was made writable may be used up already.
            let end = segment.reserve.tail().offset.saturating_add(len);
            if end > segment.writable_to()
                && let Err(error) = segment.make_writable_ahead(len)
            {
                if is_full(&error) {
                    let error = Error::io("get space in", &segment.name, error);
                    return Err(AppendError::Refused(error));
                }
                // Whatever keeps pages from being made writable: writing works, or says why not.
                let written = self.write_next(segment, frames, limit);
                return written.map_err(AppendError::Refused);
            }
            let limit = limit.min(segment.writable_to());
            if let Some(start) = advance(segment, frames, len, limit) {
                store(segment, frames, start);
                return Ok(Some(last_seq(segment, frames, start)));
            }
            if !has_room(segment.reserve.tail()) {
                return Ok(None);
            }
        }
    }

    fn put_system<T: serde::Serialize>(
        &mut self,
        kind: RecordKind,
        said: &T,
    ) -> Result<Option<u64>, AppendError> {
        let payload = encode(said).map_err(AppendError::Refused)?;
        let segment = Arc::clone(&self.active);
        self.put(&segment, &[segment.frame(kind, 0, &payload)])
    }

    /// Goes on in the next segment: makes it first, so that nothing changes if that fails.
    fn rotate(
        &mut self,
        room: u64,
        durable_seq: u64,
        take_next: NextSegmentFn<'_>,
    ) -> Result<(), AppendError> {
        let room = room.saturating_add(padded(SEGMENT_START_LEN_MAX) + CLOSING_ROOM);
        let next = take_next(room).map_err(|failure| match failure {
            PrepareFailure::Discarded(error) => AppendError::Refused(error),
            PrepareFailure::Poison(error) => AppendError::Poison(error),
        })?;
        // Without a seal, the next segment's start still says where this one ends.
        let is_sealed = self.seal(&[], Some(next.number.0), durable_seq).is_ok();
        let left = std::mem::replace(&mut self.active, next);
        let end = left.reserve.tail();
        self.active
            .begin(left.seq_at(end), left.bytes_at(end.offset));
        lock(&self.unsynced).go_on(left, is_sealed, Arc::clone(&self.active));
        self.start_segment(end.offset, durable_seq)
            .map_err(AppendError::Refused)?;
        self.controls.push(Arc::clone(self.active.control()));
        Ok(())
    }

    /// Writes the first record of the active segment, which nobody else sees yet.
    fn start_segment(&mut self, predecessor_end: u64, durable_seq: u64) -> Result<()> {
        let segment = Arc::clone(&self.active);
        let first_seq = segment.first_seq();
        let start = SegmentStart {
            first_seq,
            predecessor_end,
            durable_seq,
            clocks: self.clocks(),
            extras: Vec::new(),
        };
        let payload = encode(&start)?;
        let frames = [segment.frame(RecordKind::SEGMENT_START, 0, &payload)];
        self.write_next(&segment, &frames, segment.file_len)?;
        Ok(())
    }

    /// Ends the active segment at its tail, after last records if there are any: from now on its
    /// end is fixed, sealed or not.
    fn seal(
        &mut self,
        before: &[(RecordKind, Vec<u8>)],
        next_segment: Option<u32>,
        durable_seq: u64,
    ) -> Result<()> {
        let sealed = self.try_seal(before, next_segment, durable_seq);
        if sealed.is_err() {
            self.active.reserve.close(0, 0, u64::MAX);
        }
        sealed
    }

    fn try_seal(
        &mut self,
        before: &[(RecordKind, Vec<u8>)],
        next_segment: Option<u32>,
        durable_seq: u64,
    ) -> Result<()> {
        let segment = Arc::clone(&self.active);
        // Held already is the end of a write that failed. The seal says its own number, which
        // nobody can take any more.
        segment.reserve.lock(0, u64::MAX);
        let tail = segment.reserve.tail();
        let miscount = seeded::either(Bug::SealMiscounts, 1, 0);
        let len = u64::try_from(before.len()).unwrap_or(0);
        let last_seq = segment.seq_at(tail) + len.saturating_sub(miscount);
        let seal = Seal {
            last_seq,
            next_segment,
            durable_seq,
            extras: Vec::new(),
        };
        let payload = encode(&seal)?;
        let before = before.iter();
        let before = before.map(|(kind, payload)| segment.frame(*kind, 0, payload));
        let seal = segment.frame(RecordKind::SEAL, 0, &payload);
        let frames: Vec<_> = before.chain([seal]).collect();
        self.write(&segment, &frames, tail)?;
        let is_closed = (segment.reserve).close_at(tail, count(&frames), frames_len(&frames));
        debug_assert!(is_closed, "nobody else moves a held end");
        Ok(())
    }

    /// As [`put`](LogWriter::put), by positioned writes; after a failure only a seal may follow.
    pub(crate) fn write_next(
        &mut self,
        segment: &ActiveSegment,
        frames: &[Frame<'_>],
        limit: u64,
    ) -> Result<Option<u64>> {
        let len = frames_len(frames);
        let Some(start) = segment.reserve.lock(len, limit) else {
            return Ok(None);
        };
        self.write(segment, frames, start)?;
        let end = segment.reserve.unlock(start, count(frames), len);
        lock(&self.unsynced).add_positioned(start, end);
        Ok(Some(last_seq(segment, frames, start)))
    }

    /// Writes frames at the held end of a segment.
    fn write(&mut self, segment: &ActiveSegment, frames: &[Frame<'_>], start: Tail) -> Result<()> {
        segment.protect_to(start.offset.saturating_add(frames_len(frames)));
        self.buffer.clear();
        let mut at = start;
        let mut written = Ok(());
        for frame in frames {
            let words = segment.words(frame, at);
            if frame.payload.len() < WRITTEN_IN_PLACE {
                self.buffer.extend_from_slice(&words.to_bytes());
                self.buffer.extend_from_slice(frame.payload);
                self.buffer.resize(self.buffer.len().next_multiple_of(8), 0);
            } else {
                // The frame is begun before its payload is there, and those before it are whole.
                let len = self.buffer.len();
                self.buffer.extend_from_slice(&words.begun().to_bytes());
                written = written
                    .and_then(|()| segment.file.write_at(&self.buffer, start.offset))
                    .and_then(|()| segment.file.write_at(frame.payload, at.offset + 16));
                self.buffer.truncate(len);
                self.buffer.extend_from_slice(&words.to_bytes());
            }
            at.offset += frame.frame_len();
            at.relative_seq += 1;
        }
        written
            .and_then(|()| segment.file.write_at(&self.buffer, start.offset))
            .or_else(|error| match seeded::has(Bug::HalfFrameTaken) {
                true => Ok(()),
                false => Err(error),
            })
            .map_err(|error| {
                if seeded::has(Bug::HalfFrameLeft) {
                    segment.reserve.unlock(start, 0, 0);
                }
                Error::io("write", &segment.name, error)
            })
    }
}

/// Fills reserved room of a mapped segment, frame by frame; the first in order is committed first.
fn store(segment: &SegmentBuffer, frames: &[Frame<'_>], start: Tail) {
    let mut at = start;
    for frame in frames {
        segment.store(frame, at);
        at.offset += frame.frame_len();
        at.relative_seq += 1;
    }
}

fn advance(segment: &SegmentBuffer, frames: &[Frame<'_>], len: u64, limit: u64) -> Option<Tail> {
    segment.reserve.reserve(count(frames), len, limit)
}

fn last_seq(segment: &SegmentBuffer, frames: &[Frame<'_>], start: Tail) -> u64 {
    segment.seq_at(start) + u64::from(count(frames)).saturating_sub(1)
}

/// A record and what goes before it are a few.
fn count(frames: &[Frame<'_>]) -> u32 {
    u32::try_from(frames.len()).unwrap_or(u32::MAX)
}

pub(crate) fn frames_len(frames: &[Frame<'_>]) -> u64 {
    frames.iter().map(Frame::frame_len).sum()
}

/// Room no other record may take: for the last note of refused ones, the record that closes the
/// run, and a seal.
pub(crate) fn closing_room() -> u64 {
    seeded::either(Bug::SealRoomNotKept, 0, CLOSING_ROOM)
}

/// A payload of this size and more is written from where it is, not copied first.
const WRITTEN_IN_PLACE: usize = 256 << 10;

/// The longest frames of the record that closes the run, of a seal, and of a note of refused ones.
const CLOSING_ROOM: u64 =
    padded(RUN_CLOSE_LEN_MAX) + padded(SEAL_LEN_MAX) + padded(REFUSED_LEN_MAX);
