//! Makes merged caches, of segments' caches or of shorter merged ones.

use std::collections::BTreeMap;
use std::iter::Peekable;

use super::file::{MergedFields, MergedFile, MergedPlace, MergedRow, encode};
use crate::format::FileName;
use crate::recovery::cache::{self, CacheFile, SegmentSummary};
use crate::recovery::session_index::SessionRow;
use crate::rollup::{RollupBuilder, SessionRollup};
use crate::seeded::{self, Bug};
use crate::seq::{RunId, SegmentNumber};
use crate::storage::Storage;

/// Writes the merged caches that are due once this segment has a cache: of the last eight segments,
/// of the last 64, and so on, wherever so many are full.
///
/// That one cannot be written, for want of what it is made of, too, costs a reader time, and
/// nothing else.
pub(crate) fn write_due(storage: &dyn Storage, run: RunId, number: SegmentNumber) {
    let is_due = |len: &u32| number.0.is_multiple_of(*len);
    for len in lens().take_while(is_due) {
        if write(storage, run, number.0 - len + 1, number.0).is_none() {
            return;
        }
    }
}

/// Writes the merged cache of a whole run, whose last segment this is; as
/// [`write_due`], and only if the run is long enough to have others.
pub(crate) fn write_whole(storage: &dyn Storage, run: RunId, last: SegmentNumber) {
    if last.0 > FAN_OUT && lens().all(|len| len != last.0) {
        let _ = write(storage, run, 1, last.0);
    }
}

fn write(storage: &dyn Storage, run: RunId, first: u32, last: u32) -> Option<()> {
    let (first, last) = (SegmentNumber(first), SegmentNumber(last));
    let lens: Vec<u32> = lens().collect();
    let pieces = make(storage, run, (first, last), &lens)?;
    let name = FileName::Merged(run, first, last).to_string();
    let temporary = FileName::MergedTemporary(run, first, last).to_string();
    cache::replace(storage, &pieces, &temporary, &name).ok()
}

/// The bytes of a merged cache, in pieces, made of shorter ones of these lengths where there are
/// any, and of segments' own caches.
pub(in crate::recovery) fn make(
    storage: &dyn Storage,
    run: RunId,
    (first, last): (SegmentNumber, SegmentNumber),
    lens: &[u32],
) -> Option<Vec<Vec<u8>>> {
    let mut sources = Vec::new();
    let mut bytes_left = BYTES_MAX;
    let mut next = first.0;
    while next <= last.0 {
        let left = last.0 - next + 1;
        let is_shorter = |len: &&u32| **len <= left && **len <= last.0 - first.0;
        let is_begun = |len: &&u32| (next - 1).is_multiple_of(**len);
        let fitting = lens.iter().rev().filter(is_shorter).filter(is_begun);
        let left = &mut bytes_left;
        let mut merged =
            fitting.filter_map(|len| MergeSource::of_merged(storage, run, next, *len, left));
        let merged = merged.next();
        let source = match merged {
            Some(source) => source,
            None => MergeSource::of_segment(storage, run, next, &mut bytes_left)?,
        };
        next = next.checked_add(u32::try_from(source.segments.len()).ok()?)?;
        sources.push(source);
    }
    merge(run, first, sources)
}

/// How many segments merged caches are of, in ascending order.
fn lens() -> impl Iterator<Item = u32> {
    std::iter::successors(Some(FAN_OUT), |len| len.checked_mul(FAN_OUT))
}

/// A cache that becomes a part of a longer one.
struct MergeSource {
    segments: Vec<SegmentSummary>,
    declared: Vec<(u32, String)>,
    rows: Vec<MergedRow>,
    rollups: Vec<u8>,
    /// Empty, with all `hashes_len` 0, where the rollups hold them.
    hashes: Vec<u8>,
}

impl MergeSource {
    fn of_segment(
        storage: &dyn Storage,
        run: RunId,
        number: u32,
        bytes_left: &mut u64,
    ) -> Option<MergeSource> {
        let name = FileName::Index(run, SegmentNumber(number)).to_string();
        let lens = CacheFile::lens(&*storage.open(&name).ok()?)?;
        take_memory(lens, bytes_left)?;
        let (cache, file) = cache::open(storage, run, SegmentNumber(number))?;
        Some(MergeSource {
            rollups: cache.rollups.read(&*file)?,
            segments: vec![cache.covered],
            declared: cache.declared,
            rows: cache.rows.iter().map(to_row).collect::<Option<_>>()?,
            hashes: Vec::new(),
        })
    }

    /// A merged cache of `len` segments from `first` on.
    fn of_merged(
        storage: &dyn Storage,
        run: RunId,
        first: u32,
        len: u32,
        bytes_left: &mut u64,
    ) -> Option<MergeSource> {
        let last = SegmentNumber(first.checked_add(len - 1)?);
        let first = SegmentNumber(first);
        let name = FileName::Merged(run, first, last).to_string();
        let file = storage.open(&name).ok()?;
        take_memory(MergedFile::lens(&*file)?, bytes_left)?;
        let merged = MergedFile::read(&*file)?;
        let is_it = (merged.run, merged.first) == (run, first);
        let is_whole = u32::try_from(merged.body.segments.len()) == Ok(len);
        (is_it && is_whole).then_some(MergeSource {
            rollups: merged.rollups.read(&*file)?,
            hashes: merged.hashes.read(&*file)?,
            segments: merged.body.segments,
            declared: merged.body.declared,
            rows: merged.body.rows,
        })
    }
}

fn to_row(row: &SessionRow) -> Option<MergedRow> {
    Some(MergedRow {
        index: row.index,
        count: row.count,
        bytes: row.bytes,
        first: (0, row.first.eighth, row.first.kind.0),
        last: (0, row.last.eighth, row.last.kind.0),
        rollup_len: u64::try_from(row.rollup.len()).ok()?,
        hashes_len: 0,
    })
}

/// A source of which a part was taken.
struct TakenSource<'s> {
    rows: Peekable<std::vec::IntoIter<MergedRow>>,
    rollups: &'s [u8],
    hashes: &'s [u8],
    /// The hashes are not in the rollups.
    is_apart: bool,
    /// How many segments are before its first one.
    behind: u32,
}

/// Puts sources together, session by session, so that only one rollup at a time is in the making;
/// `None` if one of them is not sound, or an index stands for one session here and another there.
fn merge(run: RunId, first: SegmentNumber, sources: Vec<MergeSource>) -> Option<Vec<Vec<u8>>> {
    let mut segments = Vec::new();
    let mut declared = BTreeMap::new();
    let mut bytes = Vec::with_capacity(sources.len());
    let mut taken = Vec::with_capacity(sources.len());
    for source in sources {
        let behind = u32::try_from(segments.len()).ok()?;
        segments.extend(source.segments);
        for (index, id) in source.declared {
            let known = declared.entry(index).or_insert_with(|| id.clone());
            // A row is of one session.
            if *known != id && !seeded::has(Bug::ReusedIndexMerged) {
                return None;
            }
        }
        bytes.push((source.rollups, source.hashes));
        taken.push((source.rows, behind));
    }
    let taken = taken.into_iter().zip(&bytes);
    let taken = taken.map(|((rows, behind), (rollups, hashes))| TakenSource {
        rows: rows.into_iter().peekable(),
        rollups,
        hashes,
        is_apart: !hashes.is_empty(),
        behind,
    });
    let mut taken: Vec<TakenSource<'_>> = taken.collect();
    let (mut rows, mut rollups, mut hashes) = (Vec::new(), Vec::new(), Vec::new());
    while let Some(index) = taken.iter_mut().filter_map(TakenSource::next_index).min() {
        let mut joined: Option<MergedRow> = None;
        let mut builder = RollupBuilder::default();
        for source in &mut taken {
            let Some((row, rollup)) = source.take(index)? else {
                continue;
            };
            builder.join(rollup.as_ref());
            joined = Some(match joined {
                None => row,
                Some(before) => MergedRow {
                    count: before.count.checked_add(row.count)?,
                    bytes: before.bytes.checked_add(row.bytes)?,
                    last: row.last,
                    ..before
                },
            });
        }
        let (rollup, its_hashes) = builder.finish_apart().unwrap_or_default();
        rows.push(MergedRow {
            rollup_len: u64::try_from(rollup.len()).ok()?,
            hashes_len: u64::try_from(its_hashes.len()).ok()?,
            ..joined?
        });
        rollups.extend(rollup);
        hashes.extend(its_hashes);
    }
    drop(taken);
    drop(bytes);
    let declared = declared.into_iter().collect();
    encode(
        run,
        first,
        MergedFields::new(segments, declared, rows),
        rollups,
        hashes,
    )
}

impl<'s> TakenSource<'s> {
    fn next_index(&mut self) -> Option<u32> {
        self.rows.peek().map(|row| row.index)
    }

    /// The next row, if it is that of this index, with its rollup if there is one; `None` if it
    /// is not sound.
    #[expect(clippy::option_option, reason = "not to be there is not to be unsound")]
    fn take(&mut self, index: u32) -> Option<Option<(MergedRow, Option<SessionRollup<'s>>)>> {
        let Some(row) = self.rows.next_if(|row| row.index == index) else {
            return Some(None);
        };
        let rollup = take(&mut self.rollups, row.rollup_len)?;
        let its_hashes = take(&mut self.hashes, row.hashes_len)?;
        let rollup = SessionRollup::decode(rollup);
        let rollup = match self.is_apart {
            true => rollup.and_then(|rollup| rollup.with_finished(its_hashes)),
            false => rollup,
        };
        let moved = |(segment, eighth, kind): MergedPlace| -> Option<MergedPlace> {
            Some((segment.checked_add(self.behind)?, eighth, kind))
        };
        let (first, last) = (moved(row.first)?, moved(row.last)?);
        Some(Some((MergedRow { first, last, ..row }, rollup)))
    }
}

/// Takes about as much as a cache's body and what is behind that take in memory, where rows and
/// ids are several times as long; `None` if there is no more.
fn take_memory((body_len, behind): (u64, u64), bytes_left: &mut u64) -> Option<()> {
    let bytes = body_len.checked_mul(4)?.checked_add(behind)?;
    *bytes_left = bytes_left.checked_sub(bytes)?;
    Some(())
}

/// Takes so many bytes from the beginning.
fn take<'a>(bytes: &mut &'a [u8], len: u64) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(usize::try_from(len).ok()?)?;
    *bytes = rest;
    Some(taken)
}

/// How many caches make a merged one. With more of them a list has more to read of a run that goes
/// on, with fewer the same is written more often: 6 bytes a span for each power of it.
const FAN_OUT: u32 = 8;

/// What is put together takes so much memory at most; the process that writes the journal holds
/// about twice that while it is. Caches of more sessions, or of more spans, are not put together,
/// and a list reads them one by one.
const BYTES_MAX: u64 = 24 << 20;
