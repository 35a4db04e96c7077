//! Unit tests of records that are written together.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io;
use std::sync::{Arc, Mutex};

use crate::format::{FrameSeed, RecordKind};
use crate::seq::SegmentNumber;
use crate::settings::WriterSettings;
use crate::storage::{MappedRegion, StorageFile};
use crate::writer::append::write_group::WriteOutcome;
use crate::writer::segment::buffer::SegmentBuffer;
use crate::writer::segment::prefault::PrefaultWindow;
use crate::writer::testing::Meddled;
use crate::writer::testing::{KIND, frames, mapped, open, positioned};

/// The index of none, wherever.
const NO_SESSION: (u32, SegmentNumber) = (0, SegmentNumber::FIRST);

#[test]
fn records_left_while_the_log_is_taken_are_each_written_once() {
    let ways = [positioned(), mapped()];
    for (settings, is_held) in ways.iter().flat_map(|way| [(way, false), (way, true)]) {
        let dir = tempfile::tempdir().unwrap();
        let run = open(dir.path(), settings.clone());
        run.syncer().segments().active().expect_waited_appends(3);
        let mut log = run.appender().lock_log();
        let mut seqs = std::thread::scope(|scope| {
            let run = &run;
            let append = |len| scope.spawn(move || (run.append(KIND, None, &vec![7; len]), len));
            let threads = [10, 20, 30].map(append);
            while run.appender().group.members() < 3 {
                std::thread::yield_now();
            }
            if is_held {
                // As after a write that failed: none of them can be written here.
                log.active().atomic_tail().lock(0, u64::MAX);
            }
            run.appender().write_group(&mut log);
            drop(log);
            let seqs = threads.map(|thread| thread.join().unwrap());
            seqs.map(|(seq, len)| (KIND, u32::try_from(seq.unwrap().get()).unwrap(), len))
        });
        run.close(None).unwrap();
        seqs.sort_unstable_by_key(|(_, seq, _)| *seq);
        let mut found = frames(&run, dir.path(), 1 + u32::from(is_held));
        found.retain(|(kind, ..)| *kind == KIND);
        assert_eq!(found, seqs);
        let first = frames(&run, dir.path(), 1);
        let in_first = first.iter().filter(|(kind, ..)| *kind == KIND).count();
        assert_eq!(in_first, if is_held { 0 } else { 3 });
    }
}

#[test]
fn nothing_is_left_of_records_that_could_not_be_written_together() {
    for settings in [positioned(), mapped()] {
        nothing_is_left(settings);
    }
}

fn nothing_is_left(settings: WriterSettings) {
    let dir = tempfile::tempdir().unwrap();
    let run = open(dir.path(), settings);
    run.syncer().segments().active().expect_waited_appends(2);
    let kinds = |number| -> Vec<u8> {
        let found = frames(&run, dir.path(), number);
        found.iter().map(|frame| frame.0.0).collect()
    };
    let mut log = run.appender().lock_log();
    let before = kinds(1);
    let active = Arc::clone(log.active());
    // The first of the two frames is there, and a part of the second.
    let (file, _) = cut_short(active.file(), 40);
    log.set_active(active.replaced(active.buffer(), file));
    let members = [b"one here", b"and two "]
        .map(|payload| run.appender().group.join(KIND, NO_SESSION, payload));
    run.appender().write_group(&mut log);
    for follower in members {
        assert_eq!(follower.outcome(), WriteOutcome::Alone);
    }
    assert_eq!(kinds(1), before);
    drop(log);
    run.append(KIND, None, b"and another").unwrap();
    assert_eq!(kinds(2)[..2], [RecordKind::SEGMENT_START.0, KIND.0]);
    run.close(None).unwrap();
}

#[test]
fn nothing_is_written_where_records_could_not_be_stored_together() {
    let dir = tempfile::tempdir().unwrap();
    let run = open(dir.path(), mapped());
    let mut log = run.appender().lock_log();
    let active = Arc::clone(log.active());
    let identity = (active.number(), FrameSeed::new(run.run(), active.number()));
    let window = PrefaultWindow::new(Arc::new(NoSpace), None, active.file_len());
    let buffer = SegmentBuffer::new(identity, active.file_len(), Some(window));
    buffer.begin(1, 0);
    // No write, however short, is expected: it would fail.
    let (file, left) = cut_short(active.file(), 0);
    log.set_active(active.replaced(&Arc::new(buffer), file));
    let follower = run
        .appender()
        .group
        .join(KIND, NO_SESSION, b"no room for it");
    run.appender().write_group(&mut log);
    assert_eq!(follower.outcome(), WriteOutcome::Alone);
    // Another thread may store there by now.
    assert_eq!(*left.lock().unwrap(), Some(0));
    assert!(!log.active().tail().is_locked);
    log.set_active(active);
}

/// A mapping whose file system is full.
#[derive(Debug)]
struct NoSpace;

impl MappedRegion for NoSpace {
    fn write(&self, _offset: u64, _bytes: &[u8]) {}

    fn commit(&self, _offset: u64, _word: u64) {}

    fn word(&self, _offset: u64) -> u64 {
        0
    }

    fn make_writable(&self, _from: u64, _to: u64) -> io::Result<()> {
        Err(io::ErrorKind::StorageFull.into())
    }
}

/// A file of whose next write only so many bytes arrive; what of that is still to come.
fn cut_short(
    file: &Arc<dyn StorageFile>,
    len: usize,
) -> (Arc<dyn StorageFile>, Arc<Mutex<Option<usize>>>) {
    let left = Arc::new(Mutex::new(Some(len)));
    let taken = Arc::clone(&left);
    let write = move |file: &dyn StorageFile, bytes: &[u8], offset| {
        let Some(len) = taken.lock().unwrap().take() else {
            return file.write_at(bytes, offset);
        };
        file.write_at(&bytes[..len], offset)?;
        Err(io::ErrorKind::StorageFull.into())
    };
    (Meddled::file(file, write), left)
}
