//! Promises: disk-full.
//!
//! Records that the journal refused are counted: on the disk, whatever comes of the journal after
//! it, and in everything that tells of it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::sync::Arc;

use journal_tests::command;
use journal_tests::io_ledger::{EIO, ENOSPC, Failure, Ledger};
use journal_tests::listing::copy;
use journal_tests::modes::modes;
use journal_tests::observed_storage::Operation;
use journal_tests::workload::kind;
use serde_json::Value;
use tempfile::TempDir;
use trace_journal::report::Outcome;
use trace_journal::storage::DiskStorage;
use trace_journal::{Journal, Loss, Reader, Report, WriteMode};

/// A journal without threads, whose disk is full when it is told to be.
struct Scene {
    dir: TempDir,
    ledger: Arc<Ledger>,
    journal: Journal,
}

impl Scene {
    fn new(mode: WriteMode) -> Scene {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Arc::new(Ledger::default());
        let disk = Arc::new(DiskStorage::open(dir.path()).unwrap());
        let options = Journal::options().stepped().write_mode(mode);
        let options = options.segment_bytes_max(64 << 10);
        let options = options.storage(ledger.watch(disk));
        let journal = options.open(dir.path()).unwrap();
        Scene {
            dir,
            ledger,
            journal,
        }
    }

    /// No segment can be made any more.
    fn fill(&self) {
        for operation in [Operation::Create, Operation::Allocate] {
            let next = Failure::next(operation, ".seg", ENOSPC);
            let times = u64::MAX;
            self.ledger.fail(Failure { times, ..next });
        }
    }

    fn append(&self, len: usize) -> Result<(), &'static str> {
        let appended = self.journal.append_raw(kind(), vec![7; len]);
        appended.map(|_| ()).map_err(|error| error.code())
    }

    /// Appends to the end of the segment, and then so many more; how many were refused.
    fn append_until_full(&self, more: usize) -> u64 {
        let first = (0..100).find(|_| self.append(4000).is_err());
        first.expect("a segment that is full");
        let refused = (0..more).filter(|_| self.append(4000) == Err("disk-full"));
        1 + u64::try_from(refused.count()).unwrap()
    }

    /// What a process leaves that is killed now.
    fn killed(&self) -> TempDir {
        copy(self.dir.path())
    }
}

fn in_each_mode(test: fn(WriteMode)) {
    modes().into_iter().for_each(|(mode, _)| test(mode));
}

/// What everybody who reads says was refused, and the codes.
fn told(dir: &Path) -> (u64, Vec<String>) {
    let verified = Reader::options().verify(true).open(dir).unwrap().report();
    let listed = Reader::summaries(dir).unwrap().report;
    let counts = |report: &Report| {
        let runs = report.runs.iter();
        assert_eq!(
            runs.clone().map(|run| run.refused).sum::<u64>(),
            report.counts.refused
        );
        assert_eq!(report.loss(), Loss::None, "{report:?}");
        let is_refused = report.counts.refused > 0;
        assert_eq!(
            report.outcome,
            if is_refused {
                Outcome::Lost
            } else {
                Outcome::Sound
            }
        );
        let codes = runs.filter_map(|run| run.refusals.clone());
        let codes: Vec<String> = codes.flat_map(|refusals| refusals.codes).collect();
        (report.counts.refused, codes)
    };
    assert_eq!(counts(&verified), counts(&listed));
    counts(&verified)
}

#[test]
fn a_disk_that_stays_full_to_the_end_is_told() {
    in_each_mode(|mode| {
        let scene = Scene::new(mode);
        scene.fill();
        let refused = scene.append_until_full(30);
        // Small records use up all of the room there is for records.
        let small = (0..4000).filter(|_| scene.append(1).is_err());
        let refused = refused + u64::try_from(small.count()).unwrap();
        assert!(scene.append(1).is_err());
        scene.journal.close().unwrap();
        let (count, codes) = told(scene.dir.path());
        assert_eq!((count, codes), (refused + 1, vec!["disk-full".to_owned()]));
    });
}

#[test]
fn a_killed_process_has_told_of_the_first_refused_record() {
    in_each_mode(|mode| {
        let scene = Scene::new(mode);
        scene.fill();
        scene.append_until_full(30);
        assert_eq!(told(scene.killed().path()).0, 1);
        scene.ledger.heal();
        scene.append(1).unwrap();
        assert_eq!(told(scene.killed().path()).0, 31);
        scene.journal.close().unwrap();
        assert_eq!(told(scene.dir.path()).0, 31);
    });
}

#[test]
fn each_reason_is_told_and_so_is_what_handles_were_refused() {
    let scene = Scene::new(WriteMode::Auto);
    let session = scene.journal.session("s").start();
    let too_long = session.append_raw(kind(), vec![0; 65 << 20]).unwrap_err();
    assert_eq!(too_long.code(), "limit");
    let no_event = scene.journal.append_json("no event").unwrap_err();
    assert_eq!(no_event.code(), "invalid-event");
    let id = "i".repeat(1 << 20);
    let no_session = scene.journal.session(id.as_str()).start();
    let written = no_session
        .span("x")
        .start()
        .end(trace_journal::SpanStatus::Ok);
    assert!(written.result().is_err());
    session.end();
    scene.journal.close().unwrap();
    let (count, mut codes) = told(scene.dir.path());
    codes.sort();
    assert_eq!(codes, ["invalid-event", "limit"]);
    // The start of the session with the long id, and those of its span.
    assert_eq!(count, 2 + 3);
}

#[test]
fn a_poisoned_run_tells_what_it_refused_to_the_end() {
    in_each_mode(|mode| {
        let scene = Scene::new(mode);
        let session = scene.journal.session("s").start();
        scene
            .ledger
            .fail(Failure::next(Operation::Sync, ".seg", EIO));
        assert!(scene.journal.sync().is_err());
        for _ in 0..5 {
            assert_eq!(scene.append(10), Err("poisoned"));
        }
        assert!(
            session
                .span("x")
                .start()
                .end(trace_journal::SpanStatus::Ok)
                .seq()
                .is_none()
        );
        assert!(scene.journal.close().is_err());
        let report = Reader::options()
            .verify(true)
            .open(scene.dir.path())
            .unwrap()
            .report();
        assert_eq!(report.counts.refused, 7, "{report:?}");
        let sessions = Reader::summaries(scene.dir.path()).unwrap().sessions;
        assert_eq!(sessions[0].refused, 7);
    });
}

/// Sessions of which records are refused, and one that was over by then, and one that began later.
fn many(sessions: usize) -> (TempDir, u64) {
    let scene = Scene::new(WriteMode::Auto);
    let over = scene.journal.session("over").start();
    over.end();
    let ids = (0..sessions).map(|number| format!("s{number:02}"));
    let open: Vec<_> = ids.map(|id| scene.journal.session(id).start()).collect();
    scene.fill();
    scene.append_until_full(0);
    let mut refused = 1;
    for session in &open {
        assert!(session.append_raw(kind(), [7; 4000]).is_err());
        refused += 1;
    }
    // Not even its declaration finds room.
    let unseen = scene.journal.session("never seen".repeat(500)).start();
    assert!(unseen.append_raw(kind(), [7; 4000]).is_err());
    refused += 1;
    // The start of that one.
    let errors = scene.journal.info().errors.into_iter();
    refused += errors.map(|(_, count)| count).sum::<u64>();
    scene.ledger.heal();
    let late = scene.journal.session("late").start();
    late.end();
    let ended = open.iter().map(|session| session.end().seq());
    assert!(ended.into_iter().all(|seq| seq.is_some()));
    scene.journal.close().unwrap();
    let path = scene.dir;
    (path, refused)
}

#[test]
fn a_session_says_what_was_refused_while_it_was_open() {
    for sessions in [3, 20] {
        let (dir, refused) = many(sessions);
        assert_eq!(told(dir.path()).0, refused);
        let summaries = Reader::summaries(dir.path()).unwrap().sessions;
        let reader = Reader::open(dir.path()).unwrap();
        let verified = Reader::options().verify(true).open(dir.path()).unwrap();
        for summary in &summaries {
            let snapshots = [&reader, &verified].map(|reader| reader.snapshot(&summary.id));
            for snapshot in snapshots {
                assert_eq!(
                    snapshot.unwrap().refused(),
                    summary.refused,
                    "{}",
                    summary.id
                );
            }
            let was_open = summary.id.starts_with('s');
            assert_eq!(
                summary.refused > 0,
                was_open,
                "{} of {sessions}",
                summary.id
            );
        }
        assert!(
            summaries
                .iter()
                .all(|summary| !summary.id.contains("never"))
        );
    }
}

#[test]
fn every_command_tells_of_refused_records_and_exits_with_3() {
    let (dir, refused) = many(3);
    let dir = dir.path().to_str().unwrap();
    let report = |args: &[&str]| command::run(args.iter().copied()).code(3);
    for args in [&["verify", dir][..], &["recover", dir]] {
        let printed = report(args);
        for words in [&format!("{refused} records were refused"), "disk-full"] {
            assert!(printed.text().contains(words), "{}", printed.text());
        }
    }
    let segments = report(&["verify", "--segments", dir]);
    for words in [&format!(" refused={refused}\n"), "reason=disk-full"] {
        assert!(segments.text().contains(words), "{}", segments.text());
    }
    let status = report(&[dir]);
    let all = format!("{}{}", status.text(), status.stderr);
    assert!(all.contains("refused"), "{all}");
    for args in [&["verify", "--json", dir][..], &["recover", "--json", dir]] {
        let json = report(args).json();
        assert_eq!(json["counts"]["refused"], refused);
        assert_eq!(json["runs"][0]["refused"], refused);
        assert_eq!(json["runs"][0]["refusals"]["codes"][0], "disk-full");
        let of = |id: &str| {
            let mut sessions = json["sessions"].as_array().unwrap().iter();
            sessions.find(|s| s["id"] == id).unwrap()["refused"].clone()
        };
        assert_ne!(of("s00"), 0);
        assert_eq!(of("over"), 0);
    }
    let rows = report(&["list", "--json", dir]).json();
    let is_told = |row: &Value| row["id"] == "s01" && row["refused"] != 0;
    assert!(rows.as_array().unwrap().iter().any(is_told), "{rows}");
    let shown = report(&["show", dir, "s02"]);
    let text = shown.text();
    assert!(
        text.contains("records were refused") && !text.contains("nothing"),
        "{text}"
    );
    assert!(report(&["show", dir, "over"]).text().contains("nothing"));
    for args in [&["list", dir][..], &["cat", dir], &["show", dir, "over"]] {
        let said = report(args).stderr;
        assert!(said.contains("records were refused"), "{args:?}: {said}");
    }
}
