//! What files beside segments prove that are gone, or are not what they were.
//!
//! A cache is written when all of its segment, and all in front of it, is durable, and a place is
//! noted in a `.run` file when it is: what they say of a number was true then, whatever became of
//! the segments since.

use std::collections::BTreeMap;

use super::Liveness;
use super::liveness::Probed;
use super::segment_scan::Part;
use super::{cache, merged_cache};
use crate::format::{DurablePlace, FileName};
use crate::seeded::{self, Bug};
use crate::seq::{RunId, SegmentNumber};
use crate::storage::{Entry, Storage};

/// The files of a directory that are beside segments.
#[derive(Debug, Default)]
pub(super) struct Beside {
    /// The first and the last segment of each cache.
    caches: BTreeMap<RunId, Vec<(SegmentNumber, SegmentNumber)>>,
    /// What `.run` files say of runs that are dead, or alive and written on this machine.
    noted: BTreeMap<RunId, DurablePlace>,
}

impl Beside {
    /// What is there beside segments, and what is known of runs, from before the segments are
    /// listed and read: what was durable then is in them.
    pub(super) fn of(entries: &[Entry], known: &BTreeMap<RunId, Option<Probed>>) -> Beside {
        let mut beside = Beside::default();
        let noted = known.iter().filter_map(|(run, found)| {
            let is_here = |liveness: Liveness| match liveness {
                Liveness::Live => !seeded::has(Bug::LiveNoteIgnored),
                Liveness::Dead | Liveness::Orphaned => true,
                // What is noted may be newer than what is seen of the segments.
                Liveness::Unverified | Liveness::Unknown => false,
            };
            let found = found.filter(|found| is_here(found.liveness))?;
            Some((*run, found.durable?))
        });
        beside.noted.extend(noted);
        for entry in entries {
            let (run, range) = match FileName::parse(&entry.name) {
                Some(FileName::Index(run, number)) => (run, (number, number)),
                Some(FileName::Merged(run, first, last)) => (run, (first, last)),
                _ => continue,
            };
            beside.caches.entry(run).or_default().push(range);
        }
        beside
    }

    /// Adds runs of which nothing is left but caches.
    pub(super) fn add_runs(
        &self,
        storage: &dyn Storage,
        is_looked_at: &dyn Fn(RunId) -> bool,
        parts: &mut BTreeMap<RunId, Vec<Part>>,
    ) {
        for run in self.caches.keys().filter(|run| is_looked_at(**run)) {
            if !parts.contains_key(run) && self.proved(storage, *run, &[]).0 > 0 {
                parts.insert(*run, Vec::new());
            }
        }
    }

    /// What these files prove of a run: the highest number that was durable, 0 for none, and the
    /// place that its `.run` file notes; `parts` are the run's, in order.
    pub(super) fn proved(
        &self,
        storage: &dyn Storage,
        run: RunId,
        parts: &[Part],
    ) -> (u64, Option<DurablePlace>) {
        let highest = self.highest(storage, run, parts);
        let noted = self.noted.get(&run).copied();
        let noted = noted.filter(|_| !seeded::has(Bug::LostEndNotSeen));
        (highest.max(noted.map_or(0, |place| place.seq)), noted)
    }

    /// The highest number that caches of segments prove durable that are not whole.
    fn highest(&self, storage: &dyn Storage, run: RunId, parts: &[Part]) -> u64 {
        if seeded::has(Bug::LostEndNotSeen) {
            return 0;
        }
        let part_of = |number: u32| {
            let at = parts.binary_search_by_key(&number, |part| part.segment.number.0);
            at.ok().and_then(|at| parts.get(at))
        };
        let is_whole = |part: &Part| !part.is_verified || part.scanned.is_sealed && !has_gaps(part);
        let proved = |(first, last): &(SegmentNumber, SegmentNumber)| {
            // Of the last one that is not whole: those behind it say more, if it must be asked.
            let mut numbers = (first.0..=last.0).rev();
            let lost = numbers.find(|number| !part_of(*number).is_some_and(is_whole))?;
            let seq = match first == last {
                true => cache::open(storage, run, *first)?.0.covered.last_seq(),
                false => merged_cache::last_seq(storage, run, (*first, *last), lost),
            };
            // What is there needs no proof.
            let whole = part_of(lost).filter(|part| !has_gaps(part));
            let there = whole.and_then(Part::told_last_seq);
            seq.filter(|seq| there.is_none_or(|there| there < *seq))
        };
        let ranges = self.caches.get(&run).into_iter().flatten();
        ranges.filter_map(proved).max().unwrap_or(0)
    }
}

/// Whether anything is missing in front of the last frame.
fn has_gaps(part: &Part) -> bool {
    let mut behind = part.scanned.stretches.iter().filter_map(|gap| gap.next);
    behind.next().is_some() && !seeded::has(Bug::ReachedNoteForgotten)
}
