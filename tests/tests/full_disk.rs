//! Promises: disk-full, polite.
//!
//! Small real file systems run out of space under a process that writes a journal: it is never
//! killed, its appends fail with the typed error, and go on when there is space again.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use journal_tests::isolated::{Needs, apart};
use journal_tests::lax_storage::Lack;
use journal_tests::loopfs::{Disk, Filler, Made, Mounted, run};
use journal_tests::reference_reader::{ReferenceJournal, varint};
use journal_tests::scripted_child::{Script, ScriptedChild};
use journal_tests::{random, rigs};
use trace_journal::{Loss, Reader, WriteMode};

const WRITER: &str = env!("CARGO_BIN_EXE_disk-writer");

/// `Refused`.
const REFUSED: u8 = 8;

const FULL: [&str; 2] = ["disk-full", "file-size-limit"];

fn needs<'a>(rig: &'a str, programs: &'a [&'a str]) -> Needs<'a> {
    Needs {
        rig,
        programs,
        devices: &[],
        limit: Duration::from_secs(150),
    }
}

/// A child and its journal.
struct Scene {
    dir: PathBuf,
    child: ScriptedChild,
}

impl Scene {
    fn new(dir: &Path, mode: WriteMode) -> Scene {
        Scene::with(&mut Command::new(WRITER), dir, mode)
    }

    fn with(program: &mut Command, dir: &Path, mode: WriteMode) -> Scene {
        let dir = dir.join("journal");
        let child = ScriptedChild::start(program, &Script::new(&dir, random::seed(), mode));
        Scene { dir, child }
    }

    /// Appends; a full disk is the only reason not to.
    fn append(&mut self, count: u64) -> bool {
        self.order(&format!("append {count}"))
    }

    fn order(&mut self, words: &str) -> bool {
        let done = self.child.order(words);
        let code = done.as_ref().err();
        assert!(
            code.is_none_or(|code| FULL.contains(&code.as_str())),
            "{done:?}"
        );
        done.is_ok()
    }

    /// Appends until the disk is full, and then some more.
    fn append_until_full(&mut self) {
        let is_full = (0..200).any(|_| !self.append(50));
        assert!(is_full, "10,000 records, and the disk is not full");
        for _ in 0..20 {
            self.append(1);
        }
    }

    /// Appends as soon as there is space again, and checks everything.
    fn finish(mut self) {
        let begun = Instant::now();
        while !self.append(1) {
            assert!(begun.elapsed() < Duration::from_secs(20), "no space again");
            sleep(Duration::from_millis(50));
        }
        while !self.append(50) {}
        assert_eq!(self.child.sync(), Ok(()));
        let told = self.child.close().unwrap();
        let plain = ReferenceJournal::read(&self.dir);
        told.check(&plain, |_| true).unwrap();
        let run = told.run.unwrap();
        assert_eq!(plain.missing(run), Vec::<u64>::new());
        let notes = plain.run(run).into_iter();
        let notes = notes.filter(|(_, record)| record.kind == REFUSED);
        let counts = notes.map(|(_, record)| varint(&mut record.payload.as_slice()).unwrap());
        assert_eq!(
            counts.sum::<u64>(),
            told.refused,
            "records said to be refused"
        );
        let report = Reader::open(&self.dir).unwrap().report();
        assert_eq!(report.loss(), Loss::None, "{report:?}");
    }
}

fn filler(on: &Path, spare: u64) -> Filler {
    Filler::new(&on.join("filler"), spare)
}

fn count(rig: &str, cases: u64, begun: Instant) {
    rigs::counted(rig, cases, random::seed(), begun.elapsed());
}

/// Fills the disk under one process, twice.
fn fill(on: &Path, mode: WriteMode) {
    let mut scene = Scene::new(on, mode);
    assert!(scene.append(20));
    let mut eater = filler(on, 600 << 10);
    scene.append_until_full();
    eater.eat();
    scene.append(300);
    scene.order("threads 4 50 8");
    drop(eater);
    sleep(Duration::from_millis(10));
    while !scene.append(20) {}
    // Now all at once, in the middle of a segment.
    let eater = filler(on, 0);
    scene.append_until_full();
    drop(eater);
    scene.finish();
}

#[test]
fn a_full_disk_is_an_error_and_never_a_signal() {
    let needs = needs("full-disk", &Made::PROGRAMS);
    apart(needs, "a_full_disk_is_an_error_and_never_a_signal", |dir| {
        let begun = Instant::now();
        let mut cases = 0;
        for made in Made::ALL {
            for mode in [WriteMode::Auto, WriteMode::Mapped, WriteMode::Positioned] {
                if made == Made::Btrfs && mode == WriteMode::Mapped {
                    continue;
                }
                let name = format!("{}-{}", made.name(), mode);
                let disk = Disk::new(dir, &name, made);
                fill(disk.path(), mode);
                cases += 1;
            }
        }
        count("full-disk", cases, begun);
    });
}

#[test]
fn a_writer_that_reserves_nothing_is_killed_and_noticed() {
    let needs = needs("full-disk-control", &Made::PROGRAMS);
    let test = "a_writer_that_reserves_nothing_is_killed_and_noticed";
    apart(needs, test, |dir| {
        for made in [Made::Ext4, Made::Xfs] {
            let disk = Disk::new(dir, made.name(), made);
            let journal = disk.path().join("journal");
            let mut strings = Script::new(&journal, 1, WriteMode::Mapped);
            strings.lack = Some(Lack::Space);
            let mut child = ScriptedChild::start(&mut Command::new(WRITER), &strings);
            assert_eq!(child.append(20), Ok(()));
            let _eater = filler(disk.path(), 0);
            let status = child.die("append 1000").expect("a child that dies");
            assert_eq!(status.signal(), Some(SIGBUS), "{}: {status}", made.name());
        }
    });
}

/// Shares the space of the live segments while their writer is at rest, then takes the rest: the
/// next store into a shared page needs space that is not there.
fn share(on: &Path, mode: WriteMode, copy: &mut dyn FnMut(&Path, u64)) {
    let mut scene = Scene::new(on, mode);
    for (round, pauses) in (0..).zip(PAUSES_MS) {
        while !scene.append(30) {}
        if round % 2 == 1 {
            assert_eq!(scene.child.sync(), Ok(()));
        }
        sleep(Duration::from_millis(pauses.0));
        copy(&scene.dir, round);
        sleep(Duration::from_millis(pauses.1));
        let eater = filler(on, 0);
        scene.append_until_full();
        drop(eater);
    }
    scene.finish();
}

#[test]
fn a_shared_copy_of_live_segments_on_a_full_xfs_is_no_signal() {
    let needs = needs("full-disk-reflink", &Made::PROGRAMS);
    let test = "a_shared_copy_of_live_segments_on_a_full_xfs_is_no_signal";
    apart(needs, test, |dir| {
        let begun = Instant::now();
        for mode in [WriteMode::Mapped, WriteMode::Positioned] {
            let disk = Disk::new(dir, mode.as_str(), Made::Xfs);
            share(disk.path(), mode, &mut |journal, round| {
                let to = disk.path().join(format!("copy-{round}"));
                let mut copy = Command::new("cp");
                run(copy.args(["-r", "--reflink=always"]).arg(journal).arg(to));
            });
        }
        count("full-disk-reflink", 2 * ROUNDS, begun);
    });
}

#[test]
fn a_snapshot_of_a_live_journal_on_a_full_btrfs_is_no_signal() {
    let needs = needs("full-disk-snapshot", &Made::PROGRAMS);
    let test = "a_snapshot_of_a_live_journal_on_a_full_btrfs_is_no_signal";
    apart(needs, test, |dir| {
        let begun = Instant::now();
        let disk = Disk::new(dir, "btrfs", Made::Btrfs);
        let home = disk.path().join("home");
        run(Command::new("btrfs")
            .args(["subvolume", "create"])
            .arg(&home));
        let mut copy = |_: &Path, round: u64| {
            let to = disk.path().join(format!("copy-{round}"));
            let mut snapshot = Command::new("btrfs");
            run(snapshot.args(["subvolume", "snapshot"]).arg(&home).arg(to));
        };
        share(&home, WriteMode::Auto, &mut copy);
        count("full-disk-snapshot", ROUNDS, begun);
    });
}

#[test]
fn a_quota_that_is_used_up_is_an_error_of_a_full_disk() {
    let test = "a_quota_that_is_used_up_is_an_error_of_a_full_disk";
    apart(needs("quota", &["mkfs.btrfs", "btrfs"]), test, |dir| {
        let begun = Instant::now();
        let disk = Disk::new(dir, "quota", Made::Btrfs);
        let mut enable = Command::new("btrfs");
        enable.args(["quota", "enable"]).arg(disk.path());
        if !enable.output().is_ok_and(|output| output.status.success()) {
            return rigs::skip("quota", "btrfs has no quotas here");
        }
        for mode in [WriteMode::Auto, WriteMode::Positioned] {
            let home = disk.path().join(mode.as_str());
            let btrfs = |words: &[&str]| run(Command::new("btrfs").args(words).arg(&home));
            btrfs(&["subvolume", "create"]);
            btrfs(&["qgroup", "limit", "8M"]);
            let mut scene = Scene::new(&home, mode);
            assert!(scene.append(20));
            scene.append_until_full();
            btrfs(&["qgroup", "limit", "none"]);
            scene.finish();
        }
        count("quota", 2, begun);
    });
}

#[test]
fn a_full_tmpfs_is_an_error_and_never_a_signal() {
    let test = "a_full_tmpfs_is_an_error_and_never_a_signal";
    apart(needs("full-tmpfs", &[]), test, |dir| {
        let begun = Instant::now();
        for mode in [WriteMode::Auto, WriteMode::Positioned] {
            let at = dir.join(mode.as_str());
            fs::create_dir(&at).unwrap();
            let mounted = Mounted::in_memory(&at, 8 << 20);
            fill(mounted.path(), mode);
        }
        count("full-tmpfs", 2, begun);
    });
}

#[test]
fn a_limit_of_file_size_is_an_error_as_a_full_disk_is() {
    if !Path::new("/usr/bin/prlimit").exists() {
        rigs::skip("file-size-limit", "prlimit is not installed");
        return;
    }
    let begun = Instant::now();
    for mode in [WriteMode::Auto, WriteMode::Mapped, WriteMode::Positioned] {
        let dir = tempfile::tempdir().unwrap();
        // With a limit from the start it is looked at before every write: a signal would end it.
        let mut shell = Command::new("env");
        shell.args(["--default-signal=XFSZ", "sh", "-c"]);
        shell.args(["ulimit -Sf 1000000; exec \"$@\"", "sh", WRITER]);
        let mut scene = Scene::with(&mut shell, dir.path(), mode);
        assert!(scene.append(20));
        let limit = |bytes: &str| {
            let pid = scene.child.pid().to_string();
            let size = format!("--fsize={bytes}:unlimited");
            run(Command::new("prlimit").args(["--pid", &pid, &size]));
        };
        limit("10000");
        scene.append_until_full();
        let pid = scene.child.pid().to_string();
        run(Command::new("prlimit").args(["--pid", &pid, "--fsize=unlimited"]));
        scene.finish();
    }
    count("file-size-limit", 3, begun);
}

#[test]
fn a_file_system_that_stops_is_an_error_and_never_a_signal() {
    let programs = ["mkfs.ext4", "mkfs.xfs", "xfs_io"];
    let test = "a_file_system_that_stops_is_an_error_and_never_a_signal";
    apart(needs("stopped-disk", &programs), test, |dir| {
        let begun = Instant::now();
        let mut cases = 0;
        for made in [Made::Ext4, Made::Xfs] {
            for mode in [WriteMode::Auto, WriteMode::Positioned] {
                for pause in [0, 200, 1300] {
                    let name = format!("{}-{}-{pause}", made.name(), mode);
                    let disk = Disk::new(dir, &name, made);
                    stop(disk, mode, Duration::from_millis(pause));
                    cases += 1;
                }
            }
        }
        count("stopped-disk", cases, begun);
    });
}

/// The file system stops under its writer: what was durable stays, nothing more is claimed.
fn stop(disk: Disk, mode: WriteMode, pause: Duration) {
    let dir = disk.path().join("journal");
    let mut child = ScriptedChild::start(&mut Command::new(WRITER), &Script::new(&dir, 1, mode));
    assert_eq!(child.append(100), Ok(()));
    assert_eq!(child.sync(), Ok(()));
    assert_eq!(child.append(20), Ok(()));
    sleep(pause);
    disk.fail();
    // Records may still find room in memory; what a sync claims is compared below.
    let refused = (0..20).find_map(|_| child.append(20).err());
    assert!(
        refused.is_some(),
        "400 records on a file system that stopped"
    );
    let _ = child.sync();
    let told = child.kill();
    let disk = disk.again();
    let plain = ReferenceJournal::read(&dir);
    told.check(&plain, |seq| seq <= told.durable).unwrap();
    let report = Reader::open(&dir).unwrap().report();
    assert_ne!(report.loss(), Loss::Damage, "{report:?}");
    drop(disk);
}

const ROUNDS: u64 = 8;

const SIGBUS: i32 = 7;

/// Pauses before and after the copy, in milliseconds: the copy is not made between two stores of
/// one sync interval, which nobody could survive.
const PAUSES_MS: [(u64, u64); 8] = [
    (150, 0),
    (150, 0),
    (0, 150),
    (0, 300),
    (150, 150),
    (150, 20),
    (0, 1300),
    (1300, 0),
];
