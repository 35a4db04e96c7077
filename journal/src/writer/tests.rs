//! Unit tests of a run being written, on a real directory.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Wake, Waker};

use super::testing::{KIND, frames, mapped, open, positioned, stepped};
use super::{ErrorHook, ErrorLog, OpenRun, RunWriter, WhenDurable};
use crate::error::Error;
use crate::format::{FileName, RecordKind};
use crate::seq::{Generation, SegmentNumber};
use crate::settings::WriterSettings;
use crate::storage::DiskStorage;

#[test]
fn a_closed_run_ends_in_run_close_and_seal_and_leaves_no_sign_of_life() {
    for mode in [positioned(), mapped()] {
        let dir = tempfile::tempdir().unwrap();
        let run = open(dir.path(), mode);
        let seq = run.append(KIND, None, b"first").unwrap();
        run.syncer().wait_durable(seq, None).unwrap();
        run.close(None).unwrap();
        let found = frames(&run, dir.path(), 1);
        let kinds: Vec<u8> = found.iter().map(|frame| frame.0.0).collect();
        assert_eq!(kinds, [1, 4, 200, 3, 5, 2]);
        let dense: Vec<u32> = (1..=6).collect();
        assert_eq!(found.iter().map(|frame| frame.1).collect::<Vec<_>>(), dense);
        // The segment and its cache.
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
        assert!(matches!(
            run.append(KIND, None, b"late"),
            Err(Error::Closed)
        ));
        run.close(None).unwrap();
    }
}

#[test]
fn records_larger_than_a_segment_get_one_of_their_own() {
    for mode in [positioned(), mapped()] {
        let dir = tempfile::tempdir().unwrap();
        let settings = WriterSettings {
            segment_bytes_max: 64 << 10,
            ..mode
        };
        let run = open(dir.path(), settings);
        let large = vec![7; 3 << 20];
        run.append(KIND, None, b"small").unwrap();
        run.append(KIND, None, &large).unwrap();
        run.append(KIND, None, b"small").unwrap();
        run.sync(None).unwrap();
        run.close(None).unwrap();
        let second = frames(&run, dir.path(), 2);
        assert_eq!(second[1], (KIND, 6, 3 << 20));
        assert_eq!(
            frames(&run, dir.path(), 1).last().unwrap().0,
            RecordKind::SEAL
        );
    }
}

#[test]
fn a_full_segment_has_room_for_its_seal() {
    for mode in [positioned(), mapped()] {
        let dir = tempfile::tempdir().unwrap();
        let settings = WriterSettings {
            segment_bytes_max: 16 << 10,
            ..mode
        };
        let run = open(dir.path(), settings);
        // The smallest frames leave no room that is not kept.
        for _ in 0..2000 {
            run.append(KIND, None, b"").unwrap();
        }
        run.close(None).unwrap();
        for number in 1..4 {
            let name = FileName::Segment(run.run(), SegmentNumber(number)).to_string();
            let len = std::fs::metadata(dir.path().join(name)).unwrap().len();
            assert!(len <= 16 << 10, "segment {number}: {len} bytes");
            let found = frames(&run, dir.path(), number);
            assert_eq!(found.last().unwrap().0, RecordKind::SEAL);
        }
    }
}

#[test]
fn many_threads_rotating_leave_dense_sequences() {
    for mode in [positioned(), mapped()] {
        let dir = tempfile::tempdir().unwrap();
        let settings = WriterSettings {
            segment_bytes_max: 32 << 10,
            ..mode
        };
        let run = open(dir.path(), settings);
        std::thread::scope(|scope| {
            for thread in 0..8_u8 {
                let run = &run;
                scope.spawn(move || {
                    let session = run.session(&format!("s{thread}")).unwrap();
                    for round in 0..500_usize {
                        let seq = run
                            .append(KIND, Some(&session), &vec![thread; round % 700])
                            .unwrap();
                        if round % 100 == 0 {
                            run.syncer().wait_durable(seq, None).unwrap();
                        }
                    }
                });
            }
        });
        run.close(None).unwrap();
        let last = run.status().segment.0;
        assert!(last > 20);
        let (mut records, mut last_seq) = (0, 0);
        for number in 1..=last {
            let found = frames(&run, dir.path(), number);
            let seqs: Vec<u32> = found.iter().map(|frame| frame.1).collect();
            let behind = last_seq + u32::try_from(found.len()).unwrap();
            assert_eq!(seqs, (last_seq + 1..=behind).collect::<Vec<_>>());
            last_seq = behind;
            assert_eq!(found[0].0, RecordKind::SEGMENT_START);
            assert_eq!(found.last().unwrap().0, RecordKind::SEAL);
            records += found.iter().filter(|frame| frame.0 == KIND).count();
        }
        assert_eq!(records, 8 * 500);
    }
}

// Windows removes no directory that is in use.
#[cfg(unix)]
#[test]
fn a_removed_directory_poisons_the_run_and_wakes_waiters() {
    for mode in [positioned(), mapped()] {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("journal");
        std::fs::create_dir(&dir).unwrap();
        let run = open(&dir, mode);
        let durable = run.sync(None).unwrap();
        std::fs::remove_dir_all(&dir).unwrap();
        let seq = run.append(KIND, None, b"lost").unwrap();
        assert!(matches!(
            run.syncer().wait_durable(seq, None),
            Err(Error::Poisoned { .. })
        ));
        assert!(matches!(
            run.append(KIND, None, b"more"),
            Err(Error::Poisoned { .. })
        ));
        run.syncer().wait_durable(durable, None).unwrap();
        assert!(matches!(run.close(None), Err(Error::Poisoned { .. })));
    }
}

#[test]
fn an_oversized_record_is_refused_and_noted_before_the_next_one() {
    for mode in [positioned(), mapped()] {
        let dir = tempfile::tempdir().unwrap();
        let settings = WriterSettings {
            record_bytes_max: 10,
            ..mode
        };
        // The run's own records are larger than that, but they are the library's.
        let run = open(dir.path(), settings);
        assert!(matches!(
            run.append(KIND, None, &[0; 11]),
            Err(Error::LimitExceeded { .. })
        ));
        run.append(KIND, None, &[0; 10]).unwrap();
        run.close(None).unwrap();
        let kinds: Vec<u8> = frames(&run, dir.path(), 1)
            .iter()
            .map(|frame| frame.0.0)
            .collect();
        assert_eq!(kinds[..4], [1, 4, 8, 200]);
    }
}

/// Notes, when woken, what the run's last record is.
#[derive(Debug)]
struct Woken(Arc<RunWriter>, OnceLock<u64>);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        let _ = self.1.set(self.0.syncer().segments().written());
    }
}

#[test]
fn what_is_durable_is_on_record_before_anybody_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let run = open(dir.path(), stepped());
    let seq = run.append(KIND, None, b"waited for").unwrap();
    let woken = Arc::new(Woken(Arc::clone(&run), OnceLock::new()));
    let waker = Waker::from(Arc::clone(&woken));
    let mut durable = WhenDurable::new(Ok(Arc::clone(run.syncer())), seq);
    let polled = Pin::new(&mut durable).poll(&mut Context::from_waker(&waker));
    assert!(polled.is_pending());
    run.syncer().step_sync();
    // The sync mark is the one behind it.
    assert_eq!(woken.1.get(), Some(&(seq.get() + 1)));
}

#[test]
fn the_error_hook_may_close_while_a_waiter_syncs() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("gone");
    std::fs::create_dir(&dir).unwrap();
    let (opened, closed) = <(Arc<OnceLock<Arc<RunWriter>>>, Arc<OnceLock<_>>)>::default();
    let hook: ErrorHook = {
        let (opened, closed) = (Arc::clone(&opened), Arc::clone(&closed));
        Arc::new(move |_| {
            let _ = closed.set(opened.get().unwrap().close(None));
        })
    };
    let open = OpenRun {
        storage: Arc::new(DiskStorage::open(&dir).unwrap()),
        settings: mapped(),
        errors: Arc::new(ErrorLog::new(Some(hook))),
        generation: Generation(1),
        known: crate::recovery::other_runs::KnownRuns::default(),
        unverified: Vec::new(),
        recovers: false,
    };
    let run = open.open().unwrap();
    opened.set(Arc::clone(&run)).unwrap();
    let seq = run.append(KIND, None, b"lost").unwrap();
    std::fs::remove_dir_all(&dir).unwrap();
    assert!(matches!(
        run.syncer().wait_durable(seq, None),
        Err(Error::Poisoned { .. })
    ));
    assert!(matches!(closed.wait(), Err(Error::Poisoned { .. })));
}
