//! What opening a journal has to know of a dead run: its end, as far as nothing proves it durable.
//!
//! What is read here goes on record as durable, so it is read from the disk: the process may have
//! died between a sync that failed and the marker that says so, and a second sync would succeed
//! though the bytes are only cached.
//!
//! Where that end begins, records say that may themselves be only cached. That is no harm: what a
//! witness says was true when it was written, whatever became of the witness. And where the
//! end ends, zeros say, cached or not: what is taken for zeros is not put on record as being there.

use super::Liveness;
use super::content_end::content_end;
use super::dead_run::DeadRun;
use super::files::{FoundFile, Naming, SegmentFile, identify, list};
use super::run::RunSurvey;
use super::segment_ends::settle;
use super::segment_scan::{Part, Trust};
use super::survey::{Depth, Scope, survey};
use super::witness::Witness;
use crate::error::{Error, Result};
use crate::format::{DurablePlace, FRAMES_OFFSET, FileName};
use crate::seeded::{self, Bug};
use crate::segment::ScanRange;
use crate::seq::SegmentNumber;
use crate::storage::{Entry, Storage};

/// Surveys the end of a dead run, from a place on in front of which everything is proved durable;
/// `None` if the run has no files. What is found in it is on the disk.
///
/// What is in front of it is not read: what is missing there is damage, which any reader finds.
/// Each walk begins where a segment's frames do, or at the place that the `.run` file names: what
/// lies anywhere else may be the payload of a record, whatever it looks like.
///
/// Names are not synced; that must be done before what is found goes on record.
///
/// # Errors
/// [`crate::Error::Io`] if the directory cannot be listed, or a segment cannot be synced.
pub(super) fn survey_tail(storage: &dyn Storage, dead: &DeadRun) -> Result<Option<RunSurvey>> {
    let run = dead.run;
    let Some((parts, begin)) = read_back(storage, dead)? else {
        return survey_whole(storage, dead);
    };
    let parts = settle(storage, parts, &|_| Trust::Final);
    let witness = Witness {
        beside: dead.place.map_or(0, |place| place.seq),
        noted: dead.place,
        is_killed: dead.is_killed,
        ..Witness::default()
    };
    let found = RunSurvey::assemble_from(begin, run, Liveness::Dead, parts, witness, None);
    Ok(Some(found))
}

/// The first sequence number of a segment, and its own number.
type Begin = (u64, SegmentNumber);

/// Reads segments from the newest back; gives them in order, and where the first one begins.
/// `None` if something is wrong with the names: only a look at everything can tell what.
fn read_back(storage: &dyn Storage, dead: &DeadRun) -> Result<Option<(Vec<Part>, Begin)>> {
    if seeded::has(Bug::ListingPerRun) {
        list(storage)?;
    }
    let mut parts = Vec::new();
    let mut begin = (1, SegmentNumber::FIRST);
    let mut durable = 0;
    for number in dead.segments.iter().rev() {
        let entry = Entry {
            name: FileName::Segment(dead.run, *number).to_string(),
            len: 0,
            is_file: true,
        };
        let file = match identify(storage, &entry) {
            FoundFile::Segment(file) if file.naming == Naming::Own && file.is_header_read => file,
            FoundFile::Other => continue,
            _ => return Ok(None),
        };
        let place = dead.place.filter(|place| place.segment == *number);
        let part = read_end(storage, file, place)?;
        durable = durable.max(part.claims.durable);
        let first_seq = part.told_first_seq();
        parts.push(part);
        if let Some(first_seq) = first_seq.filter(|first| *first <= durable + 1) {
            begin = (first_seq, *number);
            break;
        }
    }
    parts.reverse();
    Ok(Some((parts, begin)))
}

/// Reads a segment from the disk: from the given place on, if that is in it, else all of it.
fn read_end(storage: &dyn Storage, file: SegmentFile, place: Option<DurablePlace>) -> Result<Part> {
    let opened = storage.open(&file.name);
    let found = opened.and_then(|opened| {
        let end = content_end(&*opened)?;
        // Readers are not to be shown there what a sync that failed left in the cache only.
        opened.drop_cache_exact(end, u64::MAX)?;
        Ok(end)
    });
    let Ok(content_end) = found else {
        write_out(storage, &file.name, None)?;
        // What could not be read is found and told by a look at all of it.
        return Ok(Part::read(storage, file, Trust::DiskOnly));
    };
    // Behind that, all that may wait to be written is zeros that a writer made ready.
    write_out(storage, &file.name, Some(content_end))?;
    let whole = ScanRange {
        content_end,
        ..ScanRange::WHOLE
    };
    let behind = place.and_then(|place| read_behind(storage, &file, whole, place));
    Ok(behind.unwrap_or_else(|| {
        let how = (Trust::DiskOnly, whole);
        Part::read_portion(storage, file, how, &mut |_| {})
    }))
}

/// Reads a segment from a durable record on; `None` if that is not there any more.
fn read_behind(
    storage: &dyn Storage,
    file: &SegmentFile,
    whole: ScanRange,
    place: DurablePlace,
) -> Option<Part> {
    let head = ScanRange {
        content_end: HEAD_END,
        ..ScanRange::WHOLE
    };
    let head = Part::read_portion(storage, file.clone(), (Trust::Final, head), &mut |_| {});
    let first_seq = head.claims.start?;
    let relative = u32::try_from(place.seq.checked_sub(first_seq)?).ok()?;
    let relative = relative + u32::from(seeded::has(Bug::ProofNotReached));
    let portion = ScanRange {
        from: place.offset,
        relative: Some(relative),
        ..whole
    };
    let how = (Trust::DiskOnly, portion);
    let mut part = Part::read_portion(storage, file.clone(), how, &mut |_| {});
    part.claims.durable = part.claims.durable.max(place.seq);
    let is_there = part.scanned.islands.iter().any(|island| {
        let has_place = (island.offset..island.end).contains(&place.offset);
        has_place && (island.first..=island.last).contains(&relative)
    });
    (is_there || seeded::has(Bug::ProofNotReached)).then_some(part)
}

/// Brings to the disk what a killed process left in the page cache only, up to the given place.
fn write_out(storage: &dyn Storage, name: &str, to: Option<u64>) -> Result<()> {
    if seeded::has(Bug::DeadRunNotSynced) {
        return Ok(());
    }
    let synced = storage.open_to_sync(name).and_then(|file| {
        let to = to.map_or_else(|| file.len(), Ok)?;
        if seeded::has(Bug::DeadRunSyncedTwice) {
            file.sync(0, to)?;
        }
        file.sync(0, to)
    });
    synced.map_err(|e| Error::io("sync", storage.path().join(name), e))
}

fn survey_whole(storage: &dyn Storage, dead: &DeadRun) -> Result<Option<RunSurvey>> {
    let run = dead.run;
    for entry in list(storage)? {
        if let FoundFile::Segment(file) = identify(storage, &entry)
            && file.run == run
        {
            write_out(storage, &file.name, None)?;
            let dropped = storage
                .open(&file.name)
                .and_then(|file| file.drop_cache(0, u64::MAX));
            dropped
                .map_err(|e| Error::io("drop the cache of", storage.path().join(&file.name), e))?;
        }
    }
    let survey = survey(storage, Scope::Dead(dead), Depth::Everything)?;
    Ok(survey.runs.into_iter().find(|found| found.run == run))
}

/// The first frame of a segment ends before this.
const HEAD_END: u64 = FRAMES_OFFSET + (1 << 10);
