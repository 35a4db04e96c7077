//! What one segment holds, before its place in the run is known.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::files::{HeaderFact, SegmentFile};
use super::places::{Places, PlacesBuilder};
use crate::event::system::{self, RunOpen, Seal, SegmentStart, SessionRef, SyncMark};
use crate::event::system::{Retired, RunClose, RunRecovered};
use crate::format::{FRAMES_OFFSET, FrameSeed, RecordKind};
use crate::seeded::{self, Bug};
use crate::segment::{ScanInput, Scanned, Seen, scan};
use crate::seq::{Generation, RunId};
use crate::storage::Storage;
use crate::time::Timestamp;

/// A segment and everything recovery needs to know of its frames.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) segment: SegmentFile,
    pub(crate) scanned: Scanned,
    pub(crate) records: u64,
    pub(crate) claims: Claims,
    pub(crate) notes: Notes,
    pub(crate) places: Places,
    /// Its bytes were read; otherwise this is what the cache beside it says.
    pub(crate) is_verified: bool,
}

/// How far the bytes of a segment can be trusted to be what they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Nobody writes them any more.
    Final,
    /// Somebody may be writing them.
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
    /// From its `Seal`.
    pub(crate) seal: Option<u64>,
    /// Number of the next segment, if a `Seal` names one.
    pub(crate) next_segment: Option<u32>,
    /// The highest durable sequence number any of them is a valid witness of.
    pub(crate) durable: u64,
    /// A `RunClose`: its relative sequence number and durable sequence number.
    pub(crate) closed: Option<(u32, u64)>,
}

/// What frames say of runs and sessions.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(crate) open: Option<Opened>,
    /// Ids of session indices; the first declaration counts.
    pub(crate) sessions: BTreeMap<u32, Arc<str>>,
    /// Payloads of crash notes of the run, with their relative sequence numbers.
    pub(crate) crashes: Vec<(u32, Vec<u8>)>,
    pub(crate) recovered: Vec<Recovered>,
    pub(crate) retired: Vec<(RunId, u64, u64)>,
    /// System records whose payload cannot be decoded: offset and length of the frame.
    pub(crate) undecodable: Vec<(u64, u64)>,
}

/// What a `RunOpen` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Opened {
    pub(crate) at: Timestamp,
    pub(crate) live_runs: Vec<RunId>,
}

/// What a `RunRecovered` says of another run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Recovered {
    pub(crate) run: RunId,
    pub(crate) last_seq: u64,
    /// Ranges that were missing then.
    pub(crate) missing: Vec<(u64, u64)>,
}

impl Part {
    /// Reads the whole segment.
    pub(crate) fn read(storage: &dyn Storage, segment: SegmentFile, trust: Trust) -> Part {
        Part::read_seen(storage, segment, trust, &mut |_| {})
    }

    /// Reads the whole segment and shows its frames.
    pub(crate) fn read_seen(
        storage: &dyn Storage,
        mut segment: SegmentFile,
        trust: Trust,
        visit: &mut dyn FnMut(&Seen<'_>),
    ) -> Part {
        let file = match storage.open(&segment.name).and_then(|file| {
            let len = file.len()?;
            Ok((file, len))
        }) {
            Ok((file, len)) => {
                segment.len = len;
                file
            }
            Err(error) => return Part::unread(segment, error),
        };
        if trust == Trust::DiskOnly && !seeded::has(Bug::PoisonedCacheBelieved) {
            // Best effort: without it, cached bytes may be shown that a failed sync left behind.
            let _ = file.drop_cache();
        }
        let is_moving = trust == Trust::Moving;
        let input = ScanInput {
            seed: FrameSeed::new(segment.run, segment.number),
            len: segment.len,
            told_len: segment.told_len.unwrap_or(segment.len),
            frames_max: segment.frames_max,
            is_moving,
        };
        let mut records = 0;
        let mut claims = Claims::default();
        let mut notes = Notes::default();
        let mut places = PlacesBuilder::default();
        let scanned = scan(&*file, input, &mut |seen| {
            records += 1;
            visit(seen);
            places.add(seen);
            if note(seen, &mut claims, &mut notes).is_none() {
                let len = seen.header.frame_len();
                notes.undecodable.push((seen.offset, len));
            }
        });
        Part {
            segment,
            scanned,
            records,
            claims,
            notes,
            places: places.finish(),
            is_verified: true,
        }
    }

    /// A segment that cannot be opened.
    fn unread(segment: SegmentFile, error: std::io::Error) -> Part {
        let mut part = Part {
            scanned: Scanned::unread(segment.len, error),
            segment,
            records: 0,
            claims: Claims::default(),
            notes: Notes::default(),
            places: Places::default(),
            is_verified: true,
        };
        part.segment.header = HeaderFact::Unread;
        part
    }

    /// The first sequence number as the segment's own frames tell it.
    pub(crate) fn told_first_seq(&self) -> Option<u64> {
        let claims = self.claims;
        claims.start.or(claims.mark).or(claims.seal)
    }
}

/// Takes in one of the library's own records; `None` if its payload cannot be decoded.
pub(super) fn note(seen: &Seen<'_>, claims: &mut Claims, notes: &mut Notes) -> Option<()> {
    let relative = seen.header.relative_seq;
    let payload = seen.payload;
    match seen.header.kind {
        RecordKind::SEGMENT_START => {
            let start: SegmentStart = system::decode(payload)?;
            let first_seq = first_seq(start.first_seq, relative)?;
            if claims.start.is_none() {
                claims.start = Some(first_seq);
                // Nothing ends among the header pages: such an end is not known.
                let end = Some(start.predecessor_end);
                claims.predecessor_end = end.filter(|end| *end >= FRAMES_OFFSET);
            }
            claims.witness(start.durable_seq, first_seq, relative);
        }
        RecordKind::SYNC_MARK => {
            let mark: SyncMark = system::decode(payload)?;
            let first_seq = Some(mark.first_seq).filter(|seq| is_sane(*seq))?;
            claims.mark.get_or_insert(first_seq);
            claims.witness(mark.durable_seq, first_seq, relative);
        }
        RecordKind::SEAL => {
            let seal: Seal = system::decode(payload)?;
            let first_seq = first_seq(seal.last_seq, relative)?;
            claims.seal = Some(first_seq);
            claims.next_segment = seal.next_segment;
            claims.witness(seal.durable_seq, first_seq, relative);
        }
        RecordKind::RUN_CLOSE => {
            let close: RunClose<'_> = system::decode(payload)?;
            claims.closed.get_or_insert((relative, close.durable_seq));
        }
        RecordKind::RUN_OPEN => {
            let open: RunOpen<'_> = system::decode(payload)?;
            notes.open.get_or_insert_with(|| Opened {
                at: Timestamp::new(open.clocks.wall_seconds, open.clocks.wall_nanoseconds),
                live_runs: open.live_runs.into_iter().map(run_id).collect(),
            });
        }
        RecordKind::RUN_RECOVERED => notes.recovered.push(recovered(payload)?),
        RecordKind::RETIRED => {
            let retired: Retired = system::decode(payload)?;
            let run = run_id((retired.generation, retired.random));
            let range = (retired.first_seq, retired.last_seq);
            notes.retired.push((run, range.0, range.1));
        }
        RecordKind::SESSION_REF => {
            let declared: SessionRef<'_> = system::decode(payload)?;
            let entry = notes.sessions.entry(declared.index);
            entry.or_insert_with(|| Arc::from(&*declared.id));
        }
        RecordKind::CRASH_NOTE
            if seen.header.session == 0 && notes.crashes.len() < CRASH_NOTES_MAX =>
        {
            notes.crashes.push((relative, payload.to_vec()));
        }
        _ => {}
    }
    Some(())
}

/// Decodes a `RunRecovered`.
pub(crate) fn recovered(payload: &[u8]) -> Option<Recovered> {
    let recovered: RunRecovered = system::decode(payload)?;
    Some(Recovered {
        run: run_id((recovered.generation, recovered.random)),
        last_seq: recovered.last_seq,
        missing: recovered.missing,
    })
}

impl Claims {
    /// Believes a witness only if it speaks of records before itself.
    fn witness(&mut self, durable: u64, first_seq: u64, relative: u32) {
        let is_past = durable < first_seq + u64::from(relative);
        if is_past || seeded::has(Bug::WitnessOfTheFuture) {
            self.durable = self.durable.max(durable);
        }
    }
}

/// The segment's first sequence number, from that of one of its records.
fn first_seq(own: u64, relative: u32) -> Option<u64> {
    own.checked_sub(u64::from(relative))
        .filter(|seq| is_sane(*seq))
}

/// No run reaches numbers above this, so sums of them cannot overflow.
fn is_sane(seq: u64) -> bool {
    (1..=SEQ_MAX).contains(&seq)
}

fn run_id((generation, random): (u32, u64)) -> RunId {
    RunId {
        generation: Generation(generation),
        random,
    }
}

// Half of what a `Seq` can be, so that numbers counted on from here can be one, too.
const SEQ_MAX: u64 = 1 << 47;

/// Crash notes of a run kept for its reason; the first ones matter.
const CRASH_NOTES_MAX: usize = 64;
