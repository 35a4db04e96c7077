//! Promises: durable, poisoned, many-processes.
//!
//! What becomes of a journal whose directory or files somebody else moves, replaces or removes
//! while it is written.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::Path;

use journal_tests::compare::compare;
use journal_tests::listing::paths_with;
use journal_tests::modes::modes;
use journal_tests::reference_reader::ReferenceJournal;
use journal_tests::workload::kind;
use trace_journal::report::Outcome;
use trace_journal::{Error, Journal, Loss, Reader, Seq, WriteMode};

fn open(dir: &Path, mode: WriteMode) -> Journal {
    let options = Journal::options().write_mode(mode);
    options.segment_bytes_max(64 << 10).open(dir).unwrap()
}

/// Appends so much that segments are left behind, and waits for it.
fn rotate(journal: &Journal) -> Vec<Seq> {
    let append = |_| journal.append_raw(kind(), [7; 4000]).unwrap();
    let appended: Vec<Seq> = (0..60).map(append).collect();
    journal.sync().unwrap();
    appended
}

/// The directory holds one run, whole, with just these records of the caller's.
fn check_whole(dir: &Path, appended: &[Seq]) {
    let plain = ReferenceJournal::read(dir);
    let report = compare(dir, &plain).unwrap();
    assert_eq!(
        (report.loss, report.outcome),
        (Loss::None, Outcome::Sound),
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

/// What somebody does to a segment of a live run.
type Deed = fn(&Path, &Path);

const DEEDS: [(&str, Deed); 5] = [
    ("removed", |segment, _| fs::remove_file(segment).unwrap()),
    ("moved away", |segment, elsewhere| {
        fs::rename(segment, elsewhere).unwrap();
    }),
    (
        "moved away but for a link elsewhere",
        |segment, elsewhere| {
            fs::hard_link(segment, elsewhere).unwrap();
            fs::remove_file(segment).unwrap();
        },
    ),
    ("replaced by a copy", |segment, elsewhere| {
        fs::copy(segment, elsewhere).unwrap();
        fs::rename(elsewhere, segment).unwrap();
    }),
    ("replaced by a link", |segment, elsewhere| {
        fs::rename(segment, elsewhere).unwrap();
        std::os::unix::fs::symlink(elsewhere, segment).unwrap();
    }),
];

/// Nobody is told that anything is durable from now on, and everybody why.
fn check_poisoned(journal: &Journal, what: &str) {
    // If the syncer was faster, the append is refused already.
    let outcome = journal
        .append_raw(kind(), b"lost")
        .and_then(|seq| journal.wait_durable(seq));
    let Err(Error::Poisoned { cause }) = outcome else {
        panic!("{what}: {outcome:?}");
    };
    assert_eq!(cause.code(), "removed", "{what}: {cause}");
    assert!(
        cause.to_string().contains("open the journal again"),
        "{cause}"
    );
    assert!(
        matches!(journal.sync(), Err(Error::Poisoned { .. })),
        "{what}"
    );
    assert!(
        matches!(journal.close(), Err(Error::Poisoned { .. })),
        "{what}"
    );
}

#[test]
fn a_segment_that_is_gone_poisons_before_anything_is_called_durable() {
    for (mode, _) in modes() {
        for (what, deed) in DEEDS {
            let root = tempfile::tempdir().unwrap();
            let dir = root.path().join("journal");
            let journal = open(&dir, mode);
            let before = journal.append_raw(kind(), b"before").unwrap();
            journal.wait_durable(before).unwrap();
            deed(&paths_with(&dir, "seg")[0], &root.path().join("elsewhere"));
            check_poisoned(&journal, what);
            journal.wait_durable(before).unwrap();
        }
    }
}

#[test]
fn a_segment_left_behind_that_is_gone_poisons_too() {
    for (mode, _) in modes() {
        for (what, deed) in DEEDS {
            let root = tempfile::tempdir().unwrap();
            let dir = root.path().join("journal");
            let journal = open(&dir, mode);
            rotate(&journal);
            deed(&paths_with(&dir, "seg")[1], &root.path().join("elsewhere"));
            check_poisoned(&journal, what);
        }
    }
}

#[test]
fn a_sync_that_has_nothing_to_do_says_that_a_segment_is_gone() {
    for (mode, _) in modes() {
        for which in 0..2 {
            let root = tempfile::tempdir().unwrap();
            let dir = root.path().join("journal");
            let journal = open(&dir, mode);
            rotate(&journal);
            journal.sync().unwrap();
            fs::remove_file(&paths_with(&dir, "seg")[which]).unwrap();
            assert!(matches!(journal.sync(), Err(Error::Poisoned { .. })));
        }
    }
}

#[test]
fn closing_says_that_a_segment_is_gone() {
    for (mode, _) in modes() {
        for which in 0..2 {
            let root = tempfile::tempdir().unwrap();
            let dir = root.path().join("journal");
            let journal = open(&dir, mode);
            rotate(&journal);
            fs::remove_file(&paths_with(&dir, "seg")[which]).unwrap();
            let closed = journal.close();
            let Err(Error::Poisoned { cause }) = closed else {
                panic!("{which}: {closed:?}");
            };
            assert_eq!(cause.code(), "removed");
        }
    }
}

#[test]
fn a_segment_that_is_gone_before_its_turn_is_made_anew() {
    for (mode, _) in modes() {
        for (what, deed) in &DEEDS[..4] {
            let root = tempfile::tempdir().unwrap();
            let dir = root.path().join("journal");
            let options = Journal::options()
                .write_mode(mode)
                .segment_bytes_max(1 << 20);
            let journal = options.open(&dir).unwrap();
            let mut appended = Vec::new();
            while paths_with(&dir, "seg").len() < 2 {
                appended.push(journal.append_raw(kind(), [7; 1000]).unwrap());
            }
            if journal.info().run.unwrap().segment.get() > 1 {
                continue;
            }
            let waiting = paths_with(&dir, "seg").remove(1);
            deed(&waiting, &root.path().join("elsewhere"));
            appended.extend(rotate(&journal));
            appended.extend((0..200).map(|_| journal.append_raw(kind(), [7; 4000]).unwrap()));
            journal.sync().unwrap();
            journal.close().unwrap();
            let report = Reader::open(&dir).unwrap().report();
            assert_eq!(report.loss, Loss::None, "{what}: {report:?}");
            assert!(Reader::open(&dir).unwrap().records().count() > appended.len());
        }
    }
}

#[test]
fn a_directory_that_was_emptied_or_removed_poisons() {
    for (mode, _) in modes() {
        for is_removed in [false, true] {
            let root = tempfile::tempdir().unwrap();
            let dir = root.path().join("journal");
            let journal = open(&dir, mode);
            rotate(&journal);
            // A cache may be put into it meanwhile.
            while fs::remove_dir_all(&dir).is_err() {}
            if !is_removed {
                fs::create_dir(&dir).unwrap();
            }
            check_poisoned(&journal, "removed");
            assert_eq!(dir.exists(), !is_removed);
            let again = open(&dir, mode);
            let appended = rotate(&again);
            again.close().unwrap();
            check_whole(&dir, &appended);
        }
    }
}
