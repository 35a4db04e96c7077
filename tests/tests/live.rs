//! Promises: damage, many-processes.
//!
//! Reading beside writers: what changes while it is read is never taken for damage.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use journal_tests::mid_call::{MidCall, Moment};
use journal_tests::observed_storage::{Call, ObservedStorage, Operation};
use journal_tests::workload::kind;
use trace_journal::format::{FRAMES_OFFSET, FileName};
use trace_journal::storage::DiskStorage;
use trace_journal::{Item, Journal, Loss, ReadMode, Reader, Report};

/// Reads the journal; after every call to the system `meanwhile` happens.
fn read(dir: &Path, meanwhile: impl Fn(&Call) + Send + Sync + 'static) -> Report {
    let disk = Arc::new(DiskStorage::open(dir).unwrap());
    let after = move |call: &Call, moment| {
        if moment == Moment::After {
            meanwhile(call);
        }
    };
    let watched = ObservedStorage::new(disk, Arc::new(MidCall(after)));
    let reader = Reader::of_storage(Arc::new(watched), ReadMode::Salvage).unwrap();
    reader.report()
}

fn open(dir: &Path) -> Journal {
    let options = Journal::options().stepped().segment_bytes_max(16 << 10);
    options.open(dir).unwrap()
}

/// Appends until the journal is in this segment.
fn append_until(journal: &Journal, segment: u32) {
    let is_there = || journal.info().run.unwrap().segment.get() >= segment;
    for _ in 0..1000 {
        if is_there() {
            return;
        }
        let kind = kind();
        journal.append_raw(kind, [7; 500]).unwrap();
    }
    panic!("the journal never comes to segment {segment}");
}

#[test]
fn a_run_that_starts_between_two_listings_is_alive() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).close().unwrap();
    let path = dir.path().to_owned();
    let writer: Mutex<(u32, Option<Journal>)> = Mutex::default();
    let report = read(dir.path(), move |call| {
        if call.operation == Operation::List {
            let (listings, journal) = &mut *writer.lock().unwrap();
            *listings += 1;
            // It starts after the first listing and rotates after the second.
            let journal = journal.get_or_insert_with(|| open(&path));
            append_until(journal, *listings);
        }
    });
    assert_eq!(report.loss, Loss::None, "{report:?}");
    assert_eq!(report.runs.len(), 2);
}

#[test]
fn a_header_that_is_written_while_it_is_read_is_no_damage() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    append_until(&journal, 2);
    let run = journal.info().run.unwrap().run;
    let name = FileName::Segment(run, trace_journal::format::SegmentNumber::new(2)).to_string();
    let path = dir.path().join(&name);
    // As it is while the segment is being made, until the reader has looked at it.
    let whole = fs::read(&path).unwrap();
    let mut young = whole.clone();
    young[..usize::try_from(FRAMES_OFFSET).unwrap()].fill(0);
    fs::write(&path, young).unwrap();
    let report = read(dir.path(), move |call| {
        let is_header = call.from + 4096 == FRAMES_OFFSET && call.to == FRAMES_OFFSET;
        if call.operation == Operation::Read && call.name == name && is_header {
            fs::write(&path, &whole).unwrap();
        }
    });
    assert_eq!(report.loss, Loss::None, "{report:?}");
    journal.close().unwrap();
}

/// Whether anything is missing, as the report and steps through all records say.
fn loss(dir: &Path) -> Loss {
    let reader = Reader::open(dir).unwrap();
    let gaps = reader.records().filter_map(|item| match item.unwrap() {
        Item::Gap(gap) => Some(gap),
        Item::Record(_) => None,
    });
    let gaps: Vec<_> = gaps.collect();
    let report = reader.report();
    assert_eq!(
        report.loss == Loss::None,
        gaps.is_empty(),
        "{gaps:?} {report:?}"
    );
    let verified = Reader::options().verify(true).open(dir).unwrap();
    assert_eq!(verified.report().loss, report.loss, "{report:?}");
    report.loss
}

#[test]
fn segments_that_are_taken_from_a_live_run_are_missed_until_they_are_back() {
    for segments in [1, 2, 4] {
        let dir = tempfile::tempdir().unwrap();
        let away = tempfile::tempdir().unwrap();
        let journal = open(dir.path());
        append_until(&journal, segments);
        journal.sync().unwrap();
        assert_eq!(loss(dir.path()), Loss::None);
        let run = journal.info().run.unwrap().run;
        for number in 1..=segments {
            let name = FileName::Segment(run, trace_journal::format::SegmentNumber::new(number))
                .to_string();
            let (here, there) = (dir.path().join(&name), away.path().join(&name));
            fs::rename(&here, &there).unwrap();
            assert_eq!(
                loss(dir.path()),
                Loss::Damage,
                "{number} of {segments} gone"
            );
            fs::rename(&there, &here).unwrap();
            assert_eq!(loss(dir.path()), Loss::None);
            // Its bytes are gone, and come back.
            let whole = fs::read(&here).unwrap();
            let file = fs::OpenOptions::new().write(true).open(&here).unwrap();
            for from in [0, 8192] {
                file.write_all_at(&vec![0; whole.len() - from], u64::try_from(from).unwrap())
                    .unwrap();
                assert_eq!(
                    loss(dir.path()),
                    Loss::Damage,
                    "{number} of {segments} zeros"
                );
                file.write_all_at(&whole, 0).unwrap();
                assert_eq!(loss(dir.path()), Loss::None);
            }
        }
        journal.close().unwrap();
    }
}

#[test]
fn a_run_that_goes_on_at_every_call_of_its_reader_lost_nothing() {
    for appends in [1, 7, 40] {
        let dir = tempfile::tempdir().unwrap();
        let journal = open(dir.path());
        append_until(&journal, 3);
        let writer = Mutex::new(journal.clone());
        let report = read(dir.path(), move |_| {
            let journal = writer.lock().unwrap();
            for _ in 0..appends {
                journal.append_raw(kind(), [7; 500]).unwrap();
            }
            journal.sync().unwrap();
        });
        assert_eq!(report.loss, Loss::None, "{report:?}");
        journal.close().unwrap();
    }
}

#[test]
fn readers_beside_a_writer_of_many_segments_find_nothing_lost() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::options()
        .segment_bytes_max(16 << 10)
        .open(dir.path());
    let journal = journal.unwrap();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for waits_once_in in [1, 9] {
            let (journal, is_over) = (&journal, &is_over);
            scope.spawn(move || {
                for count in 0.. {
                    let seq = journal
                        .append_raw(kind(), vec![7; 200 + count % 900])
                        .unwrap();
                    if count % waits_once_in == 0 {
                        journal.wait_durable(seq).unwrap();
                    }
                    if is_over.load(Ordering::Relaxed) || count > RECORDS_MAX {
                        break;
                    }
                }
            });
        }
        for _ in 0..60 {
            assert_eq!(loss(dir.path()), Loss::None);
        }
        is_over.store(true, Ordering::Relaxed);
    });
    journal.close().unwrap();
    assert_eq!(loss(dir.path()), Loss::None);
}

/// Enough for any number of reads, and not for the disk to be full.
const RECORDS_MAX: usize = 40_000;
