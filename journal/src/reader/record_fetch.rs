//! Reads a session's records to put them together: many with one read, into one buffer.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use super::journal_view::JournalView;
use super::said_before::{ReferredSegment, Referrer};
use super::session_records::BranchPlaces;
use crate::error::Result;
use crate::format::{FRAME_HEADER_LEN, FrameHeader, FrameSeed, seq_from};
use crate::recovery::{Extent, SegmentSurvey};
use crate::segment::ReadFailure;
use crate::seq::Seq;
use crate::storage::StorageFile;

/// What is kept from one session to the next: a buffer and open files.
#[derive(Debug, Default)]
pub(super) struct RecordFetcher {
    buffer: Vec<u8>,
    /// By the places of run and segment in the survey.
    files: BTreeMap<(usize, usize), Arc<dyn StorageFile>>,
    /// Every session is going to be read, so that it pays to keep what all of them need.
    reads_all: bool,
}

/// A record whose checksum fits.
pub(super) struct FetchedRecord<'a> {
    pub(super) seq: Seq,
    pub(super) header: FrameHeader,
    pub(super) payload: &'a [u8],
    /// Where its frame is, and the segment.
    offset: u64,
    segment: &'a ReferredSegment,
}

impl FetchedRecord<'_> {
    /// The payload with the values in it that it does not say itself, those that are there; `None`
    /// if none is.
    pub(super) fn expanded(&self) -> Option<Vec<u8>> {
        let referrer = Referrer {
            kind: self.header.kind,
            session: self.header.session,
            offset: self.offset,
        };
        self.segment.expand(referrer, self.payload)
    }
}

impl RecordFetcher {
    /// One that is used for every session.
    pub(super) fn of_all() -> RecordFetcher {
        RecordFetcher {
            reads_all: true,
            ..RecordFetcher::default()
        }
    }

    /// Shows the records of a session in one run, in order and a few at once, and says whether
    /// all that the survey told of were there.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) if the system would not let us read.
    pub(super) fn branch(
        &mut self,
        view: &JournalView,
        places: &BranchPlaces,
        visit: &mut dyn FnMut(&[FetchedRecord<'_>]),
    ) -> Result<bool> {
        let mut is_whole = true;
        for at in places.segments() {
            is_whole &= self.segment(view, places, at, visit)?;
        }
        Ok(is_whole)
    }

    /// As [`branch`](RecordFetcher::branch), of those in one of the run's segments.
    pub(super) fn segment(
        &mut self,
        view: &JournalView,
        places: &BranchPlaces,
        at: usize,
        visit: &mut dyn FnMut(&[FetchedRecord<'_>]),
    ) -> Result<bool> {
        let run = view.run(places.run);
        let Some((run, segment)) = run.and_then(|run| Some((run, run.segments.get(at)?))) else {
            return Ok(true);
        };
        let extents = view.extents((at, segment), places, self.reads_all);
        if extents.is_empty() {
            return Ok(true);
        }
        let file = self.file(view, (places.run, at), segment)?;
        let seed = FrameSeed::new(run.run, segment.part.segment.number);
        let source = CurrentSegment {
            at,
            segment,
            places,
            seed,
            referred: ReferredSegment::new(Arc::clone(&file), seed),
            end: view.end(places.run).unwrap_or(u64::MAX),
        };
        let mut is_whole = true;
        let mut rest = extents.as_slice();
        while let Some((near, behind)) = rest.split_at_checked(near(rest)) {
            if near.is_empty() {
                break;
            }
            let failed = |(offset, error)| {
                view.failure(&segment.part.segment.name, offset, ReadFailure::Io(error))
            };
            self.read(&*file, near).map_err(failed)?;
            let mut found = Vec::with_capacity(near.len());
            for extent in near {
                match source.find(&self.buffer, near, *extent) {
                    Some(one) => found.extend(one),
                    None => is_whole = false,
                }
            }
            visit(&found);
            rest = behind;
        }
        Ok(is_whole)
    }

    /// Fills the buffer with the bytes from the first of these extents to the last.
    fn read(&mut self, file: &dyn StorageFile, near: &[Extent]) -> Result<(), (u64, io::Error)> {
        let (Some(first), Some(last)) = (near.first(), near.last()) else {
            return Ok(());
        };
        let len = usize::try_from(last.end() - first.offset).unwrap_or(usize::MAX);
        if self.buffer.len() > BUFFER_KEPT_MAX {
            self.buffer = Vec::new();
        }
        if self.buffer.len() < len {
            // What was in it need not be copied.
            let usual = usize::try_from(FETCH_LEN_MAX).unwrap_or(len);
            self.buffer = vec![0; len.max(usual)];
        }
        let buffer = self.buffer.get_mut(..len).unwrap_or(&mut []);
        let read = file.read_at(buffer, first.offset);
        let count = read.map_err(|error| (first.offset, error))?;
        // What is past the end of the file is zeros.
        buffer.get_mut(count..).unwrap_or(&mut []).fill(0);
        Ok(())
    }

    fn file(
        &mut self,
        view: &JournalView,
        at: (usize, usize),
        segment: &SegmentSurvey,
    ) -> Result<Arc<dyn StorageFile>> {
        if let Some(file) = self.files.get(&at) {
            return Ok(Arc::clone(file));
        }
        let file = view.open_file(segment)?;
        // Sessions go through the segments in order: making place for others would not help.
        if self.reads_all && self.files.len() < FILES_MAX {
            self.files.insert(at, Arc::clone(&file));
        }
        Ok(file)
    }
}

/// The segment that is being read.
struct CurrentSegment<'a> {
    /// Its place in the survey.
    at: usize,
    segment: &'a SegmentSurvey,
    places: &'a BranchPlaces,
    seed: FrameSeed,
    referred: ReferredSegment,
    /// The first sequence number that is left out.
    end: u64,
}

impl CurrentSegment<'_> {
    /// The record at `extent` of a buffer that begins with the first of `near`, unless it is left
    /// out; `None` if it is not there any more.
    fn find<'b>(
        &'b self,
        buffer: &'b [u8],
        near: &[Extent],
        extent: Extent,
    ) -> Option<Option<FetchedRecord<'b>>> {
        let from = usize::try_from(extent.offset - near.first()?.offset).ok()?;
        let frame = buffer.get(from..)?;
        let (fields, payload) = frame.split_first_chunk::<FRAME_HEADER_LEN>()?;
        let header = FrameHeader::decode(*fields).ok()?;
        let payload = payload.get(..usize::try_from(header.payload_len).ok()?)?;
        let is_it = header.frame_len() == extent.len && self.places.has(self.at, header.session);
        if !is_it || !header.fits(self.seed, extent.offset, payload) {
            return None;
        }
        let seq = seq_from(self.segment.first_seq, header.seq_low);
        if seq >= self.end {
            return Some(None);
        }
        let seq = Seq::new(seq)?;
        Some(Some(FetchedRecord {
            seq,
            header,
            payload,
            offset: extent.offset,
            segment: &self.referred,
        }))
    }
}

/// How many of the first extents to read at once, at least one if there is one.
fn near(extents: &[Extent]) -> usize {
    let Some(first) = extents.first() else {
        return 0;
    };
    let mut end = first.end();
    let others = extents.iter().skip(1);
    let others = others.take_while(|next| {
        let is_near = next.offset.saturating_sub(end) <= FAR
            && next.end().saturating_sub(first.offset) <= FETCH_LEN_MAX;
        end = next.end();
        is_near
    });
    1 + others.count()
}

/// Frames further apart than this are not read together: to read so much that was not asked for
/// takes as long as another read.
pub(super) const FAR: u64 = 4 << 10;

/// Bytes read at once at most, unless a frame is longer.
const FETCH_LEN_MAX: u64 = 256 << 10;

/// A buffer that grew longer than this for one frame is given back.
const BUFFER_KEPT_MAX: usize = 1 << 20;

/// Files held open at most: they are the program's, too.
const FILES_MAX: usize = 32;
