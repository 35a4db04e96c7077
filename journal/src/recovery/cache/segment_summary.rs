//! What a cache says of a segment as a whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::DamageReason;
use crate::event::system;
use crate::format::{FRAME_HEADER_LEN, FRAMES_OFFSET, FrameHeader, FrameSeed, RecordKind, seq_low};
use crate::recovery::files::{HeaderFact, Naming, SegmentFile};
use crate::recovery::segment_scan::{Claims, Part, PartNotes, note};
use crate::recovery::session_index::Places;
use crate::seeded::{self, Bug};
use crate::segment::{BrokenRange, IntactRange, ScanResult, Seen};
use crate::storage::Storage;

/// One of the segment's own records, as it is in the segment.
pub(in crate::recovery) type OwnRecord = (u32, u8, Vec<u8>);

/// A segment that a cache was made of, and what ties the cache to its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::recovery) struct SegmentSummary {
    pub(in crate::recovery) segment_len: u64,
    /// Of one without a seal, where its frames end.
    pub(in crate::recovery) seal_offset: u64,
    pub(in crate::recovery) seal_crc: u32,
    pub(in crate::recovery) records: u64,
    pub(in crate::recovery) durable_seq: u64,
    pub(in crate::recovery) padding: u64,
    pub(in crate::recovery) own: Vec<OwnRecord>,
}

impl SegmentSummary {
    /// The segment as the cache tells it, if it still is the one that the cache was made of;
    /// `declared` are the ids of session indices.
    pub(in crate::recovery) fn part(
        &self,
        storage: &dyn Storage,
        segment: &SegmentFile,
        declared: BTreeMap<u32, Arc<str>>,
        places: Places,
    ) -> Option<Part> {
        let frames_len = segment.len.checked_sub(FRAMES_OFFSET)?;
        let is_room = |len: u64| len <= frames_len;
        let header_len = u64::try_from(FRAME_HEADER_LEN).ok()?;
        if !is_room(self.padding) || !is_room(self.records.checked_mul(header_len)?) {
            return None;
        }
        let is_bound = || Some(self.segment_len == segment.len && self.ends(storage, segment)?);
        if !seeded::has(Bug::CacheNotBound) && !is_bound()? {
            return None;
        }
        let (claims, mut notes, first_seq) = self.told()?;
        notes.sessions = declared;
        let is_sealed = self.is_sealed();
        let end = if is_sealed {
            segment.len
        } else {
            self.seal_offset
        };
        let island = |last| IntactRange {
            offset: FRAMES_OFFSET,
            end,
            first: 0,
            last,
        };
        let last = self.records.checked_sub(1).map(u32::try_from);
        let last = last.transpose().ok()?;
        let behind = (end < segment.len).then_some(BrokenRange {
            offset: end,
            end: segment.len,
            content_end: end,
            reason: DamageReason::ZeroRun,
            due: self.records,
            next: None,
            has_unread: false,
            is_unfinished: true,
            is_begun: false,
        });
        Some(Part {
            segment: segment.clone(),
            scanned: ScanResult {
                islands: last.map(island).into_iter().collect(),
                base: last.map(|_| seq_low(first_seq)),
                stretches: behind.into_iter().collect(),
                is_sealed,
                padding: self.padding,
                ..ScanResult::default()
            },
            records: self.records,
            claims,
            notes,
            places,
            is_verified: false,
        })
    }

    /// The number of the segment's last record.
    pub(in crate::recovery) fn last_seq(&self) -> Option<u64> {
        let (_, _, first_seq) = self.told()?;
        first_seq.checked_add(self.records.checked_sub(1)?)
    }

    /// What the segment's own records say, and its first sequence number.
    fn told(&self) -> Option<(Claims, PartNotes, u64)> {
        let mut claims = Claims::default();
        let mut notes = PartNotes::default();
        for (seq_low, kind, payload) in &self.own {
            let header = FrameHeader {
                payload_len: u32::try_from(payload.len()).ok()?,
                reserved: 0,
                crc: 0,
                seq_low: *seq_low,
                kind: RecordKind(*kind),
                session: 0,
            };
            let seen = Seen {
                offset: FRAMES_OFFSET,
                header: &header,
                payload,
                is_found: false,
                is_doubted: false,
            };
            note(&seen, &mut claims, &mut notes)?;
        }
        if self.records == 0 {
            return self.own.is_empty().then_some((claims, notes, 0));
        }
        let first_seq = claims.start?;
        let last_seq = first_seq.checked_add(self.records)? - 1;
        if claims.seal.is_some_and(|seal| seal != last_seq) {
            return None;
        }
        claims.witness(self.durable_seq, last_seq);
        Some((claims, notes, first_seq))
    }

    /// Whether the segment ends in a seal; else it is one of a run that died and was recovered.
    fn is_sealed(&self) -> bool {
        let mut kinds = self.own.iter().map(|(_, kind, _)| *kind);
        kinds.any(|kind| kind == RecordKind::SEAL.0)
    }

    /// Whether the segment ends in the very seal that the cache was made with, or, without one,
    /// nothing is where the next frame would be.
    fn ends(&self, storage: &dyn Storage, segment: &SegmentFile) -> Option<bool> {
        let len = segment.len.checked_sub(self.seal_offset)?;
        if !self.is_sealed() {
            let mut behind = [0; FRAME_HEADER_LEN];
            let file = storage.open(&segment.name).ok()?;
            file.read_at(&mut behind, self.seal_offset).ok()?;
            return Some(self.seal_offset >= FRAMES_OFFSET && behind == [0; FRAME_HEADER_LEN]);
        }
        let mut frame = vec![0; usize::try_from(len).ok().filter(|l| *l <= SEAL_READ_MAX)?];
        let file = storage.open(&segment.name).ok()?;
        let count = file.read_at(&mut frame, self.seal_offset).ok()?;
        let (fields, payload) = frame.split_first_chunk::<FRAME_HEADER_LEN>()?;
        let header = FrameHeader::decode(*fields).ok()?;
        let payload = payload.get(..usize::try_from(header.payload_len).ok()?)?;
        let seed = FrameSeed::new(segment.run, segment.number);
        Some(
            count == frame.len()
                && header.kind == RecordKind::SEAL
                && header.crc == self.seal_crc
                && header.frame_len() == len
                && header.fits(seed, self.seal_offset, payload)
                && system::decode::<system::Seal>(payload).is_some(),
        )
    }
}

/// Whether the segment is one that its owner may have finished.
pub(in crate::recovery) fn may_have_cache(segment: &SegmentFile) -> bool {
    segment.naming == Naming::Own && segment.header == HeaderFact::Intact
}

/// A seal takes far less; the rest is for fields added later.
const SEAL_READ_MAX: usize = 4096;
