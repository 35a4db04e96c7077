//! Tests of what the note in a `.run` file, and caches, prove of records in front of the last.

use super::finding::MissingRange;
use super::recovered::recovered;
use super::run::RunSurvey;
use super::survey::{Depth, Scope, survey};
use super::tail::survey_tail;
use super::testing::{MemoryStorage, SegmentBuilder, dead_run, run, segment_name};
use super::verdict::Verdict;
use super::witness::Fate;
use super::{Loss, cache};
use crate::event::system;
use crate::format::{DurablePlace, FileName, Owner, RecordKind, RunText};
use crate::seq::SegmentNumber;

/// A dead run of nine records: a mark tells that the first three were durable, the `.run` file
/// that eight of them were.
fn noted() -> (MemoryStorage, SegmentBuilder, DurablePlace) {
    let mut segment = SegmentBuilder::new(1, 1, 1, 0);
    segment.raw(0, b"two").raw(0, b"three").mark(3);
    for _ in 0..5 {
        segment.raw(0, b"record");
    }
    let mut storage = segment.storage();
    let place = DurablePlace {
        seq: 8,
        segment: SegmentNumber::FIRST,
        offset: u64::try_from(segment.offsets[7]).unwrap(),
    };
    let text = RunText::first(&Owner::default(), &(String::new(), String::new()));
    let mut text = text.into_bytes();
    let (line, at) = place.line(run(1));
    let at = usize::try_from(at).unwrap();
    text[at..at + line.len()].copy_from_slice(line.as_bytes());
    // Without its end it does not say whose process it was.
    text.truncate(text.len() - 4);
    let name = FileName::Run(run(1)).to_string();
    storage.files.insert(name, text);
    (storage, segment, place)
}

fn look(storage: &MemoryStorage) -> (Loss, RunSurvey) {
    let found = survey(storage, Scope::All, Depth::Everything).unwrap();
    (found.loss(), found.runs.into_iter().next().unwrap())
}

/// First and last of what is missing, and whether it had been durable.
fn missed(found: &RunSurvey) -> Vec<(u64, Option<u64>, bool)> {
    let missing = found.findings.iter().filter_map(|finding| finding.missing);
    let told = |MissingRange { first, last, fate }| (first, last, fate == Fate::Durable);
    missing.map(told).collect()
}

fn zero(storage: &mut MemoryStorage, segment: &SegmentBuilder, first: usize, behind: usize) {
    let bytes = storage.files.get_mut(&segment_name(1, 1)).unwrap();
    bytes[segment.offsets[first - 1]..segment.offsets[behind - 1]].fill(0);
}

#[test]
fn what_a_note_proves_does_not_depend_on_the_record_it_names() {
    for (first, last) in [(2, 2), (3, 6), (6, 6), (7, 7), (7, 8), (5, 8)] {
        let (mut storage, segment, _) = noted();
        zero(&mut storage, &segment, first, last + 1);
        let (loss, found) = look(&storage);
        let (first, last) = (u64::try_from(first).unwrap(), u64::try_from(last).unwrap());
        assert_eq!(missed(&found), [(first, Some(last), true)]);
        assert_eq!(loss, Loss::Damage);
    }
    let (mut storage, segment, _) = noted();
    zero(&mut storage, &segment, 9, 10.min(segment.offsets.len()));
    assert_eq!(look(&storage).0, Loss::None);
}

#[test]
fn what_a_note_proved_is_proved_by_the_record_of_the_recovery() {
    // The first of them are proved by a mark, too.
    for (first, last) in [(2, 6), (3, 7), (6, 8)] {
        let (mut storage, segment, place) = noted();
        zero(&mut storage, &segment, first, last + 1);
        let dead = dead_run(&storage, Some(place));
        let found = survey_tail(&storage, &dead).unwrap().unwrap();
        let record = found.to_record();
        assert_eq!((record.last_seq, &record.missing[..]), (9, &[][..]));
        let mut payload = Vec::new();
        system::encode(&record, &mut payload).unwrap();
        assert!(recovered(&payload).is_some());
        let mut later = SegmentBuilder::new(2, 1, 1, 0);
        later.system(RecordKind::RUN_OPEN, &0_u8);
        later.system(RecordKind::RUN_RECOVERED, &record);
        storage.put(&later, later.sealed(None));
        storage.files.remove(&FileName::Run(run(1)).to_string());
        let (loss, found) = look(&storage);
        let (first, last) = (u64::try_from(first).unwrap(), u64::try_from(last).unwrap());
        assert_eq!(missed(&found), [(first, Some(last), true)]);
        assert_eq!(loss, Loss::Damage);
    }
}

#[test]
fn a_cache_proves_what_is_missing_in_front_of_a_seal() {
    let mut segment = SegmentBuilder::new(1, 1, 1, 0);
    segment.raw(0, b"two").raw(0, b"three").raw(0, b"four");
    let mut storage = MemoryStorage::default();
    storage.put(&segment, segment.sealed_telling(Some(2), 0));
    let next = SegmentBuilder::new(1, 2, 6, 0);
    storage.put(&next, next.file());
    let number = SegmentNumber::FIRST;
    let bytes = cache::make(&storage, run(1), number, None).unwrap();
    let name = FileName::Index(run(1), number).to_string();
    let bytes = bytes.concat();
    for has_cache in [true, false] {
        let mut storage = storage.clone();
        if has_cache {
            storage.files.insert(name.clone(), bytes.clone());
        }
        zero(&mut storage, &segment, 3, 4);
        let (_, found) = look(&storage);
        assert_eq!(missed(&found), [(3, Some(3), has_cache)]);
        let verdict = found.findings[0].verdict;
        let expected = if has_cache {
            Verdict::Damage
        } else {
            Verdict::Torn
        };
        assert_eq!(verdict, expected);
    }
}
