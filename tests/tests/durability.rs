//! Promises: durable, polite. What `wait_durable` and `sync` acknowledge, what `open` recovers.

use journal_tests::listing::names;
use journal_tests::workload::kind;
use std::time::Duration;

use trace_journal::{Error, Journal, OnBacklog, Reader, SpanStatus};

#[test]
fn an_acknowledged_record_is_below_the_watermark() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path()).unwrap();
    let seq = journal.append_raw(kind(), b"one").unwrap();
    journal.wait_durable(seq).unwrap();
    assert!(journal.durable().unwrap() >= seq);
    let later = journal.append_raw(kind(), b"two").unwrap();
    assert_eq!(journal.sync().unwrap(), journal.durable().unwrap());
    journal
        .wait_durable_timeout(later, Duration::from_secs(60))
        .unwrap();
    journal.close().unwrap();
    assert!(matches!(
        journal.append_raw(kind(), b"three"),
        Err(Error::Closed)
    ));
    journal.wait_durable(later).unwrap();
}

#[test]
fn waiting_for_a_number_that_was_never_given_out_fails() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path()).unwrap();
    let seq = journal.append_raw(kind(), b"one").unwrap();
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
    let seq = journal.append_raw(kind(), b"one").unwrap();
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
    let refused = (0..100).find_map(|_| failing.append_raw(kind(), [0; 512]).err());
    assert!(matches!(refused, Some(Error::Backlog { .. })));
    let patient = OnBacklog::Wait(Duration::from_secs(60));
    let waiting = options()
        .on_backlog(patient)
        .open(dir.path().join("b"))
        .unwrap();
    for _ in 0..100 {
        waiting.append_raw(kind(), [0; 512]).unwrap();
    }
}

#[test]
fn closing_leaves_segments_with_caches_and_a_later_open_finds_nothing_to_recover() {
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..3 {
        let journal = Journal::open(dir.path()).unwrap();
        journal.append_raw(kind(), b"one").unwrap();
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
fn a_long_run_is_listed_from_a_merged_cache_also_while_it_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let patient = OnBacklog::Wait(Duration::from_secs(60));
    let options = Journal::options().on_backlog(patient);
    let options = options
        .segment_bytes_max(16 << 10)
        .record_bytes_max(1 << 10);
    let journal = options.open(dir.path()).unwrap();
    let sessions: Vec<_> = (0..10)
        .map(|n| journal.session(format!("session {n}")).start())
        .collect();
    let is_merged = |name: &String| name.ends_with(".idx") && name.split('-').count() == 4;
    let merged = || names(dir.path()).into_iter().filter(is_merged).count();
    let mut rounds = 0;
    let mut open = Vec::new();
    while merged() < 2 {
        // One span ends at once, another one only when much has been written.
        let starts = sessions.iter().map(|session| session.span("late").start());
        for late in std::mem::replace(&mut open, starts.collect()) {
            late.finish().cost(0.25).end(SpanStatus::Ok);
        }
        for session in &sessions {
            let span = session.span("work").input("x".repeat(500)).start();
            span.finish().cost(0.5).end(SpanStatus::Ok);
        }
        journal.sync().unwrap();
        rounds += 1;
    }
    let live = Reader::summaries(dir.path()).unwrap().sessions;
    assert!(
        live.iter()
            .all(|row| row.spans == 1 + 2 * rounds && row.interrupted == 0)
    );
    for late in open {
        late.end(SpanStatus::Ok);
    }
    for session in sessions {
        session.end();
    }
    journal.close().unwrap();
    let told = Reader::summaries(dir.path()).unwrap().sessions;
    assert_eq!(told.len(), 10);
    let late = rounds - 1;
    for row in &told {
        assert_eq!((row.spans, row.interrupted), (1 + 2 * rounds, 0), "{row:?}");
        let cents = u32::try_from(50 * rounds + 25 * late).unwrap();
        assert_eq!(row.cost.as_f64(), f64::from(cents) / 100.0);
    }
    // Who has only the merged cache of all, the one of each segment, or none, lists the same.
    let of_all = |name: &String| is_merged(name) && name.contains("-000001-");
    let whole = names(dir.path()).into_iter().rfind(of_all).unwrap();
    assert!(merged() > 2, "{:?}", names(dir.path()));
    let remove = |is_gone: &dyn Fn(&String) -> bool| {
        for name in names(dir.path()).iter().filter(|name| is_gone(name)) {
            std::fs::remove_file(dir.path().join(name)).unwrap();
        }
        let mut rows = Reader::summaries(dir.path()).unwrap().sessions;
        // Whether a cache was believed is all that may differ.
        rows.iter_mut().for_each(|row| row.verified = false);
        assert_eq!(rows, told);
    };
    remove(&|name| name.ends_with(".idx") && *name != whole);
    remove(&|name| name.ends_with(".idx"));
}

#[test]
fn dropping_the_last_clone_closes() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path()).unwrap();
    drop(journal.clone());
    journal.append_raw(kind(), b"one").unwrap();
    drop(journal);
    let names = names(dir.path());
    assert!(
        !names.iter().any(|name| name.ends_with(".run")),
        "{names:?}"
    );
}
