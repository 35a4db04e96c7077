//! Where the records of each session are in a segment, in a few bytes a record.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::OnceLock;

use super::apart::{Allowance, Apart};
use super::extents::{Extent, ExtentList, decode_list};
use super::merged_cache::MergedPlaces;
use crate::format::{FRAME_ALIGNMENT, RecordKind, checksum};
use crate::len::len_u64;
use crate::rollup::{RollupBuilder, SessionRollup};
use crate::segment::Seen;

/// Where the records of sessions are in a segment.
#[derive(Debug, Default)]
pub(crate) struct Places {
    /// By session index.
    pub(crate) rows: Vec<SessionRow>,
    /// The lists of all rows; `None` if they are left in the cache beside the segment.
    pub(crate) lists: Option<Vec<u8>>,
    /// The lists as they were read from the cache, for a caller that needs all of them; empty if
    /// they could not be.
    pub(crate) kept: OnceLock<Vec<u8>>,
    /// The rollups of all rows, one behind the other; `None` if they were not asked for.
    pub(crate) rollups: Option<Vec<u8>>,
    /// What the segment itself says, once the cache turned out to be wrong.
    pub(crate) read_again: OnceLock<Box<Places>>,
    /// The rows are those of several segments, of which this is the last one.
    pub(crate) merged: Option<Box<MergedPlaces>>,
    /// What the rollups leave out, if they do.
    pub(crate) apart: Option<Box<Apart>>,
}

/// What is to be kept of a segment's records.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Keeps<'k> {
    /// Where each is.
    #[default]
    Lists,
    /// That, and rollups, for which every event is decoded.
    ListsAndRollups,
    /// Rollups, and hashes of finished spans while there is an allowance for them.
    Rollups(&'k Allowance),
}

/// What a segment holds of one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SessionRow {
    pub(crate) index: u32,
    /// How many records, at least one.
    pub(crate) count: u64,
    /// Bytes of their frames.
    pub(crate) bytes: u64,
    pub(crate) first: RecordPlace,
    pub(crate) last: RecordPlace,
    /// Its records that are about the session as a whole: start, update, end, crash.
    pub(crate) turns: Vec<RecordPlace>,
    /// Where the list of its frames is among the lists.
    pub(crate) list: ListSpan,
    /// Where its rollup is among the rollups; nowhere if it has none.
    pub(crate) rollup: Range<usize>,
}

/// A part of the bytes of all lists: those in memory, or those in the cache's file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ListSpan {
    pub(crate) offset: u64,
    pub(crate) len: u64,
    pub(crate) crc: u32,
}

/// Where a session's record is, and of which kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordPlace {
    /// Offset in units of 8 bytes.
    pub(crate) eighth: u32,
    pub(crate) kind: RecordKind,
}

impl RecordPlace {
    pub(crate) fn offset(self) -> u64 {
        u64::from(self.eighth) * FRAME_ALIGNMENT
    }
}

impl Places {
    /// What the segment holds of a session, by its index.
    pub(crate) fn row(&self, session: u32) -> Option<&SessionRow> {
        self.rows.get(self.position(session)?)
    }

    /// Which of the rows is that of a session.
    pub(crate) fn position(&self, session: u32) -> Option<usize> {
        // Where all sessions have records, each is in its place; they are numbered from 1.
        let due = usize::try_from(session).ok()?.checked_sub(1)?;
        if self.rows.get(due).is_some_and(|row| row.index == session) {
            return Some(due);
        }
        let at = self.rows.binary_search_by_key(&session, |row| row.index);
        at.ok()
    }

    /// The frames of a row's records in order; `None` if the lists are not in memory.
    pub(crate) fn extents(&self, row: &SessionRow) -> Option<Vec<Extent>> {
        let lists = self.lists.as_ref()?;
        let from = usize::try_from(row.list.offset).ok()?;
        let list = lists
            .get(from..)?
            .get(..usize::try_from(row.list.len).ok()?)?;
        decode_list(list, row.count)
    }

    /// What a row's records come to; `None` if not asked for, or if they have no rollup.
    pub(crate) fn rollup(&self, row: &SessionRow) -> Option<SessionRollup<'_>> {
        let rollups = self.rollups.as_ref()?;
        SessionRollup::decode(rollups.get(row.rollup.clone())?)
    }
}

/// Places as the frames of a segment are seen one after the other.
#[derive(Debug, Default)]
pub(crate) struct PlacesBuilder<'k> {
    drafts: Vec<PlacesDraft>,
    /// Which draft is whose, for indices below [`DIRECT_MAX`]: 1 more than its place, or 0.
    direct: Vec<u32>,
    others: BTreeMap<u32, usize>,
    /// The draft of the record before; sessions come in bursts.
    newest: Option<(u32, usize)>,
    keeps: Keeps<'k>,
}

#[derive(Debug)]
struct PlacesDraft {
    row: SessionRow,
    list: ExtentList,
    rollup: DraftRollup,
    /// The rollup was made once before.
    was_made: bool,
}

/// A rollup, made as soon as its session is over: as long as it is in the making it takes several
/// times as much memory.
#[derive(Debug)]
enum DraftRollup {
    None,
    Making(Box<RollupBuilder>),
    Made(Box<[u8]>),
}

impl<'k> PlacesBuilder<'k> {
    pub(crate) fn new(keeps: Keeps<'k>) -> PlacesBuilder<'k> {
        PlacesBuilder {
            keeps,
            ..PlacesBuilder::default()
        }
    }

    /// Takes in a frame if it is a session's record.
    pub(crate) fn add(&mut self, seen: &Seen<'_>) {
        let session = seen.header.session;
        let kind = seen.header.kind;
        if session == 0 || kind.is_system() {
            return;
        }
        let Ok(eighth) = u32::try_from(seen.offset / FRAME_ALIGNMENT) else {
            return;
        };
        let place = RecordPlace { eighth, kind };
        let at = self.draft_of(session, place);
        let Some(draft) = self.drafts.get_mut(at) else {
            return;
        };
        let row = &mut draft.row;
        row.count += 1;
        row.bytes += seen.header.frame_len();
        row.last = place;
        if !matches!(self.keeps, Keeps::Rollups(_)) {
            draft.list.push(eighth, seen.header.frame_len());
            if kind.is_of_session() {
                if row.turns.len() < 2 {
                    // Most have a start and an end.
                    row.turns.reserve_exact(1);
                }
                row.turns.push(place);
            }
        } else if kind == RecordKind::SESSION_START
            && row.turns.is_empty()
            && row.first.kind != kind
        {
            // It says the id again, which may be lost elsewhere.
            row.turns.push(place);
        }
        if !matches!(self.keeps, Keeps::Lists) {
            draft.rollup(seen);
        }
    }

    /// All places seen.
    pub(crate) fn finish(self) -> Places {
        let mut drafts = self.drafts;
        drop((self.direct, self.others));
        drafts.sort_unstable_by_key(|draft| draft.row.index);
        let len = drafts.iter().map(|draft| draft.list.bytes.len()).sum();
        let mut lists = Vec::with_capacity(len);
        let mut rollups = Vec::new();
        let mut apart = Apart::default();
        let rows = drafts.into_iter().map(|draft| {
            let from = rollups.len();
            let PlacesDraft {
                mut row,
                list,
                rollup,
                ..
            } = draft;
            match self.keeps {
                Keeps::Lists => {}
                Keeps::ListsAndRollups => rollups.extend(rollup.finish()),
                Keeps::Rollups(allowance) => {
                    apart.add(rollup.finish(), &mut rollups, is_whole(&row), allowance);
                }
            }
            row.rollup = from..rollups.len();
            let list = list.bytes;
            row.list = ListSpan {
                offset: len_u64(lists.len()),
                len: len_u64(list.len()),
                crc: checksum(&list),
            };
            lists.extend_from_slice(&list);
            row
        });
        // In the memory of the drafts.
        let mut rows: Vec<SessionRow> = rows.collect();
        rows.shrink_to_fit();
        rollups.shrink_to_fit();
        let has_lists = !matches!(self.keeps, Keeps::Rollups(_));
        Places {
            rows,
            lists: has_lists.then_some(lists),
            rollups: (!matches!(self.keeps, Keeps::Lists)).then_some(rollups),
            apart: (!has_lists).then(|| Box::new(apart)),
            ..Places::default()
        }
    }

    fn draft_of(&mut self, session: u32, first: RecordPlace) -> usize {
        if let Some((_, at)) = self.newest.filter(|(newest, _)| *newest == session) {
            return at;
        }
        let new = self.drafts.len();
        let direct = usize::try_from(session).ok().filter(|s| *s < DIRECT_MAX);
        let at = match direct {
            Some(session) => {
                if self.direct.len() <= session {
                    self.direct.resize(session + 1, 0);
                }
                let known = self.direct.get_mut(session);
                known.map_or(new, |known| match known.checked_sub(1) {
                    Some(at) => usize::try_from(at).unwrap_or(new),
                    None => {
                        *known = u32::try_from(new + 1).unwrap_or(0);
                        new
                    }
                })
            }
            None => *self.others.entry(session).or_insert(new),
        };
        if at == new {
            self.drafts.push(PlacesDraft {
                row: SessionRow {
                    index: session,
                    count: 0,
                    bytes: 0,
                    first,
                    last: first,
                    turns: Vec::new(),
                    list: ListSpan::default(),
                    rollup: 0..0,
                },
                list: ExtentList::default(),
                rollup: DraftRollup::None,
                was_made: false,
            });
        }
        self.newest = Some((session, at));
        at
    }
}

impl PlacesDraft {
    /// Takes a record into the rollup.
    fn rollup(&mut self, seen: &Seen<'_>) {
        let builder = match &mut self.rollup {
            DraftRollup::Making(builder) => builder,
            other => {
                let mut builder = RollupBuilder::default();
                if let DraftRollup::Made(before) = other {
                    builder.join(SessionRollup::decode(before).as_ref());
                }
                *other = DraftRollup::Making(Box::new(builder));
                return self.rollup(seen);
            }
        };
        builder.add(seen);
        // Once: a session may end and begin as often as it likes.
        if seen.header.kind.ends_session() && !self.was_made {
            self.was_made = true;
            let made = std::mem::replace(&mut self.rollup, DraftRollup::None);
            self.rollup = DraftRollup::Made(made.finish().into());
        }
    }
}

impl DraftRollup {
    /// The bytes; none if there is no rollup.
    fn finish(self) -> Vec<u8> {
        match self {
            DraftRollup::None => Vec::new(),
            DraftRollup::Making(builder) => builder.finish().unwrap_or_default(),
            DraftRollup::Made(bytes) => bytes.into(),
        }
    }
}

/// Whether all records of a session are likely to be in this segment.
fn is_whole(row: &SessionRow) -> bool {
    row.first.kind == RecordKind::SESSION_START && row.last.kind.ends_session()
}

/// Session indices below this are looked up directly, which takes 4 bytes each.
const DIRECT_MAX: usize = 1 << 16;
