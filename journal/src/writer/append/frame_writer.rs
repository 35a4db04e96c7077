//! Frames on their way into a segment: stored into its mapping, or by positioned writes.

use std::sync::Arc;

use super::path::Placed;
use super::sync_queue::SyncQueue;
use crate::error::{Error, Result};
use crate::seeded::{self, Bug};
use crate::seq::Seq;
use crate::writer::segment::active::{ActiveSegment, is_full};
use crate::writer::segment::buffer::{Frame, SegmentBuffer, closing_room};
use crate::writer::segment::tail::Tail;
use crate::writer::sync_primitives::{Mutex, lock};

/// Puts frames into a segment for the one thread at a time that has the log.
#[derive(Debug)]
pub(crate) struct FrameWriter {
    /// Learns what came by positioned writes.
    sync_queue: Arc<Mutex<SyncQueue>>,
    buffer: Vec<u8>,
}

impl FrameWriter {
    pub(crate) fn new(sync_queue: Arc<Mutex<SyncQueue>>) -> FrameWriter {
        FrameWriter {
            sync_queue,
            buffer: Vec::new(),
        }
    }

    /// Writes frames one after the other and says where the last one is; `None` if there is no room
    /// for them here.
    pub(crate) fn put(
        &mut self,
        segment: &ActiveSegment,
        frames: &[Frame<'_>],
    ) -> Result<Option<Placed>> {
        let len = frames_len(frames);
        let limit = segment.file_len().saturating_sub(closing_room());
        // Locked before the log was: by a write that failed, over which only a seal may go.
        let has_room = |tail: Tail| {
            let end = tail.offset.checked_add(len);
            !tail.is_locked && end.is_some_and(|end| end <= limit)
        };
        if !has_room(segment.tail()) {
            return Ok(None);
        }
        if segment.takes_positioned(count(frames)) {
            return self.write_next(segment, frames, limit);
        }
        loop {
            // Others append meanwhile: what was made writable may be used up already.
            let end = segment.tail().offset.saturating_add(len);
            if end > segment.writable_to()
                && let Err(error) = segment.make_writable_ahead(len)
            {
                if is_full(&error) {
                    return Err(Error::io("get space in", segment.name(), error));
                }
                // Whatever keeps pages from being made writable: writing works, or says why not.
                return self.write_next(segment, frames, limit);
            }
            let limit = limit.min(segment.writable_to());
            if let Some(start) = segment.atomic_tail().reserve(count(frames), len, limit) {
                store(segment, frames, start);
                return Ok(Some(last(segment, frames, start)));
            }
            if !has_room(segment.tail()) {
                return Ok(None);
            }
        }
    }

    /// As [`put`](FrameWriter::put), by positioned writes; after a failure only a seal may follow.
    pub(crate) fn write_next(
        &mut self,
        segment: &ActiveSegment,
        frames: &[Frame<'_>],
        limit: u64,
    ) -> Result<Option<Placed>> {
        let len = frames_len(frames);
        let Some(start) = segment.atomic_tail().lock(len, limit) else {
            return Ok(None);
        };
        self.write(segment, frames, start)?;
        self.add_positioned(frames, start);
        segment.atomic_tail().unlock(start, count(frames), len);
        Ok(Some(last(segment, frames, start)))
    }

    /// Writes the last frames of a segment, whose end is locked, and closes it.
    pub(crate) fn write_last(
        &mut self,
        segment: &ActiveSegment,
        frames: &[Frame<'_>],
        tail: Tail,
    ) -> Result<()> {
        self.write(segment, frames, tail)?;
        self.add_positioned(frames, tail);
        let (count, len) = (count(frames), frames_len(frames));
        let is_closed = segment.atomic_tail().close_at(tail, count, len);
        debug_assert!(is_closed, "no other thread moves a locked end");
        Ok(())
    }

    /// Says that frames were written, before they become part of the segment: a sync is to know
    /// where the last one begins of what it makes durable.
    fn add_positioned(&self, frames: &[Frame<'_>], start: Tail) {
        let lens = frames.iter().map(Frame::frame_len);
        let (last, end) = lens.fold((start, start), |(_, at), len| (at, at.behind(len)));
        lock(&self.sync_queue).add_positioned(start, end, last.offset);
    }

    /// Writes frames at the locked end of a segment.
    fn write(&mut self, segment: &ActiveSegment, frames: &[Frame<'_>], start: Tail) -> Result<()> {
        segment.protect_to(start.offset.saturating_add(frames_len(frames)));
        self.buffer.clear();
        let mut at = start;
        let mut written = Ok(());
        for frame in frames {
            let words = segment.words(frame, at);
            let payload = frame.payload();
            if payload.len() < WRITTEN_IN_PLACE {
                self.buffer.extend_from_slice(&words.to_bytes());
                self.buffer.extend_from_slice(payload);
                self.buffer.resize(self.buffer.len().next_multiple_of(8), 0);
            } else {
                // The frame is begun before its payload is there, and those before it are whole.
                let len = self.buffer.len();
                self.buffer.extend_from_slice(&words.begun().to_bytes());
                written = written
                    .and_then(|()| segment.file().write_at(&self.buffer, start.offset))
                    .and_then(|()| segment.file().write_at(payload, at.offset + 16));
                self.buffer.truncate(len);
                self.buffer.extend_from_slice(&words.to_bytes());
            }
            at = at.behind(frame.frame_len());
        }
        written
            .and_then(|()| segment.file().write_at(&self.buffer, start.offset))
            .or_else(|error| match seeded::has(Bug::HalfFrameTaken) {
                true => Ok(()),
                false => Err(error),
            })
            .map_err(|error| {
                if seeded::has(Bug::HalfFrameLeft) {
                    segment.atomic_tail().unlock(start, 0, 0);
                }
                Error::io("write", segment.name(), error)
            })
    }
}

/// Fills reserved room of a mapped segment, frame by frame; the first in order is committed first.
fn store(segment: &SegmentBuffer, frames: &[Frame<'_>], start: Tail) {
    let mut at = start;
    for frame in frames {
        segment.store(frame, at);
        at = at.behind(frame.frame_len());
    }
}

/// Where the last of these frames is, the first of which begins at `start`.
fn last(segment: &SegmentBuffer, frames: &[Frame<'_>], start: Tail) -> Placed {
    let seq = segment.seq_at(start) + u64::from(count(frames)).saturating_sub(1);
    let before = frames
        .split_last()
        .map_or(0, |(_, before)| frames_len(before));
    Placed {
        seq: Seq::new(seq).unwrap_or(Seq::MAX),
        segment: segment.number(),
        offset: start.offset + before,
    }
}

/// A record and what goes before it are a few.
fn count(frames: &[Frame<'_>]) -> u32 {
    u32::try_from(frames.len()).unwrap_or(u32::MAX)
}

pub(crate) fn frames_len(frames: &[Frame<'_>]) -> u64 {
    frames.iter().map(Frame::frame_len).sum()
}

/// A payload of this size and more is written from where it is, not copied first.
const WRITTEN_IN_PLACE: usize = 256 << 10;
