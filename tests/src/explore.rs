//! Random workloads on the simulated disk, stopped at every step in every way.

mod steps;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use trace_journal::{Journal, WriteMode};

use crate::oracle::{End, Oracle};
use crate::plain::Plain;
use crate::random::Random;
use crate::simdisk::{Bug, Process, SimDisk, Style};
use steps::Workload;

/// One workload and what is to be done to it.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Decides everything.
    pub seed: u64,
    /// How journals are written.
    pub mode: WriteMode,
    /// Calls fail.
    pub has_faults: bool,
    /// The disk breaks its word.
    pub bug: Option<Bug>,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Crash states that were checked.
    pub states: u64,
    /// Of these, crashes during recovery, or after one.
    pub recoveries: u64,
    /// What was wrong first.
    pub failure: Option<String>,
    /// A sum over all that happened; the same for the same plan.
    pub trace: u64,
}

/// Runs one workload.
#[must_use]
pub fn explore(plan: Plan) -> Outcome {
    let explorer = Arc::new(Explorer {
        plan,
        random: Mutex::new(Random::part(plan.seed, 1)),
        oracle: Mutex::default(),
        states: AtomicU64::new(0),
        recoveries: AtomicU64::new(0),
        trace: AtomicU64::new(0),
        failure: Mutex::new(None),
    });
    let ran = catch_unwind(AssertUnwindSafe(|| Workload::new(&explorer).run()));
    match ran {
        Ok(Ok(())) => {}
        Ok(Err(wrong)) => explorer.fail(wrong),
        Err(panic) => {
            let said = panic.downcast_ref::<String>().cloned();
            explorer.fail(format!("panic: {}", said.unwrap_or_default()));
        }
    }
    Outcome {
        states: explorer.states.load(Ordering::Relaxed),
        recoveries: explorer.recoveries.load(Ordering::Relaxed),
        failure: lock(&explorer.failure).clone(),
        trace: explorer.trace.load(Ordering::Relaxed),
    }
}

/// Checks crash states while a workload runs.
struct Explorer {
    plan: Plan,
    random: Mutex<Random>,
    oracle: Mutex<Oracle>,
    states: AtomicU64,
    recoveries: AtomicU64,
    trace: AtomicU64,
    failure: Mutex<Option<String>>,
}

impl Explorer {
    fn fail(&self, wrong: String) {
        let states = self.states.load(Ordering::Relaxed);
        let wrong = format!("{wrong} ({:?}, state {states})", self.plan);
        lock(&self.failure).get_or_insert(wrong);
    }

    fn has_failed(&self) -> bool {
        lock(&self.failure).is_some()
    }

    fn part(&self) -> Random {
        Random::new(lock(&self.random).draw())
    }

    /// Stops everything here, in a few ways, and checks what is found.
    fn crash(self: &Arc<Explorer>, disk: &SimDisk) {
        if self.has_failed() {
            return;
        }
        let oracle = lock(&self.oracle).clone();
        for style in STYLES {
            let mut random = self.part();
            let found = match style {
                None => disk.after_kill(random.clone()),
                Some(style) => disk.after_power_loss(random.clone(), style),
            };
            let end = style.map_or(End::Kill, |_| End::PowerLoss);
            let checked = self.check(&oracle, &found, end);
            let recovered = checked.and_then(|plain| match random.once_in(RECOVER_ONCE_IN) {
                true => self.recover(&oracle, &found, end, &plain),
                false => Ok(()),
            });
            if let Err(wrong) = recovered {
                self.fail(format!("{end:?} {style:?}: {wrong}"));
                return;
            }
        }
    }

    fn check(&self, oracle: &Oracle, disk: &SimDisk, end: End) -> Result<Plain, String> {
        self.states.fetch_add(1, Ordering::Relaxed);
        let plain = oracle.check(disk, end)?;
        let count: usize = plain.runs.values().map(BTreeMap::len).sum();
        self.trace_in(u64::try_from(count).unwrap_or(0));
        Ok(plain)
    }

    fn trace_in(&self, number: u64) {
        let old = self.trace.load(Ordering::Relaxed);
        let new = Random::part(old, number).draw();
        self.trace.store(new, Ordering::Relaxed);
    }

    /// Opens the journal that was found, crashes during that, and after it.
    fn recover(
        self: &Arc<Explorer>,
        oracle: &Oracle,
        disk: &SimDisk,
        end: End,
        before: &Plain,
    ) -> Result<(), String> {
        // After a failed sync what is cached may not be on the disk: what was read before a
        // recovery may be gone after it, and what it reports is what it leaves.
        let may_shrink = disk.has_failed_sync();
        let (explorer, oracle) = (Arc::clone(self), oracle.clone());
        let of_first = oracle.clone();
        let watcher = move |disk: &SimDisk| {
            let mut random = explorer.part();
            if explorer.has_failed() || !random.once_in(3) {
                return;
            }
            explorer.recoveries.fetch_add(1, Ordering::Relaxed);
            // A second kill loses nothing that the first crash left.
            let found = disk.after_power_loss(random.clone(), STYLE_ANY);
            let both = explorer.check(&of_first, &found, End::PowerLoss);
            let killed = disk.after_kill(random);
            let killed = explorer.check(&of_first, &killed, end);
            if let Err(wrong) = both.and(killed) {
                explorer.fail(format!("crash during recovery: {wrong}"));
            }
        };
        let process = Process::start(&disk.watched(Arc::new(watcher)));
        let journal = open(&process, self.plan.mode)?;
        let now = disk.segments();
        let whole = Plain::of(now);
        let reported = match may_shrink {
            true => &whole,
            false => before,
        };
        let mut settled = oracle;
        settled.settle(reported);
        process.kill();
        drop(journal);
        self.recoveries.fetch_add(1, Ordering::Relaxed);
        let lost = disk.after_power_loss(self.part(), Style::Nothing);
        let after = self.check(&settled, &lost, End::PowerLoss);
        let after = after.map_err(|wrong| format!("after a recovery: {wrong}"))?;
        let none = BTreeMap::new();
        for run in before.runs.keys() {
            let records = reported.runs.get(run).unwrap_or(&none);
            if after.runs.get(run).unwrap_or(&none) != records {
                return Err(format!("{run}: what a recovery reported is not durable"));
            }
        }
        for (run, records) in &reported.runs {
            if whole.runs.get(run) != Some(records) {
                return Err(format!("{run}: recovery changed what was there"));
            }
        }
        Ok(())
    }
}

fn open(process: &Process, mode: WriteMode) -> Result<Journal, String> {
    let options = Journal::options().stepped().write_mode(mode);
    let options = options.segment_bytes_max(16 << 10);
    let storage = Arc::new(process.clone());
    let journal = options.storage(storage).open("/simulated");
    journal.map_err(|error| format!("opening: {error}"))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The ways each step is stopped; `None` is a kill.
const STYLES: [Option<Style>; 6] = [
    None,
    Some(Style::Nothing),
    Some(Style::Some),
    Some(Style::Torn),
    Some(Style::Most),
    Some(Style::Everything),
];

const STYLE_ANY: Style = Style::Torn;

/// How often a state that was found is also recovered.
const RECOVER_ONCE_IN: u64 = 40;
