//! A process that meets one limit of the system; `tests/limits.rs` sets the limit and starts it.
//!
//! Arguments: which limit, the journal's directory, the write mode. It ends with 0 if the journal
//! did what it promises.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use journal_tests::compare::compare;
use journal_tests::forks::in_fork;
use journal_tests::reference_reader::{ReferenceJournal, varint};
use trace_journal::report::{Durability, RunState};
use trace_journal::{Error, Item, Journal, JournalOptions, Reader, Seq, UserKind, WriteMode};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [limit, dir, mode] = args.as_slice() else {
        panic!("limit, directory and write mode are wanted, not {args:?}");
    };
    let scene = Scene {
        dir: PathBuf::from(dir),
        mode: match mode.as_str() {
            "mapped" => WriteMode::Mapped,
            _ => WriteMode::Positioned,
        },
    };
    match limit.as_str() {
        "full" => full(&scene),
        "read-only" => read_only(&scene),
        "file-size" => file_size(&scene),
        "open-files" => open_files(&scene),
        "fork" => fork(&scene),
        "elsewhere" => elsewhere(&scene),
        "mounted-over" => mounted_over(&scene),
        "one-name" => one_name(&scene, false),
        "one-name-traced" => one_name(&scene, true),
        _ => panic!("no such limit: {limit}"),
    }
}

struct Scene {
    dir: PathBuf,
    mode: WriteMode,
}

impl Scene {
    fn options(&self) -> JournalOptions {
        Journal::options().write_mode(self.mode)
    }

    /// Every one of these records is there, and nothing else of the caller's.
    fn check(&self, acknowledged: &[Seq], refused: u64) {
        let plain = ReferenceJournal::read(&self.dir);
        let report = compare(&self.dir, &plain).expect("both readers agree");
        assert_eq!(report.counts.lost_durable, 0, "{report:?}");
        let records = plain.runs.values().flatten();
        let own = records.clone().filter(|(_, record)| record.kind >= 128);
        let own: Vec<u64> = own.map(|(seq, _)| *seq).collect();
        let told: Vec<u64> = acknowledged.iter().map(|seq| seq.get()).collect();
        assert_eq!(own, told);
        let notes = records.filter(|(_, record)| record.kind == REFUSED);
        let counts = notes.map(|(_, record)| varint(&mut record.payload.as_slice()));
        assert_eq!(
            counts.map(|count| count.expect("a count")).sum::<u64>(),
            refused
        );
    }
}

/// `Refused`.
const REFUSED: u8 = 8;

fn append(journal: &Journal, len: usize) -> Result<Seq, Error> {
    let kind = UserKind::new(200).expect("a caller's kind");
    journal.append_raw(kind, vec![7; len])
}

/// Fills the disk, goes on for a while, makes room, goes on.
fn full(scene: &Scene) {
    let ballast = scene.dir.with_extension("ballast");
    fs::write(&ballast, vec![1; 1 << 20]).expect("room for the ballast");
    let options = scene.options().segment_bytes_max(512 << 10);
    let journal = options.open(&scene.dir).expect("room for a journal");
    let mut acknowledged = Vec::new();
    let mut refused = 0;
    while refused < 100 {
        match append(&journal, 1000) {
            Ok(seq) => acknowledged.push(seq),
            Err(error) => {
                assert_eq!(error.code(), "disk-full", "{error}");
                refused += 1;
            }
        }
        assert!(acknowledged.len() < 100_000, "the disk is never full");
    }
    assert!(acknowledged.len() > 500);
    let last = *acknowledged.last().expect("one of them");
    journal
        .wait_durable(last)
        .expect("what was written becomes durable");
    fs::remove_file(&ballast).expect("the ballast goes");
    for _ in 0..100 {
        acknowledged.push(append(&journal, 1000).expect("there is room again"));
    }
    journal.close().expect("the journal closes");
    scene.check(&acknowledged, refused);
}

/// Opens for writing what can only be read, then reads it.
fn read_only(scene: &Scene) {
    let error = scene
        .options()
        .open(&scene.dir)
        .expect_err("nobody can write here");
    assert_eq!(error.code(), "io", "{error}");
    let said = error.to_string();
    let dir = scene.dir.display().to_string();
    assert!(said.contains(&dir) && said.contains("ead-only"), "{said}");
    let journal = scene.options().open_best_effort(&scene.dir);
    assert_eq!(
        append(&journal, 1).expect_err("disabled").code(),
        "disabled"
    );
    drop(journal);
    let reader = Reader::open(&scene.dir).expect("reading needs no writing");
    let items = reader.records().map(|item| item.expect("an item"));
    let own = items.filter(|item| matches!(item, Item::Record(r) if r.kind.is_user()));
    assert_eq!(own.count(), 3, "the three records that were written there");
}

/// No file may be longer than 200 KiB.
fn file_size(scene: &Scene) {
    let options = scene.options().segment_bytes_max(1 << 20);
    let journal = options.open(&scene.dir).expect("its segments are smaller");
    let mut acknowledged = Vec::new();
    let mut refused = 0;
    for round in 0..500 {
        let (small, large) = (append(&journal, 1000), append(&journal, 400_000));
        acknowledged.push(small.expect("a small record"));
        assert_eq!(
            large.expect_err("a large record").code(),
            "file-size-limit",
            "{round}"
        );
        refused += 1;
    }
    journal.close().expect("the journal closes");
    scene.check(&acknowledged, refused);
}

/// No file can be opened any more, then one can again.
fn open_files(scene: &Scene) {
    let options = scene.options().segment_bytes_max(128 << 10);
    let journal = options.open(&scene.dir).expect("a few files can be opened");
    let mut held = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        held.push(file);
    }
    let mut acknowledged = Vec::new();
    let mut refused = 0;
    while refused < 20 {
        match append(&journal, 1000) {
            Ok(seq) => acknowledged.push(seq),
            Err(error) => {
                assert_eq!(error.code(), "io", "{error}");
                assert!(error.to_string().contains("os error 24"), "{error}");
                refused += 1;
            }
        }
        assert!(acknowledged.len() < 10_000, "files can always be opened");
    }
    journal.sync().expect("what is open can be synced");
    drop(held);
    for _ in 0..200 {
        acknowledged.push(append(&journal, 1000).expect("a file can be opened again"));
    }
    journal.close().expect("the journal closes");
    scene.check(&acknowledged, refused);
}

/// Opens the journal by a relative path, then works in another directory, as daemons do.
fn elsewhere(scene: &Scene) {
    let root = scene.dir.parent().expect("the journal's folder");
    std::env::set_current_dir(root).expect("a directory");
    let options = scene.options().segment_bytes_max(64 << 10);
    let journal = options.open("journal").expect("a journal");
    let mut acknowledged = rotate(&journal);
    let other = root.join("other");
    fs::create_dir(&other).expect("another directory");
    for place in [Path::new("/"), &other] {
        std::env::set_current_dir(place).expect("a directory");
        acknowledged.extend(rotate(&journal));
    }
    journal.close().expect("the journal closes");
    scene.check(&acknowledged, 0);
    let others = fs::read_dir(other).expect("the other directory");
    assert_eq!(others.count(), 0, "a file landed elsewhere");
}

/// Something is mounted over the directory while the journal is written.
fn mounted_over(scene: &Scene) {
    let options = scene.options().segment_bytes_max(64 << 10);
    let journal = options.open(&scene.dir).expect("a journal");
    let mut acknowledged = rotate(&journal);
    let call = |name: &str, args: &[&str]| {
        let called = Command::new(name).args(args).arg(&scene.dir).status();
        assert!(called.expect("mounting").success(), "{name}");
    };
    call("mount", &["-t", "tmpfs", "-o", "size=64k", "tmpfs"]);
    acknowledged.extend(rotate(&journal));
    let others = fs::read_dir(&scene.dir).expect("what is mounted");
    assert_eq!(others.count(), 0, "a file landed in what is mounted");
    journal.close().expect("the journal closes");
    call("umount", &[]);
    scene.check(&acknowledged, 0);
}

/// Files have only one name and directories are not synced, as strace has it.
fn one_name(scene: &Scene, is_traced: bool) {
    if !is_traced {
        let mut traced = Command::new("strace");
        traced.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=linkat,fsync"]);
        traced.args(["-e", "inject=linkat:error=EPERM"]);
        // Files are synced by other calls.
        traced.args(["-e", "inject=fsync:error=EINVAL"]);
        traced
            .args(std::env::current_exe().ok())
            .arg("one-name-traced");
        let mode = match scene.mode {
            WriteMode::Mapped => "mapped",
            _ => "positioned",
        };
        let status = traced.arg(&scene.dir).arg(mode).status();
        assert!(status.expect("strace").success());
        return;
    }
    let options = scene.options().segment_bytes_max(64 << 10);
    let journal = options.open(&scene.dir).expect("a journal");
    let acknowledged = rotate(&journal);
    let run = journal.info().run.expect("a run");
    assert_eq!(run.durability, Durability::Unknown);
    let reader = Reader::open(&scene.dir).expect("a reader");
    let states = reader.report().runs.into_iter().map(|run| run.state);
    assert_eq!(states.collect::<Vec<_>>(), [RunState::Live]);
    journal.close().expect("the journal closes");
    scene.check(&acknowledged, 0);
    let names = fs::read_dir(&scene.dir).expect("a directory");
    let mut names = names.map(|found| found.expect("an entry").path());
    assert!(names.any(|name| name.extension().is_some_and(|end| end == "idx")));
    assert!(!names.any(|name| name.extension().is_some_and(|end| end == "tmp")));
}

/// Appends so much that segments are left behind, and waits for it.
fn rotate(journal: &Journal) -> Vec<Seq> {
    let append = |_| append(journal, 4000).expect("a record");
    let acknowledged: Vec<Seq> = (0..60).map(append).collect();
    journal.sync().expect("all of them become durable");
    acknowledged
}

/// Forks while threads append: the child can do no harm, the parent notices nothing.
fn fork(scene: &Scene) {
    let options = scene.options().segment_bytes_max(128 << 10);
    let journal = options.open(&scene.dir).expect("a journal");
    let first = append(&journal, 10).expect("a record");
    let is_over = AtomicBool::new(false);
    let mut acknowledged = thread::scope(|scope| {
        let (journal, is_over) = (&journal, &is_over);
        let write = move || {
            let mut acknowledged = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                acknowledged.push(append(journal, 300).expect("the parent goes on"));
            }
            acknowledged
        };
        let writers: Vec<_> = (0..3).map(|_| scope.spawn(write)).collect();
        for _ in 0..20 {
            in_fork(|| {
                assert!(
                    is_harmless(journal, first),
                    "the child did more than nothing"
                )
            });
        }
        is_over.store(true, Ordering::Relaxed);
        let ended = writers.into_iter().map(|w| w.join().expect("no panic"));
        ended.flatten().collect::<Vec<Seq>>()
    });
    acknowledged.push(first);
    acknowledged.push(append(&journal, 10).expect("the parent goes on"));
    journal.close().expect("the journal closes");
    acknowledged.sort();
    scene.check(&acknowledged, 0);
    let is_kept = |name: &Path| {
        name.extension()
            .is_some_and(|end| end == "seg" || end == "idx")
    };
    let listed = fs::read_dir(&scene.dir).expect("a directory");
    let mut paths = listed.map(|found| found.expect("an entry").path());
    assert!(paths.all(|path| is_kept(&path)), "signs of life are left");
}

/// Whether a forked child is refused everything.
fn is_harmless(journal: &Journal, written: Seq) -> bool {
    let forked = |code: &'static str| code == "forked";
    let is_refused = append(journal, 1).is_err_and(|error| forked(error.code()))
        && journal.sync().is_err_and(|error| forked(error.code()))
        && journal
            .wait_durable(written)
            .is_err_and(|error| forked(error.code()))
        && journal.close().is_err_and(|error| forked(error.code()));
    let session = journal.session("of the child").start();
    let span = session.span("chat").start();
    span.text("nothing");
    let is_span_refused = span.end(trace_journal::SpanStatus::Ok).seq().is_none();
    drop(session);
    drop(journal.clone());
    is_refused && is_span_refused
}
