//! Promises: killed.
//!
//! Children are killed while the bytes of a large record are on their way into a segment, and other
//! threads append small ones: nothing acknowledged is lost, in front of it or behind. The default
//! is a few kills; `JOURNAL_LARGE_KILLS=300` counts as a proof.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use journal_tests::kill::{Answers, KillAt, Moment, Orders, large_payload, start};
use journal_tests::listing::{paths, paths_with};
use journal_tests::modes::modes;
use journal_tests::random::{Random, from_env, seed};
use journal_tests::rigs::{self, Budget};
use journal_tests::workload::Sent;
use tempfile::TempDir;
use trace_journal::format::FRAMES_OFFSET;
use trace_journal::{Item, Loss, Reader, WriteMode};

const CHILD: &str = env!("CARGO_BIN_EXE_journal-child");

/// A segment has room for one of them.
const LARGE_LEN: u64 = 48 << 20;
const SEGMENT_BYTES_MAX: u64 = 64 << 20;

/// Where a child is killed: when so many large records have come to a certain byte of theirs.
#[derive(Clone, Copy, Debug)]
struct Place {
    records: u64,
    offset: u64,
}

impl Place {
    fn random(random: &mut Random) -> Place {
        Place {
            records: random.within(1, 3),
            offset: FRAMES_OFFSET + 8 * random.within(1 << 17, LARGE_LEN / 8 - (1 << 14)),
        }
    }

    /// Says whether it is time, each time it is asked: segments are looked at one after the other.
    fn watch(mut self, dir: &Path) -> impl FnMut() -> bool {
        let (dir, mut first, mut number) = (dir.to_owned(), None, 1);
        move || {
            first = first
                .take()
                .or_else(|| paths(&dir).into_iter().find(|path| is_first(path)));
            let Some(first) = &first else { return false };
            // Asked first: what was not written by then never will be.
            let is_over = is_written(first, number + 1, FRAMES_OFFSET);
            let is_here = is_written(first, number, self.offset);
            number += u64::from(is_here || is_over);
            self.records -= u64::from(is_here);
            assert!(number < 30, "no large record comes");
            self.records == 0
        }
    }
}

fn is_first(path: &Path) -> bool {
    path.to_string_lossy().ends_with("-000001.seg")
}

/// Whether something was written there, in the segment of this number beside the first one.
fn is_written(first: &Path, number: u64, offset: u64) -> bool {
    let path = first.to_string_lossy();
    let path = path.replace("-000001.seg", &format!("-{number:06}.seg"));
    let mut bytes = [0; 8];
    // It may not be there yet, or be replaced at this moment.
    let read = File::open(path).and_then(|file| file.read_at(&mut bytes, offset));
    read.is_ok() && bytes != [0; 8]
}

fn orders(random: &mut Random, mode: WriteMode, dir: &Path) -> Orders {
    let mut orders = Orders::new(dir, random.below(1 << 20));
    orders.threads = 3;
    orders.is_mapped = mode == WriteMode::Mapped;
    orders.large_len = LARGE_LEN;
    orders.segment_bytes_max = SEGMENT_BYTES_MAX;
    // Who waits for a sync of so many bytes appends nothing meanwhile.
    orders.wait_once_in = u64::MAX;
    orders
}

/// What is left of a journal, held against what was acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Left {
    /// A large record was cut off.
    is_cut: bool,
    /// Acknowledged records behind one that was.
    behind: u64,
}

/// Whether a large record has begun in a segment and has not come to its end: the library says
/// nothing of it, for no thread was told of it.
fn is_cut(path: &Path, large_len: u64) -> bool {
    let file = File::open(path).unwrap();
    let has = |offset| {
        let mut bytes = [0; 64];
        file.read_exact_at(&mut bytes, offset).is_ok() && bytes != [0; 64]
    };
    // Small records in front of it take less than that, and those behind it are not there.
    has(FRAMES_OFFSET + large_len / 64) && !has(FRAMES_OFFSET + large_len - 4096)
}

/// Holds what is there against what was acknowledged.
fn check(dir: &Path, answers: &Answers, large_len: u64) -> Result<Left, String> {
    let reader = Reader::options().verify(true).open(dir).unwrap();
    let mut found = BTreeMap::new();
    for item in reader.records() {
        if let Item::Record(record) = item.unwrap() {
            found.insert(record.seq.get(), record.payload);
        }
    }
    let report = reader.report();
    if report.loss() == Loss::Damage {
        return Err(format!("damage: {:?}", report.ranges));
    }
    let mut left = Left {
        is_cut: paths_with(dir, "seg")
            .iter()
            .any(|path| is_cut(path, large_len)),
        behind: 0,
    };
    let after = (1..).find(|number| !found.contains_key(number));
    let large = large_payload(answers.writer, large_len);
    for (thread, numbers) in &answers.written {
        for (counter, number) in (0..).zip(numbers) {
            let sent = Sent {
                writer: answers.writer,
                thread: *thread,
                counter,
            };
            let is_there = found.get(number).is_some_and(|found| match thread {
                0 => *found == large,
                _ => *found == sent.payload(),
            });
            if !is_there {
                return Err(format!("record {number} was acknowledged and is not there"));
            }
            left.behind += u64::from(after.is_some_and(|after| after < *number));
        }
    }
    Ok(left)
}

/// One kill, and what it left.
fn kill(random: &mut Random, mode: WriteMode) -> (TempDir, Answers) {
    let dir = tempfile::tempdir().unwrap();
    let orders = orders(random, mode, dir.path());
    let writer = start(CHILD, &orders);
    let answers = writer.kill_when(Place::random(random).watch(dir.path()));
    (dir, answers)
}

#[test]
fn kills_in_the_middle_of_a_large_append_cost_nothing_acknowledged() {
    let seed = seed();
    let mut random = Random::part(seed, 0);
    let wished = from_env("JOURNAL_LARGE_KILLS", 6);
    let limit = Duration::from_secs(20 + 8 * wished);
    let budget = Budget::new("kill-large", limit, wished.min(4));
    let (mut met, mut kills, mut overtaken) = (0, 0, 0);
    while met < wished && !budget.is_over() {
        let modes = modes();
        let (mode, name) = modes[usize::try_from(kills).unwrap() % modes.len()];
        let (dir, answers) = kill(&mut random, mode);
        let left = check(dir.path(), &answers, LARGE_LEN);
        let left = left.unwrap_or_else(|what| panic!("seed {seed}, kill {kills}, {name}: {what}"));
        kills += 1;
        met += u64::from(left.is_cut);
        overtaken += u64::from(left.behind > 0);
    }
    let behind = format!("{overtaken} with acknowledged records behind it");
    rigs::done(
        "kill-large",
        &format!("{met} of {kills} met a large append, {behind}"),
    );
    budget.done(met, seed);
}

/// At no place in particular, but exactly when half of something is copied or written.
#[test]
fn kills_with_half_of_anything_written_cost_nothing_acknowledged() {
    let mut random = Random::part(seed(), 1);
    for (mode, name) in modes().repeat(4) {
        let dir = tempfile::tempdir().unwrap();
        let mut orders = orders(&mut random, mode, dir.path());
        orders.large_len = random.within(1 << 20, 3 << 20);
        orders.segment_bytes_max = 16 << 20;
        orders.kill_at = Some(KillAt {
            call: random.within(20, 400),
            moment: Moment::Half,
        });
        let answers = start(CHILD, &orders).finish();
        check(dir.path(), &answers, orders.large_len).expect(name);
    }
}

/// The first acknowledged record that is long enough to be found by its bytes.
fn acknowledged(answers: &Answers) -> Option<Vec<u8>> {
    let small = answers.written.iter().filter(|(thread, _)| **thread != 0);
    let payloads = small.flat_map(|(thread, numbers)| {
        let sent = |counter| Sent {
            writer: answers.writer,
            thread: *thread,
            counter,
        };
        (0..).zip(numbers).map(move |(at, _)| sent(at).payload())
    });
    let mut payloads = payloads.filter(|payload| payload.len() >= 32);
    payloads.next()
}

/// Makes zeros of a record.
fn erase(dir: &Path, payload: &[u8]) {
    for path in paths_with(dir, "seg") {
        let bytes = std::fs::read(&path).unwrap();
        let mut windows = bytes.windows(payload.len());
        if let Some(at) = windows.position(|window| window == payload) {
            let file = File::options().write(true).open(path).unwrap();
            let at = u64::try_from(at).unwrap();
            return file.write_all_at(&vec![0; payload.len()], at).unwrap();
        }
    }
    panic!("the record is not there");
}

/// The control: of what a kill in a large append left, one acknowledged record more is gone.
#[test]
fn an_acknowledged_record_that_is_gone_is_noticed() {
    let mut random = Random::part(seed(), 2);
    for (mode, _) in modes() {
        // Some kills come before anything is acknowledged.
        let mut kills = (0..50).map(|_| kill(&mut random, mode));
        let (dir, answers, payload) = kills
            .find_map(|(dir, answers)| {
                acknowledged(&answers).map(|payload| (dir, answers, payload))
            })
            .expect("an acknowledged record");
        check(dir.path(), &answers, LARGE_LEN).unwrap();
        erase(dir.path(), &payload);
        check(dir.path(), &answers, LARGE_LEN).unwrap_err();
    }
}
