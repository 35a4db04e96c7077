//! What a storage that fails, or tells little, means for recovery.

use super::Loss;
use super::SegmentState;
use super::apply::recover;
use super::outcome::Outcome;
use super::plan::plan;
use super::report::Report;
use super::run_state::RunState;
use super::survey::{Depth, Scope, Survey, survey};
use super::testing::{MemoryStorage, SegmentBuilder, run, segment_name};
use crate::error::Error;
use crate::event::system::{Retired, RunRecovered};
use crate::format::{FRAMES_OFFSET, RecordKind};

fn small(generation: u32) -> SegmentBuilder {
    let mut builder = SegmentBuilder::new(generation, 1, 1, 0);
    builder.raw(0, b"first").raw(0, b"second").mark(3);
    builder
}

fn look(storage: &MemoryStorage) -> Survey {
    survey(storage, Scope::All, Depth::Everything).unwrap()
}

fn report(storage: &MemoryStorage) -> Report {
    Report::new(&look(storage))
}

#[test]
fn numbers_that_retention_removed_are_no_loss() {
    let later = SegmentBuilder::behind(1, 2, 6, 8400);
    let mut storage = later.storage();
    let lost = report(&storage);
    assert_eq!((lost.counts.retired, lost.missing()), (0, 5));
    let mut keeper = small(2);
    keeper.system(
        RecordKind::RETIRED,
        &Retired {
            generation: 1,
            random: run(1).random,
            first_seq: 1,
            last_seq: 5,
            extras: Vec::new(),
        },
    );
    storage.put(&keeper, keeper.file());
    let kept = report(&storage);
    assert_eq!((kept.counts.retired, kept.missing()), (5, 0));
    assert!(kept.ranges.is_empty(), "{:?}", kept.ranges);
}

#[test]
fn without_locks_nobody_is_called_dead_and_nothing_is_taken_on() {
    let mut storage = small(1).storage();
    storage.lock(1);
    storage.is_lockless = true;
    assert_eq!(report(&storage).runs[0].state, RunState::Unknown);
    let plan = plan(&storage).unwrap();
    assert!(plan.known.dead.is_empty());
    assert_eq!(plan.unrecovered, []);
}

#[test]
fn a_run_that_is_alive_or_cannot_be_looked_at_is_not_taken_on() {
    let mut storage = small(1).storage();
    storage.lock(1);
    assert_eq!(plan(&storage).unwrap().unrecovered, []);
    let name = storage.locked.first().unwrap().clone();
    storage.unopenable.insert(name);
    assert_eq!(report(&storage).runs[0].state, RunState::Unknown);
    assert_eq!(plan(&storage).unwrap().unrecovered, []);
}

#[test]
fn a_dead_run_that_cannot_be_taken_on_is_left_and_keeps_no_journal_from_being_opened() {
    let storage = small(1).storage();
    let plan = plan(&storage).unwrap();
    assert_eq!(plan.unrecovered, [run(1)]);
    let mut told = Vec::new();
    let mut record = |records: &[RunRecovered]| {
        assert_eq!(records, []);
        Ok(())
    };
    // No file can be made in it.
    let mut report = |error: &Error| told.push(error.code());
    let recovered = recover(&storage, &plan, &mut record, &mut report).unwrap();
    assert_eq!((recovered.runs, told), (Vec::new(), vec!["io"]));
}

#[test]
fn files_that_may_not_be_read_are_no_damage() {
    let mut storage = small(1).storage();
    storage.files.insert("notes.txt".to_owned(), vec![7; 9]);
    storage.unopenable.insert(segment_name(1, 1));
    storage.unopenable.insert("notes.txt".to_owned());
    let survey = look(&storage);
    assert!(survey.has_failed());
    let report = Report::new(&survey);
    assert_eq!(report.counts.recovered, 0);
    assert_eq!(report.outcome, Outcome::Unreadable);
    assert_eq!(report.loss, Loss::None);
    assert!(report.ranges.is_empty(), "{:?}", report.ranges);
    for (file, size) in [(segment_name(1, 1), 16 << 10), ("notes.txt".to_owned(), 9)] {
        let found = report.segments.iter().find(|found| found.file == file);
        let found = found.unwrap();
        assert_eq!((found.size, found.bytes.sum()), (size, size), "{file}");
        assert_eq!(found.state, SegmentState::Unreadable, "{file}");
        assert!(found.failure.is_some(), "{file}");
    }
}

/// What is in a segment that may not be read is not missing from the one behind it.
#[test]
fn a_segment_without_records_behind_one_that_may_not_be_read_is_no_damage() {
    let mut second = SegmentBuilder::new(1, 2, 5, 0);
    second.raw(0, b"6").raw(0, b"7");
    let blank = {
        let mut file = SegmentBuilder::new(1, 3, 9, 0).file();
        file[usize::try_from(FRAMES_OFFSET).unwrap()..].fill(0);
        file
    };
    for follows in [false, true] {
        let mut storage = MemoryStorage::default();
        let mut first = SegmentBuilder::new(1, 1, 1, 0);
        first.raw(0, b"2").raw(0, b"3");
        storage.put(&first, first.sealed(Some(2)));
        storage.put(&second, second.sealed(Some(3)));
        storage.put(&SegmentBuilder::new(1, 3, 9, 0), blank.clone());
        if follows {
            let mut fourth = SegmentBuilder::new(1, 4, 9, 0);
            fourth.raw(0, b"10");
            storage.put(&fourth, fourth.file());
        }
        // A later run says that the run had eight records.
        let mut later = SegmentBuilder::new(2, 1, 1, 0);
        later.recovered(1, 8);
        storage.put(&later, later.file());
        storage.unopenable.insert(segment_name(1, 2));
        let report = report(&storage);
        assert_eq!(report.loss, Loss::None, "{:?}", report.ranges);
        assert!(report.ranges.is_empty(), "{:?}", report.ranges);
        let blank = report
            .segments
            .iter()
            .find(|s| s.file == segment_name(1, 3));
        assert_eq!(blank.unwrap().state, SegmentState::Empty);
    }
}

#[test]
fn folders_copies_and_newer_files_are_told_apart() {
    let mut storage = small(1).storage();
    storage.files.insert(segment_name(1, 2), Vec::new());
    storage.folders.insert(segment_name(1, 2));
    let mut newer = small(3).file();
    (newer[8], newer[4096 + 8]) = (9, 9);
    storage.files.insert(segment_name(3, 1), newer);
    storage
        .files
        .insert("copy of it".to_owned(), small(1).file());
    let report = report(&storage);
    assert_eq!(report.counts.recovered, 4);
    let states = report.segments.iter().map(|s| (s.file.as_str(), s.state));
    let states: Vec<(&str, &str)> = states.map(|(file, state)| (file, state.as_str())).collect();
    let expected = [
        (&*segment_name(1, 1), "active"),
        (&*segment_name(1, 2), "damaged"),
        (&*segment_name(3, 1), "unsupported"),
        ("copy of it", "foreign"),
    ];
    assert_eq!(states, expected);
}
