//! The bytes of a merged cache.

use serde::{Deserialize, Serialize};

use crate::event::system::{self, Extras};
use crate::format::checksum;
use crate::recovery::cache::{COVERED_FROM, CheckedSection, FIELDS_LEN_MAX, SegmentSummary};
use crate::seq::{Generation, RunId, SegmentNumber};
use crate::storage::StorageFile;

/// A merged cache as it is read, without its rollups and hashes.
pub(super) struct MergedFile {
    pub(super) run: RunId,
    pub(super) first: SegmentNumber,
    pub(super) body: MergedFields,
    pub(super) rollups: CheckedSection,
    pub(super) hashes: CheckedSection,
}

/// What is between the front and the rollups.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct MergedFields {
    pub(super) segments: Vec<SegmentSummary>,
    /// The first declaration of each session index.
    pub(super) declared: Vec<(u32, String)>,
    pub(super) rows: Vec<MergedRow>,
    rollups: (u64, u32),
    hashes_crc: u32,
    extras: Extras,
}

/// What the segments hold of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct MergedRow {
    pub(super) index: u32,
    pub(super) count: u64,
    pub(super) bytes: u64,
    pub(super) first: MergedPlace,
    pub(super) last: MergedPlace,
    pub(super) rollup_len: u64,
    /// Bytes of the hashes of its finished spans.
    pub(super) hashes_len: u64,
}

/// Where a record is: how many segments behind the first one, the offset in units of 8 bytes, and
/// the kind.
pub(super) type MergedPlace = (u32, u32, u8);

impl MergedFields {
    pub(super) fn new(
        segments: Vec<SegmentSummary>,
        declared: Vec<(u32, String)>,
        rows: Vec<MergedRow>,
    ) -> MergedFields {
        MergedFields {
            segments,
            declared,
            rows,
            rollups: (0, 0),
            hashes_crc: 0,
            extras: Vec::new(),
        }
    }
}

/// The bytes of a merged cache, in pieces; `None` if they would be too many.
pub(super) fn encode(
    run: RunId,
    first: SegmentNumber,
    mut body: MergedFields,
    rollups: Vec<u8>,
    hashes: Vec<u8>,
) -> Option<Vec<Vec<u8>>> {
    body.rollups = (u64::try_from(rollups.len()).ok()?, checksum(&rollups));
    body.hashes_crc = checksum(&hashes);
    let mut front = vec![0; MERGED_FRONT_LEN];
    system::encode(&body, &mut front).ok()?;
    drop(body);
    let body_len = u32::try_from(front.len() - MERGED_FRONT_LEN).ok();
    let body_len = body_len.filter(|len| *len <= FIELDS_LEN_MAX)?;
    let fields: [&[u8]; 5] = [
        &run.generation.0.to_le_bytes(),
        &first.0.to_le_bytes(),
        &run.random.to_le_bytes(),
        &body_len.to_le_bytes(),
        &[0; 4],
    ];
    let fields = fields.concat();
    front
        .get_mut(COVERED_FROM..MERGED_FRONT_LEN)?
        .copy_from_slice(&fields);
    let crc = checksum(front.get(COVERED_FROM..)?);
    let begin = [
        &MERGED_MAGIC[..],
        &MERGED_VERSION.to_le_bytes(),
        &crc.to_le_bytes(),
    ]
    .concat();
    front.get_mut(..COVERED_FROM)?.copy_from_slice(&begin);
    Some(vec![front, rollups, hashes])
}

impl MergedFile {
    /// Bytes of the body and of what is behind it, as far as the front of the file can be believed.
    pub(super) fn lens(file: &dyn StorageFile) -> Option<(u64, u64)> {
        let mut front = [0; MERGED_FRONT_LEN];
        let is_whole = file.read_at(&mut front, 0).ok()? == MERGED_FRONT_LEN;
        let body_len = u64::from(u32::from_le_bytes(field(&front, 32)?));
        let before = u64::try_from(MERGED_FRONT_LEN)
            .ok()?
            .checked_add(body_len)?;
        let behind = file.len().ok()?.checked_sub(before)?;
        is_whole.then_some((body_len, behind))
    }

    /// Reads all but the rollups and hashes; `None` unless everything fits.
    pub(super) fn read(file: &dyn StorageFile) -> Option<MergedFile> {
        let len = file.len().ok()?;
        let mut front = [0; MERGED_FRONT_LEN];
        let is_whole = file.read_at(&mut front, 0).ok()? == MERGED_FRONT_LEN;
        let body_len = u32::from_le_bytes(field(&front, 32)?);
        let body_end = u64::try_from(MERGED_FRONT_LEN).ok()? + u64::from(body_len);
        let is_known = field::<8>(&front, 0)? == MERGED_MAGIC
            && u32::from_le_bytes(field(&front, 8)?) == MERGED_VERSION
            && field(&front, 36)? == [0; 4];
        if !is_whole || !is_known || body_len > FIELDS_LEN_MAX || body_end > len {
            return None;
        }
        let mut bytes = front.to_vec();
        bytes.resize(usize::try_from(body_end).ok()?, 0);
        let body = bytes.get_mut(MERGED_FRONT_LEN..)?;
        let count = file
            .read_at(body, u64::try_from(MERGED_FRONT_LEN).ok()?)
            .ok()?;
        let is_read = count == body.len();
        let crc = u32::from_le_bytes(field(&front, 12)?);
        if !is_read || checksum(bytes.get(COVERED_FROM..)?) != crc {
            return None;
        }
        let body: MergedFields = system::decode_part(bytes.get(MERGED_FRONT_LEN..)?)?;
        let (rollups_len, rollups_crc) = body.rollups;
        let rollups_end = body_end.checked_add(rollups_len)?;
        let merged = MergedFile {
            run: RunId {
                generation: Generation(u32::from_le_bytes(field(&front, 16)?)),
                random: u64::from_le_bytes(field(&front, 24)?),
            },
            first: SegmentNumber(u32::from_le_bytes(field(&front, 20)?)),
            rollups: CheckedSection {
                offset: body_end,
                len: rollups_len,
                crc: rollups_crc,
            },
            hashes: CheckedSection {
                offset: rollups_end,
                len: len.checked_sub(rollups_end)?,
                crc: body.hashes_crc,
            },
            body,
        };
        merged.is_sound().then_some(merged)
    }

    /// Whether the rows can be those of the segments, and what is behind the body theirs.
    fn is_sound(&self) -> bool {
        let segments = &self.body.segments;
        let mut before = 0;
        let mut lens = (0u64, 0u64);
        let mut are_sound = self.body.rows.iter().map(|row| {
            let in_order = row.index > before && row.first <= row.last;
            before = row.index;
            lens.0 = lens.0.checked_add(row.rollup_len)?;
            lens.1 = lens.1.checked_add(row.hashes_len)?;
            let last = segments.get(usize::try_from(row.last.0).ok()?)?;
            let is_inside = u64::from(row.last.1) * 8 < last.segment_len;
            (in_order && is_inside && row.count > 0).then_some(())
        });
        are_sound.all(|row| row.is_some()) && lens == (self.rollups.len, self.hashes.len)
    }
}

/// Some of the bytes of the front.
fn field<const N: usize>(front: &[u8; MERGED_FRONT_LEN], at: usize) -> Option<[u8; N]> {
    front.get(at..)?.first_chunk().copied()
}

/// As a segment's, but for the letter behind its name.
const MERGED_MAGIC: [u8; 8] = [0x8a, b'T', b'R', b'M', b'\r', b'\n', 0x1a, b'\n'];

/// Another version is ignored.
const MERGED_VERSION: u32 = 2;

/// Bytes in front of the body.
const MERGED_FRONT_LEN: usize = 40;
