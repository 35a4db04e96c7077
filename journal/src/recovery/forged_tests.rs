//! Records of the library's own inside a payload.

use super::SegmentState;
use super::survey::{Depth, Scope, Survey, survey};
use super::testing::{MemoryStorage, SegmentBuilder, run, segment_name};
use super::verdict::Verdict;
use super::witness::Fate;
use crate::error::DamageReason;
use crate::event::system::{self, Retired};
use crate::format::{FrameHeader, FramePlace, FrameSeed, RecordKind};
use crate::seq::SegmentNumber;

fn look(storage: &MemoryStorage) -> Survey {
    survey(storage, Scope::All, Depth::Everything).unwrap()
}

/// The frame that `build` adds to a segment of the second run, put into a payload instead, where
/// a search could take it for one behind a missing record. Gives the payload.
fn forged(segment: &SegmentBuilder, build: impl Fn(&mut SegmentBuilder)) -> Vec<u8> {
    let mut inside = segment.clone();
    inside.frame(RecordKind(200), 0, b"");
    let from = inside.bytes.len();
    build(&mut inside);
    inside.bytes[from..].to_vec()
}

/// What it is called, and what adds it to a segment.
type Forgery = (&'static str, fn(&mut SegmentBuilder));

/// Every sort of record of the library's own.
fn forgeries() -> Vec<Forgery> {
    vec![
        ("recovered", |segment| {
            segment.recovered(1, 500);
        }),
        ("retired", |segment| {
            segment.system(RecordKind::RETIRED, &retired(1, 1, 400));
        }),
        ("mark", |segment| {
            segment.mark(segment.next_seq() - 1);
        }),
        ("seal", |segment| segment.bytes = segment.sealed(Some(2))),
        ("declaration", |segment| {
            segment.declare(1, "another");
        }),
        ("open", |segment| {
            segment.system(RecordKind::RUN_OPEN, &0_u8);
        }),
        ("close", |segment| {
            segment.system(RecordKind::RUN_CLOSE, &0_u8);
        }),
    ]
}

fn retired(generation: u32, first_seq: u64, last_seq: u64) -> Retired {
    let run = run(generation);
    Retired {
        generation: run.generation.0,
        random: run.random,
        first_seq,
        last_seq,
        extras: Vec::new(),
    }
}

fn earlier() -> SegmentBuilder {
    let mut earlier = SegmentBuilder::new(1, 1, 1, 0);
    earlier.raw(0, b"one").raw(0, b"two");
    earlier
}

#[test]
fn what_is_only_found_at_the_end_says_nothing_of_other_runs_and_ends_no_segment() {
    for (name, build) in forgeries() {
        let mut later = SegmentBuilder::new(2, 1, 1, 0);
        let payload = forged(&later, build);
        later.raw(0, &payload);
        let damaged = later.offsets[1];
        later.bytes[damaged..damaged + 16].fill(0);
        // Something is behind it, which is no frame.
        later.bytes.extend([1; 64]);
        let mut storage = earlier().storage();
        storage.put(&later, later.file());
        let found = look(&storage);
        let mut earlier = found.runs[0].findings.iter().map(|f| f.verdict);
        assert!(earlier.all(|verdict| verdict == Verdict::Sound), "{name}");
        let state = found.runs[1].segments[0].state;
        assert_ne!(state, SegmentState::Sealed, "{name}");
        assert_eq!(found.runs[1].opened, None, "{name}");
    }
}

#[test]
fn nothing_forged_counts_where_a_valid_frame_follows() {
    for (name, build) in forgeries() {
        for is_damaged in [false, true] {
            let mut later = SegmentBuilder::new(2, 1, 1, 0);
            let payload = forged(&later, build);
            later.raw(0, &payload).raw(0, b"behind");
            let damaged = later.offsets[1];
            if is_damaged {
                later.bytes[damaged..damaged + 16].fill(0);
            }
            let mut storage = earlier().storage();
            storage.put(&later, later.file());
            let found = look(&storage);
            assert_eq!(found.runs[0].findings, [], "{name}");
            let run = &found.runs[1];
            assert_eq!(run.segments[0].part.records, 3 - u64::from(is_damaged));
            let reasons: Vec<DamageReason> = run.findings.iter().map(|f| f.reason).collect();
            let expected = [DamageReason::ZeroRun, DamageReason::Contested];
            assert_eq!(reasons, expected[..2 * usize::from(is_damaged)], "{name}");
            assert!(run.sessions.is_empty() && run.closed.is_none(), "{name}");
            assert_eq!(run.witness.in_band, 0, "{name}");
        }
    }
}

#[test]
fn contested_frames_are_told_with_their_place_and_numbers() {
    let mut segment = SegmentBuilder::new(1, 1, 1, 0);
    let payload = forged(&segment, |inside| {
        inside.raw(0, b"three").raw(0, b"four");
    });
    segment.raw(0, &payload).raw(0, b"the third");
    let damaged = segment.offsets[1];
    segment.bytes[damaged..damaged + 16].fill(0xee);
    let run = look(&segment.storage()).runs.remove(0);
    let contested = run.findings.iter().find(|f| f.contested.is_some()).unwrap();
    let place = u64::try_from(damaged).unwrap() + 16;
    assert_eq!(contested.contested, Some((3, 4)));
    assert_eq!((contested.offset, contested.len), (place, 48));
    assert_eq!(contested.verdict, Verdict::Damage);
    assert_eq!(contested.segment, SegmentNumber(1));
}

#[test]
fn retention_explains_no_bytes_that_are_left() {
    let mut segment = earlier();
    segment.raw(0, b"three");
    let mut storage = segment.storage();
    let mut later = SegmentBuilder::new(2, 1, 1, 0);
    later.system(RecordKind::RETIRED, &retired(1, 2, 2));
    storage.put(&later, later.file());
    let fates = |storage: &MemoryStorage| -> Vec<Fate> {
        let missing = look(storage).runs.remove(0).findings.into_iter();
        missing.filter_map(|f| Some(f.missing?.fate)).collect()
    };
    let (from, to) = (segment.offsets[1], segment.offsets[2]);
    let file = storage.files.get_mut(&segment_name(1, 1)).unwrap();
    file[from + 17] ^= 1;
    assert_eq!(fates(&storage), [Fate::Unwitnessed]);
    let file = storage.files.get_mut(&segment_name(1, 1)).unwrap();
    file[from..to].fill(0);
    assert_eq!(fates(&storage), [Fate::Retired]);
}

/// A frame of a kind that only a later library knows is kept, and says nothing to this one.
#[test]
fn a_sound_frame_of_a_later_kind_is_counted_and_no_damage() {
    for kind in [RecordKind(200), RecordKind::SEAL, RecordKind::TEXT] {
        for bits in [1 << 29, 2 << 29, 3 << 29] {
            let mut segment = earlier();
            let at = FramePlace {
                seed: FrameSeed::new(run(1), SegmentNumber(1)),
                offset: segment.end(),
                seq: segment.next_seq(),
            };
            let session = u32::from(kind == RecordKind::TEXT);
            segment.frame(kind, session, b"\xff\xff\xff");
            let from = segment.offsets[3];
            let header = FrameHeader::later(at, (kind, session), b"\xff\xff\xff", bits);
            segment.bytes[from..from + 16].copy_from_slice(&header.encode());
            segment.raw(0, b"behind");
            let found = look(&segment.storage()).runs.remove(0);
            assert_eq!(found.findings, [], "{kind:?}");
            let part = &found.segments[0].part;
            assert_eq!((part.records, part.notes.later_kinds), (5, 1));
        }
    }
}

#[test]
fn forgeries_are_what_they_say() {
    let segment = SegmentBuilder::new(2, 1, 1, 0);
    let payload = forged(&segment, |inside| {
        inside.recovered(1, 500);
    });
    let header = FrameHeader::decode(*payload.first_chunk().unwrap()).unwrap();
    let offset = segment.end() + 16;
    let len = usize::try_from(header.payload_len).unwrap();
    let body = &payload[16..16 + len];
    assert!(header.fits(FrameSeed::new(run(2), SegmentNumber(1)), offset, body));
    assert!(system::decode::<system::RunRecovered>(body).is_some());
}
