//! What one segment holds, before its place in the run is known.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::apart::Allowance;
use super::files::{HeaderFact, SegmentFile, barred};
use super::liveness::owner_of;
use super::origin::RunOrigin;
use super::recovered::{Recovered, recovered, run_id};
use super::refusals::Refusals;
use super::session_index::{Keeps, Places, PlacesBuilder};
use crate::event::system::{self, RunOpen, Seal, SegmentStart, SessionRef, SyncMark};
use crate::event::system::{Refused, Retired, RunClose};
use crate::format::{FRAMES_OFFSET, FrameSeed, Owner, RecordKind, SEQ_MAX};
use crate::format::{padded, seq_from, seq_low};
use crate::seeded::{self, Bug};
use crate::segment::{ScanInput, ScanRange, ScanResult, Seen, scan};
use crate::seq::RunId;
use crate::storage::Storage;
use crate::time::Timestamp;

/// A segment and everything recovery needs to know of its frames.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) segment: SegmentFile,
    pub(crate) scanned: ScanResult,
    pub(crate) records: u64,
    pub(crate) claims: Claims,
    pub(crate) notes: PartNotes,
    pub(crate) places: Places,
    /// Its bytes were read; otherwise this is what the cache beside it says.
    pub(crate) is_verified: bool,
}

/// How far the bytes of a segment can be trusted to be what they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// They have no writer any more.
    Final,
    /// They may be being written.
    Moving,
    /// A sync failed: only what is on the disk counts, not what is cached.
    DiskOnly,
}

/// What frames say of the segment's first sequence number and of what is durable.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Claims {
    /// From its `SegmentStart`.
    pub(crate) start: Option<u64>,
    /// Where its `SegmentStart` says that the segment before ends.
    pub(crate) predecessor_end: Option<u64>,
    /// From a `SyncMark`.
    pub(crate) mark: Option<u64>,
    /// The sequence number of its `Seal`.
    pub(crate) seal: Option<u64>,
    /// Number of the next segment, if a `Seal` names one.
    pub(crate) next_segment: Option<u32>,
    /// The highest durable sequence number any of them is a valid witness of.
    pub(crate) durable: u64,
    /// A `RunClose`: the low bits of its sequence number, and its durable sequence number.
    pub(crate) closed: Option<(u32, u64)>,
}

/// What frames say of runs and sessions.
#[derive(Debug, Default)]
pub(crate) struct PartNotes {
    pub(crate) open: Option<OpenFacts>,
    /// Ids of session indices; the first declaration counts.
    pub(crate) sessions: BTreeMap<u32, Arc<str>>,
    /// Payloads of crash notes of the run, with the low bits of their sequence numbers.
    pub(crate) crashes: Vec<(u32, Vec<u8>)>,
    pub(crate) recovered: Vec<Recovered>,
    pub(crate) retired: Vec<(RunId, u64, u64)>,
    pub(crate) refused: Refusals,
    /// System records whose payload cannot be decoded: offset and length of the frame.
    pub(crate) undecodable: Vec<(u64, u64)>,
    /// Frames of kinds that only a later library knows.
    pub(crate) later_kinds: u64,
    /// Where the `RunOpen` ends, and `RunRecovered` records directly behind it.
    open_end: u64,
}

/// What a `RunOpen` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OpenFacts {
    pub(crate) at: Timestamp,
    pub(crate) live_runs: Vec<RunId>,
    pub(crate) owner: Owner,
    /// What is told of it.
    pub(crate) origin: Arc<RunOrigin>,
}

impl Part {
    /// Reads the whole segment.
    pub(crate) fn read(storage: &dyn Storage, segment: SegmentFile, trust: Trust) -> Part {
        Part::read_portion(storage, segment, (trust, ScanRange::WHOLE), &mut |_| {})
    }

    /// As [`read`](Part::read), with rollups of the sessions; shows the frames that [`scan`] shows.
    pub(crate) fn read_rollups(
        storage: &dyn Storage,
        segment: SegmentFile,
        trust: Trust,
        visit: &mut dyn FnMut(&Seen<'_>),
    ) -> Part {
        Part::read_rollups_of(storage, segment, (trust, ScanRange::WHOLE), visit)
    }

    /// The same for a portion of the segment.
    pub(crate) fn read_rollups_of(
        storage: &dyn Storage,
        segment: SegmentFile,
        how: (Trust, ScanRange),
        visit: &mut dyn FnMut(&Seen<'_>),
    ) -> Part {
        let places = PlacesBuilder::new(Keeps::ListsAndRollups);
        Part::read_into(places, storage, segment, how, visit)
    }

    /// Reads the whole segment, keeps what its sessions' records come to, and of each record
    /// nothing: so the memory it takes does not grow with the number of records.
    pub(crate) fn read_counts(
        storage: &dyn Storage,
        segment: SegmentFile,
        trust: Trust,
        hashes: &Allowance,
    ) -> Part {
        let places = PlacesBuilder::new(Keeps::Rollups(hashes));
        let how = (trust, ScanRange::WHOLE);
        Part::read_into(places, storage, segment, how, &mut |_| {})
    }

    /// Reads a portion of the segment and shows its frames.
    pub(crate) fn read_portion(
        storage: &dyn Storage,
        segment: SegmentFile,
        how: (Trust, ScanRange),
        visit: &mut dyn FnMut(&Seen<'_>),
    ) -> Part {
        Part::read_into(PlacesBuilder::default(), storage, segment, how, visit)
    }

    fn read_into(
        mut places: PlacesBuilder<'_>,
        storage: &dyn Storage,
        mut segment: SegmentFile,
        (trust, portion): (Trust, ScanRange),
        visit: &mut dyn FnMut(&Seen<'_>),
    ) -> Part {
        let file = match segment.open(storage).and_then(|file| {
            let len = file.len()?;
            Ok((file, len))
        }) {
            Ok((file, len)) => {
                segment.len = len;
                file
            }
            Err(error) => {
                segment.barred = segment.barred.or_else(|| barred(&error));
                return Part::unread(segment, error);
            }
        };
        if trust == Trust::DiskOnly && !seeded::has(Bug::PoisonedCacheBelieved) {
            // Best effort: without it, cached bytes may be shown that a failed sync left behind.
            let _ = file.drop_cache(portion.from, portion.content_end);
        }
        let is_moving = trust == Trust::Moving;
        let input = ScanInput {
            seed: FrameSeed::new(segment.run, segment.number),
            len: segment.len,
            told_len: segment.told_len.unwrap_or(segment.len),
            frames_max: segment.frames_max,
            is_moving,
            portion,
        };
        let mut claims = Claims::default();
        let mut notes = PartNotes::default();
        let scanned = scan(&*file, input, &mut |seen| {
            visit(seen);
            places.add(seen);
            if note(seen, &mut claims, &mut notes).is_none() {
                let len = seen.header.frame_len();
                notes.undecodable.push((seen.offset, len));
            }
        });
        Part {
            segment,
            records: scanned.records(),
            scanned,
            claims,
            notes,
            places: places.finish(),
            is_verified: true,
        }
    }

    /// A segment that cannot be opened.
    fn unread(segment: SegmentFile, error: std::io::Error) -> Part {
        let mut part = Part {
            scanned: ScanResult::unread(segment.len, error),
            segment,
            records: 0,
            claims: Claims::default(),
            notes: PartNotes::default(),
            places: Places::default(),
            is_verified: true,
        };
        part.segment.header = HeaderFact::Unread;
        part
    }

    /// The sequence number of the last intact record, if the segment's own frames tell it.
    pub(crate) fn told_last_seq(&self) -> Option<u64> {
        let last = u64::from(self.scanned.last()?);
        Some(self.claims.start? + last)
    }

    /// The first sequence number as the segment's own frames tell it; that of the first record
    /// that may be there, if only its `Seal` tells.
    pub(crate) fn told_first_seq(&self) -> Option<u64> {
        let claims = self.claims;
        let of_seal = || {
            let seal = claims.seal?;
            let behind = seq_low(seal).wrapping_sub(self.scanned.base?);
            seal.checked_sub(u64::from(behind))
                .filter(|seq| is_sane(*seq))
        };
        let is_near = |first: &u64| {
            let base = self.scanned.base;
            base.is_some_and(|base| seq_from(*first, base) - first <= self.scanned.slack())
        };
        let of_mark = claims.mark.filter(is_near);
        claims.start.or(of_mark).or_else(of_seal)
    }
}

/// Takes in one of the library's own records; `None` if its payload cannot be decoded.
pub(in crate::recovery) fn note(
    seen: &Seen<'_>,
    claims: &mut Claims,
    notes: &mut PartNotes,
) -> Option<()> {
    let seq_low = seen.header.seq_low;
    let payload = seen.payload;
    if seen.header.is_later() || seen.header.kind.is_to_come() {
        notes.later_kinds += 1;
        return Some(());
    }
    match seen.header.kind {
        RecordKind::SEGMENT_START => {
            let start: SegmentStart = system::decode(payload)?;
            let own = own_seq(start.first_seq, seq_low)?;
            if seen.offset != FRAMES_OFFSET {
                return Some(());
            }
            if claims.start.is_none() {
                claims.start = Some(own);
                // Nothing ends among the header pages: such an end is not known.
                let end = Some(start.predecessor_end);
                claims.predecessor_end = end.filter(|end| *end >= FRAMES_OFFSET);
            }
            claims.witness(start.durable_seq, own);
        }
        RecordKind::SYNC_MARK => {
            let mark: SyncMark = system::decode(payload)?;
            let first_seq = Some(mark.first_seq).filter(|seq| is_sane(*seq))?;
            let own = seq_from(first_seq, seq_low);
            // Each record before it took at least a frame header's bytes.
            let before_max = (seen.offset - FRAMES_OFFSET) / padded(0);
            if own - first_seq <= before_max {
                claims.mark.get_or_insert(first_seq);
                claims.witness(mark.durable_seq, own);
            }
        }
        RecordKind::SEAL => {
            let seal: Seal = system::decode(payload)?;
            let own = own_seq(seal.last_seq, seq_low)?;
            claims.witness(seal.durable_seq, own);
            if !seen.is_doubted {
                claims.seal = Some(own);
                claims.next_segment = seal.next_segment;
            }
        }
        RecordKind::RUN_CLOSE => {
            let close: RunClose<'_> = system::decode(payload)?;
            claims.closed.get_or_insert((seq_low, close.durable_seq));
        }
        _ => note_runs(seen, notes)?,
    }
    Some(())
}

/// Takes in what is said of runs and sessions.
fn note_runs(seen: &Seen<'_>, notes: &mut PartNotes) -> Option<()> {
    let seq_low = seen.header.seq_low;
    let payload = seen.payload;
    let end = seen.offset + seen.header.frame_len();
    match seen.header.kind {
        RecordKind::RUN_OPEN => {
            let open: RunOpen<'_> = system::decode(payload)?;
            if seen.is_found && seq_low != OPEN_SEQ {
                return Some(());
            }
            notes.open_end = end;
            notes.open.get_or_insert_with(|| OpenFacts {
                at: Timestamp::new(open.clocks.wall_seconds, open.clocks.wall_nanoseconds),
                owner: owner_of(&open),
                origin: Arc::new(RunOrigin::of(&open)),
                live_runs: open.live_runs.into_iter().map(run_id).collect(),
            });
        }
        RecordKind::RUN_RECOVERED => {
            let recovered = recovered(payload)?;
            // One that was only found may be part of a payload.
            let is_behind_open = seen.offset == notes.open_end;
            if is_behind_open {
                notes.open_end = end;
            }
            if is_behind_open || !seen.is_found || seeded::has(Bug::RecoveredAnywhere) {
                notes.recovered.push(recovered);
            }
        }
        RecordKind::RETIRED => {
            let retired: Retired = system::decode(payload)?;
            let run = run_id((retired.generation, retired.random));
            let range = (retired.first_seq, retired.last_seq);
            notes.retired.push((run, range.0, range.1));
        }
        RecordKind::REFUSED => {
            let refused: Refused<'_> = system::decode(payload)?;
            notes.refused.note(&refused);
        }
        RecordKind::SESSION_REF => {
            let declared: SessionRef<'_> = system::decode(payload)?;
            let entry = notes.sessions.entry(declared.index);
            entry.or_insert_with(|| Arc::from(&*declared.id));
        }
        RecordKind::CRASH_NOTE
            if seen.header.session == 0 && notes.crashes.len() < CRASH_NOTES_MAX =>
        {
            notes.crashes.push((seq_low, payload.to_vec()));
        }
        _ => {}
    }
    Some(())
}

impl Claims {
    /// Believes a witness only if it speaks of records before itself.
    pub(in crate::recovery) fn witness(&mut self, durable: u64, own_seq: u64) {
        let is_past = durable < own_seq;
        if is_past || seeded::has(Bug::WitnessOfTheFuture) {
            self.durable = self.durable.max(durable);
        }
    }
}

/// The sequence number that a record says it has, if its frame agrees.
fn own_seq(told: u64, low: u32) -> Option<u64> {
    Some(told).filter(|seq| is_sane(*seq) && seq_low(*seq) == low)
}

/// No run reaches numbers above that, so sums of them cannot overflow.
fn is_sane(seq: u64) -> bool {
    (1..=SEQ_MAX).contains(&seq)
}

/// The number of a run's `RunOpen`.
const OPEN_SEQ: u32 = 2;

/// Crash notes of a run kept for its reason; the first ones matter.
const CRASH_NOTES_MAX: usize = 64;
