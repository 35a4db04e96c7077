//! Caches of segments without a seal: what they say counts if a later run names their end.

use std::collections::BTreeMap;

use super::segment_scan::{Part, Trust};
use super::survey::Depth;
use super::witness::Witness;
use crate::seeded::{self, Bug};
use crate::seq::RunId;
use crate::storage::Storage;

/// Replaces segments as caches tell them whose end is not sealed, and not on record either: their
/// run may have gone on since.
pub(super) fn read_unnamed(
    storage: &dyn Storage,
    parts: &mut BTreeMap<RunId, Vec<Part>>,
    witnesses: &BTreeMap<RunId, Witness>,
    (trust, depth): (&dyn Fn(RunId) -> Trust, Depth),
) {
    for (run, parts) in parts {
        let witness = witnesses.get(run);
        for part in parts {
            let is_believed = part.is_verified
                || part.scanned.is_sealed
                || witness.is_some_and(|witness| names(witness, part))
                || seeded::has(Bug::UnnamedEndBelieved);
            if is_believed {
                continue;
            }
            let file = part.segment.clone();
            *part = match depth {
                Depth::Rollups | Depth::Merged => {
                    Part::read_rollups(storage, file, trust(*run), &mut |_| {})
                }
                _ => Part::read(storage, file, trust(*run)),
            };
        }
    }
}

/// Whether this very end was found when the run was recovered.
fn names(witness: &Witness, part: &Part) -> bool {
    let number = part.segment.number.0;
    let mut ends = witness.recovered.iter().map(|recovered| recovered.end);
    ends.any(|end| end.0 > number || end == (number, part.scanned.frames_end()))
}

#[cfg(test)]
mod tests {
    use crate::event::system::{Clocks, RunRecovered};
    use crate::format::{FileName, RecordKind};
    use crate::recovery::RunSurvey;
    use crate::recovery::cache;
    use crate::recovery::survey::{Depth, Scope, survey};
    use crate::recovery::testing::{MemoryStorage, SegmentBuilder, run, told_of};
    use crate::seq::SegmentNumber;

    /// A dead run whose newest segment was never used, with caches that say where its frames end.
    fn crashed() -> (MemoryStorage, SegmentBuilder) {
        let mut first = SegmentBuilder::new(1, 1, 1, 0);
        first
            .declare(1, "session")
            .raw(1, b"one")
            .raw(0, b"two")
            .mark(3);
        let mut storage = first.storage();
        let unused = SegmentBuilder::new(1, 2, 6, 0);
        let mut bytes = unused.file();
        bytes[8192..].fill(0);
        storage.put(&unused, bytes);
        for (number, end) in [(1, first.end()), (2, 8192)] {
            let number = SegmentNumber(number);
            let bytes = cache::make(&storage, run(1), number, Some(end)).unwrap();
            let name = FileName::Index(run(1), number).to_string();
            storage.files.insert(name, bytes.concat());
        }
        (storage, first)
    }

    fn recover(storage: &mut MemoryStorage, end: (u32, u64)) {
        let mut later = SegmentBuilder::new(2, 1, 1, 0);
        let recovered = RunRecovered {
            generation: 1,
            random: run(1).random,
            end_segment: end.0,
            end_offset: end.1,
            last_seq: 5,
            missing: Vec::new(),
            clocks: Clocks::default(),
            extras: Vec::new(),
        };
        later.system(RecordKind::RUN_OPEN, &0_u8);
        later.system(RecordKind::RUN_RECOVERED, &recovered);
        storage.put(&later, later.sealed(None));
    }

    fn read(storage: &MemoryStorage, depth: Depth) -> (RunSurvey, Vec<bool>) {
        let found = survey(storage, Scope::All, depth).unwrap();
        let first = found.runs.into_iter().next().unwrap();
        let parts = first
            .segments
            .iter()
            .map(|segment| segment.part.is_verified);
        let verified = parts.collect();
        (first, verified)
    }

    #[test]
    fn a_recovered_run_is_told_by_its_caches_and_no_other_is() {
        let (mut storage, first) = crashed();
        for depth in [Depth::Caches, Depth::Rollups] {
            // Nothing says that it is over.
            assert_eq!(read(&storage, depth).1, [true, true]);
        }
        for (end, is_told) in [((2, 8192), [true, true]), ((1, first.end()), [true, false])] {
            recover(&mut storage, end);
            let (told, verified) = read(&storage, Depth::Caches);
            assert_eq!(verified, is_told.map(|is_told| !is_told));
            let (whole, _) = read(&storage, Depth::Everything);
            assert_eq!(told_of(&told), told_of(&whole));
        }
        recover(&mut storage, (1, first.end() - 8));
        assert_eq!(read(&storage, Depth::Caches).1, [true, true]);
    }

    #[test]
    fn a_cache_is_not_believed_if_anything_is_behind_the_end() {
        let (mut storage, mut first) = crashed();
        recover(&mut storage, (2, 8192));
        first.raw(0, b"late");
        storage.put(&first, first.file());
        let (found, verified) = read(&storage, Depth::Caches);
        assert_eq!(verified, [true, false]);
        assert_eq!(found.segments[0].part.records, 6);
    }
}
