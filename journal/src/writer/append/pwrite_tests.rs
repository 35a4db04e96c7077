//! Unit tests of records that come into a mapped segment by positioned writes because they are
//! waited for.

use std::time::Duration;

use crate::settings::WriterSettings;
use crate::writer::testing::{KIND, frames, mapped, open, stepped};

#[test]
fn a_record_waited_for_alone_is_positioned_and_more_of_them_are_stored() {
    let dir = tempfile::tempdir().unwrap();
    let settings = WriterSettings {
        sync_interval: Duration::from_secs(3600),
        ..mapped()
    };
    let run = open(dir.path(), settings);
    let is_writable = || run.syncer().segments().active().writable_to() > 0;
    assert!(is_writable());
    for round in 0..4 {
        let seq = run.append(KIND, None, b"alone").unwrap();
        run.syncer().wait_durable(seq, None).unwrap();
        // The first one had the beginning of the run before it; the next ones were alone.
        assert_eq!(is_writable(), round == 0);
    }
    for _ in 0..3 {
        run.append(KIND, None, b"one of many").unwrap();
    }
    assert!(is_writable());
    run.sync(None).unwrap();
    // That sync was for more than one record.
    assert!(is_writable());
    let found = frames(&run, dir.path(), 1);
    let dense: Vec<u32> = (1..).take(found.len()).collect();
    assert_eq!(found.iter().map(|frame| frame.1).collect::<Vec<_>>(), dense);
    let kinds = found.iter().map(|frame| frame.0.0);
    let without_marks: Vec<u8> = kinds.filter(|kind| *kind != 3).collect();
    assert_eq!(without_marks, [1, 4, 200, 200, 200, 200, 200, 200, 200]);
    run.close(None).unwrap();
}

#[test]
fn records_that_many_wait_for_are_positioned_unless_there_are_others() {
    let dir = tempfile::tempdir().unwrap();
    let run = open(dir.path(), stepped());
    // What the run begins with is not waited for.
    run.syncer().step_sync();
    for (appended, expected) in [(3, true), (4, false), (3, true), (2, true)] {
        for _ in 0..appended {
            run.append(KIND, None, b"record").unwrap();
        }
        for _ in 0..3 {
            run.syncer().queue().join();
        }
        run.syncer().step_sync();
        assert_eq!(
            run.syncer().segments().active().is_positioned(),
            expected,
            "{appended}"
        );
    }
}

#[test]
fn what_is_stored_between_two_positioned_writes_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let run = open(dir.path(), stepped());
    let segment = run.syncer().segments().active();
    segment.expect_waited_appends(9);
    run.append(KIND, None, b"positioned").unwrap();
    // An appender that found the pages writable before has taken room.
    let stored = segment.frame(KIND, 0, b"stored");
    let start = segment
        .atomic_tail()
        .reserve(1, stored.frame_len(), u64::MAX);
    run.append(KIND, None, b"positioned").unwrap();
    run.syncer().step_sync();
    let durable = || run.syncer().durable().unwrap().get();
    assert_eq!(durable(), segment.seq_at(start.unwrap()) - 1);
    segment.store(&stored, start.unwrap());
    run.syncer().step_sync();
    assert!(durable() > segment.seq_at(start.unwrap()));
    run.close(None).unwrap();
}
