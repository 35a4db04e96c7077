//! Which runs have to be recovered before a new one is announced, found without reading records.

use std::collections::{BTreeMap, BTreeSet};

use super::Liveness;
use super::heads::Heads;
use super::liveness::{Prober, owner_of};
use super::other_runs::KnownRuns;
use super::recovered::{Recovered, recovered};
use crate::error::{Error, Result};
use crate::event::system::{self, RunOpen, SEAL_LEN_MAX, Seal};
use crate::format::{
    FRAME_HEADER_LEN, FRAMES_OFFSET, FileName, FrameHeader, FrameSeed, HEAD_LEN_MAX, Owner,
    RecordKind, padded,
};
use crate::len::{len_u64, len_usize};
use crate::parallel::at_once;
use crate::seeded::{self, Bug};
use crate::seq::{RunId, SegmentNumber};
use crate::storage::Storage;

/// What opening a journal has to do about the runs before.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Dead runs whose end was not looked at yet, in order.
    pub(crate) unrecovered: Vec<RunId>,
    /// Their segments, in order.
    pub(crate) segments: BTreeMap<RunId, Vec<SegmentNumber>>,
    /// Runs that are over and still have a `.run` file.
    pub(crate) stale: Vec<RunId>,
    /// Those of them that have a cache.
    pub(crate) cached: BTreeSet<(RunId, SegmentNumber)>,
    /// Those of all runs that have a `.run` file.
    pub(crate) locks: BTreeSet<RunId>,
    /// Those that say that a sync of theirs failed.
    pub(crate) poisoned: BTreeSet<RunId>,
    /// Runs without one that were not recovered and may be alive, in order.
    pub(crate) unverified: Vec<RunId>,
    /// Runs whose process is gone, and those whose process is there or may be.
    pub(crate) known: KnownRuns,
    /// The largest generation of a run there is, 0 if there is none.
    pub(crate) generation_max: u32,
    /// Names of files in the making, whose makers may be dead.
    pub(crate) temporaries: Vec<String>,
}

/// Looks at names, locks, and the ends and heads of a few segments.
///
/// # Errors
/// [`crate::Error::Io`] if the directory cannot be listed. A run whose files cannot be read is
/// taken for unrecovered: the survey says what is wrong with it.
pub(crate) fn plan(storage: &dyn Storage) -> Result<Plan> {
    let mut listing = Listing::of(storage)?;
    let prober = Prober::new(storage);
    let mut known = KnownRuns::default();
    for run in listing.runs() {
        let has_file = listing.locks.contains(&run);
        match has_file.then(|| prober.probe(run)).flatten() {
            None | Some(Liveness::Dead) => known.dead.insert(run),
            Some(found) if found.may_be_alive() => known.alive.insert(run),
            // It is left alone until its lock is free.
            Some(_) => continue,
        };
    }
    let is_alive = |run: &RunId| known.alive.contains(run);
    let mut plan = Plan {
        generation_max: listing.heads.generation_max(storage, &is_alive),
        temporaries: std::mem::take(&mut listing.temporaries),
        ..Plan::default()
    };
    let dead: Vec<RunId> = known.dead.iter().copied().collect();
    plan.known = known;
    let (mut finished, dead): (Vec<RunId>, _) =
        dead.into_iter().partition(|run| listing.was_tidied(*run));
    let (closed, mut open) = listing.partition(storage, dead);
    finished.extend(closed);
    if !open.is_empty() {
        // Listed again: a run seen dead has made all its segments by now.
        let before = std::mem::replace(&mut listing, Listing::of(storage)?);
        let (longer, same): (Vec<RunId>, _) = open
            .into_iter()
            .partition(|run| listing.newest(*run) != before.newest(*run));
        let (late, still_open) = listing.partition(storage, longer);
        finished.extend(late);
        open = same.into_iter().chain(still_open).collect();
        open.sort_unstable();
    }
    let covered = covered(storage, &listing, &open);
    let (done, open): (Vec<RunId>, Vec<RunId>) =
        open.into_iter().partition(|run| covered.contains(run));
    let is_dead = |run: &RunId| {
        let has_file = listing.locks.contains(run);
        has_file || prober.without_file(owner_at_head(storage, *run).as_ref()) == Liveness::Dead
    };
    // What another version of the library wrote is not taken on, and nothing of it goes.
    let is_ours = |run: &RunId| !listing.heads.is_hands_off(storage, *run);
    let open = open.into_iter().filter(is_ours);
    let (open, unverified): (Vec<RunId>, Vec<RunId>) = open.partition(is_dead);
    plan.known.dead.retain(|run| !unverified.contains(run));
    plan.unverified = unverified;
    plan.unrecovered = open;
    plan.stale = finished.into_iter().chain(done).collect();
    plan.stale
        .retain(|run| listing.locks.contains(run) && is_ours(run));
    plan.temporaries.retain(|name| {
        let run = FileName::parse(name).map(FileName::run);
        run.is_some_and(|run| is_ours(&run))
    });
    plan.stale.sort_unstable();
    let segments = plan.unrecovered.iter().filter_map(|run| {
        let its = listing.segments.remove(run)?;
        Some((*run, its))
    });
    plan.segments = segments.collect();
    plan.cached = listing.cached;
    plan.locks = listing.locks;
    plan.poisoned = listing.poisoned;
    Ok(plan)
}

/// The files of a journal by run.
struct Listing {
    /// The segments of each run, in order, and the newest one that has a cache.
    segments: BTreeMap<RunId, Vec<SegmentNumber>>,
    newest_cached: BTreeMap<RunId, SegmentNumber>,
    cached: BTreeSet<(RunId, SegmentNumber)>,
    locks: BTreeSet<RunId>,
    poisoned: BTreeSet<RunId>,
    heads: Heads,
    temporaries: Vec<String>,
}

impl Listing {
    fn of(storage: &dyn Storage) -> Result<Listing> {
        let names = storage.names();
        let names = names.map_err(|error| Error::io("list", storage.path(), error))?;
        Ok(Listing::new(names))
    }

    fn new(names: Vec<String>) -> Listing {
        let mut listing = Listing {
            segments: BTreeMap::new(),
            newest_cached: BTreeMap::new(),
            cached: BTreeSet::new(),
            locks: BTreeSet::new(),
            poisoned: BTreeSet::new(),
            heads: Heads::of(names.iter().map(String::as_str)),
            temporaries: Vec::new(),
        };
        for name in names {
            let Some(parsed) = FileName::parse(&name) else {
                continue;
            };
            match parsed {
                FileName::Segment(run, number) => {
                    listing.segments.entry(run).or_default().push(number);
                }
                FileName::Index(run, number) => {
                    listing.cached.insert((run, number));
                    let newest = listing.newest_cached.entry(run).or_insert(number);
                    *newest = number.max(*newest);
                }
                FileName::Run(run) => {
                    listing.locks.insert(run);
                }
                FileName::Poisoned(run) => {
                    listing.poisoned.insert(run);
                }
                FileName::IndexTemporary(..)
                | FileName::MergedTemporary(..)
                | FileName::RunTemporary(_)
                | FileName::Claim(_) => {
                    listing.temporaries.push(name);
                }
                _ => {}
            }
        }
        for segments in listing.segments.values_mut() {
            segments.sort_unstable();
        }
        listing
    }

    fn newest(&self, run: RunId) -> Option<SegmentNumber> {
        self.segments.get(&run)?.last().copied()
    }

    /// Of some dead runs those that ended as they should, and the others.
    fn partition(&self, storage: &dyn Storage, runs: Vec<RunId>) -> (Vec<RunId>, Vec<RunId>) {
        let threads = if runs.len() < SHARED_MIN { 1 } else { 2 };
        let is_closed = |run: &RunId| {
            let newest = self.newest(*run);
            newest.is_some_and(|number| ends_in_last_seal(storage, *run, number))
        };
        let mut closed = at_once(&runs, threads, is_closed).into_iter();
        let is_closed = |_: &RunId| closed.next().unwrap_or(false);
        runs.into_iter().partition(is_closed)
    }

    /// Whether names alone tell that a run is over: its `.run` file is gone, which goes last, and
    /// its newest segment has a cache, which only a sealed one gets. In a journal of many runs,
    /// that spares opening a file of each.
    fn was_tidied(&self, run: RunId) -> bool {
        let newest = self.newest(run);
        let cached = self.newest_cached.get(&run).copied();
        newest.is_some() && newest == cached && !self.locks.contains(&run)
    }

    fn runs(&self) -> BTreeSet<RunId> {
        self.segments.keys().chain(&self.locks).copied().collect()
    }
}

/// Whether the file ends exactly with the seal that is written when a run is closed.
fn ends_in_last_seal(storage: &dyn Storage, run: RunId, number: SegmentNumber) -> bool {
    let Some((from, tail)) = read_tail(storage, run, number) else {
        return false;
    };
    let len = from + len_u64(tail.len());
    let seed = FrameSeed::new(run, number);
    let mut at = 0;
    while let Some(frame) = tail
        .get(at..)
        .filter(|frame| frame.len() >= FRAME_HEADER_LEN)
    {
        let offset = from + len_u64(at);
        if let Some((header, payload)) = frame_at(frame, offset, seed)
            && offset + header.frame_len() == len
            && header.kind == RecordKind::SEAL
        {
            let seal: Option<Seal> = system::decode(payload);
            return seal.is_some_and(|seal| seal.next_segment.is_none());
        }
        at += 8;
    }
    false
}

/// Which of `runs` a later run has recovered.
fn covered(storage: &dyn Storage, listing: &Listing, runs: &[RunId]) -> BTreeSet<RunId> {
    let Some(oldest) = runs.first().filter(|_| !seeded::has(Bug::RecoveredTwice)) else {
        return BTreeSet::new();
    };
    let mut left: BTreeSet<RunId> = runs.iter().copied().collect();
    let mut covered = BTreeSet::new();
    let has_first = |segments: &[SegmentNumber]| segments.first() == Some(&SegmentNumber::FIRST);
    for (later, segments) in &listing.segments {
        if later.generation > oldest.generation && has_first(segments) {
            for earlier in recovered_at_head(storage, *later) {
                if earlier.run.generation < later.generation && left.remove(&earlier.run) {
                    covered.insert(earlier.run);
                }
            }
            // Mostly the run that came next, and then no other needs to be looked at.
            if left.is_empty() {
                break;
            }
        }
    }
    covered
}

/// Whether a later run has recovered this one.
pub(crate) fn is_recovered(storage: &dyn Storage, run: RunId) -> bool {
    let listing = Listing::of(storage);
    listing.is_ok_and(|listing| !covered(storage, &listing, &[run]).is_empty())
}

/// What the first records of a run say of runs before it; they may fill whole segments.
fn recovered_at_head(storage: &dyn Storage, run: RunId) -> Vec<Recovered> {
    let mut found = Vec::new();
    let mut number = SegmentNumber::FIRST;
    loop {
        let head = head(storage, run, number);
        let recovered = head.iter().filter_map(|(kind, payload)| {
            let is_it = *kind == RecordKind::RUN_RECOVERED;
            is_it.then(|| recovered(payload)).flatten()
        });
        found.extend(recovered);
        if head
            .last()
            .is_none_or(|(kind, _)| *kind != RecordKind::SEAL)
        {
            return found;
        }
        number = number.next();
    }
}

/// The process that opened a run, as its `RunOpen` says.
fn owner_at_head(storage: &dyn Storage, run: RunId) -> Option<Owner> {
    let head = head(storage, run, SegmentNumber::FIRST);
    let open = head.iter().find(|(kind, _)| *kind == RecordKind::RUN_OPEN);
    open.and_then(|(_, payload)| Some(owner_of(&system::decode::<RunOpen<'_>>(payload)?)))
}

/// The records with which a run begins, about itself and runs before it, as far as they are in
/// this segment.
fn head(storage: &dyn Storage, run: RunId, number: SegmentNumber) -> Vec<(RecordKind, Vec<u8>)> {
    let seed = FrameSeed::new(run, number);
    let mut found = Vec::new();
    let mut len = HEAD_LEN;
    'longer: loop {
        let Some(head) = read(storage, run, number, FRAMES_OFFSET, len) else {
            return found;
        };
        found.clear();
        let mut at = 0;
        while let Some(rest) = head.get(at..).filter(|rest| !rest.is_empty()) {
            let offset = FRAMES_OFFSET + len_u64(at);
            let Some((header, payload)) = frame_at(rest, offset, seed) else {
                // The frame may go on behind what was read.
                if len < HEAD_LEN_MAX && u64::try_from(head.len()).is_ok_and(|l| l == len) {
                    len *= 16;
                    continue 'longer;
                }
                return found;
            };
            let is_head = matches!(
                header.kind,
                RecordKind::SEGMENT_START
                    | RecordKind::RUN_OPEN
                    | RecordKind::RUN_RECOVERED
                    | RecordKind::SEAL
            );
            if !is_head {
                return found;
            }
            found.push((header.kind, payload.to_vec()));
            at += len_usize(header.frame_len());
        }
        return found;
    }
}

/// The intact frame at the start of `bytes`, which are at `offset`, and its payload.
fn frame_at(bytes: &[u8], offset: u64, seed: FrameSeed) -> Option<(FrameHeader, &[u8])> {
    let (fields, payload) = bytes.split_first_chunk::<FRAME_HEADER_LEN>()?;
    let header = FrameHeader::decode(*fields).ok()?;
    let len = usize::try_from(header.payload_len).ok()?;
    let payload = payload.get(..len)?;
    header
        .fits(seed, offset, payload)
        .then_some((header, payload))
}

/// The end of a segment that would hold its seal, and its offset; `None` if it cannot be read.
fn read_tail(storage: &dyn Storage, run: RunId, number: SegmentNumber) -> Option<(u64, Vec<u8>)> {
    let file = storage.open(&FileName::Segment(run, number).to_string());
    let file = file.ok()?;
    let len = file.len().ok()?;
    let from = len.saturating_sub(padded(SEAL_LEN_MAX)).max(FRAMES_OFFSET);
    let mut tail = vec![0; usize::try_from(len.saturating_sub(from)).ok()?];
    let count = file.read_at(&mut tail, from).ok()?;
    (count == tail.len()).then_some((from, tail))
}

/// Bytes of a segment as far as it goes; `None` if it cannot be read.
fn read(
    storage: &dyn Storage,
    run: RunId,
    number: SegmentNumber,
    offset: u64,
    len: u64,
) -> Option<Vec<u8>> {
    let name = FileName::Segment(run, number).to_string();
    let file = storage.open(&name).ok()?;
    let mut bytes = vec![0; usize::try_from(len).ok()?];
    let count = file.read_at(&mut bytes, offset).ok()?;
    bytes.truncate(count);
    Some(bytes)
}

/// Fewer runs are looked at by one thread: starting another would take longer.
const SHARED_MIN: usize = 128;

const HEAD_LEN: u64 = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recovery::testing::{MemoryStorage, SegmentBuilder, run};

    #[test]
    fn among_many_runs_those_that_were_not_closed_are_found() {
        let mut storage = MemoryStorage::default();
        let is_open = |generation: u32| generation.is_multiple_of(50);
        for generation in 1..=300 {
            let segment = SegmentBuilder::new(generation, 1, 1, 0);
            let bytes = match is_open(generation) {
                true => segment.file(),
                false => segment.sealed(None),
            };
            storage.put(&segment, bytes);
        }
        let open: Vec<RunId> = (1..=300).filter(|g| is_open(*g)).map(run).collect();
        assert_eq!(plan(&storage).unwrap().unrecovered, open);
        // Some were recovered by later runs, one only by the very last.
        for (earlier, later) in [(50, 51), (100, 101), (200, 301)] {
            let mut segment = SegmentBuilder::new(later, 1, 1, 0);
            segment.recovered(earlier, 1);
            storage.put(&segment, segment.sealed(None));
        }
        let unrecovered = plan(&storage).unwrap().unrecovered;
        assert_eq!(unrecovered, [150, 250, 300].map(run));
    }

    #[test]
    fn a_cache_of_the_newest_segment_tells_that_a_run_without_a_lock_is_over() {
        // Not sealed: a reader of the segments would take the run for one that died.
        let journal = |files: &[FileName]| {
            let mut storage = MemoryStorage::default();
            for number in 1..=2 {
                let segment = SegmentBuilder::new(1, number, 1, 0);
                storage.put(&segment, segment.file());
            }
            for file in files {
                storage.files.insert(file.to_string(), Vec::new());
            }
            plan(&storage).unwrap().unrecovered
        };
        let cache = |number| FileName::Index(run(1), SegmentNumber(number));
        assert_eq!(journal(&[cache(1), cache(2)]), []);
        assert_eq!(journal(&[cache(1)]), [run(1)]);
        assert_eq!(
            journal(&[cache(1), cache(2), FileName::Run(run(1))]),
            [run(1)]
        );
    }
}
