//! Unit tests of a run being written, on a real directory.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use super::run::lock;
use super::{ErrorHook, ErrorLog, OpenRun, RunWriter, WhenDurable};
use crate::error::Error;
use crate::format::{FRAMES_OFFSET, FileName, FrameHeader, FrameSeed, RecordKind};
use crate::seq::{Generation, SegmentNumber};
use crate::settings::{WriteMode, WriterSettings};
use crate::storage::DiskStorage;
use crate::writer::sync::schedule::SyncAction;
use crate::writer::sync::syncer::{FAST_SYNC, MANY, SLEEPY_SYNCS, SyncState};
use crate::writer::waiters::LENT_LONG;

pub(super) const KIND: RecordKind = RecordKind(200);

pub(super) fn open(dir: &Path, settings: WriterSettings) -> Arc<RunWriter> {
    let open = OpenRun {
        storage: Arc::new(DiskStorage::open(dir).unwrap()),
        settings,
        errors: Arc::new(ErrorLog::new(None)),
        generation: Generation(1),
        known: crate::recovery::neighbours::KnownRuns::default(),
        unverified: Vec::new(),
        recovers: false,
    };
    open.open().unwrap()
}

/// Kind and sequence number of all frames of a segment up to the first place without one.
pub(super) fn frames(core: &RunWriter, dir: &Path, number: u32) -> Vec<(RecordKind, u32, usize)> {
    let number = SegmentNumber(number);
    let name = FileName::Segment(core.run(), number).to_string();
    let bytes = std::fs::read(dir.join(name)).unwrap();
    let seed = FrameSeed::new(core.run(), number);
    let mut offset = usize::try_from(FRAMES_OFFSET).unwrap();
    let mut found = Vec::new();
    while let Some(header) = bytes[offset..].first_chunk::<16>() {
        let Ok(header) = FrameHeader::decode(*header) else {
            break;
        };
        let len = usize::try_from(header.payload_len).unwrap();
        let payload = &bytes[offset + 16..offset + 16 + len];
        assert!(header.fits(seed, u64::try_from(offset).unwrap(), payload));
        found.push((header.kind, header.seq_low, len));
        offset += usize::try_from(header.frame_len()).unwrap();
    }
    found
}

pub(super) fn positioned() -> WriterSettings {
    WriterSettings {
        write_mode: WriteMode::Positioned,
        ..WriterSettings::default()
    }
}

pub(super) fn mapped() -> WriterSettings {
    WriterSettings {
        write_mode: WriteMode::Mapped,
        ..WriterSettings::default()
    }
}

#[test]
fn a_closed_run_ends_in_run_close_and_seal_and_leaves_no_sign_of_life() {
    for mode in [positioned(), mapped()] {
        let dir = tempfile::tempdir().unwrap();
        let core = open(dir.path(), mode);
        let seq = core.append(KIND, 0, b"first").unwrap();
        core.wait_durable(seq, None).unwrap();
        core.close(None).unwrap();
        let found = frames(&core, dir.path(), 1);
        let kinds: Vec<u8> = found.iter().map(|frame| frame.0.0).collect();
        assert_eq!(kinds, [1, 4, 200, 3, 5, 2]);
        let dense: Vec<u32> = (1..=6).collect();
        assert_eq!(found.iter().map(|frame| frame.1).collect::<Vec<_>>(), dense);
        // The segment and its cache.
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
        assert!(matches!(core.append(KIND, 0, b"late"), Err(Error::Closed)));
        core.close(None).unwrap();
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
        let core = open(dir.path(), settings);
        let large = vec![7; 3 << 20];
        core.append(KIND, 0, b"small").unwrap();
        core.append(KIND, 0, &large).unwrap();
        core.append(KIND, 0, b"small").unwrap();
        core.sync().unwrap();
        core.close(None).unwrap();
        let second = frames(&core, dir.path(), 2);
        assert_eq!(second[1], (KIND, 6, 3 << 20));
        assert_eq!(
            frames(&core, dir.path(), 1).last().unwrap().0,
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
        let core = open(dir.path(), settings);
        // The smallest frames leave no room that is not kept.
        for _ in 0..2000 {
            core.append(KIND, 0, b"").unwrap();
        }
        core.close(None).unwrap();
        for number in 1..4 {
            let name = FileName::Segment(core.run(), SegmentNumber(number)).to_string();
            let len = std::fs::metadata(dir.path().join(name)).unwrap().len();
            assert!(len <= 16 << 10, "segment {number}: {len} bytes");
            let found = frames(&core, dir.path(), number);
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
        let core = open(dir.path(), settings);
        std::thread::scope(|scope| {
            for thread in 0..8_u8 {
                let core = &core;
                scope.spawn(move || {
                    let session = core.session_index(&format!("s{thread}")).unwrap();
                    for round in 0..500_usize {
                        let seq = core
                            .append(KIND, session, &vec![thread; round % 700])
                            .unwrap();
                        if round % 100 == 0 {
                            core.wait_durable(seq, None).unwrap();
                        }
                    }
                });
            }
        });
        core.close(None).unwrap();
        let last = core.facts().segment.0;
        assert!(last > 20);
        let (mut records, mut last_seq) = (0, 0);
        for number in 1..=last {
            let found = frames(&core, dir.path(), number);
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

#[test]
fn a_removed_directory_poisons_the_run_and_wakes_waiters() {
    for mode in [positioned(), mapped()] {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("journal");
        std::fs::create_dir(&dir).unwrap();
        let core = open(&dir, mode);
        let durable = core.sync().unwrap();
        std::fs::remove_dir_all(&dir).unwrap();
        let seq = core.append(KIND, 0, b"lost").unwrap();
        assert!(matches!(
            core.wait_durable(seq, None),
            Err(Error::Poisoned { .. })
        ));
        assert!(matches!(
            core.append(KIND, 0, b"more"),
            Err(Error::Poisoned { .. })
        ));
        core.wait_durable(durable, None).unwrap();
        assert!(matches!(core.close(None), Err(Error::Poisoned { .. })));
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
        let core = open(dir.path(), settings);
        assert!(matches!(
            core.append(KIND, 0, &[0; 11]),
            Err(Error::LimitExceeded { .. })
        ));
        core.append(KIND, 0, &[0; 10]).unwrap();
        core.close(None).unwrap();
        let kinds: Vec<u8> = frames(&core, dir.path(), 1)
            .iter()
            .map(|frame| frame.0.0)
            .collect();
        assert_eq!(kinds[..4], [1, 4, 8, 200]);
    }
}

/// Nothing is synced but by the test.
pub(super) fn stepped() -> WriterSettings {
    WriterSettings {
        is_stepped: true,
        ..mapped()
    }
}

#[test]
fn what_follows_a_waiters_sync_waits_no_longer_than_the_interval() {
    let dir = tempfile::tempdir().unwrap();
    let core = open(dir.path(), stepped());
    let mut state = SyncState::default();
    let at = Duration::from_millis;
    core.append(KIND, 0, b"waited for").unwrap();
    core.observe(&mut state, at(0));
    core.run_sync(&mut state, at(1));
    state.helped_at = Some(at(1));
    core.append(KIND, 0, b"not waited for").unwrap();
    let rest = SyncAction::Sleep(Some(at(2)));
    assert_eq!(core.observe(&mut state, at(49)), rest);
    assert_eq!(core.observe(&mut state, at(51)), SyncAction::Sync);
}

#[test]
fn staying_awake_is_for_many_with_a_fast_device_on_free_processors() {
    let dir = tempfile::tempdir().unwrap();
    let core = open(dir.path(), stepped());
    let mut state = SyncState::default();
    let mut is_awake_after = |sync_time, awaited| {
        state.awaited = awaited;
        core.set_awake(&mut state, sync_time);
        core.waiters.awake() > Duration::ZERO
    };
    assert!(!is_awake_after(2 * FAST_SYNC, MANY));
    assert!(!is_awake_after(FAST_SYNC, MANY - 1));
    assert!(is_awake_after(FAST_SYNC, MANY));
    assert!(!core.waiters.is_lent_long(LENT_LONG / 2));
    assert!(is_awake_after(FAST_SYNC, MANY));
    assert!(core.waiters.is_lent_long(LENT_LONG));
    for _ in 0..SLEEPY_SYNCS {
        assert!(!is_awake_after(FAST_SYNC, MANY));
    }
    assert!(is_awake_after(FAST_SYNC, MANY));
}

/// Notes, when woken, what the run's last record is.
#[derive(Debug)]
struct Woken(Arc<RunWriter>, OnceLock<u64>);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        let _ = self.1.set(self.0.written());
    }
}

#[test]
fn what_is_durable_is_on_record_before_anybody_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let core = open(dir.path(), stepped());
    let seq = core.append(KIND, 0, b"waited for").unwrap();
    let woken = Arc::new(Woken(Arc::clone(&core), OnceLock::new()));
    let waker = Waker::from(Arc::clone(&woken));
    let mut durable = WhenDurable::new(Ok(Arc::clone(&core)), seq);
    let polled = Pin::new(&mut durable).poll(&mut Context::from_waker(&waker));
    assert!(polled.is_pending());
    core.step_sync();
    // The sync mark is the one behind it.
    assert_eq!(woken.1.get(), Some(&(seq.get() + 1)));
}

#[test]
fn what_was_written_during_a_sync_is_on_record_after_the_next_one() {
    let dir = tempfile::tempdir().unwrap();
    let core = open(dir.path(), stepped());
    let mut state = SyncState::default();
    let now = Duration::ZERO;
    core.run_sync(&mut state, now);
    core.append(KIND, 0, b"before it").unwrap();
    core.sync_written(&mut state).unwrap();
    core.append(KIND, 0, &[7; 100 << 10]).unwrap();
    core.write_mark(&mut state, now);
    let written = core.written();
    core.run_sync(&mut state, now);
    assert_eq!(core.written(), written + 1);
    // And is no reason for another one.
    core.append(KIND, 0, &[7; 60 << 10]).unwrap();
    core.run_sync(&mut state, now);
    assert_eq!(core.written(), written + 2);
}

#[test]
fn the_error_hook_may_close_while_a_waiter_syncs() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("gone");
    std::fs::create_dir(&dir).unwrap();
    let (opened, closed) = <(Arc<OnceLock<Arc<RunWriter>>>, Arc<OnceLock<_>>)>::default();
    let hook: ErrorHook = {
        let (opened, closed) = (Arc::clone(&opened), Arc::clone(&closed));
        Box::new(move |_| {
            let _ = closed.set(opened.get().unwrap().close(None));
        })
    };
    let open = OpenRun {
        storage: Arc::new(DiskStorage::open(&dir).unwrap()),
        settings: mapped(),
        errors: Arc::new(ErrorLog::new(Some(hook))),
        generation: Generation(1),
        known: crate::recovery::neighbours::KnownRuns::default(),
        unverified: Vec::new(),
        recovers: false,
    };
    let core = open.open().unwrap();
    opened.set(Arc::clone(&core)).unwrap();
    let seq = core.append(KIND, 0, b"lost").unwrap();
    std::fs::remove_dir_all(&dir).unwrap();
    assert!(matches!(
        core.wait_durable(seq, None),
        Err(Error::Poisoned { .. })
    ));
    assert!(matches!(closed.wait(), Err(Error::Poisoned { .. })));
}

#[test]
fn a_waiter_that_syncs_is_left_alone_until_somebody_asks_for_more() {
    let dir = tempfile::tempdir().unwrap();
    let core = open(dir.path(), stepped());
    assert_eq!(core.sync_led_by_waiter(), None);
    let this = std::thread::current().id();
    let began = core.now();
    *lock(&core.helper) = Some((this, began));
    let left = core.sync_led_by_waiter();
    assert!(left.is_some_and(|left| left <= Duration::from_millis(50)));
    core.bell.want_sync();
    assert_eq!(core.sync_led_by_waiter(), None);
    core.bell.take_wants_sync();
    assert!(core.sync_led_by_waiter().is_some());
    let long_ago = began.saturating_sub(Duration::from_secs(60));
    *lock(&core.helper) = Some((this, long_ago));
    assert_eq!(core.sync_led_by_waiter(), None);
    *lock(&core.helper) = None;
    core.close(None).unwrap();
}

#[test]
fn what_is_appended_while_a_waiter_syncs_is_dirty_since_that_sync_began() {
    let dir = tempfile::tempdir().unwrap();
    let core = open(dir.path(), stepped());
    core.step_sync();
    let mut was_left = false;
    let calm = core.now();
    core.observe(&mut core.lock_sync_state(&mut was_left).unwrap(), calm);
    {
        let mut state = lock(&core.sync);
        *lock(&core.helper) = Some((std::thread::current().id(), core.now()));
        // Instead of the time that would pass.
        core.bell.ring();
        assert!(core.lock_sync_state(&mut was_left).is_none());
        *lock(&core.helper) = None;
        state.helped_at = Some(calm);
    }
    core.append(KIND, 0, b"waited for by nobody").unwrap();
    let mut state = core.lock_sync_state(&mut was_left).unwrap();
    core.observe(&mut state, calm + Duration::from_millis(40));
    assert_eq!(state.dirty_since, Some(calm));
    drop(state);
    core.close(None).unwrap();
}
