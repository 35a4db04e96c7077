//! What the header pages of runs' segments say: which runs there are, and which of them only
//! another version of the library reads.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;

use super::files::{FoundFile, SegmentFile, Stray, StrayState, Unsupported, identify};
use super::liveness::run_text;
use crate::format::{FileName, HEADER_PAGES_LEN, HeaderState};
use crate::seeded::{self, Bug};
use crate::seq::{RunId, SegmentNumber};
use crate::storage::{Entry, Storage};

/// The files of each run that are segments, or stand for them, by their names.
#[derive(Debug, Default)]
pub(super) struct Heads {
    files: BTreeMap<RunId, Vec<String>>,
    /// Runs that have a `.run` file.
    locks: BTreeSet<RunId>,
}

impl Heads {
    pub(super) fn of<'a>(names: impl Iterator<Item = &'a str>) -> Heads {
        let mut heads = Heads::default();
        for name in names {
            let run = match FileName::parse(name) {
                Some(FileName::Segment(run, _)) => run,
                Some(FileName::Run(run)) => {
                    heads.locks.insert(run);
                    continue;
                }
                Some(_) => continue,
                None => match FileName::stands_for(name) {
                    Some((run, _)) => run,
                    None => continue,
                },
            };
            heads.files.entry(run).or_default().push(name.to_owned());
        }
        heads
    }

    /// Whether the run is left alone: another version of the library wrote it, or one that says so.
    /// Version and features are the same in all of its segments; one that tells is enough.
    pub(super) fn is_hands_off(&self, storage: &dyn Storage, run: RunId) -> bool {
        let names = self.files.get(&run).map_or(&[][..], Vec::as_slice);
        let has_segment = |(run, number): (RunId, SegmentNumber)| {
            let name = FileName::Segment(run, number).to_string();
            names.contains(&name)
        };
        let tells = |name: &String| {
            let entry = Entry {
                name: name.clone(),
                len: 0,
                is_file: true,
            };
            match identify(storage, &entry) {
                FoundFile::Stray(stray) => match stray.state {
                    StrayState::Unsupported(found) => {
                        let is_extra = found.segment.is_some_and(has_segment);
                        found.needs.is_some() || !is_extra
                    }
                    _ => false,
                },
                FoundFile::Segment(file) => file.is_hands_off,
                FoundFile::Other => false,
            }
        };
        !seeded::has(Bug::NewerRunClaimed) && names.iter().any(tells)
    }

    /// The largest generation, 0 if there is none. A name alone counts for nothing: a run counts if
    /// one of its segments has an intact header page, of any version, if it may be alive, as it is
    /// before it has a segment, or if it is still to be recovered, which a later one must do;
    /// `may_live` tells of those that have a `.run` file.
    pub(super) fn generation_max(
        &self,
        storage: &dyn Storage,
        may_live: &dyn Fn(&RunId) -> bool,
    ) -> u32 {
        let runs: BTreeSet<RunId> = self.files.keys().chain(&self.locks).copied().collect();
        let mut newest_first = runs.into_iter().rev();
        let found = newest_first.find(|run| {
            let is_whole = || run_text(storage, *run).is_some_and(|text| text.owner.is_some());
            let has_lock = self.locks.contains(run);
            self.has_page(storage, *run) || has_lock && (is_whole() || may_live(run))
        });
        found.map_or(0, |run| run.generation.0)
    }

    fn has_page(&self, storage: &dyn Storage, run: RunId) -> bool {
        let mut names = self.files.get(&run).into_iter().flatten();
        names.any(|name| may_have_page(storage, name))
    }
}

/// Takes out the segments of runs of which only another version of the library reads any, and says
/// which those are: version and features are the same in all segments of a run, whatever is left
/// of them.
pub(super) fn set_unsupported_aside(
    segments: &mut BTreeMap<(RunId, SegmentNumber), Vec<SegmentFile>>,
    strays: &mut Vec<Stray>,
) -> BTreeMap<RunId, Unsupported> {
    let mut runs = BTreeMap::new();
    for stray in &*strays {
        if let StrayState::Unsupported(found) = stray.state
            && let Some(segment) = found.segment
            && (found.needs.is_some() || !segments.contains_key(&segment))
            && !seeded::has(Bug::NewerRunClaimed)
        {
            let known = runs.entry(segment.0).or_insert(found);
            known.needs = known.needs.max(found.needs);
        }
    }
    for (run, unsupported) in &runs {
        let of_run = (*run, SegmentNumber(0))..=(*run, SegmentNumber(u32::MAX));
        let keys: Vec<_> = segments.range(of_run).map(|(key, _)| *key).collect();
        for key in keys {
            let state = || {
                StrayState::Unsupported(Unsupported {
                    segment: Some(key),
                    ..*unsupported
                })
            };
            let files = segments.remove(&key).into_iter().flatten();
            strays.extend(files.map(|file| Stray {
                name: file.name,
                len: file.len,
                state: state(),
            }));
        }
    }
    runs
}

/// Whether the file begins with a header page, or cannot be read.
fn may_have_page(storage: &dyn Storage, name: &str) -> bool {
    let mut pages = [0; HEADER_PAGES_LEN];
    let read = storage
        .open(name)
        .and_then(|file| file.read_at(&mut pages, 0));
    match read {
        Ok(count) => HeaderState::has_intact_page(pages.get(..count).unwrap_or(&[])),
        Err(error) => error.kind() != ErrorKind::NotFound,
    }
}
