//! Makes joint caches, of segments' caches or of shorter joint ones.

use std::collections::BTreeMap;

use super::file::{Body, End, JointFile, Row, encode};
use crate::digest::{Digest, DigestBuilder};
use crate::format::FileName;
use crate::recovery::cache::{self, Covered};
use crate::recovery::places::SessionRow;
use crate::seq::{RunId, SegmentNumber};
use crate::storage::Storage;

/// Writes the joint caches that are due once this segment has a cache: of the last eight segments,
/// of the last 64, and so on, wherever so many are full.
///
/// That one cannot be written, for want of what it is made of, too, costs a reader time, and
/// nothing else.
pub(crate) fn write_due(storage: &dyn Storage, run: RunId, number: SegmentNumber) {
    let is_due = |len: &u32| number.0.is_multiple_of(*len);
    for len in lens().take_while(is_due) {
        if write(storage, run, number.0 - len + 1, number.0).is_none() {
            return;
        }
    }
}

/// Writes the joint cache of a whole run, whose last segment this is; as
/// [`write_due`], and only if the run is long enough to have others.
pub(crate) fn write_whole(storage: &dyn Storage, run: RunId, last: SegmentNumber) {
    if last.0 > FAN_OUT && lens().all(|len| len != last.0) {
        let _ = write(storage, run, 1, last.0);
    }
}

fn write(storage: &dyn Storage, run: RunId, first: u32, last: u32) -> Option<()> {
    let (first, last) = (SegmentNumber(first), SegmentNumber(last));
    let lens: Vec<u32> = lens().collect();
    let bytes = make(storage, run, (first, last), &lens)?;
    let name = FileName::Joint(run, first, last).to_string();
    let temporary = FileName::JointTemporary(run, first, last).to_string();
    cache::replace(storage, &bytes, &temporary, &name).ok()
}

/// The bytes of a joint cache, made of shorter ones of these lengths where there are any, and of
/// segments' own caches.
pub(in crate::recovery) fn make(
    storage: &dyn Storage,
    run: RunId,
    (first, last): (SegmentNumber, SegmentNumber),
    lens: &[u32],
) -> Option<Vec<u8>> {
    let mut merged = Merged::default();
    let mut next = first.0;
    while next <= last.0 {
        let left = last.0 - next + 1;
        let is_shorter = |len: &&u32| **len <= left && **len <= last.0 - first.0;
        let is_begun = |len: &&u32| (next - 1).is_multiple_of(**len);
        let fitting = lens.iter().rev().filter(is_shorter).filter(is_begun);
        let mut joint = fitting.filter_map(|len| Source::of_joint(storage, run, next, *len));
        let source = match joint.next() {
            Some(source) => source,
            None => Source::of_segment(storage, run, next)?,
        };
        next = next.checked_add(u32::try_from(source.segments.len()).ok()?)?;
        merged.bytes += source.digests.len() + source.hashes.len();
        if merged.bytes > BYTES_MAX {
            return None;
        }
        merged.add(source)?;
    }
    merged.encode(run, first)
}

/// How many segments joint caches are of, in ascending order.
fn lens() -> impl Iterator<Item = u32> {
    std::iter::successors(Some(FAN_OUT), |len| len.checked_mul(FAN_OUT))
}

/// A cache that becomes a part of a longer one.
struct Source {
    segments: Vec<Covered>,
    declared: Vec<(u32, String)>,
    rows: Vec<Row>,
    digests: Vec<u8>,
    /// Empty, with all `hashes_len` 0, where the digests hold them.
    hashes: Vec<u8>,
}

impl Source {
    fn of_segment(storage: &dyn Storage, run: RunId, number: u32) -> Option<Source> {
        let (cache, file) = cache::open(storage, run, SegmentNumber(number))?;
        Some(Source {
            digests: cache.digests.read(&*file)?,
            segments: vec![cache.covered],
            declared: cache.declared,
            rows: cache.rows.iter().map(to_row).collect::<Option<_>>()?,
            hashes: Vec::new(),
        })
    }

    /// A joint cache of `len` segments from `first` on.
    fn of_joint(storage: &dyn Storage, run: RunId, first: u32, len: u32) -> Option<Source> {
        let last = SegmentNumber(first.checked_add(len - 1)?);
        let first = SegmentNumber(first);
        let name = FileName::Joint(run, first, last).to_string();
        let file = storage.open(&name).ok()?;
        let joint = JointFile::read(&*file)?;
        let is_it = (joint.run, joint.first) == (run, first);
        let is_whole = u32::try_from(joint.body.segments.len()) == Ok(len);
        (is_it && is_whole).then_some(Source {
            digests: joint.digests.read(&*file)?,
            hashes: joint.hashes.read(&*file)?,
            segments: joint.body.segments,
            declared: joint.body.declared,
            rows: joint.body.rows,
        })
    }
}

fn to_row(row: &SessionRow) -> Option<Row> {
    Some(Row {
        index: row.index,
        count: row.count,
        bytes: row.bytes,
        first: (0, row.first.eighth, row.first.kind.0),
        last: (0, row.last.eighth, row.last.kind.0),
        digest_len: u64::try_from(row.digest.len()).ok()?,
        hashes_len: 0,
    })
}

/// Caches put together.
#[derive(Default)]
struct Merged {
    segments: Vec<Covered>,
    declared: BTreeMap<u32, String>,
    drafts: BTreeMap<u32, Draft>,
    /// Bytes of the digests and hashes that were put together.
    bytes: usize,
}

struct Draft {
    row: Row,
    digest: DigestBuilder,
}

impl Merged {
    /// Adds the cache of the segments that come next; `None` if it is not sound.
    fn add(&mut self, source: Source) -> Option<()> {
        let behind = u32::try_from(self.segments.len()).ok()?;
        let (mut digests, mut hashes) = (&source.digests[..], &source.hashes[..]);
        for row in source.rows {
            let digest = take(&mut digests, row.digest_len)?;
            let its_hashes = take(&mut hashes, row.hashes_len)?;
            let digest = Digest::decode(digest);
            let digest = match source.hashes.is_empty() {
                true => digest,
                false => digest.and_then(|digest| digest.with_finished(its_hashes)),
            };
            let moved = |(segment, eighth, kind): End| -> Option<End> {
                Some((segment.checked_add(behind)?, eighth, kind))
            };
            let (first, last) = (moved(row.first)?, moved(row.last)?);
            let draft = self.drafts.entry(row.index).or_insert_with(|| Draft {
                row: Row {
                    count: 0,
                    bytes: 0,
                    first,
                    ..row.clone()
                },
                digest: DigestBuilder::default(),
            });
            draft.row.count = draft.row.count.checked_add(row.count)?;
            draft.row.bytes = draft.row.bytes.checked_add(row.bytes)?;
            draft.row.last = last;
            draft.digest.join(digest.as_ref());
        }
        for (index, id) in source.declared {
            self.declared.entry(index).or_insert(id);
        }
        self.segments.extend(source.segments);
        Some(())
    }

    fn encode(self, run: RunId, first: SegmentNumber) -> Option<Vec<u8>> {
        let (mut digests, mut hashes) = (Vec::new(), Vec::new());
        let mut rows = Vec::with_capacity(self.drafts.len());
        for Draft { mut row, digest } in self.drafts.into_values() {
            let (digest, its_hashes) = digest.finish_apart().unwrap_or_default();
            row.digest_len = u64::try_from(digest.len()).ok()?;
            row.hashes_len = u64::try_from(its_hashes.len()).ok()?;
            digests.extend(digest);
            hashes.extend(its_hashes);
            rows.push(row);
        }
        let declared = self.declared.into_iter().collect();
        let body = Body::new(self.segments, declared, rows);
        encode(run, first, body, &digests, &hashes)
    }
}

/// Takes so many bytes from the beginning.
fn take<'a>(bytes: &mut &'a [u8], len: u64) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(usize::try_from(len).ok()?)?;
    *bytes = rest;
    Some(taken)
}

/// How many caches make a joint one. With more of them a list has more to read of a run that goes
/// on, with fewer the same is written more often: 6 bytes a span for each power of it.
const FAN_OUT: u32 = 8;

/// Digests and hashes that are put together at most, in bytes: while they are, the process that
/// writes the journal holds them in memory about three times. Eight segments of 64 MiB have no
/// more, if a span takes a hundred bytes.
const BYTES_MAX: usize = 32 << 20;
