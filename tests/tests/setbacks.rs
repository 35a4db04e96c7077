//! Promises: polite, durable, disk-full.
//!
//! What fails while others succeed: segments that cannot be mapped or made, pages that cannot be
//! made writable, files that cannot be removed, openings that get half-way, live segments cut.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use journal_tests::io_ledger::{EIO, EMFILE, ENOSPC, Failure, Ledger};
use journal_tests::modes::modes;
use journal_tests::observed_storage::Operation;
use journal_tests::workload::kind;
use tempfile::TempDir;
use trace_journal::storage::DiskStorage;
use trace_journal::{Error, Journal, JournalOptions, Loss, Reader, Seq, WriteMode};

const ENOLCK: i32 = 37;
const ENOMEM: i32 = 12;
const EFAULT: i32 = 14;
const EHWPOISON: i32 = 133;

/// A journal whose calls are seen, and which syncs only when somebody waits.
struct Scene {
    dir: TempDir,
    ledger: Arc<Ledger>,
}

impl Scene {
    fn new() -> Scene {
        Scene {
            dir: tempfile::tempdir().unwrap(),
            ledger: Arc::new(Ledger::default()),
        }
    }

    fn options(&self, mode: WriteMode) -> JournalOptions {
        let disk = Arc::new(DiskStorage::open(self.dir.path()).unwrap());
        let never = Duration::from_secs(3600);
        let options = Journal::options().sync_interval(never).write_mode(mode);
        let options = options.segment_bytes_max(64 << 10);
        options.storage(self.ledger.watch(disk))
    }

    fn open(&self, mode: WriteMode) -> Journal {
        self.options(mode).open(self.dir.path()).unwrap()
    }

    fn always(&self, operation: Operation, name: &'static str, error: i32) {
        self.ledger.fail(Failure {
            times: u64::MAX,
            ..Failure::next(operation, name, error)
        });
    }

    fn created(&self) -> usize {
        self.ledger.made(Operation::Create).len()
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name());
        names.map(|name| name.into_string().unwrap()).collect()
    }

    fn loss(&self) -> Loss {
        Reader::open(self.dir.path()).unwrap().report().loss()
    }
}

fn append(journal: &Journal) -> Result<Seq, Error> {
    journal.append_raw(kind(), [7; 4000])
}

fn segment(journal: &Journal) -> u32 {
    journal.info().run.unwrap().segment.get()
}

fn is_mapped_possible() -> bool {
    modes().iter().any(|(mode, _)| *mode == WriteMode::Mapped)
}

#[test]
fn a_segment_that_cannot_be_mapped_is_written_by_positioned_writes() {
    if !is_mapped_possible() {
        return;
    }
    for error in [ENOMEM, EMFILE] {
        let scene = Scene::new();
        let journal = scene.open(WriteMode::Mapped);
        scene.always(Operation::Map, ".seg", error);
        let before = scene.created();
        while segment(&journal) < 6 {
            append(&journal).unwrap();
        }
        // One may be ready for later.
        assert!(scene.created() - before <= 6);
        scene.ledger.heal();
        let mapped = || {
            let made = scene.ledger.made(Operation::Map);
            made.iter().filter(|made| made.has_succeeded).count()
        };
        let before = mapped();
        while segment(&journal) < 9 {
            append(&journal).unwrap();
        }
        assert!(mapped() > before);
        journal.close().unwrap();
        assert_eq!(scene.loss(), Loss::None);
    }
}

#[test]
fn what_cannot_be_made_writable_is_written_or_says_why_not() {
    if !is_mapped_possible() {
        return;
    }
    for error in [EFAULT, ENOMEM, EHWPOISON] {
        let scene = Scene::new();
        let journal = scene.open(WriteMode::Mapped);
        scene.always(Operation::MakeWritable, ".seg", error);
        while segment(&journal) < 4 {
            append(&journal).unwrap();
        }
        journal.sync().unwrap();
        for (why, code) in [(ENOSPC, "disk-full"), (EIO, "io")] {
            append(&journal).unwrap();
            scene.always(Operation::Write, ".seg", why);
            let refused = append(&journal).unwrap_err();
            assert_eq!(refused.code(), code, "{refused}");
            scene.ledger.heal();
            scene.always(Operation::MakeWritable, ".seg", error);
            append(&journal).unwrap();
        }
        scene.ledger.heal();
        append(&journal).unwrap();
        journal.close().unwrap();
        let report = Reader::open(scene.dir.path()).unwrap().report();
        assert_eq!(report.counts.lost_durable, 0, "{report:?}");
    }
}

#[test]
fn a_segment_that_cannot_be_made_is_not_tried_for_every_record() {
    for (mode, _) in modes() {
        let scene = Scene::new();
        let journal = scene.open(mode);
        scene.always(Operation::Allocate, ".seg", EIO);
        while append(&journal).is_ok() {}
        let before = scene.created();
        for _ in 0..1000 {
            assert_eq!(append(&journal).unwrap_err().code(), "io");
        }
        let tried = scene.created() - before;
        assert!(tried < 100, "{tried} segments for 1,000 records");
        scene.ledger.heal();
        while append(&journal).is_err() {
            std::thread::yield_now();
        }
        journal.close().unwrap();
    }
}

#[test]
fn a_full_disk_is_tried_once_for_a_record() {
    for (mode, _) in modes() {
        let scene = Scene::new();
        let options = scene.options(mode).segment_bytes_max(1 << 20);
        let journal = options.open(scene.dir.path()).unwrap();
        scene.always(Operation::Allocate, ".seg", ENOSPC);
        while append(&journal).is_ok() {}
        let before = scene.created();
        for _ in 0..100 {
            assert_eq!(append(&journal).unwrap_err().code(), "disk-full");
        }
        // One more in the background, of its planned length and a small one.
        let tried = scene.created() - before;
        assert!(tried <= 102, "{tried} segments for 100 records");
        scene.ledger.heal();
        append(&journal).unwrap();
        journal.close().unwrap();
    }
}

#[test]
fn what_could_not_be_removed_is_stepped_over() {
    for (mode, _) in modes() {
        let scene = Scene::new();
        let journal = scene.open(mode);
        scene.always(Operation::Remove, ".seg", EIO);
        for number in ["-000002.seg", "-000003.seg", "-000005.seg"] {
            scene
                .ledger
                .fail(Failure::next(Operation::Allocate, number, EIO));
        }
        let mut refused = 0;
        while segment(&journal) < 8 {
            refused += usize::from(append(&journal).is_err());
        }
        assert!(refused <= 3, "{refused} refused");
        scene.ledger.heal();
        journal.close().unwrap();
        let report = Reader::open(scene.dir.path()).unwrap().report();
        assert_eq!(report.counts.lost_durable, 0, "{report:?}");
        assert_ne!(report.loss(), Loss::Damage, "{report:?}");
        let names = scene.names();
        assert!(names.iter().any(|name| name.ends_with("-000002.seg")));
    }
}

#[test]
fn an_opening_that_fails_leaves_nothing_behind() {
    let calls = [
        (Operation::TryLock, ".run.tmp", ENOLCK + 1),
        (Operation::TryLock, ".run.tmp", EIO),
        (Operation::Write, ".run.tmp", ENOSPC),
        (Operation::Link, "", EIO),
        (Operation::Create, ".seg", EMFILE),
        (Operation::Allocate, ".seg", ENOSPC),
        (Operation::Write, ".seg", EIO),
        (Operation::Sync, ".seg", EIO),
        (Operation::SyncDir, "", EIO),
        (Operation::Map, ".seg", ENOMEM),
        (Operation::MakeWritable, ".seg", EFAULT),
    ];
    let mut failed = 0;
    for (mode, _) in modes() {
        for (operation, name, error) in calls {
            for skip in 0..4 {
                let scene = Scene::new();
                scene.ledger.fail(Failure {
                    skip,
                    ..Failure::next(operation, name, error)
                });
                let opened = scene.options(mode).open(scene.dir.path());
                scene.ledger.heal();
                match opened {
                    Ok(journal) => journal.close().unwrap(),
                    Err(refused) => {
                        failed += 1;
                        let what = format!("{operation:?} {name} {skip}: {refused}");
                        assert!(matches!(refused.code(), "io" | "disk-full"), "{what}");
                        assert_eq!(scene.names(), Vec::<String>::new(), "{what}");
                    }
                }
            }
        }
    }
    assert!(failed >= 20, "{failed} openings failed");
}

#[test]
fn a_live_segment_that_is_cut_is_an_error_where_it_is_not_mapped() {
    type Cut = fn(&PathBuf);
    let cuts: [Cut; 4] = [
        |path| {
            File::options()
                .write(true)
                .open(path)
                .unwrap()
                .set_len(0)
                .unwrap()
        },
        |path| {
            File::options()
                .write(true)
                .open(path)
                .unwrap()
                .set_len(8192)
                .unwrap()
        },
        |path| {
            File::options()
                .write(true)
                .open(path)
                .unwrap()
                .set_len(9000)
                .unwrap()
        },
        |path| fs::write(path, "copied over it").unwrap(),
    ];
    for cut in cuts {
        let scene = Scene::new();
        let journal = scene.open(WriteMode::Positioned);
        for _ in 0..10 {
            append(&journal).unwrap();
        }
        journal.sync().unwrap();
        let names = scene.names().into_iter();
        // The next one may be there already.
        let name = names.filter(|name| name.ends_with(".seg")).min();
        cut(&scene.dir.path().join(name.unwrap()));
        append(&journal).unwrap();
        let failed = journal.sync().unwrap_err();
        assert!(matches!(failed, Error::Poisoned { .. }), "{failed}");
        assert!(failed.to_string().contains("cut"), "{failed}");
        assert_eq!(journal.close().unwrap_err().code(), "poisoned");
        assert_ne!(scene.loss(), Loss::None);
    }
}
