//! Looks at a journal and writes nothing: which runs there are, which records, what is missing.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::again::look_again;
use super::apart::Allowance;
use super::beside::Beside;
use super::cache;
use super::catch_up::catch_up;
use super::copies;
use super::dead_run::DeadRun;
pub(crate) use super::depth::Depth;
use super::files::{FoundFile, Naming, SegmentFile, Stray, StrayState, identify, list};
use super::heads::set_unsupported_aside;
use super::liveness::{Probed, Prober};
use super::merged_cache;
use super::named::read_unnamed;
use super::run::RunSurvey;
use super::segment_ends::settle;
use super::segment_scan::{Part, Trust};
use super::verdict::Verdict;
use super::witness::witnesses;
use super::{Liveness, Loss};
use crate::error::{Error, Result};
use crate::format::FileName;
use crate::parallel::at_once;
use crate::seeded::{self, Bug};
use crate::seq::{RunId, SegmentNumber};
use crate::storage::{Entry, FileSystem, Storage};

/// Which runs to look at.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scope<'a> {
    /// All of them.
    All,
    /// Only this run, which the caller has taken on.
    Dead(&'a DeadRun),
}

/// Everything found.
#[derive(Debug)]
pub(crate) struct Survey {
    /// By generation, then random part.
    pub(crate) runs: Vec<RunSurvey>,
    /// Files that were not read as segments, by name.
    pub(crate) strays: Vec<Stray>,
}

/// Surveys the runs in `scope`.
///
/// # Errors
/// [`Error::Io`] if the directory cannot be listed. A file that cannot be read is in the result.
pub(crate) fn survey(storage: &dyn Storage, scope: Scope<'_>, depth: Depth) -> Result<Survey> {
    let prober = Prober::new(storage);
    let (known, entries) = probe_and_list(&prober, scope)?;
    let mut finds = Finds::default();
    let mut poisoned = BTreeSet::new();
    let merged = match depth {
        Depth::Merged => merged_cache::MergedCacheNames::of(&entries),
        _ => merged_cache::MergedCacheNames::default(),
    };
    let beside = Beside::of(&entries, &known);
    for entry in entries {
        if scope.has_file_of(&entry) {
            finds.add(identify(storage, &entry));
        }
        if let Some(FileName::Poisoned(run)) = FileName::parse(&entry.name) {
            poisoned.insert(run);
        }
    }
    let unsupported = set_unsupported_aside(&mut finds.segments, &mut finds.strays);
    let (mut chosen, mut strays) = finds.choose(storage);
    let trust = |run| match known.get(&run) {
        Some(Some(found)) if found.liveness.may_be_alive() => Trust::Moving,
        _ if poisoned.contains(&run) => Trust::DiskOnly,
        _ => Trust::Final,
    };
    let told = merged.take(storage, &mut chosen, &|run| may_use_caches(trust(run)));
    let mut read = read_all(storage, chosen, &trust, depth);
    read.extend(told);
    read.sort_by_key(|part| (part.segment.run, part.segment.number));
    let mut parts = by_run(storage, read, &trust, depth);
    for run in known.keys().chain(unsupported.keys()) {
        parts.entry(*run).or_default();
    }
    beside.add_runs(storage, &|run| scope.has_run(run), &mut parts);
    let mut witnesses = witnesses(parts.values().flatten());
    read_unnamed(storage, &mut parts, &witnesses, (&trust, depth));
    if matches!(scope, Scope::All) {
        for run in witnesses.keys() {
            parts.entry(*run).or_default();
        }
    }
    let mut runs = Vec::with_capacity(parts.len());
    let is_in_memory = FileSystem::is_memory(storage.file_system_type());
    for (run, parts) in parts {
        let probed = known.get(&run).copied().flatten();
        let liveness = probed.map_or(Liveness::Dead, |found| found.liveness);
        if let Some(unsupported) = unsupported.get(&run) {
            runs.push(RunSurvey::unsupported(run, liveness, *unsupported));
            continue;
        }
        let mut witness = witnesses.remove(&run).unwrap_or_default();
        (witness.beside, witness.noted) = beside.proved(storage, run, &parts);
        witness.is_unlocked = probed.is_none();
        witness.is_killed = probed.is_some_and(|found| found.is_killed) && !poisoned.contains(&run);
        witness.is_in_memory = is_in_memory;
        let mut found = RunSurvey::assemble(run, liveness, parts, witness.clone(), None);
        if probed.is_none() && matches!(scope, Scope::All) && found.is_open() {
            found.liveness = prober.without_file(found.opened.as_ref().map(|o| &o.owner));
        }
        runs.push(look_again(storage, found, witness));
    }
    if seeded::has(Bug::RunsByClock) {
        runs.sort_by_key(|run| run.opened.as_ref().map(|opened| opened.at));
    }
    strays.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Survey { runs, strays })
}

impl Survey {
    /// Whether something could not be read, or not be understood, by this program.
    pub(crate) fn has_failed(&self) -> bool {
        let is_failed = |stray: &Stray| matches!(stray.state, StrayState::Unreadable(_));
        let mut parts = self
            .runs
            .iter()
            .flat_map(|run| &run.segments)
            .map(|s| &s.part);
        self.strays.iter().any(is_failed)
            || parts.any(|p| p.scanned.error.is_some() || !p.segment.is_header_read)
    }

    /// Whether anything that no crash explains was found.
    pub(crate) fn is_damaged(&self) -> bool {
        self.runs.iter().any(RunSurvey::is_damaged) || self.has_bad_stray()
    }

    /// Whether anything is lost that was never seen durable.
    pub(crate) fn is_torn(&self) -> bool {
        let findings = self.runs.iter().flat_map(|run| &run.findings);
        findings.into_iter().any(|f| f.verdict == Verdict::Torn)
    }

    /// The worst of what was lost.
    pub(crate) fn loss(&self) -> Loss {
        match (self.is_damaged(), self.is_torn()) {
            (true, _) => Loss::Damage,
            (false, true) => Loss::Tail,
            (false, false) => Loss::None,
        }
    }

    fn has_bad_stray(&self) -> bool {
        let mut states = self.strays.iter().map(|stray| &stray.state);
        states.any(|state| matches!(state, StrayState::MisnamedCopy | StrayState::NoFile(_)))
    }
}

impl Scope<'_> {
    fn has_run(self, run: RunId) -> bool {
        match self {
            Scope::All => true,
            Scope::Dead(dead) => dead.run == run,
        }
    }

    fn has_file_of(self, entry: &Entry) -> bool {
        let named = FileName::parse(&entry.name).map(FileName::run);
        match named.or_else(|| FileName::stands_for(&entry.name).map(|(run, _)| run)) {
            Some(run) => self.has_run(run),
            None => matches!(self, Scope::All),
        }
    }
}

/// How runs stand, as far as `.run` files tell.
type RunLiveness = BTreeMap<RunId, Option<Probed>>;

/// Every run that has a file, with its liveness as far as a `.run` file tells it, and a listing
/// taken after that was found out: a run seen dead has made all its segments by then.
fn probe_and_list(prober: &Prober<'_>, scope: Scope<'_>) -> Result<(RunLiveness, Vec<Entry>)> {
    let storage = prober.storage();
    let names = storage.names();
    let names = names.map_err(|error| Error::io("list", storage.path(), error))?;
    let mut started = runs_in(names.iter().map(String::as_str), scope);
    let mut known = BTreeMap::new();
    let mut entries = Vec::new();
    for _ in 0..LISTINGS_MAX {
        for run in started {
            let found = match scope {
                Scope::All => prober.probe_and_read(run),
                Scope::Dead(dead) => Some(Probed {
                    liveness: Liveness::Dead,
                    is_killed: dead.is_killed,
                    durable: dead.place,
                }),
            };
            known.insert(run, found);
        }
        entries = list(storage)?;
        started = runs_in(names_of(&entries), scope);
        started.retain(|run| !known.contains_key(run));
        if started.is_empty() {
            return Ok((known, entries));
        }
    }
    // Runs start faster than they can be looked at.
    for run in runs_in(names_of(&entries), scope) {
        let found = Some(Probed::of(Liveness::Live));
        known.entry(run).or_insert(found);
    }
    Ok((known, entries))
}

fn names_of(entries: &[Entry]) -> impl Iterator<Item = &str> {
    entries.iter().map(|entry| entry.name.as_str())
}

fn runs_in<'a>(names: impl Iterator<Item = &'a str>, scope: Scope<'_>) -> BTreeSet<RunId> {
    let names = names.filter_map(FileName::parse);
    names
        .filter(|name| matches!(name, FileName::Segment(..) | FileName::Run(_)))
        .map(FileName::run)
        .filter(|run| scope.has_run(*run))
        .collect()
}

/// Files as they are identified.
#[derive(Default)]
struct Finds {
    segments: BTreeMap<(RunId, SegmentNumber), Vec<SegmentFile>>,
    strays: Vec<Stray>,
}

impl Finds {
    fn add(&mut self, found: FoundFile) {
        match found {
            FoundFile::Segment(file) => {
                let copies = self.segments.entry((file.run, file.number)).or_default();
                copies.push(file);
            }
            FoundFile::Stray(stray) => self.strays.push(stray),
            FoundFile::Other => {}
        }
    }

    /// One file for each segment, which may be read from several.
    fn choose(self, storage: &dyn Storage) -> (Vec<SegmentFile>, Vec<Stray>) {
        let mut strays = self.strays;
        let mut chosen = Vec::with_capacity(self.segments.len());
        for copies in self.segments.into_values() {
            let (best, others) = copies::join(storage, copies);
            chosen.extend(best);
            strays.extend(others.into_iter().map(|copy| Stray {
                name: copy.name,
                len: copy.len,
                state: match copy.naming {
                    Naming::Stray => StrayState::Copy,
                    Naming::Own | Naming::Other => StrayState::MisnamedCopy,
                },
            }));
        }
        (chosen, strays)
    }
}

/// What a failed sync left behind is read from the disk in any case.
fn may_use_caches(trust: Trust) -> bool {
    trust != Trust::DiskOnly
}

/// Reads segments, several at a time if there is enough to read.
fn read_all(
    storage: &dyn Storage,
    mut files: Vec<SegmentFile>,
    trust: &(dyn Fn(RunId) -> Trust + Sync),
    depth: Depth,
) -> Vec<Part> {
    let hashes = Allowance::new(HASHES_LEN_MAX);
    let read = |file: &SegmentFile| {
        let trust = trust(file.run);
        read_one(storage, file, (trust, depth), &hashes)
    };
    let bytes: u64 = files.iter().map(|file| file.len).sum();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = match bytes < PARALLEL_BYTES_MIN {
        true => 1,
        false => processors.min(WORKERS_MAX),
    };
    // The longest first, so that all are done at about the same time.
    files.sort_by_key(|file| Reverse(file.len));
    let mut parts = at_once(&files, threads, read);
    parts.sort_by_key(|part| (part.segment.run, part.segment.number));
    parts
}

/// What was read of each run, in order, each segment up to where its records end.
fn by_run(
    storage: &dyn Storage,
    read: Vec<Part>,
    trust: &dyn Fn(RunId) -> Trust,
    depth: Depth,
) -> BTreeMap<RunId, Vec<Part>> {
    let mut runs = BTreeMap::<RunId, Vec<Part>>::new();
    for part in settle(storage, read, trust) {
        runs.entry(part.segment.run).or_default().push(part);
    }
    let is_moving = |run| trust(run) == Trust::Moving;
    for (run, parts) in runs.iter_mut().filter(|(run, _)| is_moving(**run)) {
        let hashes = Allowance::new(HASHES_LEN_MAX);
        let read = |file| read_one(storage, &file, (Trust::Moving, depth), &hashes);
        catch_up(storage, *run, parts, &read);
    }
    runs
}

fn read_one(
    storage: &dyn Storage,
    file: &SegmentFile,
    (trust, depth): (Trust, Depth),
    hashes: &Allowance,
) -> Part {
    let may_use_cache = !depth.is_everything() && may_use_caches(trust) && file.patches.is_empty();
    let load = || cache::load(storage, file, depth);
    if let Some(part) = may_use_cache.then(load).flatten() {
        return part;
    }
    let file = file.clone();
    match depth {
        Depth::Rollups | Depth::Merged => Part::read_rollups(storage, file, trust, &mut |_| {}),
        Depth::Counts => Part::read_counts(storage, file, trust, hashes),
        Depth::Everything | Depth::Caches => Part::read(storage, file, trust),
    }
}

/// How often the directory is listed at most while new runs keep appearing in it.
const LISTINGS_MAX: usize = 16;

const WORKERS_MAX: usize = 4;

/// Bytes of hashes of finished spans that are kept at most, all together. Of sessions that are in
/// several segments and have more of them, the records are read again.
const HASHES_LEN_MAX: u64 = 24 << 20;

/// Less than this is read by one thread: starting others would take longer.
const PARALLEL_BYTES_MIN: u64 = 4 << 20;
