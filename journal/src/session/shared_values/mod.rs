//! Values that a session said before are not said again: a record refers to where they stand.
//!
//! A reference points to a record of the same session and segment that this process has written
//! before, so a segment explains itself, and what an acknowledged record refers to is durable when
//! that record is. Whether values are the same is told by their bytes, read back from the segment.

mod rewrite;
mod table;
#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use self::rewrite::{Rewritten, SaidBefore, rewrite};
use self::table::{Said, SaidValues};
use super::sink::{Home, SessionId, Sink};
use crate::error::{Error, Result};
use crate::event::codec::{self, Marks};
use crate::format::{FRAME_HEADER_LEN, RecordKind};
use crate::len::len_u64;
use crate::seeded::{self, Bug};
use crate::seq::Seq;
use crate::storage::StorageFile;

/// Appends events so that what a session says again is said once in a segment.
pub(crate) struct SharedValues {
    /// The longest payload that is written, which is also how long one may be to its reader.
    record_len_max: u64,
    segment: Mutex<SegmentValues>,
}

/// What was said in the segment that is being written.
struct SegmentValues {
    /// `None` before the first record.
    home: Option<Home>,
    values: SaidValues,
    /// To read back what was said; opened when it is asked for.
    file: Option<Arc<dyn StorageFile>>,
}

impl SharedValues {
    pub(crate) fn new(record_len_max: u64) -> SharedValues {
        SharedValues {
            record_len_max,
            segment: Mutex::new(SegmentValues {
                home: None,
                values: SaidValues::new(),
                file: None,
            }),
        }
    }

    /// Whether such a payload may refer to values, or be referred to.
    pub(crate) fn takes(&self, kind: RecordKind, inline: &[u8]) -> bool {
        let len = len_u64(inline.len());
        codec::may_be_referred_to(kind)
            && inline.len() >= RECORD_LEN_MIN
            && len <= self.record_len_max
    }

    /// Appends a record of which all values are in `inline`, and marked.
    pub(crate) fn append(
        &self,
        sink: &dyn Sink,
        kind: RecordKind,
        session: &SessionId,
        (inline, marks): (&[u8], &Marks),
    ) -> Result<Seq> {
        if let Some(home) = sink.home(session)
            && let Some(made) = self.rewrite(sink, home, inline, marks)
        {
            let placed = sink.append_placed(kind, session, &made.payload, Some(home))?;
            if let Some((seq, placed)) = placed {
                self.remember(placed, &made.payload, &made.said);
                return Ok(seq);
            }
            // The run went on in another segment meanwhile: there nothing was said before.
        }
        let placed = sink.append_placed(kind, session, inline, None)?;
        let (seq, placed) = placed.ok_or(Error::Closed)?;
        let said: Vec<_> = marks.as_slice().iter().map(|m| m.start..m.end).collect();
        self.remember(placed, inline, &said);
        Ok(seq)
    }

    /// The payload with references to what was said in this segment; `None` if nothing of it was.
    fn rewrite(
        &self,
        sink: &dyn Sink,
        home: Home,
        inline: &[u8],
        marks: &Marks,
    ) -> Option<Rewritten> {
        let mut segment = self.segment.lock().unwrap_or_else(PoisonError::into_inner);
        let is_here = segment
            .home
            .is_some_and(|known| known.is_in_segment_of(&home));
        if !is_here && !seeded::has(Bug::SaidElsewhere) {
            return None;
        }
        let mut before = InSegment {
            segment: &mut segment,
            sink,
            home,
            buffer: Vec::new(),
        };
        let made = rewrite(inline, marks.as_slice(), &mut before);
        (made.references > 0).then_some(made)
    }

    /// Remembers what a record says that has been written.
    fn remember(&self, placed: Home, payload: &[u8], said: &[Range<usize>]) {
        let mut segment = self.segment.lock().unwrap_or_else(PoisonError::into_inner);
        match segment.home {
            Some(known) if known.is_in_segment_of(&placed) => {}
            Some(_) if seeded::has(Bug::SaidElsewhere) => {}
            // A thread that was slow: its segment is left behind already.
            Some(known) if known.is_behind(&placed) => return,
            _ => segment.go_on(placed),
        }
        for value in said {
            let Some(bytes) = payload.get(value.clone()) else {
                continue;
            };
            let session = seeded::either(Bug::SaidByAnother, 0, placed.session);
            let key = segment.values.key(session, bytes);
            segment.values.insert(
                key,
                Said {
                    frame: placed.offset,
                    from: len_u64(value.start),
                    len: len_u64(value.len()),
                },
            );
        }
    }
}

impl SegmentValues {
    fn go_on(&mut self, home: Home) {
        self.home = Some(home);
        self.values.clear();
        self.file = None;
    }
}

/// What a session said in the segment.
struct InSegment<'a> {
    segment: &'a mut SegmentValues,
    sink: &'a dyn Sink,
    home: Home,
    buffer: Vec<u8>,
}

impl SaidBefore for InSegment<'_> {
    fn find(&mut self, value: &[u8]) -> Option<Said> {
        let session = seeded::either(Bug::SaidByAnother, 0, self.home.session);
        let key = self.segment.values.key(session, value);
        self.segment.values.get(key, value.len())
    }

    fn is_same(&mut self, bytes: &[u8], frame: u64, from: u64) -> bool {
        if self.segment.file.is_none() {
            self.segment.file = self.sink.open_segment(&self.home);
        }
        let Some(file) = &self.segment.file else {
            return false;
        };
        if seeded::has(Bug::SaidNotCompared) {
            return true;
        }
        let mut offset = frame + len_u64(FRAME_HEADER_LEN) + from;
        bytes.chunks(COMPARED_AT_ONCE).all(|chunk| {
            self.buffer.resize(chunk.len(), 0);
            let read = file.read_at(&mut self.buffer, offset);
            offset += len_u64(chunk.len());
            read.is_ok_and(|count| count == chunk.len()) && self.buffer == chunk
        })
    }
}

impl fmt::Debug for SharedValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedValues").finish_non_exhaustive()
    }
}

/// In a shorter record nothing is looked for: it costs what it did before.
const RECORD_LEN_MIN: usize = 1024;

const COMPARED_AT_ONCE: usize = 64 << 10;
