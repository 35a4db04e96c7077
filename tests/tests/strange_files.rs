//! Promises: damage, hostile.
//!
//! What has the name of a segment and is no regular file is read where it can be, and named for
//! what it is; nobody waits for it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use journal_tests::command::{Ran, run};
use journal_tests::rigs::skip;
use journal_tests::workload::kind;
use trace_journal::report::{Outcome, SegmentReport, SegmentState};
use trace_journal::{Journal, Loss, Reader, Report};

/// A journal of one closed run of several segments; gives the second one.
fn journal() -> (tempfile::TempDir, PathBuf) {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("journal");
    let journal = Journal::options()
        .stepped()
        .segment_bytes_max(16 << 10)
        .open(&dir)
        .unwrap();
    let kind = kind();
    for _ in 0..30 {
        journal.append_raw(kind, [7; 1000]).unwrap();
    }
    journal.close().unwrap();
    let names = fs::read_dir(&dir).unwrap();
    let mut paths: Vec<PathBuf> = names.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "seg"));
    paths.sort();
    assert!(paths.len() > 2);
    (place, paths.swap_remove(1))
}

fn report(segment: &Path) -> Report {
    let dir = segment.parent().unwrap();
    let report = Reader::options().verify(true).open(dir).unwrap().report();
    // Opening the journal neither waits for it nor touches it.
    let kind = fs::symlink_metadata(segment).unwrap().file_type();
    let next = Journal::options().stepped().open(dir).unwrap();
    next.close().unwrap();
    assert_eq!(fs::symlink_metadata(segment).unwrap().file_type(), kind);
    let after = Reader::options().verify(true).open(dir).unwrap().report();
    assert_eq!(after.loss, report.loss);
    assert_eq!(after.counts.lost_durable, report.counts.lost_durable);
    report
}

fn told<'r>(report: &'r Report, segment: &Path) -> &'r SegmentReport {
    let name = segment.file_name().unwrap().to_str().unwrap();
    let found = report.segments.iter().find(|found| found.file == name);
    found.unwrap()
}

fn verify(segment: &Path) -> Ran {
    run(["verify", segment.parent().unwrap().to_str().unwrap()])
}

#[test]
fn a_segment_that_was_moved_behind_a_link_is_read() {
    let (place, segment) = journal();
    let records = report(&segment).counts.recovered;
    let moved = place.path().join("moved");
    fs::rename(&segment, &moved).unwrap();
    symlink("../moved", &segment).unwrap();
    let found = report(&segment);
    assert_eq!((found.loss, found.outcome), (Loss::None, Outcome::Sound));
    assert!(found.counts.recovered > records, "the next run's, too");
    assert_eq!(told(&found, &segment).link.as_deref(), Some("../moved"));
    let ran = verify(&segment).code(0);
    assert!(
        ran.stderr.contains("a symbolic link to ../moved"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_link_that_leads_nowhere_is_named_and_nothing_is_called_lost() {
    let (place, segment) = journal();
    let moved = place.path().join("moved");
    fs::rename(&segment, &moved).unwrap();
    for target in ["../elsewhere", segment.to_str().unwrap()] {
        symlink(target, &segment).unwrap();
        let found = report(&segment);
        assert_eq!(
            (found.loss, found.outcome),
            (Loss::None, Outcome::Unreadable),
            "{target}"
        );
        assert!(found.ranges.is_empty(), "{:?}", found.ranges);
        let told = told(&found, &segment);
        assert_eq!(told.state, SegmentState::Unreadable, "{target}");
        let ran = verify(&segment).code(1);
        let words = format!("a symbolic link to {target}, which is not there");
        assert!(ran.stderr.contains(&words), "{}", ran.stderr);
        assert!(!ran.text().contains("missing-segment"), "{}", ran.text());
        fs::remove_file(&segment).unwrap();
    }
    // The disk is there again.
    symlink("../moved", &segment).unwrap();
    assert_eq!(report(&segment).loss, Loss::None);
}

/// Makes something else under a name; `false` if it cannot.
type Make<'m> = &'m dyn Fn(&Path) -> bool;

#[test]
fn what_cannot_be_a_segment_is_named_and_its_records_are_missed() {
    let fifo = |path: &Path| {
        let made = Command::new("mkfifo").arg(path).status();
        made.is_ok_and(|made| made.success())
    };
    let socket = |path: &Path| {
        // Its path may be too long for a socket's.
        UnixListener::bind(path).is_ok()
    };
    let kinds: [(&str, Make<'_>); 5] = [
        ("a directory", &|path| fs::create_dir(path).is_ok()),
        ("a named pipe", &fifo),
        ("a socket", &socket),
        ("which is a device", &|path| {
            symlink("/dev/zero", path).is_ok()
        }),
        ("which is a directory", &|path| symlink("/", path).is_ok()),
    ];
    for (what, make) in kinds {
        let (_place, segment) = journal();
        fs::remove_file(&segment).unwrap();
        if !make(&segment) {
            skip("strange files", &format!("cannot make {what}"));
            continue;
        }
        let found = report(&segment);
        assert_eq!(
            (found.loss, found.outcome),
            (Loss::Damage, Outcome::Lost),
            "{what}"
        );
        assert!(found.counts.lost_durable > 0, "{what}");
        assert_eq!(
            told(&found, &segment).state,
            SegmentState::Damaged,
            "{what}"
        );
        let reasons: Vec<&str> = found
            .ranges
            .iter()
            .map(|range| range.reason.code())
            .collect();
        assert!(reasons.contains(&"not-a-file"), "{what}: {reasons:?}");
        let ran = verify(&segment).code(3);
        assert!(ran.stderr.contains(what), "{what}: {}", ran.stderr);
    }
}

#[test]
fn other_names_are_left_alone_whatever_they_are() {
    let (_place, segment) = journal();
    let dir = segment.parent().unwrap();
    symlink("nowhere", dir.join("notes.txt")).unwrap();
    symlink("/dev/zero", dir.join("zeros")).unwrap();
    fs::create_dir(dir.join("folder")).unwrap();
    let found = report(&segment);
    assert_eq!((found.loss, found.outcome), (Loss::None, Outcome::Sound));
}
