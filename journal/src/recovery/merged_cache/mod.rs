//! Merged caches: what finished segments of a run, one behind the other, come to together.
//!
//! A list of sessions reads one merged cache in the place of the caches of all its segments, so
//! that it takes as long as there are sessions, however long the journal is. As any cache, it can
//! be made again and is never damage.

mod file;
mod merge;
mod rows;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use file::MergedFile;
#[cfg(test)]
pub(super) use merge::make;
pub(crate) use merge::{write_due, write_whole};
pub(super) use rows::MergedPlaces;

use super::cache::may_have_cache;
use super::files::SegmentFile;
use super::segment_scan::Part;
use super::session_index::{ListSpan, Places, RecordPlace, SessionRow};
use crate::format::{FileName, RecordKind};
use crate::seq::{RunId, SegmentNumber};
use crate::storage::{Entry, Storage};

/// The merged caches in a directory, by run and first segment, the longest first.
#[derive(Debug, Default)]
pub(super) struct MergedCacheNames(BTreeMap<(RunId, SegmentNumber), Vec<SegmentNumber>>);

impl MergedCacheNames {
    pub(super) fn of(entries: &[Entry]) -> MergedCacheNames {
        let mut names = MergedCacheNames::default();
        for entry in entries {
            if let Some(FileName::Merged(run, first, last)) = FileName::parse(&entry.name) {
                names.0.entry((run, first)).or_default().push(last);
            }
        }
        for lasts in names.0.values_mut() {
            lasts.sort_unstable_by(|a, b| b.cmp(a));
        }
        names
    }

    /// Takes out of the files, which are in order, those that merged caches tell of, as parts.
    ///
    /// Only the last segment of a merged cache has places: those of all.
    pub(super) fn take(
        &self,
        storage: &dyn Storage,
        files: &mut Vec<SegmentFile>,
        may_use: &dyn Fn(RunId) -> bool,
    ) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut left = Vec::with_capacity(files.len());
        let mut looks = LOOKS_MAX.saturating_mul(files.len());
        let mut rest = &files[..];
        while let Some((file, behind)) = rest.split_first() {
            let lasts = self.0.get(&(file.run, file.number));
            let lasts = lasts.filter(|_| may_use(file.run)).into_iter().flatten();
            let mut told = lasts.filter_map(|last| load(storage, rest, *last, &mut looks));
            match told.next() {
                Some(told) => {
                    rest = rest.get(told.len()..).unwrap_or_default();
                    parts.extend(told);
                }
                None => {
                    left.push(file.clone());
                    rest = behind;
                }
            }
        }
        *files = left;
        parts
    }
}

/// The segments at the beginning of `files` up to this one as their merged cache tells them; `None`
/// if there is none that fits, or if that takes more looks at segments than there are left.
fn load(
    storage: &dyn Storage,
    files: &[SegmentFile],
    last: SegmentNumber,
    looks: &mut usize,
) -> Option<Vec<Part>> {
    let first = files.first()?;
    let len = last.0.checked_sub(first.number.0)?.checked_add(1)?;
    let files = files.get(..usize::try_from(len).ok()?)?;
    let mut due = first.number.0..;
    let is_due = |file: &SegmentFile| {
        file.run == first.run && due.next() == Some(file.number.0) && may_have_cache(file)
    };
    if !files.iter().all(is_due) {
        return None;
    }
    *looks = looks.checked_sub(files.len())?;
    let name = FileName::Merged(first.run, first.number, last).to_string();
    let file = storage.open(&name).ok()?;
    let merged = MergedFile::read(&*file)?;
    let is_its_own = (merged.run, merged.first) == (first.run, first.number);
    if !is_its_own || merged.body.segments.len() != files.len() {
        return None;
    }
    let mut places = Some(places(&merged, name, merged.rollups.read(&*file)?)?);
    let declared = merged.body.declared.into_iter();
    let declared: BTreeMap<_, _> = declared.map(|(index, id)| (index, id.into())).collect();
    let mut declared = Some(declared);
    let mut parts = Vec::with_capacity(files.len());
    for (file, covered) in files.iter().zip(&merged.body.segments) {
        let (places, declared) = match file.number == last {
            true => (places.take(), declared.take()),
            false => (None, None),
        };
        let (places, declared) = (places.unwrap_or_default(), declared.unwrap_or_default());
        parts.push(covered.part(storage, file, declared, places)?);
    }
    Some(parts)
}

/// The number of the last record of one of the segments that a merged cache tells of.
pub(super) fn last_seq(
    storage: &dyn Storage,
    run: RunId,
    (first, last): (SegmentNumber, SegmentNumber),
    number: u32,
) -> Option<u64> {
    let name = FileName::Merged(run, first, last).to_string();
    let merged = MergedFile::read(&*storage.open(&name).ok()?)?;
    let count = u64::try_from(merged.body.segments.len()).ok()?;
    let is_its_own = (merged.run, merged.first) == (run, first);
    let is_due = is_its_own && u64::from(last.0 - first.0) + 1 == count;
    let at = usize::try_from(number.checked_sub(first.0)?).ok()?;
    let segment = merged.body.segments.get(at).filter(|_| is_due);
    segment?.last_seq()
}

/// The rows of a merged cache; `None` if a session in it has no id there.
fn places(merged: &MergedFile, name: String, rollups: Vec<u8>) -> Option<Places> {
    let mut rows = Vec::with_capacity(merged.body.rows.len());
    let mut ends = Vec::with_capacity(rows.capacity());
    let mut spans = Vec::with_capacity(rows.capacity());
    let (mut rollup_at, mut span_at) = (0usize, 0usize);
    let mut declared = merged.body.declared.iter().map(|(index, _)| *index);
    for row in &merged.body.rows {
        // Both are in order.
        let mut its = declared.by_ref().skip_while(|index| *index < row.index);
        its.next().filter(|index| *index == row.index)?;
        let rollup_end = rollup_at.checked_add(usize::try_from(row.rollup_len).ok()?)?;
        let span_end = span_at.checked_add(usize::try_from(row.hashes_len).ok()?)?;
        let place = |eighth: u32, kind: u8| RecordPlace {
            eighth,
            kind: RecordKind(kind),
        };
        rows.push(SessionRow {
            index: row.index,
            count: row.count,
            bytes: row.bytes,
            first: place(row.first.1, row.first.2),
            last: place(row.last.1, row.last.2),
            turns: Vec::new(),
            list: ListSpan::default(),
            rollup: rollup_at..rollup_end,
        });
        ends.push((row.first.0, row.last.0));
        spans.push(span_at..span_end);
        (rollup_at, span_at) = (rollup_end, span_end);
    }
    Some(Places {
        rows,
        rollups: Some(rollups),
        merged: Some(Box::new(MergedPlaces {
            name,
            first: merged.first,
            ends,
            spans,
            section: merged.hashes,
            hashes: OnceLock::new(),
        })),
        ..Places::default()
    })
}

/// How often each segment is looked at on average at most, whether it is the one that a merged
/// cache was made of. Where all is well, that is once; in a directory full of forged caches it
/// must not be once for each of them.
const LOOKS_MAX: usize = 8;
