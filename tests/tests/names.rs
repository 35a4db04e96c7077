//! Promises: durable, many-processes.
//!
//! What becomes of a journal whose directory or files somebody else moves, replaces or removes
//! while it is written.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::Path;

use journal_tests::compare::compare;
use journal_tests::modes::modes;
use journal_tests::plain::Plain;
use trace_journal::{Journal, Loss, Reader, Seq, UserKind, WriteMode};

fn kind() -> UserKind {
    UserKind::new(200).unwrap()
}

fn open(dir: &Path, mode: WriteMode) -> Journal {
    let options = Journal::options().write_mode(mode);
    options.segment_bytes_max(64 << 10).open(dir).unwrap()
}

/// Appends so much that segments are left behind, and waits for it.
fn rotate(journal: &Journal) -> Vec<Seq> {
    let append = |_| journal.append(kind(), [7; 4000]).unwrap();
    let appended: Vec<Seq> = (0..60).map(append).collect();
    journal.sync().unwrap();
    appended
}

/// The directory holds one run, whole, with just these records of the caller's.
fn check_whole(dir: &Path, appended: &[Seq]) {
    let plain = Plain::read(dir);
    let report = compare(dir, &plain).unwrap();
    assert_eq!(
        (report.loss, report.exit_code),
        (Loss::None, 0),
        "{report:?}"
    );
    assert_eq!(plain.runs.len(), 1);
    let records = plain.runs.values().flatten();
    let own = records.filter(|(_, record)| record.kind >= 128);
    let own: Vec<u64> = own.map(|(seq, _)| *seq).collect();
    let told: Vec<u64> = appended.iter().map(|seq| seq.get()).collect();
    assert_eq!(own, told);
}

#[test]
fn a_directory_that_is_moved_goes_on_and_what_takes_its_place_is_left_alone() {
    for (mode, _) in modes() {
        let root = tempfile::tempdir().unwrap();
        let (dir, moved) = (root.path().join("journal"), root.path().join("moved"));
        let journal = open(&dir, mode);
        let reader = Reader::open(&dir).unwrap();
        let mut appended = rotate(&journal);
        fs::rename(&dir, &moved).unwrap();
        appended.extend(rotate(&journal));
        fs::create_dir(&dir).unwrap();
        appended.extend(rotate(&journal));
        journal.close().unwrap();
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
        check_whole(&moved, &appended);
        // Who reads goes by the directory that was opened, too.
        assert!(reader.records().count() > 0);
    }
}

#[test]
fn a_directory_reached_by_a_link_is_the_one_it_led_to() {
    for (mode, _) in modes() {
        let root = tempfile::tempdir().unwrap();
        let (link, dir) = (root.path().join("link"), root.path().join("journal"));
        let other = root.path().join("other");
        fs::create_dir(&dir).unwrap();
        fs::create_dir(&other).unwrap();
        std::os::unix::fs::symlink(&dir, &link).unwrap();
        let journal = open(&link, mode);
        let mut appended = rotate(&journal);
        fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(&other, &link).unwrap();
        appended.extend(rotate(&journal));
        journal.close().unwrap();
        assert_eq!(fs::read_dir(&other).unwrap().count(), 0);
        check_whole(&dir, &appended);
    }
}
