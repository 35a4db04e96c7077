//! Several files of one segment, read as one: what is not intact in the one with most records is
//! taken from the others.

use std::io;
use std::sync::Arc;

use super::files::{Naming, SegmentFile};
use super::patch::Patch;
use super::segment_scan::{Part, Trust};
use crate::error::DamageReason;
use crate::len::{len_u64, len_usize};
use crate::seeded::{self, Bug};
use crate::segment::ScanResult;
use crate::storage::{FileIdentity, Lock, LockOutcome, Storage, StorageFile};

/// The file to read a segment from, and its other files. It has most intact frames, or the right
/// name; what it lacks comes from the others.
pub(super) fn join(
    storage: &dyn Storage,
    mut copies: Vec<SegmentFile>,
) -> (Option<SegmentFile>, Vec<SegmentFile>) {
    if copies.len() < 2 {
        return (copies.pop(), Vec::new());
    }
    let read = |copy: SegmentFile| Part::read(storage, copy, Trust::Final);
    let mut parts: Vec<Part> = copies.into_iter().map(read).collect();
    parts.sort_by_key(|part| {
        let is_other = part.segment.naming != Naming::Own;
        (std::cmp::Reverse(part.records), is_other)
    });
    let mut parts = parts.into_iter();
    let Some(mut best) = parts.next() else {
        return (None, Vec::new());
    };
    let mut others = Vec::new();
    for other in parts {
        let patches = patches(&best.scanned, &other);
        if !patches.is_empty() && !seeded::has(Bug::OtherCopiesIgnored) {
            let mut segment = best.segment.clone();
            segment.told_len = segment.told_len.or(other.segment.told_len);
            segment.patches.extend(patches);
            segment.patches.sort_by_key(|patch| patch.from);
            best = read(segment);
        }
        others.push(other.segment);
    }
    (Some(best.segment), others)
}

/// What is intact in another file where this one has nothing.
fn patches(scanned: &ScanResult, other: &Part) -> Vec<Patch> {
    let end = scanned.frames_end();
    let gaps = scanned.stretches.iter().filter(|gap| gap.next.is_some());
    let gaps = gaps.map(|gap| (gap.offset, gap.end, gap.reason));
    let tail = scanned.stretches.last().filter(|gap| gap.next.is_none());
    let reason = tail.map_or(DamageReason::ShortFrame, |tail| tail.reason);
    let tail = (!scanned.is_sealed).then_some((end, u64::MAX, reason));
    let mut patches = Vec::new();
    for (from, to, reason) in gaps.chain(tail) {
        for island in &other.scanned.islands {
            let (from, to) = (from.max(island.offset), to.min(island.end));
            if from < to {
                let name = other.segment.name.clone();
                patches.push(Patch {
                    from,
                    to,
                    name,
                    reason,
                });
            }
        }
    }
    patches
}

impl SegmentFile {
    /// Opens the file, or what it is put together from.
    ///
    /// # Errors
    /// As the system says.
    pub(crate) fn open(&self, storage: &dyn Storage) -> io::Result<Arc<dyn StorageFile>> {
        let own = storage.open(&self.name)?;
        if self.patches.is_empty() {
            return Ok(own);
        }
        let mut patches = Vec::with_capacity(self.patches.len());
        for patch in &self.patches {
            patches.push((patch.from, patch.to, storage.open(&patch.name)?));
        }
        Ok(Arc::new(Patched { own, patches }))
    }
}

/// A file with parts of others in it, which is only read.
#[derive(Debug)]
struct Patched {
    own: Arc<dyn StorageFile>,
    /// In order.
    patches: Vec<(u64, u64, Arc<dyn StorageFile>)>,
}

impl Patched {
    /// Which file is read at `offset`, and up to where.
    fn at(&self, offset: u64) -> (&dyn StorageFile, u64) {
        let behind = self.patches.partition_point(|(_, to, _)| *to <= offset);
        match self.patches.get(behind) {
            Some((from, to, file)) if *from <= offset => (&**file, *to),
            Some((from, ..)) => (&*self.own, *from),
            None => (&*self.own, u64::MAX),
        }
    }
}

impl StorageFile for Patched {
    fn len(&self) -> io::Result<u64> {
        let end = self.patches.last().map_or(0, |(_, to, _)| *to);
        Ok(self.own.len()?.max(end))
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let left = len_usize(self.len()?.saturating_sub(offset));
        let count = left.min(buffer.len());
        let mut rest = buffer.get_mut(..count).unwrap_or(&mut []);
        let mut at = offset;
        while !rest.is_empty() {
            let (file, to) = self.at(at);
            let len = len_usize(to - at);
            let (part, behind) = rest.split_at_mut(len.min(rest.len()));
            let read = file.read_at(part, at)?;
            // What a file lacks, and another one has behind it, counts as zeros.
            part.get_mut(read..).unwrap_or(&mut []).fill(0);
            at += len_u64(part.len());
            rest = behind;
        }
        Ok(count)
    }

    fn write_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn allocate(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn sync(&self, from: u64, to: u64) -> io::Result<()> {
        let mut files = self.patches.iter().map(|(.., file)| file);
        files.try_for_each(|file| file.sync(from, to))?;
        self.own.sync(from, to)
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn drop_cache(&self, from: u64, to: u64) -> io::Result<()> {
        let mut files = self.patches.iter().map(|(.., file)| file);
        files.try_for_each(|file| file.drop_cache(from, to))?;
        self.own.drop_cache(from, to)
    }

    fn is_linked(&self) -> io::Result<bool> {
        self.own.is_linked()
    }

    fn identity(&self) -> io::Result<FileIdentity> {
        self.own.identity()
    }

    fn try_lock(&self, _: Lock) -> io::Result<LockOutcome> {
        Ok(LockOutcome::Unsupported)
    }
}

#[cfg(test)]
mod tests {
    use crate::error::DamageReason;
    use crate::recovery::run::RunSurvey;
    use crate::recovery::survey::{Depth, Scope, survey};
    use crate::recovery::testing::{MemoryStorage, SegmentBuilder, segment_name};

    /// Twelve records in two files of one segment, each damaged as asked for.
    fn two(change: impl Fn(&SegmentBuilder, [&mut Vec<u8>; 2])) -> (RunSurvey, usize) {
        let mut builder = SegmentBuilder::new(1, 1, 1, 0);
        for _ in 1..12 {
            builder.raw(0, b"a record");
        }
        let [mut own, mut other] = [builder.file(), builder.file()];
        change(&builder, [&mut own, &mut other]);
        let mut storage = MemoryStorage::default();
        storage.files.insert(segment_name(1, 1), own);
        storage.files.insert("a copy".to_owned(), other);
        let mut found = survey(&storage, Scope::All, Depth::Everything).unwrap();
        let strays = found.strays.len();
        (found.runs.remove(0), strays)
    }

    fn outcome((run, strays): (RunSurvey, usize)) -> (u64, Vec<(u64, u64, DamageReason)>) {
        assert_eq!(strays, 1, "the other file is named");
        assert_eq!(run.segments.len(), 1);
        let segment = &run.segments[0];
        assert_eq!(segment.classes.sum(), segment.part.segment.len);
        let findings = run.findings.iter();
        let places = findings.map(|f| (f.offset, f.len, f.reason));
        (segment.part.records, places.collect())
    }

    #[test]
    fn what_one_file_lacks_comes_from_the_other() {
        let at = |builder: &SegmentBuilder, number: usize| {
            u64::try_from(builder.offsets[number - 1]).unwrap()
        };
        let (run, strays) = two(|builder, [own, other]| {
            own[builder.offsets[4] + 17] ^= 1;
            other[builder.offsets[7] + 17] ^= 1;
            other[builder.offsets[8] + 17] ^= 1;
        });
        let (records, findings) = outcome((run, strays));
        assert_eq!(records, 12);
        let builder = SegmentBuilder::new(1, 1, 1, 0);
        let fifth = at(&builder, 1) + (findings[0].0 - at(&builder, 1));
        assert_eq!(findings, [(fifth, 24, DamageReason::BadCrc)]);
    }

    #[test]
    fn the_end_of_one_file_comes_from_the_other() {
        let cut = two(|builder, [own, other]| {
            own.truncate(builder.offsets[6]);
            other[builder.offsets[2]..builder.offsets[11]].fill(0);
        });
        let (records, _) = outcome(cut);
        // From the seventh to the eleventh none has them.
        assert_eq!(records, 7);
    }
}
