//! Caches beside finished segments: what a survey finds in a segment, where its sessions' records
//! are, and what they come to, without reading it.
//!
//! A cache can always be made again. One that does not fit its segment to the last bit is as good
//! as none; it is never damage.

mod checked_section;
mod file;
mod segment_summary;
#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;

pub(super) use checked_section::CheckedSection;
pub(super) use file::{COVERED_FROM, CacheFile, FIELDS_LEN_MAX};
pub(super) use segment_summary::{OwnRecord, SegmentSummary, may_have_cache};

use super::extents::{Extent, decode_list};
use super::files::{FoundFile, SegmentFile, identify};
use super::segment_scan::{Part, Trust};
use super::session_index::{ListSpan, Places, SessionRow};
use super::survey::Depth;
use crate::format::{FRAMES_OFFSET, FileName, RecordKind, checksum};
use crate::len::len_u64;
use crate::segment::{ScanRange, Seen};
use crate::seq::{RunId, SegmentNumber};
use crate::storage::{Entry, Storage, StorageFile};

/// Writes the cache of a segment whose owner has finished it; nothing is written for one that is
/// not sealed or not flawless.
///
/// # Errors
/// As the system says; there is no cache then, or still the old one.
pub(crate) fn write(storage: &dyn Storage, run: RunId, number: SegmentNumber) -> io::Result<()> {
    write_to(storage, run, number, None)
}

/// Writes the cache of a segment of a run that died without sealing it, whose end is on durable
/// record, and in which only zeros are behind that; nothing is written if it is not flawless.
///
/// # Errors
/// As [`write()`].
pub(crate) fn write_recovered(
    storage: &dyn Storage,
    run: RunId,
    number: SegmentNumber,
    end: u64,
) -> io::Result<()> {
    write_to(storage, run, number, Some(end))
}

fn write_to(
    storage: &dyn Storage,
    run: RunId,
    number: SegmentNumber,
    end: Option<u64>,
) -> io::Result<()> {
    let Some(pieces) = make(storage, run, number, end) else {
        return Ok(());
    };
    let name = FileName::Index(run, number);
    let temporary = FileName::IndexTemporary(run, number);
    replace(storage, &pieces, &temporary.to_string(), &name.to_string())
}

/// Puts a cache in the place of an old one.
///
/// # Errors
/// As the system says; there is no cache then, or still the old one.
pub(super) fn replace(
    storage: &dyn Storage,
    pieces: &[Vec<u8>],
    temporary: &str,
    name: &str,
) -> io::Result<()> {
    // Left behind by a process that was killed here.
    let _ = storage.remove(temporary);
    let file = storage.create(temporary)?;
    let mut at = 0;
    let mut write = |piece: &Vec<u8>| {
        let written = file.write_at(piece, at);
        at += len_u64(piece.len());
        written
    };
    let written = pieces.iter().try_for_each(&mut write).and_then(|()| {
        // A link takes no name that is in use; between the two there is no cache, which is fine.
        let _ = storage.remove(name);
        storage.link(temporary, name)
    });
    match storage.remove(temporary) {
        // Where files can have only one name, it has become the other.
        Err(error) if error.kind() == io::ErrorKind::NotFound => written,
        removed => removed.and(written),
    }
}

/// The bytes of a segment's cache, in a few pieces: together they would take the memory twice.
/// `end` is where one of a recovered run ends without a seal.
pub(super) fn make(
    storage: &dyn Storage,
    run: RunId,
    number: SegmentNumber,
    end: Option<u64>,
) -> Option<Vec<Vec<u8>>> {
    let entry = Entry {
        name: FileName::Segment(run, number).to_string(),
        len: 0,
        is_file: true,
    };
    let FoundFile::Segment(segment) = identify(storage, &entry) else {
        return None;
    };
    let mut own = Vec::<OwnRecord>::new();
    let mut last = (0, 0);
    let portion = ScanRange {
        content_end: end.unwrap_or(u64::MAX),
        ..ScanRange::WHOLE
    };
    let how = (Trust::Final, portion);
    let part = Part::read_rollups_of(storage, segment, how, &mut |seen| {
        last = (seen.offset, seen.header.crc);
        if is_kept(seen) {
            let header = seen.header;
            own.push((header.seq_low, header.kind.0, seen.payload.to_vec()));
        }
    });
    let is_whole = match end {
        None => is_flawless(&part),
        Some(end) => is_flawless_to(&part, end),
    };
    // A cache would not tell of them.
    let has_later = part.notes.later_kinds > 0;
    if !may_have_cache(&part.segment) || !is_whole || has_later {
        return None;
    }
    let last = end.map_or(last, |end| (end, 0));
    let covered = SegmentSummary {
        segment_len: part.segment.len,
        seal_offset: last.0,
        seal_crc: last.1,
        records: part.records,
        durable_seq: part.claims.durable,
        padding: part.scanned.padding,
        own,
    };
    file::encode(run, number, &covered, part)
}

/// A segment as its cache tells it, to this depth; `None` if it has none that fits.
pub(crate) fn load(storage: &dyn Storage, segment: &SegmentFile, depth: Depth) -> Option<Part> {
    if !may_have_cache(segment) {
        return None;
    }
    let (cache, file) = open(storage, segment.run, segment.number)?;
    let rollups = match depth {
        Depth::Rollups | Depth::Merged => Some(cache.rollups.read(&*file)?),
        Depth::Everything | Depth::Counts | Depth::Caches => None,
    };
    let declared = cache.declared.into_iter();
    let declared = declared.map(|(index, id)| (index, id.into())).collect();
    let places = Places {
        rows: cache.rows,
        rollups,
        ..Places::default()
    };
    cache.covered.part(storage, segment, declared, places)
}

/// The cache of a segment as its file tells it, and that file; `None` if there is none, or if it
/// is not whole.
pub(super) fn open(
    storage: &dyn Storage,
    run: RunId,
    number: SegmentNumber,
) -> Option<(CacheFile, Arc<dyn StorageFile>)> {
    let name = FileName::Index(run, number).to_string();
    let file = storage.open(&name).ok()?;
    let cache = CacheFile::read(&*file)?;
    ((cache.run, cache.segment) == (run, number)).then_some((cache, file))
}

/// The frames of a session's records in a segment, whose lists may be in its cache only; they
/// are found again in the segment if that cache is not what it was.
pub(crate) fn extents(storage: &dyn Storage, part: &Part, row: &SessionRow) -> Vec<Extent> {
    let places = &part.places;
    if places.lists.is_some() {
        return places.extents(row).unwrap_or_default();
    }
    if let Some(extents) = cached_extents(storage, part, row) {
        return extents;
    }
    // Once for all sessions: the lists of the others may not fit either.
    let read = || Box::new(Part::read(storage, part.segment.clone(), Trust::Final).places);
    let read = places.read_again.get_or_init(read);
    let row = read.row(row.index);
    row.and_then(|row| read.extents(row)).unwrap_or_default()
}

/// Reads the lists of all sessions from the segment's cache and keeps them in memory.
pub(crate) fn keep_lists(storage: &dyn Storage, part: &Part) {
    let places = &part.places;
    if places.lists.is_none() {
        // Without them each list is read by itself.
        let kept = || read_all_lists(storage, part).unwrap_or_default();
        places.kept.get_or_init(kept);
    }
}

fn read_all_lists(storage: &dyn Storage, part: &Part) -> Option<Vec<u8>> {
    let rows = &part.places.rows;
    let all = ListSpan {
        len: rows.iter().map(|row| row.list.len).sum(),
        ..rows.first()?.list
    };
    read_lists(storage, &part.segment, all)
}

fn cached_extents(storage: &dyn Storage, part: &Part, row: &SessionRow) -> Option<Vec<Extent>> {
    let own;
    let kept = part.places.kept.get().and_then(|kept| {
        let begin = part.places.rows.first()?.list.offset;
        let from = usize::try_from(row.list.offset.checked_sub(begin)?).ok()?;
        kept.get(from..)?.get(..usize::try_from(row.list.len).ok()?)
    });
    let list = match kept {
        Some(list) => list,
        None => {
            own = read_lists(storage, &part.segment, row.list)?;
            own.as_slice()
        }
    };
    let extents = (checksum(list) == row.list.crc).then(|| decode_list(list, row.count))??;
    let is_inside = extents
        .last()
        .is_none_or(|last| last.end() <= part.segment.len);
    is_inside.then_some(extents)
}

/// A part of the lists in the cache of a segment.
fn read_lists(storage: &dyn Storage, segment: &SegmentFile, span: ListSpan) -> Option<Vec<u8>> {
    let name = FileName::Index(segment.run, segment.number).to_string();
    let file = storage.open(&name).ok()?;
    let is_there = file.len().ok()? >= span.offset.checked_add(span.len)?;
    let mut list = vec![0; usize::try_from(span.len).ok().filter(|_| is_there)?];
    let count = file.read_at(&mut list, span.offset).ok()?;
    (count == list.len()).then_some(list)
}

/// Records about the run that are kept word for word.
fn is_kept(seen: &Seen<'_>) -> bool {
    match seen.header.kind {
        RecordKind::SEGMENT_START
        | RecordKind::SEAL
        | RecordKind::RUN_OPEN
        | RecordKind::RUN_CLOSE
        | RecordKind::RUN_RECOVERED
        | RecordKind::REFUSED
        | RecordKind::RETIRED => true,
        RecordKind::CRASH_NOTE => seen.header.session == 0,
        _ => false,
    }
}

/// Nothing but intact frames from the first to a seal at the end of the file.
fn is_flawless(part: &Part) -> bool {
    is_unbroken(part)
        && part.scanned.frames_end() == part.segment.len
        && part.scanned.is_sealed
        && part.scanned.stretches.is_empty()
        && part.told_last_seq() == part.claims.seal
}

/// Nothing but intact frames from the first to this place, if there are any, and zeros behind.
fn is_flawless_to(part: &Part, end: u64) -> bool {
    let mut behind = part.scanned.stretches.iter();
    (is_unbroken(part) || (part.records == 0 && is_clean(part)))
        && part.scanned.frames_end() == end
        && !part.scanned.is_sealed
        && behind.all(|stretch| stretch.next.is_none() && stretch.content_end == stretch.offset)
}

/// One frame behind the other, from the first one on.
fn is_unbroken(part: &Part) -> bool {
    let is_one_island = matches!(
        part.scanned.islands.as_slice(),
        [island] if island.offset == FRAMES_OFFSET && island.first == 0
    );
    is_one_island && is_clean(part) && part.claims.start.is_some()
}

fn is_clean(part: &Part) -> bool {
    part.scanned.unread.is_empty()
        && part.scanned.dirty_padding.is_empty()
        && part.scanned.error.is_none()
        && part.notes.undecodable.is_empty()
}
