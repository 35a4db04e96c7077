//! Promises: durable, poisoned, disk-full.
//!
//! Every call to the system is seen at the seam: what was synced before something was said to be
//! durable, and what becomes of calls that fail.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use journal_tests::io_ledger::{EIO, EMFILE, ENOSPC, Failure, Ledger, Made};
use journal_tests::left_behind;
use journal_tests::modes::modes;
use journal_tests::observed_storage::{Call, ObservedStorage, Operation, StorageObserver, Verdict};
use journal_tests::random::Random;
use journal_tests::reference_reader::{ReferenceJournal, ReferenceRecord, varint};
use journal_tests::simdisk::{Fault, Faults, Process, SimDisk};
use journal_tests::workload::kind;
use tempfile::TempDir;
use trace_journal::format::FileName;
use trace_journal::storage::DiskStorage;
use trace_journal::{
    Error, Item, Journal, JournalOptions, Loss, ReadMode, Reader, RunId, Seq, WriteMode,
};

const REFUSED: u8 = 8;

/// A journal whose calls are seen.
struct Scene {
    dir: TempDir,
    ledger: Arc<Ledger>,
    journal: Journal,
    run: RunId,
}

impl Scene {
    /// A journal that syncs only when somebody waits.
    fn new(mode: WriteMode) -> Scene {
        let never = Duration::from_secs(3600);
        Scene::with(Journal::options().sync_interval(never).write_mode(mode))
    }

    fn with(options: JournalOptions) -> Scene {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Arc::new(Ledger::default());
        let disk = Arc::new(DiskStorage::open(dir.path()).unwrap());
        let options = options.segment_bytes_max(64 << 10);
        let options = options.storage(ledger.watch(disk));
        let journal = options.open(dir.path()).unwrap();
        let run = journal.info().run.unwrap().run;
        Scene {
            dir,
            ledger,
            journal,
            run,
        }
    }

    fn append(&self, len: usize) -> Result<Seq, Error> {
        self.journal.append_raw(kind(), vec![7; len])
    }

    /// Appends and waits, after others like it: the next record is written, not stored, in a
    /// mapped segment as well.
    fn append_alone(&self) -> Seq {
        let alone = [1000; 3].map(|len| {
            let seq = self.append(len).unwrap();
            self.journal.wait_durable(seq).unwrap();
            seq
        });
        alone[2]
    }

    fn records(&self) -> BTreeMap<u64, ReferenceRecord> {
        let mut plain = ReferenceJournal::read(self.dir.path());
        plain.runs.remove(&self.run).unwrap()
    }

    /// Appends until a record needs a new segment, which may fail.
    fn rotate(&self) -> Result<Seq, Error> {
        let segment = || self.journal.info().run.unwrap().segment;
        let before = segment();
        for _ in 0..100 {
            let seq = self.append(4000)?;
            if segment() != before {
                return Ok(seq);
            }
        }
        panic!("no segment is ever full");
    }

    fn refused(&self) -> Vec<u64> {
        let records = self.records();
        let notes = records.values().filter(|record| record.kind == REFUSED);
        let counts = notes.map(|record| varint(&mut record.payload.as_slice()).unwrap());
        counts.collect()
    }

    fn is_poisoned(&self) -> bool {
        self.journal.info().run.unwrap().poisoned.is_some()
    }
}

fn in_each_mode(test: fn(WriteMode)) {
    modes().into_iter().for_each(|(mode, _)| test(mode));
}

/// Whether a call did what was asked, on these bytes of this file.
fn covers(made: &Made, name: &str, (from, to): (u64, u64)) -> bool {
    let call = &made.call;
    made.has_succeeded && call.name == name && call.from <= from && to <= call.to
}

#[test]
fn a_durable_answer_follows_a_sync_that_began_after_the_append() {
    in_each_mode(durable_follows_sync);
}

fn durable_follows_sync(mode: WriteMode) {
    let scene = Scene::new(mode);
    let answers = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for writer in 0..4 {
            let (scene, answers) = (&scene, &answers);
            scope.spawn(move || {
                for round in 0..60 {
                    let seq = scene.append(writer * 100 + round * 17).unwrap();
                    scene.journal.wait_durable(seq).unwrap();
                    let at = scene.ledger.now();
                    answers.lock().unwrap().push((seq, at));
                }
            });
        }
    });
    let records = scene.records();
    let syncs = scene.ledger.made(Operation::Sync);
    let mut stores = scene.ledger.made(Operation::Write);
    stores.extend(scene.ledger.made(Operation::Commit));
    for (seq, answered) in answers.into_inner().unwrap() {
        let record = &records[&seq.get()];
        let name = FileName::Segment(scene.run, record.segment).to_string();
        // The length word of the frame, which is stored last.
        let word = (record.offset, record.offset + 4);
        let stored = stores
            .iter()
            .rfind(|made| covers(made, &name, word))
            .unwrap();
        let is_in_time = |sync: &Made| {
            sync.began > stored.ended.unwrap()
                && sync.ended.is_some_and(|ended| ended <= answered)
                && covers(sync, &name, (record.offset, record.end))
        };
        assert!(syncs.iter().any(is_in_time), "record {seq}");
    }
    assert!(syncs.len() < 4 * 60 + 40, "{} syncs", syncs.len());
}

#[test]
fn a_segment_and_its_name_are_durable_before_a_record_is_in_it() {
    in_each_mode(names_are_durable);
}

fn names_are_durable(mode: WriteMode) {
    let scene = Scene::new(mode);
    for _ in 0..5 {
        scene.rotate().unwrap();
    }
    scene.journal.close().unwrap();
    let mut stores = scene.ledger.made(Operation::Write);
    stores.extend(scene.ledger.made(Operation::Commit));
    let dir_syncs = scene.ledger.made(Operation::SyncDir);
    let syncs = scene.ledger.made(Operation::Sync);
    let created = scene.ledger.made(Operation::Create);
    let mut segments = 0;
    for made in created
        .iter()
        .filter(|made| made.call.name.ends_with(".seg"))
    {
        let name = made.call.name.as_str();
        // Zeros may be written before; a frame never is without its first bytes.
        let number: Vec<ReferenceRecord> = scene.records().into_values().collect();
        let first = number
            .iter()
            .find(|record| FileName::Segment(scene.run, record.segment).to_string() == name);
        let Some(first) = first else { continue };
        segments += 1;
        let is_first = |store: &&Made| covers(store, name, (first.offset, first.offset + 4));
        let stored = stores.iter().rfind(is_first).unwrap().began;
        let has = |syncs: &[Made], name: &str, after: u64, range: (u64, u64)| {
            let mut syncs = syncs.iter().filter(|sync| covers(sync, name, range));
            syncs.any(|sync| sync.began > after && sync.ended.unwrap() < stored)
        };
        assert!(has(&dir_syncs, "", made.ended.unwrap(), (0, 0)), "{name}");
        assert!(has(&syncs, name, made.ended.unwrap(), (0, 8192)), "{name}");
    }
    assert!(segments > 5);
}

#[test]
fn a_failed_sync_poisons_and_is_never_tried_again() {
    in_each_mode(sync_fails);
}

#[test]
fn a_sync_whose_file_system_gives_up_behind_it_poisons() {
    in_each_mode(confirmation_fails);
}

fn sync_fails(mode: WriteMode) {
    fails_for_good(mode, &Failure::next(Operation::Sync, ".seg", EIO));
}

fn confirmation_fails(mode: WriteMode) {
    fails_for_good(
        mode,
        &Failure::next(Operation::ConfirmSync, ".run.tmp", EIO),
    );
}

fn fails_for_good(mode: WriteMode, failure: &Failure) {
    for skip in 0..4 {
        let scene = Scene::new(mode);
        scene.ledger.fail(Failure {
            skip,
            ..failure.clone()
        });
        let mut durable = None;
        let failed = (0..100).find_map(|_| {
            let seq = scene.append(100).unwrap();
            let waited = scene.journal.wait_durable(seq);
            waited.map(|()| durable = Some(seq)).err()
        });
        let failed = failed.expect("a sync that fails is noticed");
        let Error::Poisoned { cause } = &failed else {
            panic!("{failed}");
        };
        assert!(cause.to_string().contains("os error 5"), "{cause}");
        let marker = FileName::Poisoned(scene.run).to_string();
        assert!(scene.dir.path().join(marker).exists());
        let at = scene.ledger.now();
        for error in [
            scene.append(1).unwrap_err(),
            scene.journal.sync().unwrap_err(),
            scene.journal.close().unwrap_err(),
        ] {
            assert_eq!(error.to_string(), failed.to_string());
        }
        if let Some(durable) = durable {
            scene.journal.wait_durable(durable).unwrap();
            assert!(scene.journal.durable() >= Some(durable));
        }
        drop(scene.journal);
        let syncs = scene.ledger.made(Operation::Sync);
        let again = |made: &&Made| made.began > at && made.call.name.ends_with(".seg");
        assert_eq!(syncs.iter().filter(again).count(), 0);
    }
}

#[test]
fn what_a_failed_sync_left_in_the_page_cache_is_not_believed() {
    for mode in [WriteMode::Positioned, WriteMode::Mapped] {
        let disk = SimDisk::new(Random::new(1));
        let process = Process::start(&disk);
        let options = Journal::options().stepped().write_mode(mode);
        let options = options.storage(Arc::new(process.clone()));
        let journal = options.open("/simulated").unwrap();
        let kept = journal.append_raw(kind(), [1; 3000]).unwrap();
        journal.wait_durable(kept).unwrap();
        let lost = journal.append_raw(kind(), [2; 3000]).unwrap();
        disk.set_faults(Faults {
            fault: Some(Fault::Sync),
            skip: 0,
            times: 1,
        });
        let failed = journal.wait_durable(lost).unwrap_err();
        assert!(matches!(failed, Error::Poisoned { .. }), "{failed}");
        process.kill();
        let found = Process::start(&disk.after_kill(Random::new(2)));
        let reader = Reader::of_storage(Arc::new(found), ReadMode::Salvage).unwrap();
        let items = reader.records().map(Result::unwrap);
        let own = items.filter_map(|item| match item {
            Item::Record(record) if record.kind.is_user() => Some(record.seq),
            _ => None,
        });
        assert_eq!(own.collect::<Vec<_>>(), [kept], "{mode:?}");
    }
}

#[test]
fn every_waiter_of_a_failed_sync_gets_the_cause() {
    in_each_mode(waiters_get_the_cause);
}

fn waiters_get_the_cause(mode: WriteMode) {
    let scene = Scene::new(mode);
    let errors = thread::scope(|scope| {
        let failure = Failure::next(Operation::Sync, ".seg", EIO);
        scene.ledger.fail(failure);
        let scene = &scene;
        let wait = move || {
            let seq = scene.append(10);
            seq.and_then(|seq| scene.journal.wait_durable(seq))
                .unwrap_err()
        };
        let waiting: Vec<_> = (0..16).map(|_| scope.spawn(wait)).collect();
        let ended = waiting.into_iter().map(|waiting| waiting.join().unwrap());
        ended.collect::<Vec<Error>>()
    });
    for error in errors {
        assert!(matches!(error, Error::Poisoned { .. }), "{error}");
        assert!(error.to_string().contains("os error 5"), "{error}");
    }
    let done = journal_tests::block_on(scene.journal.when_durable(Seq::FIRST.next()));
    assert!(matches!(done, Err(Error::Poisoned { .. })));
}

/// Panics in place of every sync of a segment, once it is told to.
#[derive(Debug)]
struct PanicsInSync(Arc<AtomicBool>);

impl StorageObserver for PanicsInSync {
    fn before(&self, call: &Call) -> Verdict {
        let is_sync = call.operation == Operation::Sync && call.name.ends_with(".seg");
        assert!(!is_sync || !self.0.load(Ordering::SeqCst), "in a sync");
        Verdict::Pass
    }
}

#[test]
fn waiters_of_a_sync_that_panics_are_woken() {
    for (mode, _) in modes() {
        let dir = tempfile::tempdir().unwrap();
        let is_told = Arc::new(AtomicBool::new(false));
        let watcher = PanicsInSync(Arc::clone(&is_told));
        let disk = Arc::new(DiskStorage::open(dir.path()).unwrap());
        let storage = Arc::new(ObservedStorage::new(disk, Arc::new(watcher)));
        let never = Duration::from_secs(3600);
        let options = Journal::options().sync_interval(never).write_mode(mode);
        let journal = options.storage(storage).open(dir.path()).unwrap();
        is_told.store(true, Ordering::SeqCst);
        let seq = journal.append_raw(kind(), "lost").unwrap();
        // Who waits for a limited time leaves the sync to the syncer.
        let waited = journal.wait_durable_timeout(seq, Duration::from_secs(20));
        assert!(matches!(waited, Err(Error::Poisoned { .. })), "{waited:?}");
        let waited = journal.wait_durable(seq);
        assert!(matches!(waited, Err(Error::Poisoned { .. })), "{waited:?}");
    }
}

#[test]
fn a_failed_directory_sync_poisons() {
    in_each_mode(directory_sync_fails);
}

fn directory_sync_fails(mode: WriteMode) {
    // Many times: the syncer and an append meet the failure in any order.
    for _ in 0..30 {
        let scene = Scene::new(mode);
        let durable = scene.journal.sync().unwrap();
        scene.ledger.fail(Failure {
            times: u64::MAX,
            ..Failure::next(Operation::SyncDir, "", EIO)
        });
        let rotated = scene.rotate();
        let failed = rotated.and_then(|_| scene.journal.sync()).unwrap_err();
        assert!(matches!(failed, Error::Poisoned { .. }), "{failed}");
        assert!(failed.to_string().contains("os error 5"), "{failed}");
        assert!(scene.is_poisoned());
        scene.journal.wait_durable(durable).unwrap();
    }
}

#[test]
fn a_segment_that_cannot_be_made_costs_only_the_records_that_need_it() {
    in_each_mode(preparing_fails);
}

fn preparing_fails(mode: WriteMode) {
    let failing = [
        (Operation::Create, EMFILE),
        (Operation::Allocate, EIO),
        (Operation::Write, EIO),
        (Operation::Sync, EIO),
    ];
    for (operation, error) in failing {
        // Stepped: no syncer makes the segment ahead, or writes anything else meanwhile.
        let scene = Scene::with(Journal::options().stepped().write_mode(mode));
        let mut kept = Vec::new();
        while scene.journal.info().run.unwrap().segment.get() == 1 {
            let next = Failure::next(operation, "-000002.seg", error);
            scene.ledger.fail(next);
            match scene.append(4000) {
                Ok(seq) => kept.push(seq),
                Err(refused) => {
                    assert_eq!(refused.code(), "io", "{operation:?}: {refused}");
                    scene.ledger.heal();
                    kept.push(scene.append(4000).unwrap());
                }
            }
            scene.ledger.heal();
        }
        assert!(!scene.is_poisoned());
        scene.journal.close().unwrap();
        let records = scene.records();
        assert!(kept.iter().all(|seq| records.contains_key(&seq.get())));
        assert_eq!(scene.refused(), vec![1], "{operation:?}");
    }
}

#[test]
fn a_write_cut_short_by_a_full_disk_refuses_that_record_only() {
    in_each_mode(write_is_cut_short);
}

fn write_is_cut_short(mode: WriteMode) {
    for part in [0, 1, 8, 16, 20, 500, 990] {
        let scene = Scene::with(Journal::options().stepped().write_mode(mode));
        let before = scene.append_alone();
        scene.ledger.fail(Failure {
            part,
            times: 1,
            ..Failure::next(Operation::Write, ".seg", ENOSPC)
        });
        let refused = scene.append(1000).unwrap_err();
        assert_eq!(refused.code(), "disk-full", "{refused}");
        let after = scene.append(1000).unwrap();
        let between = after.get() - before.get();
        assert!(
            (4..=5).contains(&between),
            "perhaps a mark, seal, start, note, record"
        );
        scene.journal.sync().unwrap();
        scene.journal.close().unwrap();
        assert_eq!(scene.refused(), vec![1]);
        assert!(
            ReferenceJournal::read(scene.dir.path())
                .missing(scene.run)
                .is_empty()
        );
        let records = scene.records();
        let own = |seq: Seq| records[&seq.get()].payload == vec![7; 1000];
        assert!(own(before) && own(after));
    }
}

#[test]
fn a_segment_that_could_not_be_sealed_keeps_its_length() {
    in_each_mode(seal_is_cut_short);
}

fn seal_is_cut_short(mode: WriteMode) {
    let scene = Scene::with(Journal::options().stepped().write_mode(mode));
    let before = scene.append_alone();
    scene.ledger.fail(Failure {
        part: 8,
        times: 2,
        ..Failure::next(Operation::Write, "-000001.seg", ENOSPC)
    });
    assert_eq!(scene.append(1000).unwrap_err().code(), "disk-full");
    // The seal fails as well, and the record goes to the next segment.
    let after = scene.append(1000).unwrap();
    scene.journal.sync().unwrap();
    scene.journal.close().unwrap();
    let records = scene.records();
    assert!(records.contains_key(&before.get()) && records.contains_key(&after.get()));
    let report = Reader::open(scene.dir.path()).unwrap().report();
    assert_eq!(
        (report.loss, report.missing()),
        (Loss::None, 0),
        "{report:?}"
    );
}

#[test]
fn a_session_whose_first_record_was_refused_keeps_its_name() {
    let Some((mode, _)) = modes().into_iter().find(|mode| mode.0 == WriteMode::Mapped) else {
        return;
    };
    let scene = Scene::with(Journal::options().stepped().write_mode(mode));
    // All that is writable yet is used up.
    scene.append(12_000).unwrap();
    scene.ledger.fail(Failure {
        times: u64::MAX,
        ..Failure::next(Operation::MakeWritable, ".seg", ENOSPC)
    });
    let big = "x".repeat(9000);
    let session = scene.journal.session("s").set("big", big).start();
    assert_eq!(session.started().unwrap().seq(), None);
    scene.ledger.heal();
    session.span("x").start();
    scene.journal.close().unwrap();
    let reader = Reader::open(scene.dir.path()).unwrap();
    assert_eq!(reader.ids().collect::<Vec<_>>(), ["s"]);
}

#[test]
fn a_full_disk_refuses_until_there_is_space_again() {
    in_each_mode(disk_is_full);
}

fn disk_is_full(mode: WriteMode) {
    let scene = Scene::with(Journal::options().stepped().write_mode(mode));
    for operation in [Operation::Create, Operation::Allocate] {
        let next = Failure::next(operation, ".seg", ENOSPC);
        scene.ledger.fail(Failure {
            times: u64::MAX,
            ..next
        });
    }
    let full = scene.rotate().unwrap_err();
    assert_eq!(full.code(), "disk-full", "{full}");
    for _ in 0..9 {
        assert_eq!(scene.append(4000).unwrap_err().code(), "disk-full");
    }
    scene.ledger.heal();
    let seq = scene.append(4000).unwrap();
    scene.journal.wait_durable(seq).unwrap();
    scene.journal.close().unwrap();
    // The first at once, the others before the next that is written.
    assert_eq!(scene.refused(), vec![1, 9]);
    assert!(
        ReferenceJournal::read(scene.dir.path())
            .missing(scene.run)
            .is_empty()
    );
}

#[test]
fn pages_that_cannot_be_made_writable_refuse_until_there_is_space_again() {
    let Some((mode, _)) = modes().into_iter().find(|mode| mode.0 == WriteMode::Mapped) else {
        return;
    };
    let scene = Scene::with(Journal::options().stepped().write_mode(mode));
    scene.ledger.fail(Failure {
        times: u64::MAX,
        ..Failure::next(Operation::MakeWritable, ".seg", ENOSPC)
    });
    let mut appended = (0..100).map(|_| scene.append(4000));
    let full = appended.find_map(Result::err).unwrap();
    assert_eq!(full.code(), "disk-full", "{full}");
    for _ in 0..9 {
        assert_eq!(scene.append(4000).unwrap_err().code(), "disk-full");
    }
    scene.ledger.heal();
    let seq = scene.append(4000).unwrap();
    scene.journal.wait_durable(seq).unwrap();
    assert!(!scene.is_poisoned());
    scene.journal.close().unwrap();
    // The first at once, the others before the next that is written.
    assert_eq!(scene.refused(), vec![1, 9]);
    assert!(
        ReferenceJournal::read(scene.dir.path())
            .missing(scene.run)
            .is_empty()
    );
}

#[test]
fn segments_a_dead_run_sealed_and_never_synced_are_synced_before_they_are_on_record() {
    in_each_mode(dead_run_is_synced);
}

fn dead_run_is_synced(mode: WriteMode) {
    let scene = Scene::new(mode);
    for _ in 0..3 {
        scene.rotate().unwrap();
    }
    let left = left_behind::copy(scene.dir.path()).unwrap();
    let mut names = Vec::new();
    for found in std::fs::read_dir(left.path()).unwrap() {
        let name = found.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".seg") {
            let bytes = std::fs::read(left.path().join(&name)).unwrap();
            let last = bytes.iter().rposition(|byte| *byte != 0).unwrap();
            names.push((name, u64::try_from(last + 1).unwrap()));
        }
    }
    assert!(names.len() >= 4, "{names:?}");
    let ledger = Arc::new(Ledger::default());
    let disk = Arc::new(DiskStorage::open(left.path()).unwrap());
    let options = Journal::options().storage(ledger.watch(disk));
    options.open(left.path()).unwrap().close().unwrap();
    let syncs = ledger.made(Operation::Sync);
    // The new run's segment is synced when it is made, and then with what is on record.
    let is_new = |sync: &&Made| names.iter().all(|(name, _)| *name != sync.call.name);
    let recorded = syncs.iter().filter(is_new).nth(1).unwrap().began;
    for (name, end) in &names {
        let is_synced = |sync: &Made| covers(sync, name, (0, *end)) && sync.began < recorded;
        assert!(syncs.iter().any(is_synced), "{name}");
    }
}
