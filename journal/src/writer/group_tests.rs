//! Unit tests of records that are written together.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io;
use std::sync::{Arc, Mutex};

use super::group::Fate;
use super::segment::Segment;
use super::tests::{KIND, frames, open, positioned};
use crate::format::RecordKind;
use crate::storage::{Lock, LockOutcome, StorageFile};

#[test]
fn records_left_while_the_lane_is_taken_are_each_written_once() {
    for is_held in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let core = open(dir.path(), positioned());
        let mut lane = core.lock_lane();
        let mut seqs = std::thread::scope(|scope| {
            let core = &core;
            let append = |len| scope.spawn(move || (core.append(KIND, 0, &vec![7; len]), len));
            let threads = [10, 20, 30].map(append);
            while core.group.members() < 3 {
                std::thread::yield_now();
            }
            if is_held {
                // As after a write that failed: none of them can be written here.
                lane.active.reserve.hold(0, u64::MAX);
            }
            core.write_group(&mut lane);
            drop(lane);
            let seqs = threads.map(|thread| thread.join().unwrap());
            seqs.map(|(seq, len)| (KIND, u32::try_from(seq.unwrap().get()).unwrap(), len))
        });
        core.close(None).unwrap();
        seqs.sort_unstable_by_key(|(_, seq, _)| *seq);
        let mut found = frames(&core, dir.path(), 1 + u32::from(is_held));
        found.retain(|(kind, ..)| *kind == KIND);
        assert_eq!(found, seqs);
        let first = frames(&core, dir.path(), 1);
        let in_first = first.iter().filter(|(kind, ..)| *kind == KIND).count();
        assert_eq!(in_first, if is_held { 0 } else { 3 });
    }
}

#[test]
fn nothing_is_left_of_records_that_could_not_be_written_together() {
    let dir = tempfile::tempdir().unwrap();
    let core = open(dir.path(), positioned());
    let kinds = |number| -> Vec<u8> {
        let found = frames(&core, dir.path(), number);
        found.iter().map(|frame| frame.0.0).collect()
    };
    let mut lane = core.lock_lane();
    let before = kinds(1);
    let active = Arc::clone(&lane.active);
    lane.active = Arc::new(Segment {
        control: Arc::clone(active.control()),
        name: active.name.clone(),
        file: Arc::new(CutShort {
            inner: Arc::clone(&active.file),
            // The first of the two frames is there, and a part of the second.
            left: Mutex::new(Some(40)),
        }),
    });
    let members = [b"one here", b"and two "].map(|payload| core.group.join(KIND, 0, payload));
    core.write_group(&mut lane);
    for member in members {
        assert_eq!(member.fate(), Fate::Alone);
    }
    assert_eq!(kinds(1), before);
    drop(lane);
    core.append(KIND, 0, b"and another").unwrap();
    assert_eq!(kinds(2)[..2], [RecordKind::SEGMENT_START.0, KIND.0]);
    core.close(None).unwrap();
}

/// A file of which one write is cut short, after so many bytes, on a full disk.
#[derive(Debug)]
struct CutShort {
    inner: Arc<dyn StorageFile>,
    left: Mutex<Option<usize>>,
}

impl StorageFile for CutShort {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        match self.left.lock().unwrap().take() {
            None => self.inner.write_at(bytes, offset),
            Some(len) => {
                self.inner.write_at(&bytes[..len], offset)?;
                Err(io::ErrorKind::StorageFull.into())
            }
        }
    }

    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.inner.read_at(buffer, offset)
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.inner.allocate(len)
    }

    fn sync(&self, from: u64, to: u64) -> io::Result<()> {
        self.inner.sync(from, to)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.inner.set_len(len)
    }

    fn drop_cache(&self, from: u64, to: u64) -> io::Result<()> {
        self.inner.drop_cache(from, to)
    }

    fn is_linked(&self) -> io::Result<bool> {
        self.inner.is_linked()
    }

    fn try_lock(&self, lock: Lock) -> io::Result<LockOutcome> {
        self.inner.try_lock(lock)
    }
}
