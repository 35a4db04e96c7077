//! Stops a workload in every way there is, and checks what is found.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use trace_journal::{Journal, RunId, WriteMode};

use super::outcome::Outcome;
use super::plan::Plan;
use super::repro::{CrashPoint, Way};
use super::stats::Stats;
use crate::oracle::{End, Oracle, Scans, Shown};
use crate::random::Random;
use crate::simdisk::{Image, Process, SimDisk, Style};

/// How much is done to each state.
#[derive(Clone, Debug)]
pub struct Limits {
    /// How often a state that was found is also recovered.
    pub recover_once_in: u64,
    /// How often a change of a recovery is followed by a second crash.
    pub again_once_in: u64,
    /// States that were checked, with what was promised, shared by workloads that meet the same.
    pub seen: Arc<Mutex<HashSet<u64>>>,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            recover_once_in: 40,
            again_once_in: 3,
            seen: Arc::default(),
        }
    }
}

/// Checks crash states while a workload runs.
pub(super) struct Explorer {
    pub(super) plan: Plan,
    /// The only crash that is looked at.
    only: Option<CrashPoint>,
    pub(super) limits: Limits,
    oracle: Mutex<Arc<Oracle>>,
    /// Grows when more is promised.
    promises: AtomicU64,
    place: Mutex<Place>,
    is_quiet: AtomicBool,
    pub(super) scans: Mutex<Scans>,
    /// What disks show, by their keys: most changes leave most crashes as they were.
    shown: Mutex<HashMap<u64, Arc<Shown>>>,
    pub(super) stats: Mutex<Stats>,
    trace: AtomicU64,
    failure: Mutex<Option<(String, Option<CrashPoint>)>>,
}

/// How far the workload is.
#[derive(Debug, Default)]
struct Place {
    step: u64,
    change: u64,
    /// The disk and the promises that were looked at last.
    last: Option<(u64, u64, usize)>,
    point: Option<CrashPoint>,
}

/// A crash state.
pub(super) struct Found {
    pub(super) disk: SimDisk,
    pub(super) end: End,
    pub(super) way: Way,
    pub(super) random: Random,
}

impl Explorer {
    pub(super) fn new(plan: Plan, only: Option<CrashPoint>, limits: Limits) -> Arc<Explorer> {
        Arc::new(Explorer {
            plan,
            only,
            limits,
            oracle: Mutex::default(),
            promises: AtomicU64::new(0),
            place: Mutex::default(),
            is_quiet: AtomicBool::new(false),
            scans: Mutex::default(),
            shown: Mutex::default(),
            stats: Mutex::default(),
            trace: AtomicU64::new(0),
            failure: Mutex::new(None),
        })
    }

    pub(super) fn outcome(&self) -> Outcome {
        let stats = lock(&self.stats).clone();
        let total = stats.total();
        let failure = lock(&self.failure).clone();
        Outcome {
            states: total.states,
            recoveries: lock(&self.stats).of(Way::Again).states,
            crash: failure.as_ref().and_then(|(_, crash)| *crash),
            failure: failure.map(|(wrong, _)| wrong),
            trace: self.trace.load(Ordering::Relaxed),
            stats,
        }
    }

    pub(super) fn fail(&self, wrong: String, crash: Option<CrashPoint>) {
        let at = crash.map(|crash| format!(", crash {crash}"));
        let wrong = format!("{wrong} ({:?}{})", self.plan, at.unwrap_or_default());
        lock(&self.failure).get_or_insert((wrong, crash));
    }

    pub(super) fn has_failed(&self) -> bool {
        lock(&self.failure).is_some()
    }

    /// The crash that is being looked at.
    pub(super) fn point(&self) -> Option<CrashPoint> {
        lock(&self.place).point
    }

    /// A step begins; before `is_quiet` ends, crashes are not looked at.
    pub(super) fn begin_step(&self, step: u64, is_quiet: bool) {
        let mut place = lock(&self.place);
        (place.step, place.change, place.point) = (step, 0, None);
        self.is_quiet.store(is_quiet, Ordering::Relaxed);
    }

    /// Another disk takes the place of the one before.
    pub(super) fn begin_disk(&self) {
        lock(&self.place).last = None;
    }

    pub(super) fn oracle(&self) -> Arc<Oracle> {
        Arc::clone(&lock(&self.oracle))
    }

    /// Changes what was promised.
    pub(super) fn promise<T>(&self, change: impl FnOnce(&mut Oracle) -> T) -> T {
        self.promises.fetch_add(1, Ordering::Relaxed);
        change(Arc::make_mut(&mut lock(&self.oracle)))
    }

    /// From now on a record may be there, which promises nothing.
    pub(super) fn allow(&self, run: RunId, payload: Image) {
        let mut oracle = lock(&self.oracle);
        let runs = &mut Arc::make_mut(&mut oracle).runs;
        runs.entry(run).or_default().in_flight.push(payload);
    }

    /// Numbers for what happens at this crash and at no other.
    fn random_at(&self, at: CrashPoint) -> Random {
        let seed = Random::part(self.plan.seed, (1 << 32) | at.step).draw();
        Random::part(seed, at.change << 8 | at.way.number())
    }

    /// Where the workload is, if anything is new there since it was last asked.
    fn news(&self, disk: &SimDisk) -> Option<(u64, u64)> {
        let mut place = lock(&self.place);
        let promises = self.promises.load(Ordering::Relaxed);
        let now = (disk.version(), promises, disk.folder());
        if place.last.replace(now) == Some(now) {
            return None;
        }
        place.change += 1;
        Some((place.step, place.change))
    }

    /// Stops everything here, in a few ways, and checks what is found.
    pub(super) fn crash(self: &Arc<Explorer>, disk: &SimDisk) {
        // No reader ever finds what is in a directory that is gone.
        let is_passed_over = self.is_quiet.load(Ordering::Relaxed) || disk.is_removed();
        if is_passed_over || self.has_failed() {
            return;
        }
        let Some((step, change)) = self.news(disk) else {
            return;
        };
        let oracle = self.oracle().of_folder(disk.folder());
        let promised = oracle.key();
        for way in Way::ALL {
            let at = CrashPoint { step, change, way };
            let is_elsewhere = self.plan.is_in_memory && way != Way::Kill;
            if is_elsewhere || self.only.is_some_and(|only| only != at) {
                continue;
            }
            lock(&self.place).point = Some(at);
            let mut random = self.random_at(at);
            let found = find(disk, way, &mut random);
            let checked = match way {
                Way::Rot => self.rot(&oracle, found),
                _ => self.look(&oracle, promised, found),
            };
            if let Err(wrong) = checked {
                self.fail(wrong, Some(at));
                return;
            }
        }
    }

    fn look(
        self: &Arc<Explorer>,
        oracle: &Oracle,
        promised: u64,
        mut found: Found,
    ) -> Result<(), String> {
        let Some(shown) = self.check(oracle, promised, &found.disk, (found.end, found.way))? else {
            return Ok(());
        };
        if found.way == Way::Kill && found.random.once_in(HARM_ONCE_IN) {
            self.harm(oracle, &mut found, &shown.plain)?;
        }
        // Where a sync has failed, it is recovery that finds out what is there.
        let once_in = match found.disk.has_failed_sync() {
            true => self.limits.recover_once_in.min(FAILED_ONCE_IN),
            false => self.limits.recover_once_in,
        };
        match found.random.once_in(once_in) {
            true => self.recover(oracle, found, &shown.plain),
            false => Ok(()),
        }
    }

    /// Checks a state; `None` if the same state was checked before against the same promises.
    pub(super) fn check(
        &self,
        oracle: &Oracle,
        promised: u64,
        disk: &SimDisk,
        (end, way): (End, Way),
    ) -> Result<Option<Arc<Shown>>, String> {
        lock(&self.stats).of(way).states += 1;
        let key = disk.key();
        if let Some(key) = key {
            let mut hasher = DefaultHasher::new();
            (key, promised, end).hash(&mut hasher);
            if !lock(&self.limits.seen).insert(hasher.finish()) {
                return Ok(None);
            }
        }
        let shown = self.shown(disk, key)?;
        oracle.check(&shown, end)?;
        if self.plan.is_in_memory && end == End::Kill {
            shown.is_of_memory()?;
        }
        let mut stats = lock(&self.stats);
        let count = stats.of(way);
        count.distinct += 1;
        count.unwitnessed += u64::from(shown.missing > 0);
        drop(stats);
        let records: usize = shown.plain.runs.values().map(|r| r.len()).sum();
        self.trace_in(u64::try_from(records).unwrap_or(0));
        Ok(Some(shown))
    }

    pub(super) fn shown(&self, disk: &SimDisk, key: Option<u64>) -> Result<Arc<Shown>, String> {
        let known = key.and_then(|key| lock(&self.shown).get(&key).cloned());
        if let Some(shown) = known {
            return Ok(shown);
        }
        let shown = Arc::new(Shown::look(disk, &mut lock(&self.scans))?);
        if let Some(key) = key {
            let mut all = lock(&self.shown);
            if all.len() > SHOWN_MAX {
                all.clear();
            }
            all.insert(key, Arc::clone(&shown));
        }
        Ok(shown)
    }

    pub(super) fn trace_in(&self, number: u64) {
        let old = self.trace.load(Ordering::Relaxed);
        let new = Random::part(old, number).draw();
        self.trace.store(new, Ordering::Relaxed);
    }

    /// Checks what inline power loss has left, and goes on from there.
    pub(super) fn settle(&self, disk: &SimDisk, way: Way) -> Result<(), String> {
        self.begin_disk();
        let shown = self.shown(disk, disk.key())?;
        let oracle = self.oracle().of_folder(disk.folder());
        lock(&self.stats).of(way).states += 1;
        oracle.check(&shown, End::PowerLoss)?;
        self.promise(|oracle| oracle.settle_in(disk.folder(), &shown.plain));
        Ok(())
    }
}

/// The disk after a crash of this kind.
fn find(disk: &SimDisk, way: Way, random: &mut Random) -> Found {
    let style = match way {
        Way::Kill | Way::Again => None,
        Way::Power(style) => Some(style),
        Way::Rot => random.pick(&STYLES_BEFORE_ROT).copied().flatten(),
    };
    let inner = Random::new(random.draw());
    let (disk, end) = match style {
        None => (disk.after_kill(inner), End::Kill),
        Some(style) => (disk.after_power_loss(inner, style), End::PowerLoss),
    };
    Found {
        disk,
        end,
        way,
        random: Random::new(random.draw()),
    }
}

pub(super) fn open(process: &Process, mode: WriteMode) -> Result<Journal, String> {
    let options = Journal::options().stepped().shared(false).write_mode(mode);
    let options = options.segment_bytes_max(16 << 10);
    let storage = Arc::new(process.clone());
    let journal = options.storage(storage).open("/simulated");
    journal.map_err(|error| format!("opening: {error}"))
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const STYLES_BEFORE_ROT: [Option<Style>; 4] = [
    None,
    Some(Style::Nothing),
    Some(Style::Torn),
    Some(Style::Everything),
];

/// How often what a kill left is damaged.
const HARM_ONCE_IN: u64 = 4;

/// How often a state after a failed sync is recovered, at least.
const FAILED_ONCE_IN: u64 = 4;

const SHOWN_MAX: usize = 1 << 10;
