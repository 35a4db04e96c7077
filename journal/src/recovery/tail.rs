//! What opening a journal has to know of a dead run: its end, as far as nothing proves it durable.
//!
//! What is read here goes on record as durable, so it is read from the disk: the process may have
//! died between a sync that failed and the marker that says so, and a second sync would succeed
//! though the bytes are only cached.

use super::Liveness;
use super::ends::settle;
use super::files::{Found, Naming, SegmentFile, identify};
use super::part::{Part, Trust};
use super::run::RunSurvey;
use super::survey::{Depth, Scope, list, survey};
use super::witness::Witness;
use crate::error::{Error, Result};
use crate::format::FileName;
use crate::seeded::{self, Bug};
use crate::seq::{RunId, SegmentNumber};
use crate::storage::Storage;

/// Surveys the newest segments of a dead run, back to the last one behind which everything is
/// proved durable; `None` if the run has no files. What is found in them is on the disk.
///
/// Segments before that are not read: what is missing there is damage, which any reader finds.
///
/// # Errors
/// [`crate::Error::Io`] if the directory cannot be listed, or a segment cannot be synced.
pub(super) fn survey_tail(storage: &dyn Storage, run: RunId) -> Result<Option<RunSurvey>> {
    let mut files = Vec::new();
    for entry in list(storage)? {
        match FileName::parse(&entry.name) {
            Some(FileName::Segment(of, number)) if of == run => {
                match identify(storage, &entry) {
                    Found::Segment(file) if file.naming == Naming::Own => files.push(file),
                    Found::Other => {}
                    // Something is wrong with the names: only a look at everything can tell.
                    _ => return survey_whole(storage, run),
                }
                debug_assert!(number >= SegmentNumber::FIRST);
            }
            _ => {}
        }
    }
    files.sort_by_key(|file| file.number);
    let (parts, begin) = read_back(storage, files)?;
    let parts = settle(storage, parts, &|_| Trust::Final);
    sync_dir(storage)?;
    let witness = Witness::default();
    let found = RunSurvey::assemble_from(begin, run, Liveness::Dead, parts, witness, None);
    Ok(Some(found))
}

/// Reads segments from the newest back; gives them in order, with the first sequence number and
/// the number of the first one.
fn read_back(
    storage: &dyn Storage,
    files: Vec<SegmentFile>,
) -> Result<(Vec<Part>, (u64, SegmentNumber))> {
    let mut parts = Vec::new();
    let mut begin = (1, SegmentNumber::FIRST);
    let mut durable = 0;
    for file in files.into_iter().rev() {
        let number = file.number;
        write_out(storage, &file.name)?;
        let part = Part::read(storage, file, Trust::DiskOnly);
        durable = durable.max(part.claims.durable);
        let first_seq = part.told_first_seq();
        parts.push(part);
        if let Some(first_seq) = first_seq.filter(|first| *first <= durable + 1) {
            begin = (first_seq, number);
            break;
        }
    }
    parts.reverse();
    Ok((parts, begin))
}

/// Brings to the disk what a killed process left in the page cache only.
fn write_out(storage: &dyn Storage, name: &str) -> Result<()> {
    if seeded::has(Bug::DeadRunNotSynced) {
        return Ok(());
    }
    let synced = storage
        .open(name)
        .and_then(|file| file.sync(0, file.len()?));
    synced.map_err(|e| Error::io("sync", storage.path().join(name), e))
}

fn sync_dir(storage: &dyn Storage) -> Result<()> {
    let synced = storage.sync_dir();
    synced.map_err(|e| Error::io("sync", storage.path(), e))
}

fn survey_whole(storage: &dyn Storage, run: RunId) -> Result<Option<RunSurvey>> {
    for entry in list(storage)? {
        if let Found::Segment(file) = identify(storage, &entry)
            && file.run == run
        {
            write_out(storage, &file.name)?;
            let dropped = storage
                .open(&file.name)
                .and_then(|file| file.drop_cache(0, u64::MAX));
            dropped
                .map_err(|e| Error::io("drop the cache of", storage.path().join(&file.name), e))?;
        }
    }
    sync_dir(storage)?;
    let survey = survey(storage, Scope::Runs(&[run]), Depth::Everything)?;
    Ok(survey.runs.into_iter().find(|found| found.run == run))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recovery::testing::{MemoryStorage, SegmentBuilder, run, segment_name};

    /// A dead run of four segments; what the third one's start says is durable is given.
    fn journal(durable: u64) -> (MemoryStorage, SegmentBuilder) {
        let mut storage = MemoryStorage::default();
        let mut next_seq = 1;
        for number in 1..4 {
            let told = if number == 3 { durable } else { 0 };
            let mut builder = SegmentBuilder::new(1, number, next_seq, told);
            builder.raw(0, b"one").raw(0, b"two");
            next_seq = builder.next_seq() + 1;
            let seal = builder.sealed_telling(Some(number + 1), 0);
            storage.put(&builder, seal);
        }
        let mut last = SegmentBuilder::new(1, 4, next_seq, 0);
        last.raw(0, b"torn").skip(24).raw(0, b"intact");
        storage.put(&last, last.file());
        (storage, last)
    }

    fn read(storage: &MemoryStorage) -> (Vec<u32>, RunSurvey) {
        let found = survey_tail(storage, run(1)).unwrap().unwrap();
        let numbers = found.segments.iter().map(|s| s.part.segment.number.0);
        (numbers.collect(), found)
    }

    #[test]
    fn segments_that_a_later_one_proves_durable_are_not_read() {
        let (mut storage, last) = journal(8);
        // Nothing that is not read can be found damaged.
        storage.files.get_mut(&segment_name(1, 1)).unwrap()[8200] ^= 1;
        let (numbers, found) = read(&storage);
        assert_eq!(numbers, [3, 4]);
        let record = found.to_record();
        assert_eq!(record.missing, [(15, 15)]);
        assert_eq!((record.end_segment, record.last_seq), (4, 16));
        assert_eq!(record.end_offset, last.end());
    }

    #[test]
    fn without_a_proof_all_segments_are_read() {
        let (mut storage, _) = journal(3);
        assert_eq!(read(&storage).0, [1, 2, 3, 4]);
        storage.files.remove(&segment_name(1, 1));
        let (numbers, found) = read(&storage);
        assert_eq!(numbers, [2, 3, 4]);
        assert_eq!(found.to_record().missing, [(1, 3), (4, 4), (15, 15)]);
    }

    #[test]
    fn a_lost_segment_start_is_looked_for_one_segment_further_back() {
        let (mut storage, _) = journal(8);
        let third = storage.files.get_mut(&segment_name(1, 3)).unwrap();
        third[8192 + 17] ^= 1;
        assert_eq!(read(&storage).0, [1, 2, 3, 4]);
    }
}
