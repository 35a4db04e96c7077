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
use super::content::content_end;
use super::ends::settle;
use super::files::{Found, Naming, SegmentFile, identify};
use super::part::{Part, Trust};
use super::run::RunSurvey;
use super::survey::{Depth, Scope, list, survey};
use super::witness::Witness;
use crate::error::{Error, Result};
use crate::format::{FRAME_ALIGNMENT, FRAMES_OFFSET, FileName, seq_low};
use crate::seeded::{self, Bug};
use crate::segment::Portion;
use crate::seq::{RunId, SegmentNumber};
use crate::storage::{Entry, Storage};

/// Surveys the end of a dead run, from a place on in front of which everything is proved durable;
/// `None` if the run has no files. What is found in it is on the disk.
///
/// What is in front of it is not read: what is missing there is damage, which any reader finds.
/// Names are not synced; that must be done before what is found goes on record.
///
/// # Errors
/// [`crate::Error::Io`] if the directory cannot be listed, or a segment cannot be synced.
pub(super) fn survey_tail(storage: &dyn Storage, run: RunId) -> Result<Option<RunSurvey>> {
    let mut files = Vec::new();
    for entry in list(storage)? {
        match FileName::parse(&entry.name) {
            Some(FileName::Segment(of, number)) if of == run => files.push((number, entry)),
            _ => {}
        }
    }
    files.sort_by_key(|(number, _)| *number);
    let Some((parts, begin)) = read_back(storage, files.into_iter().map(|file| file.1))? else {
        return survey_whole(storage, run);
    };
    let parts = settle(storage, parts, &|_| Trust::Final);
    let witness = Witness::default();
    let found = RunSurvey::assemble_from(begin, run, Liveness::Dead, parts, witness, None);
    Ok(Some(found))
}

/// The first sequence number of a segment, and its own number.
type Begin = (u64, SegmentNumber);

/// Reads segments, which are in order, from the newest back; gives them in order, and where the
/// first one begins. `None` if something is wrong with the names: only a look at everything can
/// tell what.
fn read_back(
    storage: &dyn Storage,
    files: impl DoubleEndedIterator<Item = Entry>,
) -> Result<Option<(Vec<Part>, Begin)>> {
    let mut parts = Vec::new();
    let mut begin = (1, SegmentNumber::FIRST);
    let mut durable = 0;
    for entry in files.rev() {
        let file = match identify(storage, &entry) {
            Found::Segment(file) if file.naming == Naming::Own => file,
            Found::Other => continue,
            _ => return Ok(None),
        };
        let number = file.number;
        let part = read_end(storage, file, durable)?;
        durable = durable.max(part.claims.durable);
        let first_seq = part.told_first_seq();
        parts.push(part);
        if let Some(first_seq) = first_seq.filter(|first| *first <= durable + 1) {
            begin = (first_seq, number);
            break;
        }
    }
    parts.reverse();
    Ok(Some((parts, begin)))
}

/// Reads a segment from the disk, all of it but what is proved durable by it or by those behind
/// it, which prove it up to `durable`.
fn read_end(storage: &dyn Storage, file: SegmentFile, durable: u64) -> Result<Part> {
    let opened = storage.open(&file.name);
    let Ok(content_end) = opened.and_then(|opened| content_end(&*opened)) else {
        write_out(storage, &file.name, None)?;
        // What could not be read is found and told by a look at all of it.
        return Ok(Part::read(storage, file, Trust::DiskOnly));
    };
    // Behind that, all that may wait to be written is zeros that a writer made ready.
    write_out(storage, &file.name, Some(content_end))?;
    let whole = Portion {
        content_end,
        ..Portion::WHOLE
    };
    let (portion, proved) = proved(storage, &file, whole, durable).unwrap_or((whole, 0));
    let how = (Trust::DiskOnly, portion);
    let mut part = Part::read_portion(storage, file, how, &mut |_| {});
    part.claims.durable = part.claims.durable.max(proved);
    Ok(part)
}

/// The portion of a segment in front of which everything is proved durable, and up to where it
/// is; `None` if that is not found out without reading much of it.
fn proved(
    storage: &dyn Storage,
    file: &SegmentFile,
    whole: Portion,
    mut durable: u64,
) -> Option<(Portion, u64)> {
    let content_end = whole.content_end;
    // Where the frames begin that were looked at.
    let mut seen_from = None;
    for look_len in looks() {
        let from = content_end.saturating_sub(look_len) / FRAME_ALIGNMENT * FRAME_ALIGNMENT;
        if from <= FRAMES_OFFSET {
            return None;
        }
        let portion = Portion {
            from,
            relative: None,
            content_end: seen_from.unwrap_or(content_end),
            shows_all: true,
        };
        let mut file = file.clone();
        // The payload of the last frame may end in zeros.
        file.frames_max = seen_from.unwrap_or(content_end.saturating_add(FRAMES_OFFSET));
        let mut frames = Vec::new();
        let look = Part::read_portion(storage, file, (Trust::Final, portion), &mut |seen| {
            frames.push((seen.offset, seen.header.seq_low));
        });
        let first_seq = look.claims.start?;
        if look.claims.mark.is_some_and(|mark| mark != first_seq) {
            return None;
        }
        durable = durable.max(look.claims.durable);
        frames.retain(|(offset, _)| *offset >= from);
        seen_from = frames.first().map(|(offset, _)| *offset).or(seen_from);
        let relative = |low: u32| low.wrapping_sub(seq_low(first_seq));
        let is_proved = |low: u32| first_seq + u64::from(relative(low)) <= durable + 1;
        let count = frames.partition_point(|(_, low)| is_proved(*low));
        let count = count.max(usize::from(seeded::has(Bug::ProofNotReached)));
        if let Some((from, low)) = frames.get(..count).and_then(<[_]>::last) {
            let portion = Portion {
                from: *from,
                relative: Some(relative(*low)),
                content_end,
                shows_all: false,
            };
            return Some((portion, durable));
        }
    }
    None
}

/// How many bytes in front of the end are looked at for a proof and for what it proves, one time
/// after the other.
fn looks() -> impl Iterator<Item = u64> {
    let small = [1 << 10, 16 << 10, 128 << 10];
    small.into_iter().chain((1..=16).map(|mib| mib << 20))
}

/// Brings to the disk what a killed process left in the page cache only, up to the given place.
fn write_out(storage: &dyn Storage, name: &str, to: Option<u64>) -> Result<()> {
    if seeded::has(Bug::DeadRunNotSynced) {
        return Ok(());
    }
    let synced = storage
        .open_to_sync(name)
        .and_then(|file| file.sync(0, to.map_or_else(|| file.len(), Ok)?));
    synced.map_err(|e| Error::io("sync", storage.path().join(name), e))
}

fn survey_whole(storage: &dyn Storage, run: RunId) -> Result<Option<RunSurvey>> {
    for entry in list(storage)? {
        if let Found::Segment(file) = identify(storage, &entry)
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

    /// A run of one large segment whose 2,000 records end in a mark; some lie behind it.
    fn marked(durable: u64) -> SegmentBuilder {
        let mut segment = SegmentBuilder::new(1, 1, 1, 0);
        for _ in 0..2000 {
            segment.raw(0, b"record");
        }
        segment.mark(durable);
        for _ in 0..20 {
            segment.raw(0, b"behind");
        }
        segment
    }

    fn flip(segment: &mut SegmentBuilder, seq: usize) {
        let at = segment.offsets[seq - 1] + 17;
        segment.bytes[at] ^= 1;
    }

    #[test]
    fn what_a_mark_proves_durable_is_not_read_and_all_behind_that_is() {
        let mut segment = marked(1500);
        flip(&mut segment, 1490);
        flip(&mut segment, 1502);
        flip(&mut segment, 2015);
        let record = read(&segment.storage()).1.to_record();
        assert_eq!(record.missing, [(1502, 1502), (2015, 2015)]);
        assert_eq!((record.last_seq, record.end_offset), (2022, segment.end()));
    }

    #[test]
    fn the_first_record_that_is_not_proved_durable_is_missed_if_it_is_lost() {
        let mut segment = marked(1500);
        flip(&mut segment, 1501);
        assert_eq!(
            read(&segment.storage()).1.to_record().missing,
            [(1501, 1501)]
        );
        // Even with the last one that is.
        flip(&mut segment, 1500);
        let record = read(&segment.storage()).1.to_record();
        assert_eq!(record.missing, [(1500, 1500), (1501, 1501)]);
    }

    #[test]
    fn a_mark_that_speaks_of_what_is_behind_it_proves_nothing() {
        for durable in [2002, 2003, 1 << 40] {
            let mut segment = marked(durable);
            flip(&mut segment, 100);
            let record = read(&segment.storage()).1.to_record();
            assert_eq!(record.missing, [(100, 100)], "{durable}");
        }
    }

    #[test]
    fn marks_are_no_proof_without_the_start_of_their_segment() {
        let mut segment = marked(1500);
        flip(&mut segment, 1);
        flip(&mut segment, 100);
        let record = read(&segment.storage()).1.to_record();
        assert_eq!(record.missing, [(1, 1), (100, 100)]);
    }

    #[test]
    fn what_lies_behind_a_long_run_of_zeros_is_found() {
        let mut segment = marked(1500);
        segment
            .skip(3 << 20)
            .raw(0, b"far")
            .skip(5000)
            .raw(0, b"farther");
        let record = read(&segment.storage()).1.to_record();
        assert_eq!(record.missing, [(2023, 2023), (2025, 2025)]);
        assert_eq!((record.last_seq, record.end_offset), (2026, segment.end()));
    }

    #[test]
    fn a_last_payload_of_zeros_is_part_of_its_record() {
        let mut segment = marked(1500);
        segment.raw(0, &[0; 100_000]);
        let record = read(&segment.storage()).1.to_record();
        assert_eq!(record.missing, []);
        assert_eq!((record.last_seq, record.end_offset), (2023, segment.end()));
    }
}
