//! Promises: many-processes.
//!
//! Reading beside writers: what changes while it is read is never taken for damage.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use journal_tests::mid_call::{MidCall, Moment};
use journal_tests::observed_storage::{Call, ObservedStorage, Operation};
use journal_tests::workload::kind;
use trace_journal::format::{FRAMES_OFFSET, FileName};
use trace_journal::storage::DiskStorage;
use trace_journal::{Journal, Loss, ReadMode, Reader, Report};

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
