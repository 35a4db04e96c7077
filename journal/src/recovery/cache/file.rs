//! The bytes of a cache.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

use super::{CheckedSection, OwnRecord, SegmentSummary};
use crate::event::system;
use crate::event::system::Extras;
use crate::format::{FRAME_ALIGNMENT, RecordKind, checksum};
use crate::len::len_u64;
use crate::recovery::segment_scan::Part;
use crate::recovery::session_index::{ListSpan, RecordPlace, SessionRow};
use crate::seq::{Generation, RunId, SegmentNumber};
use crate::storage::StorageFile;

/// A cache as it is read, without its lists and rollups.
pub(in crate::recovery) struct CacheFile {
    pub(in crate::recovery) run: RunId,
    pub(in crate::recovery) segment: SegmentNumber,
    pub(in crate::recovery) covered: SegmentSummary,
    pub(in crate::recovery) declared: Vec<(u32, String)>,
    /// Their lists' offsets are those in the cache's file.
    pub(in crate::recovery) rows: Vec<SessionRow>,
    /// Where the rollups are in the cache's file.
    pub(in crate::recovery) rollups: CheckedSection,
}

/// What is between the front and the lists; the rollups are behind those.
#[derive(Deserialize)]
struct CacheFields {
    records: u64,
    durable_seq: u64,
    padding: u64,
    own: Vec<OwnRecord>,
    declared: Vec<(u32, String)>,
    rows: Vec<CacheRow>,
    rollups_crc: u32,
    _extras: Extras,
}

/// The same as it is written.
#[derive(Serialize)]
struct CacheFieldsRef<'p> {
    records: u64,
    durable_seq: u64,
    padding: u64,
    own: &'p [OwnRecord],
    declared: DeclaredRef<'p>,
    rows: RowsRef<'p>,
    rollups_crc: u32,
    extras: Extras,
}

struct DeclaredRef<'p>(&'p BTreeMap<u32, Arc<str>>);

impl Serialize for DeclaredRef<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|(index, id)| (*index, &**id)))
    }
}

struct RowsRef<'p>(&'p [SessionRow]);

impl Serialize for RowsRef<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(to_row))
    }
}

#[derive(Serialize, Deserialize)]
struct CacheRow {
    index: u32,
    count: u64,
    bytes: u64,
    first: (u32, u8),
    last: (u32, u8),
    turns: Vec<(u32, u8)>,
    list_len: u64,
    list_crc: u32,
    rollup_len: u64,
}

/// The bytes of the cache of a flawless segment, in pieces; `None` if they would be too many.
pub(super) fn encode(
    run: RunId,
    segment: SegmentNumber,
    covered: &SegmentSummary,
    part: Part,
) -> Option<Vec<Vec<u8>>> {
    let lists = part.places.lists?;
    let rollups = part.places.rollups?;
    let body = CacheFieldsRef {
        records: covered.records,
        durable_seq: covered.durable_seq,
        padding: covered.padding,
        own: &covered.own,
        declared: DeclaredRef(&part.notes.sessions),
        rows: RowsRef(&part.places.rows),
        rollups_crc: checksum(&rollups),
        extras: Vec::new(),
    };
    let mut front = vec![0; CACHE_FRONT_LEN];
    system::encode(&body, &mut front).ok()?;
    let body_len = u32::try_from(front.len() - CACHE_FRONT_LEN).ok();
    let body_len = body_len.filter(|len| *len <= FIELDS_LEN_MAX)?;
    let fields: [&[u8]; 8] = [
        &run.generation.0.to_le_bytes(),
        &segment.0.to_le_bytes(),
        &run.random.to_le_bytes(),
        &covered.segment_len.to_le_bytes(),
        &covered.seal_offset.to_le_bytes(),
        &covered.seal_crc.to_le_bytes(),
        &body_len.to_le_bytes(),
        &u64::try_from(lists.len()).ok()?.to_le_bytes(),
    ];
    let fields = fields.concat();
    front
        .get_mut(COVERED_FROM..CACHE_FRONT_LEN)?
        .copy_from_slice(&fields);
    let crc = checksum(front.get(COVERED_FROM..)?);
    let begin = [
        &CACHE_MAGIC[..],
        &CACHE_VERSION.to_le_bytes(),
        &crc.to_le_bytes(),
    ]
    .concat();
    front.get_mut(..COVERED_FROM)?.copy_from_slice(&begin);
    Some(vec![front, lists, rollups])
}

impl CacheFile {
    /// Bytes of the body and of the rollups, as far as the front of the file can be believed.
    pub(in crate::recovery) fn lens(file: &dyn StorageFile) -> Option<(u64, u64)> {
        let mut front = [0; CACHE_FRONT_LEN];
        let is_whole = file.read_at(&mut front, 0).ok()? == CACHE_FRONT_LEN;
        let body_len = u64::from(u32::from_le_bytes(*front.get(52..)?.first_chunk()?));
        let lists_len = u64::from_le_bytes(*front.get(56..)?.first_chunk()?);
        let before = u64::try_from(CACHE_FRONT_LEN).ok()?.checked_add(body_len)?;
        let rollups_len = file
            .len()
            .ok()?
            .checked_sub(before)?
            .checked_sub(lists_len)?;
        is_whole.then_some((body_len, rollups_len))
    }

    /// Reads all but the lists and rollups; `None` unless everything fits.
    pub(super) fn read(file: &dyn StorageFile) -> Option<CacheFile> {
        let len = file.len().ok()?;
        let mut bytes = vec![0; usize::try_from(len.min(FIRST_READ)).ok()?];
        let count = file.read_at(&mut bytes, 0).ok()?;
        bytes.truncate(count);
        let mut front = FieldReader(&bytes);
        let is_known = front.take::<8>()? == CACHE_MAGIC && front.u32()? == CACHE_VERSION;
        let crc = front.u32()?;
        let generation = Generation(front.u32()?);
        let segment = SegmentNumber(front.u32()?);
        let run = RunId {
            generation,
            random: front.u64()?,
        };
        let (segment_len, seal_offset) = (front.u64()?, front.u64()?);
        let seal_crc = front.u32()?;
        let body_len = front.u32().filter(|len| *len <= FIELDS_LEN_MAX)?;
        let lists_len = front.u64()?;
        let lists_at = u64::try_from(CACHE_FRONT_LEN).ok()? + u64::from(body_len);
        let lists_end = lists_at.checked_add(lists_len)?;
        if !is_known || lists_end > len {
            return None;
        }
        let covered_end = usize::try_from(lists_at).ok()?;
        if bytes.len() < covered_end {
            let held = bytes.len();
            bytes.resize(covered_end, 0);
            let rest = bytes.get_mut(held..)?;
            let count = file.read_at(rest, u64::try_from(held).ok()?).ok()?;
            (count == rest.len()).then_some(())?;
        }
        let covered = bytes.get(COVERED_FROM..covered_end)?;
        if checksum(covered) != crc {
            return None;
        }
        let body: CacheFields = system::decode_part(bytes.get(CACHE_FRONT_LEN..covered_end)?)?;
        let rollups = CheckedSection {
            offset: lists_end,
            len: len - lists_end,
            crc: body.rollups_crc,
        };
        let rows = rows(body.rows, (lists_at, lists_end), rollups.len, segment_len)?;
        Some(CacheFile {
            run,
            segment,
            covered: SegmentSummary {
                segment_len,
                seal_offset,
                seal_crc,
                records: body.records,
                durable_seq: body.durable_seq,
                padding: body.padding,
                own: body.own,
            },
            declared: body.declared,
            rows,
            rollups,
        })
    }
}

fn to_row(row: &SessionRow) -> CacheRow {
    let place = |place: RecordPlace| (place.eighth, place.kind.0);
    CacheRow {
        index: row.index,
        count: row.count,
        bytes: row.bytes,
        first: place(row.first),
        last: place(row.last),
        turns: row.turns.iter().copied().map(place).collect(),
        list_len: row.list.len,
        list_crc: row.list.crc,
        rollup_len: len_u64(row.rollup.len()),
    }
}

/// The rows with the places of their lists and rollups; `None` if they cannot be those of such a
/// segment.
fn rows(
    rows: Vec<CacheRow>,
    (mut list_at, lists_end): (u64, u64),
    rollups_len: u64,
    segment_len: u64,
) -> Option<Vec<SessionRow>> {
    let place = |(eighth, kind): (u32, u8)| RecordPlace {
        eighth,
        kind: RecordKind(kind),
    };
    let rollups_len = usize::try_from(rollups_len).ok()?;
    let mut rollup_at = 0usize;
    let mut before = 0;
    let mut bytes_left = segment_len;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let is_inside = u64::from(row.last.0) * FRAME_ALIGNMENT < segment_len;
        let is_in_order = row.index > before && row.first.0 <= row.last.0;
        if !is_inside || !is_in_order || row.count == 0 {
            return None;
        }
        before = row.index;
        bytes_left = bytes_left.checked_sub(row.bytes)?;
        if row.count > row.bytes / FRAME_ALIGNMENT {
            return None;
        }
        let list = ListSpan {
            offset: list_at,
            len: row.list_len,
            crc: row.list_crc,
        };
        list_at = list_at
            .checked_add(row.list_len)
            .filter(|at| *at <= lists_end)?;
        let rollup_end = rollup_at.checked_add(usize::try_from(row.rollup_len).ok()?)?;
        let rollup = rollup_at..rollup_end;
        rollup_at = rollup_end;
        found.push(SessionRow {
            index: row.index,
            count: row.count,
            bytes: row.bytes,
            first: place(row.first),
            last: place(row.last),
            turns: row.turns.into_iter().map(place).collect(),
            list,
            rollup,
        });
    }
    (list_at == lists_end && rollup_at == rollups_len).then_some(found)
}

/// Reads numbers one behind the other.
struct FieldReader<'a>(&'a [u8]);

impl FieldReader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*field)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }
}

/// As a segment's, but for the letter behind its name.
const CACHE_MAGIC: [u8; 8] = [0x8a, b'T', b'R', b'I', b'\r', b'\n', 0x1a, b'\n'];

/// Another version is ignored, and the cache made anew.
const CACHE_VERSION: u32 = 2;

/// Bytes in front of the body.
const CACHE_FRONT_LEN: usize = 64;

/// The checksum covers everything behind itself up to the lists, which have their own.
pub(in crate::recovery) const COVERED_FROM: usize = 16;

const FIRST_READ: u64 = 64 << 10;

/// A cache of more than this is not written, and not read.
pub(in crate::recovery) const FIELDS_LEN_MAX: u32 = 256 << 20;
