//! The end of the run: where the next frame goes, and the step to the next segment.

use std::collections::HashSet;
use std::sync::Arc;

use super::refused::Tally;
use super::segment::{PrepareFailure, Segment};
use crate::error::{Error, Result};
use crate::event::system::{self, Refused, RunClose, Seal, SegmentStart, SessionRef, SyncMark};
use crate::format::{FRAMES_OFFSET, FrameHeader, FramePlace, RecordKind, padded};
use crate::seq::{SegmentNumber, Seq};

/// One record on its way to the disk.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outgoing<'a> {
    pub(super) kind: RecordKind,
    pub(super) session: u32,
    /// The session's id, for its declaration.
    pub(super) session_id: Option<&'a str>,
    pub(super) payload: &'a [u8],
}

/// Why a record was not written.
#[derive(Debug)]
pub(super) enum AppendFailure {
    /// Nothing of it counts; later records may do better.
    Refused(Error),
    /// The run cannot promise anything any more.
    Poison(Error),
}

/// Makes or hands over the next segment: at least `room` bytes for frames.
pub(super) type NextSegment<'a> = &'a mut dyn FnMut(u64) -> Result<Arc<Segment>, PrepareFailure>;

/// A segment left behind, whose frames end at `end`.
#[derive(Clone, Debug)]
pub(super) struct Finished {
    pub(super) segment: Arc<Segment>,
    pub(super) end: u64,
    pub(super) is_sealed: bool,
}

/// The end of a run that is being written; all appends go through it one after the other.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) active: Arc<Segment>,
    first_seq: u64,
    /// Where the next frame goes in the active segment.
    pub(super) offset: u64,
    /// The next sequence number to be given out.
    pub(super) next_seq: u64,
    /// Bytes of all frames written so far, over all segments.
    pub(super) total_bytes: u64,
    /// A write failed at the offset: nothing but a seal may go there.
    must_rotate: bool,
    pub(super) is_closed: bool,
    declared: HashSet<u32>,
    pub(super) refused: Tally,
    pub(super) finished: Vec<Finished>,
    buffer: Vec<u8>,
    payload: Vec<u8>,
}

impl Lane {
    /// A run that begins with the given segment.
    pub(super) fn begin(first: Arc<Segment>) -> Result<Lane> {
        let mut lane = Lane {
            active: first,
            first_seq: Seq::FIRST.get(),
            offset: FRAMES_OFFSET,
            next_seq: Seq::FIRST.get(),
            total_bytes: 0,
            must_rotate: false,
            is_closed: false,
            declared: HashSet::new(),
            refused: Tally::default(),
            finished: Vec::new(),
            buffer: Vec::new(),
            payload: Vec::new(),
        };
        lane.start_segment(0, 0)?;
        Ok(lane)
    }

    /// The last sequence number given out, 0 if none.
    pub(super) fn last_seq(&self) -> u64 {
        self.next_seq.saturating_sub(1)
    }

    /// Whether so much of the active segment is used that the next one should be made.
    pub(super) fn is_half_full(&self) -> bool {
        self.offset > self.active.file_len / 2
    }

    /// Writes one record, with the declaration of its session and a note of refused ones before
    /// it where they are due, and returns its sequence number.
    pub(super) fn append(
        &mut self,
        record: Outgoing<'_>,
        durable_seq: u64,
        next: NextSegment<'_>,
    ) -> Result<Seq, AppendFailure> {
        let need = padded(u64::try_from(record.payload.len()).unwrap_or(u64::MAX / 2));
        let extra = self.declaration_len(&record) + self.refused.frame_len_max();
        if self.must_rotate || !self.has_room(need + extra) {
            let room = need + declaration_len_max(&record) + self.refused.frame_len_max();
            self.rotate(room, durable_seq, next)?;
        }
        self.buffer.clear();
        let mut pending = self.put_refused().map_err(AppendFailure::Refused)?;
        pending += self
            .put_declaration(&record, pending)
            .map_err(AppendFailure::Refused)?;
        let seq = self.next_seq + pending;
        self.put(record.kind, record.session, record.payload, pending);
        self.write(record.payload, need)
            .map_err(AppendFailure::Refused)?;
        self.next_seq = seq + 1;
        self.refused.clear();
        if record.session != 0 {
            self.declared.insert(record.session);
        }
        Ok(Seq::new(seq).unwrap_or(Seq::FIRST))
    }

    /// Writes a sync mark if it fits into the active segment; gives its sequence number.
    pub(super) fn mark(&mut self, durable_seq: u64) -> Option<u64> {
        let mark = SyncMark {
            durable_seq,
            first_seq: self.first_seq,
            extras: Vec::new(),
        };
        if self.must_rotate || self.is_closed || !self.has_room(SYSTEM_FRAME_LEN_MAX) {
            return None;
        }
        self.write_system(RecordKind::SYNC_MARK, &mark).ok()
    }

    /// Writes the note of refused records if there are any and it fits.
    pub(super) fn note_refused(&mut self) {
        if self.must_rotate || !self.has_room(self.refused.frame_len_max()) {
            return;
        }
        let Some((count, bytes, code)) = self.refused.pending() else {
            return;
        };
        let said = Refused {
            count,
            bytes,
            code: code.into(),
            extras: Vec::new(),
        };
        if self.write_system(RecordKind::REFUSED, &said).is_ok() {
            self.refused.clear();
        }
    }

    /// Writes a last record and the last seal into the room kept for them. Afterwards the lane
    /// is closed, whatever the outcome.
    pub(super) fn close(&mut self, last: &RunClose<'_>, durable_seq: u64) -> Result<()> {
        self.is_closed = true;
        // After a failed write the offset is soiled by half a frame; only a seal goes over that.
        let written = if self.must_rotate {
            Ok(0)
        } else {
            self.write_system(RecordKind::RUN_CLOSE, last)
        };
        self.seal(None, durable_seq)?;
        written.map(|_| ())
    }

    fn has_room(&self, need: u64) -> bool {
        self.offset
            .saturating_add(need)
            .saturating_add(CLOSING_ROOM)
            <= self.active.file_len
    }

    /// Goes on in the next segment: makes it first, so that nothing changes if that fails.
    fn rotate(
        &mut self,
        room: u64,
        durable_seq: u64,
        next: NextSegment<'_>,
    ) -> Result<(), AppendFailure> {
        let room = room.saturating_add(SYSTEM_FRAME_LEN_MAX + CLOSING_ROOM);
        let segment = next(room).map_err(|failure| match failure {
            PrepareFailure::Discarded(error) => AppendFailure::Refused(error),
            PrepareFailure::Poison(error) => AppendFailure::Poison(error),
        })?;
        // Without a seal, the next segment's start still says where this one ends.
        let is_sealed = self.seal(Some(segment.number), durable_seq).is_ok();
        let left = std::mem::replace(&mut self.active, segment);
        let end = self.offset;
        self.finished.push(Finished {
            segment: left,
            end,
            is_sealed,
        });
        self.offset = FRAMES_OFFSET;
        self.first_seq = self.next_seq;
        self.must_rotate = false;
        self.declared.clear();
        self.start_segment(end, durable_seq)
            .map_err(AppendFailure::Refused)
    }

    fn start_segment(&mut self, predecessor_end: u64, durable_seq: u64) -> Result<()> {
        let first_seq = self.first_seq;
        let start = SegmentStart {
            first_seq,
            predecessor_end,
            durable_seq,
            extras: Vec::new(),
        };
        self.write_system(RecordKind::SEGMENT_START, &start)
            .map(|_| ())
    }

    /// Ends the active segment at the last good offset.
    fn seal(&mut self, next: Option<SegmentNumber>, durable_seq: u64) -> Result<()> {
        let last_seq = self.next_seq;
        let next_segment = next.map(|number| number.0);
        let seal = Seal {
            last_seq,
            next_segment,
            durable_seq,
            extras: Vec::new(),
        };
        self.write_system(RecordKind::SEAL, &seal).map(|_| ())
    }

    fn write_system<T: serde::Serialize>(&mut self, kind: RecordKind, said: &T) -> Result<u64> {
        let mut payload = std::mem::take(&mut self.payload);
        payload.clear();
        system::encode(said, &mut payload)?;
        self.buffer.clear();
        self.put(kind, 0, &payload, 0);
        let len = padded(u64::try_from(payload.len()).unwrap_or(u64::MAX / 2));
        let written = self.write(&payload, len);
        self.payload = payload;
        written?;
        let seq = self.next_seq;
        self.next_seq += 1;
        Ok(seq)
    }

    /// Bytes the declaration takes that this record needs here.
    fn declaration_len(&self, record: &Outgoing<'_>) -> u64 {
        if self.declared.contains(&record.session) {
            0
        } else {
            declaration_len_max(record)
        }
    }

    /// Adds the declaration of the record's session; gives how many frames that was.
    fn put_declaration(&mut self, record: &Outgoing<'_>, pending: u64) -> Result<u64> {
        let Some(id) = record
            .session_id
            .filter(|_| !self.declared.contains(&record.session))
        else {
            return Ok(0);
        };
        let session = record.session;
        let said = SessionRef {
            index: session,
            id: id.into(),
            extras: Vec::new(),
        };
        self.put_system(RecordKind::SESSION_REF, session, &said, pending)?;
        Ok(1)
    }

    /// Adds a note of the refused records; gives how many frames that was.
    fn put_refused(&mut self) -> Result<u64> {
        let Some((count, bytes, code)) = self.refused.pending() else {
            return Ok(0);
        };
        let said = Refused {
            count,
            bytes,
            code: code.into(),
            extras: Vec::new(),
        };
        self.put_system(RecordKind::REFUSED, 0, &said, 0)?;
        Ok(1)
    }

    fn put_system<T: serde::Serialize>(
        &mut self,
        kind: RecordKind,
        session: u32,
        said: &T,
        pending: u64,
    ) -> Result<()> {
        let mut payload = std::mem::take(&mut self.payload);
        payload.clear();
        system::encode(said, &mut payload)?;
        self.put(kind, session, &payload, pending);
        self.payload = payload;
        Ok(())
    }

    /// Adds a frame to the buffer, `pending` frames after the next sequence number. The payload
    /// itself is left out if it is large: `write` takes it from where it is.
    fn put(&mut self, kind: RecordKind, session: u32, payload: &[u8], pending: u64) {
        let buffered = u64::try_from(self.buffer.len()).unwrap_or(u64::MAX / 2);
        let relative = self.next_seq - self.first_seq + pending;
        let place = FramePlace {
            seed: self.active.seed,
            offset: self.offset + buffered,
            relative_seq: u32::try_from(relative).unwrap_or(u32::MAX),
        };
        let header = FrameHeader::new(place, kind, session, payload);
        self.buffer.extend_from_slice(&header.encode());
        if payload.len() < WRITTEN_IN_PLACE {
            self.buffer.extend_from_slice(payload);
            let whole = self.buffer.len().next_multiple_of(8);
            self.buffer.resize(whole, 0);
        }
    }

    /// Writes the buffer, whose last frame is `last_len` long and has this payload, and moves the
    /// offset behind it; after a failure only a seal may follow.
    fn write(&mut self, last_payload: &[u8], last_len: u64) -> Result<()> {
        let buffered = u64::try_from(self.buffer.len()).unwrap_or(u64::MAX / 2);
        let mut len = buffered;
        let file = &self.active.file;
        let written = if last_payload.len() < WRITTEN_IN_PLACE {
            file.write_at(&self.buffer, self.offset)
        } else {
            // The length words come last: until then the payload is behind zeros.
            len += last_len - 16;
            file.write_at(last_payload, self.offset + buffered)
                .and_then(|()| file.write_at(&self.buffer, self.offset))
        };
        match written {
            Ok(()) => {
                self.offset += len;
                self.total_bytes += len;
                Ok(())
            }
            Err(error) => {
                self.must_rotate = true;
                Err(Error::io("write", &self.active.name, error))
            }
        }
    }
}

/// Bytes the declaration of a record's session takes, 0 for a record without session.
fn declaration_len_max(record: &Outgoing<'_>) -> u64 {
    let Some(id) = record.session_id else {
        return 0;
    };
    // Index, length of the id and the extras take at most 16 bytes more.
    padded(
        u64::try_from(id.len())
            .unwrap_or(u64::MAX / 4)
            .saturating_add(16),
    )
}

/// A payload of this size and more is written from where it is, not copied first.
const WRITTEN_IN_PLACE: usize = 256 << 10;

/// The longest frame of a mark, segment start or seal: three numbers and the extras.
const SYSTEM_FRAME_LEN_MAX: u64 = padded(32);

/// Room no other record may take: for the record that closes the run and for a seal.
pub(super) const CLOSING_ROOM: u64 = padded(RUN_CLOSE_LEN_MAX) + SYSTEM_FRAME_LEN_MAX;

/// The longest payload of the record that closes a run: a short reason and four numbers.
const RUN_CLOSE_LEN_MAX: u64 = 104;

/// The smallest segment that holds a record of `room` bytes on its own.
pub(super) fn segment_len_for(room: u64) -> u64 {
    FRAMES_OFFSET.saturating_add(room).saturating_add(4096)
}
