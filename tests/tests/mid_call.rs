//! Promises: durable, unwaited, many-processes, polite, private.
//!
//! What happens while something else is under way, at exactly that moment: an append during a
//! sync, a sync during an append, a recovery during another.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};

use journal_tests::left_behind;
use journal_tests::mid_call::{MidCall, Moment, elsewhere};
use journal_tests::modes::modes;
use journal_tests::observed_storage::{Call, ObservedStorage, Operation};
use journal_tests::random::Random;
use journal_tests::reference_reader::{ReferenceJournal, varint};
use journal_tests::simdisk::{Process, SimDisk};
use journal_tests::workload::kind;
use tempfile::TempDir;
use trace_journal::event::SessionStatus;
use trace_journal::format::{FileName, RunText};
use trace_journal::storage::DiskStorage;
use trace_journal::{Journal, ReadMode, Reader, WriteMode};

const SYNC_MARK: u8 = 3;
const RUN_RECOVERED: u8 = 6;

/// What happens once, to this journal, when such a call on a segment is about to be made.
struct Due {
    operation: Operation,
    journal: Journal,
    happen: Box<dyn FnOnce(&Journal) + Send>,
}

/// Opens a journal without threads of its own whose calls to the system are seen.
fn open(
    dir: &Path,
    mode: WriteMode,
    seen: impl Fn(&Call, Moment) + Send + Sync + 'static,
) -> Journal {
    let disk = Arc::new(DiskStorage::open(dir).unwrap());
    let watched = ObservedStorage::new(disk, Arc::new(MidCall(seen)));
    let options = Journal::options().stepped().write_mode(mode);
    options.storage(Arc::new(watched)).open(dir).unwrap()
}

struct Scene {
    dir: TempDir,
    journal: Journal,
    due: Arc<Mutex<Option<Due>>>,
}

impl Scene {
    fn new(mode: WriteMode) -> Scene {
        let dir = tempfile::tempdir().unwrap();
        let due = Arc::new(Mutex::new(None::<Due>));
        let waiting = Arc::clone(&due);
        let journal = open(dir.path(), mode, move |call, moment| {
            let is_it = |due: &mut Due| {
                let is_of_segment = call.name.ends_with(".seg") && moment == Moment::Before;
                is_of_segment && due.operation == call.operation
            };
            let due = waiting.lock().unwrap().take_if(is_it);
            if let Some(due) = due {
                (due.happen)(&due.journal);
            }
        });
        Scene { dir, journal, due }
    }

    fn during(&self, operation: Operation, happen: impl FnOnce(&Journal) + Send + 'static) {
        *self.due.lock().unwrap() = Some(Due {
            operation,
            journal: self.journal.clone(),
            happen: Box::new(happen),
        });
    }

    fn has_happened(&self) -> bool {
        self.due.lock().unwrap().is_none()
    }
}

#[test]
fn what_is_appended_during_a_sync_waits_for_the_next_one() {
    modes()
        .into_iter()
        .for_each(|(mode, _)| append_during_sync(mode));
}

fn append_during_sync(mode: WriteMode) {
    let scene = Scene::new(mode);
    let early = scene.journal.append_raw(kind(), b"early").unwrap();
    let late = Arc::new(Mutex::new(None));
    let appended = Arc::clone(&late);
    scene.during(Operation::Sync, move |journal| {
        assert!(journal.durable() < Some(early), "{mode:?}: not yet");
        let journal = journal.clone();
        let seq = elsewhere(move || journal.append_raw(kind(), b"late"));
        *appended.lock().unwrap() = Some(seq.unwrap());
    });
    scene.journal.wait_durable(early).unwrap();
    assert!(scene.has_happened());
    let late = late.lock().unwrap().unwrap();
    let durable = scene.journal.durable();
    assert!(
        (Some(early)..Some(late)).contains(&durable),
        "{mode:?}: {durable:?}"
    );
    let plain = ReferenceJournal::read(scene.dir.path());
    let records = plain.runs.values().flat_map(|records| records.values());
    for mark in records.filter(|record| record.kind == SYNC_MARK) {
        let said = varint(&mut mark.payload.as_slice()).unwrap();
        assert!(said < late.get(), "{mode:?}: a mark says {said}");
    }
    scene.journal.wait_durable(late).unwrap();
    scene.journal.close().unwrap();
}

#[test]
fn what_counts_as_durable_is_noted_before_any_thread_is_told() {
    for (mode, _) in modes() {
        let dir = tempfile::tempdir().unwrap();
        let opened = Arc::new(OnceLock::<Journal>::new());
        let (of_call, path) = (Arc::clone(&opened), dir.path().to_owned());
        let journal = open(dir.path(), mode, move |_, _| {
            let Some(journal) = of_call.get() else { return };
            let durable = journal.durable();
            let run = journal.info().run.unwrap().run;
            let text = fs::read(path.join(FileName::Run(run).to_string()));
            // At the end it is taken away.
            if let (Ok(text), Some(durable)) = (text, durable) {
                let noted = RunText::parse(run, &text).durable;
                let noted = noted.map_or(0, |place| place.seq);
                assert!(noted >= durable.get(), "{mode:?}: {noted} of {durable}");
            }
        });
        opened.set(journal.clone()).unwrap();
        for count in 1..20 {
            let append = |_| journal.append_raw(kind(), vec![7; 700]).unwrap();
            let seqs: Vec<_> = (0..count).map(append).collect();
            journal.wait_durable(*seqs.last().unwrap()).unwrap();
        }
        journal.close().unwrap();
    }
}

#[test]
fn what_is_still_being_copied_is_not_durable() {
    let is_mapped = |(mode, _): &(WriteMode, _)| *mode == WriteMode::Mapped;
    if !modes().iter().any(is_mapped) {
        return;
    }
    let scene = Scene::new(WriteMode::Mapped);
    let early = scene.journal.append_raw(kind(), b"early").unwrap();
    scene.during(Operation::Copy, move |journal| {
        let other = journal.clone();
        elsewhere(move || other.wait_durable(early)).unwrap();
        assert_eq!(journal.durable(), Some(early));
    });
    let late = scene.journal.append_raw(kind(), b"late").unwrap();
    assert!(scene.has_happened() && late == early.next());
    scene.journal.wait_durable(late).unwrap();
    scene.journal.close().unwrap();
}

#[test]
fn a_dead_run_is_put_on_record_once() {
    let left = tempfile::tempdir().unwrap();
    let journal = Journal::open(left.path()).unwrap();
    let seq = journal.append_raw(kind(), b"one").unwrap();
    journal.wait_durable(seq).unwrap();
    let dir = left_behind::copy(left.path()).unwrap();
    let name = format!("{}.claim", journal.info().run.unwrap().run);
    let path = dir.path().to_owned();
    // Before it is taken on, another one does all that.
    let tries = Mutex::new(0);
    let first = open(dir.path(), WriteMode::Auto, move |call, moment| {
        let is_try = call.operation == Operation::TryLock && call.name == name;
        if is_try && moment == Moment::Before {
            let mut tries = tries.lock().unwrap();
            *tries += 1;
            if *tries == 1 {
                Journal::open(&path).unwrap().close().unwrap();
            }
        }
    });
    // It is known to have come later, whatever its random part is.
    assert_eq!(first.info().run.unwrap().run.generation(), 2);
    first.close().unwrap();
    let notes = || {
        let plain = ReferenceJournal::read(dir.path());
        let records = plain.runs.values().flat_map(|records| records.values());
        records
            .filter(|record| record.kind == RUN_RECOVERED)
            .count()
    };
    assert_eq!(notes(), 1);
    // It ends without a seal for ever, and nobody is to look at it again.
    Journal::open(dir.path()).unwrap().close().unwrap();
    assert_eq!(notes(), 1);
}

#[test]
fn a_run_recovered_between_two_reads_gives_the_same_records() {
    let living = tempfile::tempdir().unwrap();
    let journal = Journal::open(living.path()).unwrap();
    let session = journal.session("s").start();
    for number in 0..100u32 {
        session.append_raw(kind(), number.to_le_bytes()).unwrap();
    }
    journal.sync().unwrap();
    let dir = left_behind::copy(living.path()).unwrap();
    let read = |reader: &Reader| -> Vec<String> {
        let items = reader.records().map(Result::unwrap);
        items.map(|item| format!("{item:?}")).collect()
    };
    let reader = Reader::open(dir.path()).unwrap();
    let before = read(&reader);
    assert!(before.len() > 100);
    let mut items = reader.records();
    let mut across: Vec<String> = (&mut items)
        .take(50)
        .map(|item| format!("{:?}", item.unwrap()))
        .collect();
    // Another process finds the run dead, and puts that on record.
    Journal::open(dir.path()).unwrap().close().unwrap();
    across.extend(items.map(|item| format!("{:?}", item.unwrap())));
    assert_eq!(across, before, "read in part before, and in part behind it");
    assert_eq!(read(&reader), before);
    let status = |reader: &Reader| reader.snapshot("s").unwrap().status();
    assert_eq!(status(&reader), SessionStatus::Crashed);
    let later = Reader::open(dir.path()).unwrap();
    assert_eq!(read(&later)[..before.len()], before);
    assert_eq!(status(&later), SessionStatus::Crashed);
}

#[test]
fn of_two_runs_at_once_the_one_that_died_counts() {
    let disk = SimDisk::new(Random::new(1));
    let open = || {
        let process = Process::start(&disk);
        let storage = Arc::new(process.clone());
        let options = Journal::options().stepped().storage(storage);
        (process, options.open("/simulated").unwrap())
    };
    let (killed, first) = open();
    let _open = first.session("s").start().span("x").start();
    let (_, second) = open();
    second.session("s").start().end();
    second.close().unwrap();
    killed.kill();
    let found = Process::start(&disk.after_kill(Random::new(2)));
    let reader = Reader::of_storage(Arc::new(found), ReadMode::Salvage).unwrap();
    let snapshot = reader.snapshot("s").unwrap();
    assert_eq!(snapshot.status(), SessionStatus::Crashed);
}

#[test]
fn every_file_is_private_from_the_moment_it_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_owned();
    let seen = Arc::new(Mutex::new(0));
    let count = Arc::clone(&seen);
    let journal = open(dir.path(), WriteMode::Auto, move |call, moment| {
        if call.operation == Operation::Create && moment == Moment::After {
            let mode = fs::metadata(path.join(&call.name)).unwrap().mode();
            assert_eq!(mode & 0o077, 0, "{}: {mode:o}", call.name);
            *count.lock().unwrap() += 1;
        }
    });
    journal.append_raw(kind(), b"one").unwrap();
    journal.close().unwrap();
    assert!(*seen.lock().unwrap() >= 3, "a lock, a segment, a cache");
}

#[test]
fn a_run_that_others_overtook_while_it_began_is_not_ordered_before_them() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_owned();
    let others = Arc::new(Mutex::new(Vec::new()));
    let begun = Arc::clone(&others);
    // Its generation is chosen by now, and nobody can see it yet.
    let late = open(dir.path(), WriteMode::Auto, move |call, moment| {
        let is_now = call.operation == Operation::Link && call.name.ends_with(".run");
        let mut begun = begun.lock().unwrap();
        if is_now && moment == Moment::Before && begun.is_empty() {
            for _ in 0..2 {
                let journal = Journal::open(&path).unwrap();
                journal.session("s").start().end();
                begun.push(journal.info().run.unwrap().run);
                journal.close().unwrap();
            }
        }
    });
    let own = late.info().run.unwrap().run;
    let others = others.lock().unwrap().clone();
    assert_eq!(others.len(), 2);
    for other in others {
        assert!(
            other.generation() < own.generation(),
            "{other} over, then {own}"
        );
    }
    // So what it says is the last word.
    let session = late.session("s").start();
    let reader = Reader::open(dir.path()).unwrap();
    let status = reader.snapshot("s").unwrap().status();
    assert_eq!(status, SessionStatus::Running);
    session.end();
}
