//! Steps through records in order, with the gaps where they are.

mod resume;

use std::collections::VecDeque;
use std::sync::Arc;

use super::journal_view::JournalView;
use super::record::{Gap, Item, Record};
use super::record_fetch::FAR;
use super::said_before::{ReferredSegment, Referrer};
use super::session_records::BranchPlaces;
use crate::error::{DamageReason, Error, Result};
use crate::event::codec;
use crate::format::{FrameHeader, FrameSeed, seq_from};
use crate::recovery::{Extent, RunSurvey, SegmentSurvey};
use crate::segment::{FrameReader, IntactRange, ReadFailure};
use crate::seq::{SegmentNumber, Seq};

/// Records of a session, or of a whole journal, in order of generation, run and sequence number.
///
/// A record that was intact when the journal was opened and is not any more is an error; the
/// records behind it still come. Of all records of a journal, those in a segment that was not read
/// then, because a cache told of it, may turn out to be missing: they are a gap like others.
#[derive(Debug)]
#[must_use]
pub struct Records {
    view: Arc<JournalView>,
    /// Runs not begun yet.
    ahead: VecDeque<BranchPlaces>,
    /// All records, not those of some session indices only.
    is_whole: bool,
    current: Option<RunCursor>,
}

/// A run that is being read.
#[derive(Debug)]
struct RunCursor {
    places: BranchPlaces,
    /// Its segments that have any.
    segments: Vec<usize>,
    gaps: VecDeque<Gap>,
    /// The next of its segments.
    segment: usize,
    source: Option<SegmentCursor>,
    /// Where prefix mode comes to a gap.
    end: Option<u64>,
    /// It did.
    is_over: bool,
    /// A record read ahead of the gaps before it.
    waiting: Option<Record>,
    /// All before this sequence number were given, or told to be missing.
    due: u64,
    /// Where the last read failed in the segment before the next one.
    failed_at: u64,
    /// Where to begin in a segment that was begun before.
    resumed: Option<(SegmentNumber, u64)>,
}

/// A segment that is being read.
#[derive(Debug)]
struct SegmentCursor {
    /// Its place in the survey.
    at: usize,
    reader: FrameReader,
    file: String,
    first_seq: u64,
    /// A cache told of it, and it was not read since.
    is_unread: bool,
    next: Next,
    /// The same segment, for values that were said before.
    referred: Arc<ReferredSegment>,
}

/// Where the next frames of a segment are.
#[derive(Debug)]
enum Next {
    /// In these places.
    Extents(VecDeque<Extent>),
    /// One behind the other in these stretches of the file.
    Islands(VecDeque<IntactRange>),
}

impl Records {
    pub(super) fn of_session(view: Arc<JournalView>, branches: &[BranchPlaces]) -> Records {
        Records {
            view,
            ahead: branches.iter().cloned().collect(),
            is_whole: false,
            current: None,
        }
    }

    pub(super) fn of_all(view: Arc<JournalView>) -> Records {
        let runs = 0..view.survey.runs.len();
        let segments = |run| view.run(run).map_or(0, |run| run.segments.len());
        Records {
            ahead: runs
                .map(|run| BranchPlaces::whole(run, segments(run)))
                .collect(),
            view,
            is_whole: true,
            current: None,
        }
    }
}

impl Iterator for Records {
    type Item = Result<Item>;

    fn next(&mut self) -> Option<Result<Item>> {
        loop {
            if self.current.is_none() {
                let places = self.ahead.pop_front()?;
                let run = self.view.run(places.run)?;
                let end = self.view.end(places.run);
                self.current = Some(RunCursor::new(places, run, end));
            }
            let branch = self.current.as_mut()?;
            let run = self.view.run(branch.places.run)?;
            match branch.step(&self.view, run, self.is_whole) {
                Some(Ok(item)) => {
                    branch.note(&item);
                    return Some(Ok(item));
                }
                Some(Err(error)) => match self.look_at_everything() {
                    Some(resumed) => *self = resumed,
                    None => return Some(Err(error)),
                },
                None => self.current = None,
            }
        }
    }
}

impl RunCursor {
    fn new(places: BranchPlaces, run: &RunSurvey, end: Option<u64>) -> RunCursor {
        let mut gaps: Vec<Gap> = run.findings.iter().filter_map(|f| gap_of(run, f)).collect();
        gaps.sort_by_key(|gap| gap.first);
        RunCursor {
            segments: places.segments().collect(),
            places,
            gaps: gaps.into(),
            segment: 0,
            source: None,
            end,
            is_over: false,
            waiting: None,
            due: 0,
            failed_at: 0,
            resumed: None,
        }
    }

    fn step(
        &mut self,
        view: &Arc<JournalView>,
        run: &RunSurvey,
        is_whole: bool,
    ) -> Option<Result<Item>> {
        if self.is_over {
            return None;
        }
        if self.gaps.is_empty() && self.waiting.is_none() && self.end.is_none() {
            let record = self.read(view, run, is_whole)?;
            return Some(record.map(Item::Record));
        }
        let record = match self.waiting.take() {
            Some(record) => Some(record),
            None => match self.read(view, run, is_whole) {
                Some(Ok(record)) => Some(record),
                Some(Err(error)) => return Some(Err(error)),
                None => None,
            },
        };
        let is_gap_due = match (self.gaps.front(), &record) {
            (Some(gap), Some(record)) => gap.first < record.seq,
            (Some(_), None) => true,
            (None, _) => false,
        };
        if !is_gap_due {
            // Where a live run is being written there is no gap to tell of.
            let is_read = |record: &Record| self.end.is_none_or(|end| record.seq.get() < end);
            let record = record.filter(is_read);
            self.is_over = record.is_none();
            return record.map(|record| Ok(Item::Record(record)));
        }
        self.waiting = record;
        let mut gap = self.gaps.pop_front()?;
        if self.end.is_some_and(|end| gap.first.get() >= end) {
            // Whatever comes behind the first gap is left out.
            gap.last = None;
            self.is_over = true;
        }
        Some(Ok(Item::Gap(gap)))
    }

    /// The next record of the run.
    fn read(
        &mut self,
        view: &Arc<JournalView>,
        run: &RunSurvey,
        is_whole: bool,
    ) -> Option<Result<Record>> {
        loop {
            if let Some(source) = &mut self.source {
                let offset = source.next.offset();
                match source.read(&self.places) {
                    Some(Ok((header, payload))) => {
                        let is_clean = |at| source.reader.is_padding_clean(at, &header);
                        if source.is_unread && !offset.is_none_or(is_clean) {
                            // It costs no record, but the report is to tell it.
                            let _ = view.verified();
                        }
                        let session = match header.kind.is_system() {
                            true => None,
                            false => view.id((self.places.run, source.at), header.session),
                        };
                        let seq = seq_from(source.first_seq, header.seq_low);
                        return Some(Ok(Record {
                            run: run.run,
                            seq: Seq::new(seq)?,
                            kind: header.kind,
                            session,
                            payload,
                            read_as: header.kind_to_read(),
                            referrer: source.referrer(&header, offset),
                        }));
                    }
                    Some(Err((offset, failure))) => {
                        self.failed_at = offset;
                        return Some(Err(view.failure(&source.file, offset, failure)));
                    }
                    None => self.source = None,
                }
            }
            let at = *self.segments.get(self.segment)?;
            let segment = run.segments.get(at)?;
            self.segment += 1;
            self.failed_at = 0;
            match self.begin(view, run, (at, segment), is_whole) {
                Ok(source) => self.source = source,
                Err(error) => return Some(Err(error)),
            }
        }
    }

    fn begin(
        &self,
        view: &Arc<JournalView>,
        run: &RunSurvey,
        (at, segment): (usize, &SegmentSurvey),
        is_whole: bool,
    ) -> Result<Option<SegmentCursor>, Error> {
        let next = if is_whole {
            let number = segment.part.segment.number;
            let resumed = self.resumed.filter(|(resumed, _)| *resumed == number);
            let from = resumed.map_or(0, |(_, offset)| offset);
            Next::Islands(intact_from(&segment.part.scanned.islands, from))
        } else {
            Next::Extents(view.extents((at, segment), &self.places, false).into())
        };
        if next.is_empty() {
            return Ok(None);
        }
        let mut reader = view.open(run, segment)?;
        let seed = FrameSeed::new(run.run, segment.part.segment.number);
        let referred = Arc::new(ReferredSegment::new(reader.file(), seed));
        if let Next::Islands(islands) = &next {
            let places = islands.iter().map(|island| island.offset..island.end);
            reader.read_ahead(places.collect());
        }
        Ok(Some(SegmentCursor {
            at,
            reader,
            file: segment.part.segment.name.clone(),
            first_seq: segment.first_seq,
            is_unread: is_whole && !segment.part.is_verified,
            next,
            referred,
        }))
    }
}

impl SegmentCursor {
    /// Where the values are that a record does not say itself.
    fn referrer(
        &self,
        header: &FrameHeader,
        offset: Option<u64>,
    ) -> Option<(Arc<ReferredSegment>, Referrer)> {
        let offset = offset.filter(|_| codec::may_be_referred_to(header.kind))?;
        let referrer = Referrer {
            kind: header.kind,
            session: header.session,
            offset,
        };
        Some((Arc::clone(&self.referred), referrer))
    }
}

type ReadResult = Result<(FrameHeader, bytes::Bytes), (u64, ReadFailure)>;

impl SegmentCursor {
    /// The next record, of those that `places` has.
    fn read(&mut self, places: &BranchPlaces) -> Option<ReadResult> {
        let offset = self.next.offset()?;
        let frame = self.reader.frame(offset, || self.next.ahead());
        let len = frame.as_ref().ok().map(|(header, _)| header.frame_len());
        self.next.advance(len);
        let is_own = |header: &FrameHeader| places.has(self.at, header.session);
        Some(match frame {
            // The list of places was wrong.
            Ok((header, _)) if !is_own(&header) => {
                Err((offset, ReadFailure::Damage(DamageReason::SeqGap)))
            }
            frame => frame.map_err(|failure| (offset, failure)),
        })
    }
}

impl Next {
    fn is_empty(&self) -> bool {
        match self {
            Next::Extents(extents) => extents.is_empty(),
            Next::Islands(islands) => islands.is_empty(),
        }
    }

    fn offset(&self) -> Option<u64> {
        match self {
            Next::Extents(extents) => extents.front().map(|extent| extent.offset),
            Next::Islands(islands) => islands.front().map(|island| island.offset),
        }
    }

    /// Up to where it pays to read at once.
    fn ahead(&self) -> u64 {
        match self {
            Next::Extents(extents) => {
                let mut ahead = extents.front().map_or(0, |extent| extent.end());
                for next in extents.iter().skip(1).take(EXTENTS_AHEAD_MAX) {
                    if next.offset.saturating_sub(ahead) > FAR {
                        break;
                    }
                    ahead = next.end();
                }
                ahead
            }
            Next::Islands(islands) => islands.front().map_or(0, |island| island.end),
        }
    }

    /// Goes on behind a frame of this length, or behind one whose length cannot be read.
    fn advance(&mut self, len: Option<u64>) {
        match self {
            Next::Extents(extents) => {
                extents.pop_front();
            }
            Next::Islands(islands) => {
                let Some(island) = islands.front_mut() else {
                    return;
                };
                island.offset = len.map_or(island.end, |len| island.offset + len);
                if island.offset >= island.end {
                    islands.pop_front();
                }
            }
        }
    }
}

/// What of these is at an offset or behind it.
fn intact_from(islands: &[IntactRange], from: u64) -> VecDeque<IntactRange> {
    let behind = islands.iter().filter(|island| island.end > from);
    let rest = behind.map(|island| IntactRange {
        offset: island.offset.max(from),
        ..*island
    });
    rest.collect()
}

fn gap_of(run: &RunSurvey, finding: &crate::recovery::Finding) -> Option<Gap> {
    let missing = finding.missing?;
    if !finding.is_told() {
        return None;
    }
    Some(Gap {
        run: run.run,
        first: Seq::new(missing.first)?,
        last: missing.last.and_then(Seq::new),
        fate: missing.fate,
        reason: finding.reason,
    })
}

/// Places looked at to decide how much to read at once.
const EXTENTS_AHEAD_MAX: usize = 1024;
