//! The end of the run: appends that need more than room in the active segment, and the step to
//! the next segment.

use std::sync::Arc;
use std::time::Duration;

use super::frame_writer::{FrameWriter, frames_len};
use super::path::Placed;
use super::preamble::{AppendRequest, encode};
use super::refused::PendingRefusals;
use super::run_session::{RunSession, SessionIndices};
use super::sync_queue::SyncQueue;
use super::write_group::GroupedRecord;
use crate::error::{Error, Result};
use crate::event::system::{RunClose, SEGMENT_START_LEN_MAX, Seal, SegmentStart};
use crate::format::{RecordKind, padded};
use crate::seeded::{self, Bug};
use crate::seq::{SegmentNumber, Seq};
use crate::writer::run_constants::RunConstants;
use crate::writer::segment::active::{ActiveSegment, PrepareFailure};
use crate::writer::segment::buffer::{CLOSING_ROOM, SegmentBuffer};
use crate::writer::segment::list::SegmentList;
use crate::writer::sync_primitives::{Mutex, lock};

/// Why a record was not written.
#[derive(Debug)]
pub(crate) enum AppendError {
    /// Nothing of it counts; later records may do better.
    Refused(Error),
    /// The run cannot promise anything any more.
    Poison(Error),
    /// The only segment it may go into is not written any more.
    LeftBehind,
}

impl From<PrepareFailure> for AppendError {
    fn from(failure: PrepareFailure) -> AppendError {
        match failure {
            PrepareFailure::Discarded(error) => AppendError::Refused(error),
            PrepareFailure::Poison(error) => AppendError::Poison(error),
        }
    }
}

/// Makes or hands over the next segment: at least so many bytes for frames.
pub(crate) type NextSegmentFn<'a> =
    &'a mut dyn FnMut(u64) -> Result<Arc<ActiveSegment>, PrepareFailure>;

/// The end of a run that is being written. The thread that has it may rotate, and in a segment that
/// is not mapped, is the only one to append.
#[derive(Debug)]
pub(crate) struct LogWriter {
    constants: Arc<RunConstants>,
    active: Arc<ActiveSegment>,
    /// The active segment, for appenders that do not have the log.
    segments: Arc<SegmentList>,
    indices: SessionIndices,
    sync_queue: Arc<Mutex<SyncQueue>>,
    frames: FrameWriter,
    refused: PendingRefusals,
    is_closed: bool,
}

impl LogWriter {
    /// A run that begins with the given segment, whose first bytes are writable.
    pub(crate) fn begin(constants: Arc<RunConstants>, first: ActiveSegment) -> Result<LogWriter> {
        let first = Arc::new(first);
        let sync_queue = Arc::new(Mutex::new(SyncQueue::new(Arc::clone(&first))));
        let mut log = LogWriter {
            constants,
            segments: Arc::new(SegmentList::new(Arc::clone(first.buffer()))),
            indices: SessionIndices::default(),
            frames: FrameWriter::new(Arc::clone(&sync_queue)),
            sync_queue,
            active: first,
            refused: PendingRefusals::default(),
            is_closed: false,
        };
        log.active.begin(Seq::FIRST.get(), 0);
        log.start_segment(0, 0)?;
        Ok(log)
    }

    /// The segments so far, for appenders that do not have the log.
    pub(crate) fn segments(&self) -> Arc<SegmentList> {
        Arc::clone(&self.segments)
    }

    /// The segments that are not durable yet, for the syncer, which does not wait for the log.
    pub(crate) fn sync_queue(&self) -> Arc<Mutex<SyncQueue>> {
        Arc::clone(&self.sync_queue)
    }

    /// The index under which a session goes on record, 0 for none; not declared yet, perhaps.
    pub(crate) fn index_of(&mut self, session: Option<&RunSession>) -> Option<u32> {
        match session {
            None => Some(0),
            Some(session) => {
                let known = session.index_in(self.active.number());
                known.or_else(|| self.indices.index_of(session))
            }
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Says that nothing more is written.
    pub(crate) fn set_closed(&mut self) {
        self.is_closed = true;
    }

    /// What was refused and is not on record yet.
    pub(crate) fn refused(&mut self) -> &mut PendingRefusals {
        &mut self.refused
    }

    /// Writes one record, with the declaration of its session and a note of refused ones before
    /// it where they are due, and says where it is.
    pub(crate) fn append(
        &mut self,
        record: AppendRequest<'_>,
        durable_seq: u64,
        next_segment: NextSegmentFn<'_>,
    ) -> Result<Placed, AppendError> {
        loop {
            let segment = Arc::clone(&self.active);
            if record
                .within
                .is_some_and(|within| within != segment.number())
            {
                return Err(AppendError::LeftBehind);
            }
            let Some(index) = self.index_of(record.session) else {
                self.rotate(record.room(), durable_seq, next_segment)?;
                continue;
            };
            let preamble = record
                .preamble(&segment, index, self.refused.counts())
                .map_err(AppendError::Refused)?;
            let frames = preamble.frames(&segment, &record);
            if seeded::has(Bug::RefusedForgotten) {
                self.refused.clear();
            }
            let declared = record.session.map(|session| (session, segment.number()));
            if let Some((session, number)) = declared.filter(|_| seeded::has(Bug::DeclaredTooEarly))
            {
                session.set_declared(number, index);
            }
            let put = self.frames.put(&segment, &frames);
            if let Some(placed) = put.map_err(AppendError::Refused)? {
                if preamble.says_refused() {
                    self.refused.was_told();
                }
                if let Some((session, number)) = declared {
                    session.set_declared(number, index);
                }
                return Ok(placed);
            }
            // In a fresh segment the session has to be declared in any case.
            let room = frames_len(&frames) + record.declaration_len();
            self.rotate(room, durable_seq, next_segment)?;
        }
    }

    /// Writes records of several threads with one write, if nothing has to go before any of them
    /// and they fit; gives the sequence number of the last.
    ///
    /// If that fails, none of them counts, and each appender tries its own again alone: then the
    /// end of the segment is locked, and the record goes into the next one.
    pub(crate) fn append_group<'a>(
        &mut self,
        records: impl Iterator<Item = GroupedRecord<'a>>,
    ) -> Option<u64> {
        let segment = Arc::clone(&self.active);
        if self.is_closed || !self.refused.counts().is_empty() {
            return None;
        }
        let frame = |record: GroupedRecord<'a>| {
            let is_declared = record.declared_in == segment.number() || record.session == 0;
            is_declared.then(|| segment.frame(record.kind, record.session, record.payload))
        };
        let frames: Vec<_> = records.map(frame).collect::<Option<_>>()?;
        let put = self.frames.put(&segment, &frames).unwrap_or_else(|_| {
            // Some may be there whole, and none may be found there of what its appender is
            // told was refused. Where not even zeros can be written, only the next seal helps.
            // An end that is not locked was not written to, and others may store there.
            let tail = segment.tail();
            let was_written = tail.is_locked || seeded::has(Bug::FreeEndZeroed);
            if was_written && !seeded::has(Bug::GroupLeftBehind) {
                let zeros = vec![0; usize::try_from(frames_len(&frames)).unwrap_or(0)];
                let _ = segment.file().write_at(&zeros, tail.offset);
            }
            None
        });
        put.map(|placed| placed.seq.get())
    }

    /// Writes a record of the journal's own if it fits into the active segment; gives its sequence
    /// number.
    pub(crate) fn append_own(
        &mut self,
        kind: RecordKind,
        payload: impl FnOnce(&SegmentBuffer) -> Result<Vec<u8>>,
    ) -> Option<u64> {
        let segment = Arc::clone(&self.active);
        let payload = payload(&segment).ok().filter(|_| !self.is_closed)?;
        let frames = [segment.frame(kind, 0, &payload)];
        let placed = self.frames.put(&segment, &frames).ok().flatten()?;
        Some(placed.seq.get())
    }

    /// Puts on record what was refused, if it is time to.
    pub(crate) fn note_refused_if_due(&mut self, now: Duration) {
        if self.refused.is_due(now) && !seeded::has(Bug::RefusedNotNoted) {
            self.note_refused();
            self.refused.postpone(now);
        }
    }

    /// Writes the notes of refused records if there are any and they fit where records do.
    fn note_refused(&mut self) {
        let notes = self.refused.counts().notes();
        let whole = self.refused.counts().note();
        for notes in [notes, whole.into_iter().collect()] {
            let payloads: Result<Vec<_>> = notes.iter().map(encode).collect();
            let payloads = payloads.unwrap_or_default();
            let segment = Arc::clone(&self.active);
            let payloads = payloads.iter();
            let frames = payloads.map(|payload| segment.frame(RecordKind::REFUSED, 0, payload));
            let frames: Vec<_> = frames.collect();
            if !frames.is_empty() && matches!(self.frames.put(&segment, &frames), Ok(Some(_))) {
                self.refused.clear();
                return;
            }
        }
    }

    /// Has nothing more appended; if it says so, the last record there is room for tells what was
    /// refused.
    pub(crate) fn end(&mut self, tells_refused: bool) {
        self.is_closed = true;
        let Some(payload) = self.last_note().filter(|_| tells_refused) else {
            return;
        };
        let segment = Arc::clone(&self.active);
        let frames = [segment.frame(RecordKind::REFUSED, 0, &payload)];
        let written = self
            .frames
            .write_next(&segment, &frames, segment.file_len());
        if matches!(written, Ok(Some(_))) {
            self.refused.clear();
        }
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
        if !self.active.tail().is_locked {
            before.push((RecordKind::RUN_CLOSE, encode(last)?));
        }
        self.seal(&before, None, durable_seq)?;
        self.refused.was_told();
        Ok(())
    }

    /// Gives back the space behind the end of a closed log; gives the last segment's number.
    pub(crate) fn cut(&self) -> SegmentNumber {
        // Space that is not given back costs nothing but space.
        let _ = self.active.cut();
        self.active.number()
    }

    /// All that is still to be said, as the payload of one note.
    fn last_note(&self) -> Option<Vec<u8>> {
        let note = self.refused.counts().note()?;
        encode(&note)
            .ok()
            .filter(|_| !seeded::has(Bug::RefusedNotNoted))
    }

    /// Goes on in the next segment: makes it first, so that nothing changes if that fails.
    fn rotate(
        &mut self,
        room: u64,
        durable_seq: u64,
        next_segment: NextSegmentFn<'_>,
    ) -> Result<(), AppendError> {
        let room = room.saturating_add(padded(SEGMENT_START_LEN_MAX) + CLOSING_ROOM);
        let next = next_segment(room)?;
        // Without a seal, the next segment's start still says where this one ends.
        let is_sealed = self.seal(&[], Some(next.number().0), durable_seq).is_ok();
        let left = std::mem::replace(&mut self.active, next);
        let end = left.tail();
        self.active
            .begin(left.seq_at(end), left.bytes_at(end.offset));
        lock(&self.sync_queue).go_on(left, is_sealed, Arc::clone(&self.active));
        self.start_segment(end.offset, durable_seq)
            .map_err(AppendError::Refused)?;
        self.segments.push(Arc::clone(self.active.buffer()));
        Ok(())
    }

    /// Writes the first record of the active segment, which no other thread sees yet.
    fn start_segment(&mut self, predecessor_end: u64, durable_seq: u64) -> Result<()> {
        let segment = Arc::clone(&self.active);
        let first_seq = segment.first_seq();
        self.indices.begin_segment();
        let start = SegmentStart {
            first_seq,
            predecessor_end,
            durable_seq,
            clocks: self.constants.clocks(),
            extras: Vec::new(),
        };
        let payload = encode(&start)?;
        let frames = [segment.frame(RecordKind::SEGMENT_START, 0, &payload)];
        self.frames
            .write_next(&segment, &frames, segment.file_len())?;
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
            self.active.atomic_tail().close(0, 0, u64::MAX);
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
        // Locked already is the end of a write that failed. The seal says its own number, which
        // no other record can take any more.
        segment.atomic_tail().lock(0, u64::MAX);
        let tail = segment.tail();
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
        self.frames.write_last(&segment, &frames, tail)
    }
}

#[cfg(all(test, not(loom)))]
impl LogWriter {
    pub(crate) fn active(&self) -> &Arc<ActiveSegment> {
        &self.active
    }

    /// Has the log go on in this segment, without a seal.
    pub(crate) fn set_active(&mut self, active: Arc<ActiveSegment>) {
        self.active = active;
    }
}
