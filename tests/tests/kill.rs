//! Promises: killed, many-processes, hands-off.
//!
//! Children that write a journal are killed with SIGKILL, and what they left is compared with
//! what they had acknowledged. `JOURNAL_SEED` and `JOURNAL_KILLS` change the cases.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use journal_tests::compare::compare;
use journal_tests::kill::{Answers, KillAt, Moment, Orders, Writer, start};
use journal_tests::listing::{copy, names};
use journal_tests::modes::modes;
use journal_tests::random::{Random, from_env, seed};
use journal_tests::reference_reader::{ReferenceJournal, ReferenceRecord, varint};
use journal_tests::rigs::{self, Budget};
use journal_tests::unchanged_files::UnchangedFiles;
use tempfile::TempDir;
use trace_journal::{Journal, Loss, Reader, RunId, WriteMode};

const CHILD: &str = env!("CARGO_BIN_EXE_journal-child");

/// `RunRecovered`.
const RUN_RECOVERED: u8 = 6;

/// Kills of the whole suite; each test does its share.
fn kills(percent: u64) -> u64 {
    from_env("JOURNAL_KILLS", 200) * percent / 100
}

/// One journal, and everything that was acknowledged in it.
struct Scene {
    dir: TempDir,
    unchanged: UnchangedFiles,
    random: Random,
    over: Vec<Answers>,
    writers: u64,
    is_mapped: bool,
}

impl Scene {
    fn new(random: Random, mode: WriteMode) -> Scene {
        let dir = tempfile::tempdir().unwrap();
        Scene {
            unchanged: UnchangedFiles::new(dir.path()),
            dir,
            random,
            over: Vec::new(),
            writers: 0,
            is_mapped: mode == WriteMode::Mapped,
        }
    }

    fn orders(&mut self, threads: u8) -> Orders {
        self.writers += 1;
        let mut orders = Orders::new(self.dir.path(), self.writers);
        orders.threads = threads;
        orders.is_mapped = self.is_mapped;
        orders.wait_once_in = 1 << self.random.below(6);
        orders.segment_bytes_max = 128 << self.random.within(10, 12);
        orders
    }

    /// Lets a child answer for a while, mostly short.
    fn watch(&mut self, writer: &mut Writer) {
        let limit = 1 << self.random.within(4, 13);
        let bytes = self.random.within(1, limit);
        writer.read_to(usize::try_from(bytes).unwrap());
    }

    /// Takes in what a child answered before it ended; from now on its segments are final.
    fn add(&mut self, answers: Answers) {
        self.unchanged.check().unwrap();
        if answers.run.is_some() {
            self.unchanged.add(answers.run);
        }
        self.over.push(answers);
    }

    /// Compares everything, before and after the next opening; gives the number of kills.
    fn check(mut self) -> u64 {
        let plain = ReferenceJournal::read(self.dir.path());
        self.compare(&plain);
        let report = compare(self.dir.path(), &plain).unwrap();
        assert_ne!(report.loss, Loss::Damage, "{report:?}");
        assert_eq!(report.counts.lost_durable, 0);
        self.unchanged.add(None);
        open_and_close(self.dir.path());
        self.unchanged.check().unwrap();
        let after = ReferenceJournal::read(self.dir.path());
        compare(self.dir.path(), &after).unwrap();
        for (run, records) in &plain.runs {
            assert_eq!(after.runs.get(run), Some(records));
        }
        let killed = self.over.iter().filter(|answers| answers.was_killed);
        u64::try_from(killed.count()).unwrap()
    }

    fn compare(&self, plain: &ReferenceJournal) {
        let mut known: BTreeMap<RunId, &Answers> = BTreeMap::new();
        for answers in &self.over {
            answers.check(plain).unwrap();
            known.extend(answers.run.map(|run| (run, answers)));
        }
        for run in plain.runs.keys().filter(|run| !known.contains_key(run)) {
            let is_own = |(_, record): &(u64, &_)| is_user(record);
            let records = plain.run(*run);
            assert!(!records.iter().any(is_own), "{run}: records of nobody");
            assert_eq!(plain.missing(*run), Vec::<u64>::new());
        }
    }
}

fn is_user(record: &ReferenceRecord) -> bool {
    record.kind >= 128
}

/// Runs scenes in each write mode until the share of kills is reached, and says what was done.
fn run(name: &str, percent: u64, mut scene: impl FnMut(Scene) -> u64) {
    let (seed, begun) = (seed(), Instant::now());
    let modes = modes();
    let share = kills(percent).div_ceil(u64::try_from(modes.len()).unwrap());
    let mut total = 0;
    for (mode, mode_name) in modes {
        let name = format!("{name}-{mode_name}");
        let budget = Budget::new(&name, LIMIT, share.min(LEAST));
        let (mut done, mut number) = (0, 0);
        while done < share && !budget.is_over() {
            number += 1;
            let part = u64::from(name.bytes().map(u32::from).sum::<u32>()) << 32 | number;
            done += scene(Scene::new(Random::part(seed, part), mode));
        }
        budget.done(done, seed);
        total += done;
    }
    count(total, seed, begun.elapsed());
}

/// One journal written and killed ten times, one child after the other.
fn one_after_the_other(mut scene: Scene, threads: u8) -> u64 {
    for _ in 0..10 {
        let mut writer = start(CHILD, &scene.orders(threads));
        if !scene.random.once_in(16) {
            scene.watch(&mut writer);
        }
        scene.add(writer.kill());
    }
    scene.check()
}

#[test]
fn one_thread_killed_at_any_moment_keeps_what_was_acknowledged() {
    run("kill-1-thread", 20, |scene| one_after_the_other(scene, 1));
}

#[test]
fn four_threads_killed_at_any_moment_keep_what_was_acknowledged() {
    run("kill-4-threads", 20, |scene| one_after_the_other(scene, 4));
}

#[test]
fn eight_threads_killed_at_any_moment_keep_what_was_acknowledged() {
    run("kill-8-threads", 10, |scene| one_after_the_other(scene, 8));
}

#[test]
fn three_processes_on_one_directory_killed_one_by_one_keep_theirs() {
    run("kill-3-processes", 20, |mut scene| {
        let mut writers: Vec<Writer> = (0..3).map(|_| start(CHILD, &scene.orders(2))).collect();
        for _ in 0..10 {
            let which = usize::try_from(scene.random.below(3)).unwrap();
            scene.watch(&mut writers[which]);
            let next = start(CHILD, &scene.orders(2));
            let answers = std::mem::replace(&mut writers[which], next).kill();
            scene.add(answers);
            // The others go on writing while it is read.
            let report = Reader::open(scene.dir.path()).unwrap().report();
            assert_ne!(report.loss, Loss::Damage, "{report:?}");
        }
        for mut writer in writers {
            scene.watch(&mut writer);
            scene.add(writer.kill());
        }
        scene.check()
    });
}

#[test]
fn a_kill_in_the_middle_of_any_call_keeps_what_was_acknowledged() {
    run("kill-at-call", 20, |mut scene| {
        for _ in 0..10 {
            let mut orders = scene.orders(2);
            orders.count = 200;
            orders.kill_at = Some(KillAt {
                call: 1 + scene.random.below(1 << scene.random.clone().within(3, 9)),
                moment: moment(scene.random.draw()),
            });
            scene.add(start(CHILD, &orders).finish());
        }
        scene.check()
    });
}

#[test]
fn a_child_that_answers_before_it_appends_is_caught() {
    let mut scene = Scene::new(Random::part(seed(), 7), WriteMode::Positioned);
    let caught = (0..100).any(|_| {
        let mut orders = scene.orders(1);
        orders.is_liar = true;
        let mut writer = start(CHILD, &orders);
        scene.watch(&mut writer);
        let answers = writer.kill();
        answers
            .check(&ReferenceJournal::read(scene.dir.path()))
            .is_err()
    });
    assert!(caught, "100 kills of a liar, and nothing was missed");
}

#[test]
fn lost_changed_and_invented_records_are_noticed() {
    let mut scene = Scene::new(Random::part(seed(), 8), WriteMode::Positioned);
    let mut writer = start(CHILD, &scene.orders(1));
    writer.read_to(200);
    let answers = writer.kill();
    let plain = ReferenceJournal::read(scene.dir.path());
    answers.check(&plain).unwrap();
    let (run, seq) = (answers.run.unwrap(), answers.written[&0][1]);
    let changed = |change: &dyn Fn(&mut BTreeMap<u64, ReferenceRecord>)| {
        let mut plain = plain.clone();
        change(plain.runs.get_mut(&run).unwrap());
        answers.check(&plain)
    };
    let lost = |records: &mut BTreeMap<u64, ReferenceRecord>| {
        records.remove(&seq);
    };
    assert!(changed(&lost).is_err());
    assert!(changed(&|records| records.get_mut(&seq).unwrap().payload.push(0)).is_err());
    let invented = plain.runs[&run][&seq].clone();
    let behind = plain.run(run).last().unwrap().0;
    let twice = |records: &mut BTreeMap<u64, ReferenceRecord>| {
        for more in 1..=2 {
            records.insert(behind + more, invented.clone());
        }
    };
    assert!(changed(&twice).is_err());
    let late = Answers {
        written: BTreeMap::from([(0, vec![seq; 9999])]),
        ..answers.clone()
    };
    assert!(late.check(&plain).is_err());
}

fn moment(number: u64) -> Moment {
    match number % 3 {
        0 => Moment::Before,
        1 => Moment::Half,
        _ => Moment::After,
    }
}

#[test]
fn a_recovery_killed_at_every_call_is_finished_by_the_next_one() {
    let (seed, begun) = (seed(), Instant::now());
    let kills = modes().into_iter().map(|(mode, name)| {
        // It ends by itself: a recovery makes only so many calls.
        let budget = Budget::new(&format!("kill-recovery-{name}"), Duration::MAX, 20);
        let done = kill_recovery(Scene::new(Random::part(seed, 6), mode));
        budget.done(done, seed);
        done
    });
    let total = kills.sum();
    count(total, seed, begun.elapsed());
}

fn kill_recovery(mut scene: Scene) -> u64 {
    let mut writer = start(CHILD, &scene.orders(2));
    writer.read_to(700);
    let answers = writer.kill();
    let dead = answers.run.expect("a run that was opened");
    let whole = copy(scene.dir.path());
    open_and_close(whole.path());
    let expected = recovered(&ReferenceJournal::read(whole.path()), dead);
    assert_eq!(expected.len(), 1);
    for call in 1.. {
        let dir = copy(scene.dir.path());
        let mut unchanged = UnchangedFiles::new(dir.path());
        unchanged.add(Some(dead));
        let mut orders = Orders::new(dir.path(), 0);
        orders.threads = 0;
        orders.is_mapped = scene.is_mapped;
        let moment = moment(call);
        orders.kill_at = Some(KillAt { call, moment });
        if !start(CHILD, &orders).finish().was_killed {
            return call - 1;
        }
        open_and_close(dir.path());
        unchanged.check().unwrap();
        let plain = ReferenceJournal::read(dir.path());
        answers.check(&plain).unwrap();
        let report = compare(dir.path(), &plain).unwrap();
        assert_ne!(report.loss, Loss::Damage, "call {call}: {report:?}");
        let found = recovered(&plain, dead);
        assert!(!found.is_empty(), "call {call}: the crash is not on record");
        for record in found {
            assert_eq!(record, expected[0], "call {call}");
        }
        let signs = names(dir.path());
        let is_kept = |name: &String| name.ends_with(".seg") || name.ends_with(".idx");
        assert!(signs.iter().all(is_kept), "{signs:?}");
    }
    unreachable!("a recovery without end")
}

/// What later runs put on record about a run that died, but for the time when they did.
fn recovered(plain: &ReferenceJournal, dead: RunId) -> Vec<Vec<u64>> {
    let records = plain.runs.values().flat_map(|records| records.values());
    let records = records.filter(|record| record.kind == RUN_RECOVERED);
    let said = |payload: &[u8]| {
        let mut rest = payload;
        let mut numbers = |count: u64| -> Vec<u64> {
            let numbers = (0..count).map(|_| varint(&mut rest));
            numbers.collect::<Option<_>>().expect("the record is whole")
        };
        // Of which run, where it ended, and the ranges that are missing.
        let mut said = numbers(6);
        let ranges = said.last().copied().unwrap_or(0);
        said.extend(numbers(2 * ranges));
        said
    };
    let about = [u64::from(dead.generation()), dead.random()];
    records
        .map(|record| said(&record.payload))
        .filter(|said| said.starts_with(&about))
        .collect()
}

fn open_and_close(dir: &Path) {
    let journal = Journal::options().segment_bytes_max(16 << 10).open(dir);
    journal.unwrap().close().unwrap();
}

/// Adds up what the tests of this suite did.
fn count(cases: u64, seed: u64, time: Duration) {
    static TOTAL: Mutex<(u32, u64, Duration)> = Mutex::new((0, 0, Duration::ZERO));
    let mut total = TOTAL.lock().unwrap();
    total.0 += 1;
    total.1 += cases;
    total.2 = total.2.max(time);
    if total.0 == TESTS {
        rigs::counted("kill", total.1, seed, total.2);
        let least = kills(75);
        assert!(total.1 >= least, "{} kills, {least} are the least", total.1);
    }
}

/// No test begins a new scene after this, in either write mode.
const LIMIT: Duration = Duration::from_secs(90);

/// Fewer kills of one kind, in one mode, are no proof; fewer are only done if fewer are wished.
const LEAST: u64 = 30;

/// Tests that call [`count`].
const TESTS: u32 = 6;
