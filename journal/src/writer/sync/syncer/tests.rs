//! Unit tests of syncs, on a real directory.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use crate::format::{DurablePlace, FileName, FrameHeader, RecordKind, RunText};
use crate::settings::{WriteMode, WriterSettings};
use crate::writer::RunWriter;
use crate::writer::sync::schedule::SyncAction;
use crate::writer::sync::steps::SyncState;
use crate::writer::testing::{KIND, frames, open, stepped};

#[test]
fn what_follows_a_waiters_sync_waits_no_longer_than_the_interval() {
    let dir = tempfile::tempdir().unwrap();
    let run = open(dir.path(), stepped());
    let mut state = SyncState::default();
    let at = Duration::from_millis;
    run.append(KIND, None, b"waited for").unwrap();
    run.syncer().steps().observe(&mut state, at(0));
    run.syncer().steps().run_sync(&mut state, at(1));
    state.led_at = Some(at(1));
    run.append(KIND, None, b"not waited for").unwrap();
    let rest = SyncAction::Sleep(Some(at(2)));
    assert_eq!(run.syncer().steps().observe(&mut state, at(49)), rest);
    assert_eq!(
        run.syncer().steps().observe(&mut state, at(51)),
        SyncAction::Sync
    );
}

#[test]
fn what_was_written_during_a_sync_is_on_record_after_the_next_one() {
    let dir = tempfile::tempdir().unwrap();
    let run = open(dir.path(), stepped());
    let mut state = SyncState::default();
    let now = Duration::ZERO;
    run.syncer().steps().run_sync(&mut state, now);
    run.append(KIND, None, b"before it").unwrap();
    run.syncer().steps().sync_written(&mut state).unwrap();
    run.append(KIND, None, &[7; 100 << 10]).unwrap();
    run.syncer().steps().write_mark(&mut state, now);
    let written = run.syncer().segments().written();
    run.syncer().steps().run_sync(&mut state, now);
    assert_eq!(run.syncer().segments().written(), written + 1);
    // And is no reason for another one.
    run.append(KIND, None, &[7; 60 << 10]).unwrap();
    run.syncer().steps().run_sync(&mut state, now);
    assert_eq!(run.syncer().segments().written(), written + 2);
}

/// The place that the `.run` file notes.
fn noted(run: &RunWriter, dir: &Path) -> DurablePlace {
    let text = std::fs::read(dir.join(FileName::Run(run.run()).to_string()));
    let text = text.expect("a live run has its file");
    let noted = RunText::parse(run.run(), &text).durable;
    noted.expect("something was synced")
}

#[test]
fn the_last_record_of_a_sync_is_noted_however_it_was_written() {
    for write_mode in [WriteMode::Mapped, WriteMode::Positioned] {
        let dir = tempfile::tempdir().unwrap();
        let settings = WriterSettings {
            write_mode,
            segment_bytes_max: 16 << 10,
            ..stepped()
        };
        let run = open(dir.path(), settings);
        for count in 1..30_usize {
            if count % 3 == 0 {
                // Then the next ones come by positioned writes in a mapped segment, too.
                run.syncer().segments().active().expect_waited_appends(2);
            }
            for at in 0..count {
                run.append(KIND, None, &vec![7; 100 * at]).unwrap();
            }
            run.syncer().step_sync();
            let place = noted(&run, dir.path());
            assert!(place.seq >= run.syncer().durable().unwrap().get());
            let name = FileName::Segment(run.run(), place.segment).to_string();
            let bytes = std::fs::read(dir.path().join(name)).unwrap();
            let offset = usize::try_from(place.offset).unwrap();
            let header = bytes[offset..].first_chunk::<16>().unwrap();
            let header = FrameHeader::decode(*header).unwrap();
            assert_eq!(u64::from(header.seq_low), place.seq, "{write_mode:?}");
        }
        run.close(None).unwrap();
    }
}

#[test]
fn at_rest_a_mark_tells_of_all_records_behind_the_one_before() {
    let dir = tempfile::tempdir().unwrap();
    let run = open(dir.path(), stepped());
    let mut state = SyncState::default();
    let at = Duration::from_secs;
    let steps = run.syncer().steps();
    run.append(KIND, None, b"waited for").unwrap();
    // It leaves a mark, which tells of all before it.
    steps.run_sync(&mut state, at(1));
    // They come too soon for another.
    run.append(KIND, None, b"waited for").unwrap();
    let last = run.append(KIND, None, b"waited for").unwrap();
    steps.run_sync(&mut state, at(1));
    steps.observe(&mut state, at(1));
    assert_eq!(steps.observe(&mut state, at(3)), SyncAction::Witness);
    steps.execute(&mut state, SyncAction::Witness, at(3));
    let (kind, seq, _) = *frames(&run, dir.path(), 1).last().unwrap();
    assert_eq!(kind, RecordKind::SYNC_MARK);
    assert_eq!(u64::from(seq), last.get() + 1);
    // Which is durable, and enough.
    assert_eq!(run.syncer().durable(), Some(last.next()));
    steps.execute(&mut state, SyncAction::Witness, at(5));
    assert_eq!(run.syncer().segments().written(), last.get() + 1);
    run.close(None).unwrap();
}

#[test]
fn a_waiter_that_syncs_is_left_alone_until_more_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let run = open(dir.path(), stepped());
    assert_eq!(run.syncer().sync_led_by_waiter(), None);
    let began = run.constants().now();
    run.syncer().lead.begin(began);
    let left = run.syncer().sync_led_by_waiter();
    assert!(left.is_some_and(|left| left <= Duration::from_millis(50)));
    run.signals().syncer().want_sync();
    assert_eq!(run.syncer().sync_led_by_waiter(), None);
    run.signals().syncer().take_wants_sync();
    assert!(run.syncer().sync_led_by_waiter().is_some());
    let long_ago = began.saturating_sub(Duration::from_secs(60));
    run.syncer().lead.begin(long_ago);
    assert_eq!(run.syncer().sync_led_by_waiter(), None);
    run.syncer().lead.end();
    run.close(None).unwrap();
}

#[test]
fn what_is_appended_while_a_waiter_syncs_is_dirty_since_that_sync_began() {
    let dir = tempfile::tempdir().unwrap();
    let run = open(dir.path(), stepped());
    run.syncer().step_sync();
    let mut was_left = false;
    let calm = run.constants().now();
    run.syncer().steps().observe(
        &mut run.syncer().lock_sync_state(&mut was_left).unwrap(),
        calm,
    );
    {
        let mut state = run.syncer().lock_state();
        run.syncer().lead.begin(run.constants().now());
        // Instead of the time that would pass.
        run.signals().syncer().notify();
        assert!(run.syncer().lock_sync_state(&mut was_left).is_none());
        run.syncer().lead.end();
        state.led_at = Some(calm);
    }
    run.append(KIND, None, b"waited for by nobody").unwrap();
    let mut state = run.syncer().lock_sync_state(&mut was_left).unwrap();
    run.syncer()
        .steps()
        .observe(&mut state, calm + Duration::from_millis(40));
    assert_eq!(state.dirty_since, Some(calm));
    drop(state);
    run.close(None).unwrap();
}

#[test]
fn a_sync_notes_an_appender_that_has_room_and_does_not_fill_it() {
    let dir = tempfile::tempdir().unwrap();
    let run = open(dir.path(), stepped());
    let segment = run.syncer().segments().active();
    let behind = || run.syncer().steps().held_up_behind();
    let last = run.append(KIND, None, b"record").unwrap().get();
    let frame = segment.frame(KIND, 0, b"slow");
    let start = segment
        .atomic_tail()
        .reserve(1, frame.frame_len(), u64::MAX);
    run.append(KIND, None, b"behind it").unwrap();
    run.syncer().step_sync();
    assert_eq!(behind(), Some(last));
    segment.store(&frame, start.unwrap());
    run.syncer().step_sync();
    assert_eq!(behind(), None);
    run.close(None).unwrap();
}

#[test]
fn a_sync_waits_for_no_thread_that_has_the_log() {
    for write_mode in [WriteMode::Mapped, WriteMode::Positioned] {
        let dir = tempfile::tempdir().unwrap();
        let settings = WriterSettings {
            write_mode,
            ..stepped()
        };
        let run = open(dir.path(), settings);
        let seq = run.append(KIND, None, b"record").unwrap();
        let log = run.appender().lock_log();
        let (tell, told) = channel();
        let other = Arc::clone(&run);
        std::thread::spawn(move || tell.send(other.syncer().wait_durable(seq, None)));
        let durable = told.recv_timeout(TEST_PATIENCE);
        durable.expect("the sync ends").unwrap();
        drop(log);
        run.close(None).unwrap();
    }
}

/// A sync takes milliseconds, unless it never ends.
const TEST_PATIENCE: Duration = Duration::from_secs(10);
