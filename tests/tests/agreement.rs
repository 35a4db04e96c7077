//! Promises: damage.
//!
//! What a list, a session that is shown, a report and a verification tell of a damaged journal is
//! the same, or is said to be what a cache told.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use journal_tests::listing::paths_with;
use journal_tests::random::Random;
use journal_tests::rigs::Budget;
use tempfile::TempDir;
use trace_journal::{Journal, Loss, Reader, Report, SessionStatus, Snapshot, SpanStatus};

/// What is compared of a session.
#[derive(Clone, Debug, PartialEq)]
struct Told {
    status: SessionStatus,
    records: u64,
    spans: u64,
    interrupted: u64,
    loss: Loss,
}

type Sessions = BTreeMap<String, Told>;

fn of_snapshot(snapshot: &Snapshot) -> Told {
    Told {
        status: snapshot.status(),
        records: snapshot.totals().records,
        spans: snapshot.totals().spans,
        interrupted: snapshot.totals().interrupted,
        loss: snapshot.loss(),
    }
}

/// A journal of a few runs with sessions that cross segments, some of them open at the end.
fn journal(random: &mut Random) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for run in 0..1 + random.below(2) {
        let options = Journal::options().stepped().segment_bytes_max(16 << 10);
        let journal = options.open(dir.path()).unwrap();
        let sessions: Vec<_> = (0..3)
            .map(|number| journal.session(format!("session {number}")).start())
            .collect();
        for step in 0..120 + random.below(120) {
            let session = &sessions[usize::try_from(random.below(3)).unwrap()];
            let span = session.span("work").start();
            span.text(format!("step {step} of run {run}").as_str());
            if random.below(8) > 0 {
                span.end(SpanStatus::Ok);
            } else {
                std::mem::forget(span);
            }
        }
        sessions[0].end();
        journal.close().unwrap();
    }
    dir
}

/// Damages a segment somewhere behind its header pages.
fn damage(dir: &Path, random: &mut Random) {
    let paths = paths_with(dir, "seg");
    let at = usize::try_from(random.below(u64::try_from(paths.len()).unwrap())).unwrap();
    let mut bytes = fs::read(&paths[at]).unwrap();
    let room = u64::try_from(bytes.len() - 8192).unwrap();
    let from = 8192 + usize::try_from(random.below(room)).unwrap();
    let to = bytes
        .len()
        .min(from + usize::try_from(1 + random.below(600)).unwrap());
    match random.below(3) {
        0 => bytes[from] ^= 0x40,
        1 => bytes[from..to].fill(0),
        _ => bytes[from..to].fill(0xa5),
    }
    fs::write(&paths[at], bytes).unwrap();
}

fn told_as_they_pass(reader: &Reader) -> Report {
    let mut sessions = reader.sessions();
    assert!(sessions.report().sessions.is_empty());
    sessions
        .by_ref()
        .for_each(|snapshot| drop(snapshot.unwrap()));
    sessions.report()
}

/// What those tell who read everything; panics unless it is the same.
fn verified(dir: &Path) -> (Sessions, Loss) {
    let reader = Reader::options().verify(true).open(dir).unwrap();
    let snapshots = reader.sessions().map(|snapshot| snapshot.unwrap());
    let shown: Sessions = snapshots
        .map(|snapshot| (snapshot.id().to_owned(), of_snapshot(&snapshot)))
        .collect();
    let loss = reader.report().loss;
    for report in [
        Reader::options().verify(true).report(dir).unwrap(),
        told_as_they_pass(&reader),
    ] {
        assert_eq!((report.loss, report.believed), (loss, 0));
        assert_eq!(report.outcome, reader.report().outcome);
        let sessions = report.sessions.into_iter().map(|one| {
            let told = Told {
                status: one.status,
                records: one.records,
                spans: one.spans,
                interrupted: one.interrupted,
                loss: one.loss,
            };
            (one.id, told)
        });
        assert_eq!(sessions.collect::<Sessions>(), shown);
    }
    (shown, loss)
}

#[test]
fn a_command_that_believed_a_cache_says_so_and_all_agree() {
    let seed = 0x22;
    let mut random = Random::new(seed);
    let budget = Budget::new("agreement", Duration::from_secs(20), 40);
    let (mut cases, mut believed, mut contradicted) = (0, 0, 0);
    while cases < 200 && !budget.is_over() {
        let dir = journal(&mut random);
        for _ in 0..random.below(3) {
            damage(dir.path(), &mut random);
        }
        let (shown, loss) = verified(dir.path());
        let all = Reader::summaries(dir.path()).unwrap();
        let is_told = all.report.believed > 0;
        assert!(is_told || all.report.loss == loss, "case {cases}");
        for row in all.sessions {
            let told = Told {
                status: row.status,
                records: row.records,
                spans: row.spans,
                interrupted: row.interrupted,
                loss: row.loss,
            };
            let is_same = shown.get(&row.id) == Some(&told);
            assert!(
                is_same || !row.verified && is_told,
                "case {cases}: {}",
                row.id
            );
            believed += u32::from(!is_same);
        }
        let reader = Reader::open(dir.path()).unwrap();
        for (id, told) in &shown {
            let snapshot = of_snapshot(&reader.snapshot(id).unwrap());
            let report = reader.report();
            let is_same = snapshot == *told && report.loss == loss;
            assert!(is_same || report.believed > 0, "case {cases}: {id}");
            contradicted += u32::from(report.contradicted);
            assert!(!report.contradicted || is_same, "case {cases}: {id}");
        }
        cases += 1;
    }
    // Both were there to be seen.
    assert!(
        believed > 10 && contradicted > 10,
        "{believed} {contradicted}"
    );
    budget.done(cases, seed);
}

#[test]
fn a_report_names_the_sessions_that_were_hit_once() {
    let dir = tempfile::tempdir().unwrap();
    let options = Journal::options().stepped();
    let journal = options.open(dir.path()).unwrap();
    let whole = journal.session("over before").start();
    whole.end();
    let hit = journal.session("hit").start();
    let marks = ["first mark", "second mark", "third mark"];
    for mark in marks {
        let span = hit.span(mark).start();
        span.end(SpanStatus::Ok);
    }
    hit.end();
    journal.session("began behind").start().end();
    journal.close().unwrap();
    let path = paths_with(dir.path(), "seg").remove(0);
    let mut bytes = fs::read(&path).unwrap();
    for mark in [marks[0], marks[2]] {
        let mut windows = bytes.windows(mark.len());
        let at = windows
            .position(|window| window == mark.as_bytes())
            .unwrap();
        bytes[at] ^= 1;
    }
    fs::write(&path, bytes).unwrap();
    let report = Reader::options().verify(true).report(dir.path()).unwrap();
    assert_eq!(report.ranges.len(), 2);
    for range in &report.ranges {
        let named: Vec<&str> = range.sessions.iter().map(|id| &**id).collect();
        assert_eq!((named, range.more_sessions), (vec!["hit"], 0));
    }
    let lost = report
        .sessions
        .iter()
        .filter(|one| one.loss == Loss::Damage);
    let lost: Vec<&str> = lost.map(|one| &*one.id).collect();
    assert_eq!(lost, ["hit"]);
}
