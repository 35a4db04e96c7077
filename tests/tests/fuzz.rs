//! Promises: hostile, durable.
//!
//! The fuzz targets' bodies on their corpus and on inputs made from a seed.
//!
//! `JOURNAL_SEED` chooses the inputs, `JOURNAL_CASES` their number for each target, and
//! `JOURNAL_SECONDS` how long that may take. With
//! `JOURNAL_INPUT=fuzz/artifacts/ops/crash-1 cargo test -p journal-tests --test fuzz one_input` an
//! input is replayed; the name of its folder says by which target.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use journal_tests::counting_allocator::CountingAllocator;
use journal_tests::fuzz::{GROWING, TARGETS, Target, generate, with_defect, within_limits};
use journal_tests::random::{Random, from_env, seed};
use journal_tests::rigs::{counted, is_strict};
use journal_tests::source::root;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Generated inputs: as many as asked for, or as many as the time allows, but not too few.
fn batch(name: &str) {
    let target = Target::named(name);
    let seed = seed();
    let few = if is_strict() { 3_000 } else { 500 };
    let count = from_env("JOURNAL_CASES", few);
    let time_max = Duration::from_secs(from_env("JOURNAL_SECONDS", SECONDS_MAX));
    let start = Instant::now();
    let mut done = 0;
    while done < count && (done < CASES_MIN || start.elapsed() < time_max) {
        let mut random = Random::part(seed, done);
        let input = generate(target.generate, &mut random);
        let ran = catch_unwind(AssertUnwindSafe(|| target.check(&input)));
        if let Err(panic) = ran {
            let path = std::env::temp_dir().join(format!("fuzz-{name}-{seed}-{done}"));
            fs::write(&path, &input).unwrap();
            let place = path.display();
            let known = format!("{name}: case {done} of seed {seed}, its input is {place}");
            journal_tests::rigs::done("fuzz", &known);
            resume_unwind(panic);
        }
        done += 1;
    }
    counted(&format!("fuzz-{name}"), done, seed, start.elapsed());
}

#[test]
fn hostile_segments_are_read_without_harm() {
    batch("frame");
}

#[test]
fn headers_are_taken_whole_or_not_at_all() {
    batch("header");
}

#[test]
fn payloads_are_events_that_read_back_or_stay_bytes() {
    batch("event");
}

#[test]
fn payloads_full_of_frames_cost_no_record() {
    batch("hostile");
}

#[test]
fn hostile_directories_are_read_and_opened_without_harm() {
    batch("directory");
}

#[test]
fn operations_keep_what_was_acknowledged() {
    batch("ops");
}

#[test]
fn lines_are_refused_or_kept_as_they_are() {
    batch("ingest");
}

#[test]
fn replay_of_one_input() {
    let Some(path) = std::env::var_os("JOURNAL_INPUT") else {
        return;
    };
    let path = root().join(path);
    let folder = path.parent().and_then(Path::file_name).unwrap();
    let target = Target::named(folder.to_str().unwrap());
    target.check(&fs::read(&path).unwrap());
}

#[test]
fn the_corpus_is_read_without_harm() {
    for target in &TARGETS {
        let folder = root().join("fuzz").join("corpus").join(target.name);
        let mut count = 0;
        for input in fs::read_dir(folder).unwrap() {
            target.check(&fs::read(input.unwrap().path()).unwrap());
            count += 1;
        }
        assert!(count > 0, "{} has no corpus", target.name);
    }
}

/// The same inputs as everywhere, and something that is wrong with the rig: each target finds it.
#[test]
fn every_property_can_fail() {
    for target in &TARGETS {
        let corpus = root().join("fuzz").join("corpus").join(target.name);
        let corpus = fs::read_dir(corpus).unwrap();
        let mut inputs: Vec<Vec<u8>> = corpus
            .map(|input| fs::read(input.unwrap().path()).unwrap())
            .collect();
        let mut made = |number| generate(target.generate, &mut Random::part(seed(), number));
        inputs.extend((0..CASES_MIN).map(&mut made));
        let finds = inputs.iter().filter(|input| {
            let check = || with_defect(target.defect, || target.check(input));
            catch_unwind(AssertUnwindSafe(check)).is_err()
        });
        let count = finds.count();
        println!("{}: {:?} found {count} times", target.name, target.defect);
        assert!(
            count > 0,
            "{} does not see {:?}",
            target.name,
            target.defect
        );
    }
}

#[test]
#[should_panic = "for 100 bytes"]
fn memory_out_of_proportion_is_noticed() {
    within_limits(|| {
        let much = vec![1_u8; 8 << 20];
        u64::from(much.iter().fold(0, |sum, byte| sum ^ byte)).max(100)
    });
}

/// A step that takes the square of its input would take hours here.
#[test]
fn work_grows_no_faster_than_the_directory() {
    for growing in GROWING {
        let start = Instant::now();
        let (done, is_done) = mpsc::channel();
        let reader = thread::spawn(move || {
            within_limits(|| growing.read());
            done.send(()).unwrap();
        });
        let outcome = is_done.recv_timeout(HANG);
        assert_ne!(outcome, Err(RecvTimeoutError::Timeout), "{}", growing.name);
        reader.join().unwrap_or_else(|panic| {
            println!("{}", growing.name);
            resume_unwind(panic)
        });
        println!("{}: {:?}", growing.name, start.elapsed());
    }
}

/// How long one target is at it, at most, once it has had its least number of cases.
const SECONDS_MAX: u64 = 6;
const CASES_MIN: u64 = 50;

/// Far more than the work takes on any machine.
const HANG: Duration = Duration::from_secs(120);
