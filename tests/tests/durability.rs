//! Promises: durable, polite. What `wait_durable` and `sync` acknowledge, what `open` recovers.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use trace_journal::{Error, Journal, OnBacklog, UserKind};

fn kind() -> UserKind {
    UserKind::new(200).unwrap()
}

fn names(dir: &std::path::Path) -> Vec<String> {
    let listed = std::fs::read_dir(dir).unwrap();
    let mut names: Vec<_> = listed
        .map(|found| found.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn an_acknowledged_record_is_below_the_watermark() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path()).unwrap();
    let seq = journal.append(kind(), b"one").unwrap();
    journal.wait_durable(seq).unwrap();
    assert!(journal.durable().unwrap() >= seq);
    let later = journal.append(kind(), b"two").unwrap();
    assert_eq!(journal.sync().unwrap(), journal.durable().unwrap());
    journal
        .wait_durable_timeout(later, Duration::from_secs(60))
        .unwrap();
    journal.close().unwrap();
    assert!(matches!(
        journal.append(kind(), b"three"),
        Err(Error::Closed)
    ));
    journal.wait_durable(later).unwrap();
}

#[test]
fn waiting_for_a_number_that_was_never_given_out_fails() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path()).unwrap();
    let seq = journal.append(kind(), b"one").unwrap();
    let never = (0..1000).fold(seq, |seq, _| seq.next());
    assert!(matches!(
        journal.wait_durable(never),
        Err(Error::UnknownSeq { .. })
    ));
}

#[test]
fn a_future_resolves_when_the_record_is_durable() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path()).unwrap();
    let seq = journal.append(kind(), b"one").unwrap();
    journal_tests::block_on(journal.when_durable(seq)).unwrap();
    assert!(journal.durable().unwrap() >= seq);
}

#[test]
fn a_full_backlog_is_an_error_or_a_wait_as_the_option_says() {
    let dir = tempfile::tempdir().unwrap();
    let options = || {
        Journal::options()
            .backlog_bytes_max(4096)
            .sync_interval(Duration::from_secs(3600))
    };
    let failing = options()
        .on_backlog(OnBacklog::Fail)
        .open(dir.path().join("a"))
        .unwrap();
    failing.sync().unwrap();
    let refused = (0..100).find_map(|_| failing.append(kind(), [0; 512]).err());
    assert!(matches!(refused, Some(Error::Backlog { .. })));
    let patient = OnBacklog::Wait(Duration::from_secs(60));
    let waiting = options()
        .on_backlog(patient)
        .open(dir.path().join("b"))
        .unwrap();
    for _ in 0..100 {
        waiting.append(kind(), [0; 512]).unwrap();
    }
}

#[test]
fn closing_leaves_segments_with_caches_and_a_later_open_finds_nothing_to_recover() {
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..3 {
        let journal = Journal::open(dir.path()).unwrap();
        journal.append(kind(), b"one").unwrap();
        journal.close().unwrap();
    }
    let names = names(dir.path());
    assert_eq!(names.len(), 6);
    for pair in names.chunks(2) {
        assert!(pair[0].ends_with("-000001.idx"), "{names:?}");
        assert!(pair[1].ends_with("-000001.seg"), "{names:?}");
    }
    assert!(names[4].starts_with("00000003-"));
}

#[test]
fn dropping_the_last_clone_closes() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path()).unwrap();
    drop(journal.clone());
    journal.append(kind(), b"one").unwrap();
    drop(journal);
    let names = names(dir.path());
    assert!(
        !names.iter().any(|name| name.ends_with(".run")),
        "{names:?}"
    );
}
