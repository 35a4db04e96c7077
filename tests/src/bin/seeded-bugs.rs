//! Builds the library with bugs, and has its suites notice each of them: a suite that passes with a
//! bug it should notice, or fails without any, ends this with an error.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use journal_tests::random::seed;
use journal_tests::rigs;
use journal_tests::seeded::{Ending, Hunt, Suites, hunts};

fn main() {
    let begun = Instant::now();
    let suites = Suites::build();
    let built = begun.elapsed();
    let tests_of = |hunt: &Hunt| (hunt.suite, hunt.tests);
    let controls: BTreeSet<(&str, &str)> = hunts().iter().map(tests_of).collect();
    let controls = controls.into_iter().map(|tests| (tests, None));
    let hunts = hunts().into_iter();
    let hunts = hunts.map(|hunt| (tests_of(&hunt), Some(hunt)));
    let jobs: Vec<_> = controls.chain(hunts).collect();
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some(((suite, tests), hunt)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let begun = Instant::now();
            let ending = suites.run(suite, tests, hunt.map(|hunt| hunt.bug));
            let seconds = begun.elapsed().as_secs_f64();
            // A suite that never ends has noticed, too.
            let (bug, due): (_, &[Ending]) = match hunt {
                Some(hunt) => (hunt.bug, &[Ending::Red, Ending::Hung]),
                None => ("no bug", &[Ending::Green]),
            };
            if let Some(hunt) = hunt {
                let (what, promise) = (format!("seeded-bug {bug}"), hunt.promise);
                let how = format!("{promise}, {ending:?} in {suite} {tests}, {seconds:.1} s");
                rigs::done(&what, &how);
            }
            if !due.contains(&ending) {
                let found = format!("{suite} {tests} with {bug}: {ending:?}, not {due:?}");
                wrong.lock().unwrap_or_else(|e| e.into_inner()).push(found);
            }
        }
    };
    thread::scope(|scope| {
        scope.spawn(work);
        scope.spawn(work);
    });
    let cases = u64::try_from(jobs.len()).unwrap_or(0);
    rigs::done("seeded-library", &format!("built in {} s", built.as_secs()));
    rigs::counted("seeded-library", cases, seed(), begun.elapsed());
    let wrong = wrong.into_inner().unwrap_or_else(|e| e.into_inner());
    assert!(wrong.is_empty(), "{wrong:#?}");
}
