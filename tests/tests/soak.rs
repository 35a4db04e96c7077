//! Promises: killed, many-processes, polite.
//!
//! Children append at full speed from eight threads, rotating all the time, beside a reader that
//! never stops; they are killed again and again. `JOURNAL_SOAK` sets the seconds, `JOURNAL_SEED`
//! the cases.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use journal_tests::kill::{Orders, start};
use journal_tests::modes::modes;
use journal_tests::random::{Random, from_env, seed};
use journal_tests::reference_reader::ReferenceJournal;
use journal_tests::rigs::{self, Budget};
use trace_journal::{Loss, Reader};

const CHILD: &str = env!("CARGO_BIN_EXE_journal-child");

/// Reads the whole journal until it is told to stop, beside those who write it; gives how often.
fn read_on(dir: &Path, is_over: &AtomicBool) -> u64 {
    let mut rounds = 0;
    while !is_over.load(Ordering::SeqCst) {
        let reader = Reader::open(dir).unwrap();
        let report = reader.report();
        assert_ne!(report.loss, Loss::Damage, "{report:?}");
        let unreadable = reader.records().find_map(Result::err);
        assert!(unreadable.is_none(), "{unreadable:?}");
        rounds += 1;
    }
    rounds
}

/// Three children one after the other in one journal, each killed; gives the reader's rounds.
fn scene(random: &mut Random, is_mapped: bool) -> u64 {
    let dir = tempfile::tempdir().unwrap();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| read_on(dir.path(), &is_over));
        let mut over = Vec::new();
        for writer in 1..=3 {
            let mut orders = Orders::new(dir.path(), writer);
            orders.threads = 8;
            orders.wait_once_in = 1 << 20;
            orders.segment_bytes_max = 1 << 20;
            orders.is_mapped = is_mapped;
            let mut child = start(CHILD, &orders);
            child.read_to(usize::try_from(random.within(1, 1 << 17)).unwrap());
            over.push(child.kill());
        }
        is_over.store(true, Ordering::SeqCst);
        let rounds = reader.join().unwrap();
        let plain = ReferenceJournal::read(dir.path());
        for answers in over {
            answers.check(&plain).unwrap();
        }
        rounds
    })
}

#[test]
fn writers_at_full_speed_are_killed_beside_a_reader() {
    let default = if rigs::is_strict() { 30 } else { 4 };
    let seconds = Duration::from_secs(from_env("JOURNAL_SOAK", default));
    let (seed, budget) = (seed(), Budget::new("soak", seconds, 6));
    let (mut kills, mut rounds) = (0, 0);
    while !budget.is_over() {
        for (mode, _) in modes() {
            let mut random = Random::part(seed, kills);
            rounds += scene(&mut random, mode == trace_journal::WriteMode::Mapped);
            kills += 3;
        }
    }
    assert!(rounds > 0, "the reader never came to an end");
    budget.done(kills, seed);
}
