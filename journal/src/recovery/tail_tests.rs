//! Tests of what is read of a dead run, and of what goes on record about it.

use super::run::RunSurvey;
use super::survey::{Depth, Scope, survey};
use super::tail::survey_tail;
use super::testing::{MemoryStorage, SegmentBuilder, dead_run, run, segment_name};
use crate::event::system::{self, Clocks, RunRecovered, Seal, SegmentStart, SyncMark};
use crate::format::{DurablePlace, FrameHeader, FramePlace, FrameSeed, RecordKind, padded};
use crate::hash::{GOLDEN, mixed};
use crate::seq::SegmentNumber;

/// A dead run of four segments; what the third one's start says is durable is given.
fn journal(durable: u64) -> (MemoryStorage, SegmentBuilder) {
    let mut storage = MemoryStorage::default();
    let mut next_seq = 1;
    for number in 1..4 {
        let told = if number == 3 { durable } else { 0 };
        let mut builder = SegmentBuilder::new(1, number, next_seq, told);
        builder.raw(0, b"one").raw(0, b"two");
        next_seq = builder.next_seq() + 1;
        let seal = builder.sealed_telling(Some(number + 1), 0);
        storage.put(&builder, seal);
    }
    let mut last = SegmentBuilder::new(1, 4, next_seq, 0);
    last.raw(0, b"torn").skip(24).raw(0, b"intact");
    storage.put(&last, last.file());
    (storage, last)
}

/// Surveys the end of run 1, whose `.run` file names this place; gives the segments that were read.
fn read_from(storage: &MemoryStorage, place: Option<DurablePlace>) -> (Vec<u32>, RunSurvey) {
    let dead = dead_run(storage, place);
    let found = survey_tail(storage, &dead).unwrap().unwrap();
    let numbers = found.segments.iter().map(|s| s.part.segment.number.0);
    (numbers.collect(), found)
}

fn read(storage: &MemoryStorage) -> (Vec<u32>, RunSurvey) {
    read_from(storage, None)
}

/// What is missing, first and last of each range.
fn missed(found: &RunSurvey) -> Vec<(u64, u64)> {
    let missing = found.findings.iter().filter_map(|finding| finding.missing);
    missing.filter_map(|m| Some((m.first, m.last?))).collect()
}

/// The place of a record in a segment that is the first of its run.
fn place(segment: &SegmentBuilder, seq: u64) -> Option<DurablePlace> {
    let offset = segment.offsets[usize::try_from(seq).unwrap() - 1];
    Some(DurablePlace {
        seq,
        segment: SegmentNumber(1),
        offset: u64::try_from(offset).unwrap(),
    })
}

#[test]
fn segments_that_a_later_one_proves_durable_are_not_read() {
    let (mut storage, last) = journal(8);
    // Nothing that is not read can be found damaged.
    storage.files.get_mut(&segment_name(1, 1)).unwrap()[8200] ^= 1;
    let (numbers, found) = read(&storage);
    assert_eq!(numbers, [3, 4]);
    let record = found.to_record();
    assert_eq!(record.missing, [(15, 15)]);
    assert_eq!((record.end_segment, record.last_seq), (4, 16));
    assert_eq!(record.end_offset, last.end());
}

#[test]
fn without_a_proof_all_segments_are_read() {
    let (mut storage, _) = journal(3);
    assert_eq!(read(&storage).0, [1, 2, 3, 4]);
    storage.files.remove(&segment_name(1, 1));
    let (numbers, found) = read(&storage);
    assert_eq!(numbers, [2, 3, 4]);
    assert_eq!(missed(&found), [(1, 3), (4, 4), (15, 15)]);
    // What is proved durable stays that.
    assert_eq!(found.to_record().missing, [(4, 4), (15, 15)]);
}

#[test]
fn a_lost_segment_start_is_looked_for_one_segment_further_back() {
    let (mut storage, _) = journal(8);
    let third = storage.files.get_mut(&segment_name(1, 3)).unwrap();
    third[8192 + 17] ^= 1;
    assert_eq!(read(&storage).0, [1, 2, 3, 4]);
}

/// A run of one large segment of 2,022 records.
fn large() -> SegmentBuilder {
    let mut segment = SegmentBuilder::new(1, 1, 1, 0);
    for _ in 0..2000 {
        segment.raw(0, b"record");
    }
    segment.mark(1500);
    for _ in 0..20 {
        segment.raw(0, b"behind");
    }
    segment
}

fn flip(segment: &mut SegmentBuilder, seq: usize) {
    let at = segment.offsets[seq - 1] + 17;
    segment.bytes[at] ^= 1;
}

#[test]
fn what_the_run_file_says_is_durable_is_not_read_and_all_behind_that_is() {
    let mut segment = large();
    let durable = place(&segment, 1500);
    flip(&mut segment, 1490);
    flip(&mut segment, 1502);
    flip(&mut segment, 2015);
    let record = read_from(&segment.storage(), durable).1.to_record();
    assert_eq!(record.missing, [(1502, 1502), (2015, 2015)]);
    assert_eq!((record.last_seq, record.end_offset), (2022, segment.end()));
}

#[test]
fn segments_before_the_one_that_the_run_file_names_are_not_read() {
    let (storage, last) = journal(3);
    let in_last = |seq, at: usize| DurablePlace {
        seq,
        segment: SegmentNumber(4),
        offset: u64::try_from(last.offsets[at]).unwrap(),
    };
    assert_eq!(read_from(&storage, Some(in_last(13, 0))).0, [4]);
    // What is there has another number.
    assert_eq!(read_from(&storage, Some(in_last(13, 1))).0, [1, 2, 3, 4]);
    let (numbers, found) = read_from(&storage, Some(in_last(14, 1)));
    assert_eq!(numbers, [4]);
    assert_eq!(found.to_record(), read(&storage).1.to_record());
}

#[test]
fn a_place_that_is_not_what_the_run_file_says_is_not_begun_at() {
    let mut segment = large();
    let durable = place(&segment, 1500);
    flip(&mut segment, 1501);
    let missing = |segment: &SegmentBuilder, place| {
        let missed = missed(&read_from(&segment.storage(), place).1);
        // What a number that is too large says is durable is missed, too.
        let there = missed.into_iter().filter(|(first, _)| *first <= 2022);
        there.collect::<Vec<_>>()
    };
    assert_eq!(missing(&segment, durable), [(1501, 1501)]);
    // Neither if the very record is damaged, nor if another one is there.
    let mut damaged = segment.clone();
    flip(&mut damaged, 1500);
    assert_eq!(missing(&damaged, durable), [(1500, 1500), (1501, 1501)]);
    flip(&mut segment, 100);
    for seq in [1, 2, 1499, 1502, 1 << 40] {
        let wrong = durable.map(|place| DurablePlace { seq, ..place });
        assert_eq!(missing(&segment, wrong), [(100, 100), (1501, 1501)]);
    }
    for by in [8, 1 << 20] {
        let wrong = durable.map(|place| DurablePlace {
            offset: place.offset + by,
            ..place
        });
        assert_eq!(missing(&segment, wrong), [(100, 100), (1501, 1501)]);
    }
}

#[test]
fn a_mark_that_speaks_of_what_is_behind_it_proves_nothing() {
    for durable in [8, 1 << 40] {
        let mut storage = MemoryStorage::default();
        let mut first = SegmentBuilder::new(1, 1, 1, 0);
        first.raw(0, b"lost").raw(0, b"there");
        flip(&mut first, 2);
        storage.put(&first, first.sealed(Some(2)));
        let mut second = SegmentBuilder::new(1, 2, 5, 0);
        second.raw(0, b"six").mark(durable);
        storage.put(&second, second.file());
        let (numbers, found) = read(&storage);
        assert_eq!((numbers, missed(&found)), (vec![1, 2], vec![(2, 2)]));
    }
}

#[test]
fn no_place_is_begun_at_without_the_start_of_its_segment() {
    let mut segment = large();
    let durable = place(&segment, 1500);
    flip(&mut segment, 1);
    flip(&mut segment, 100);
    let found = read_from(&segment.storage(), durable).1;
    assert_eq!(missed(&found), [(1, 1), (100, 100)]);
}

#[test]
fn what_lies_behind_a_long_run_of_zeros_is_found() {
    let mut segment = large();
    segment
        .skip(3 << 20)
        .raw(0, b"far")
        .skip(5000)
        .raw(0, b"farther");
    for place in [None, place(&segment, 1500)] {
        let record = read_from(&segment.storage(), place).1.to_record();
        assert_eq!(record.missing, [(2023, 2023), (2025, 2025)]);
        assert_eq!((record.last_seq, record.end_offset), (2026, segment.end()));
    }
}

#[test]
fn a_last_payload_of_zeros_is_part_of_its_record() {
    let mut segment = large();
    segment.raw(0, &[0; 100_000]);
    for place in [None, place(&segment, 1500), place(&segment, 2023)] {
        let record = read_from(&segment.storage(), place).1.to_record();
        assert_eq!(record.missing, []);
        assert_eq!((record.last_seq, record.end_offset), (2023, segment.end()));
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        mixed(self.0) % limit
    }

    fn len(&mut self, limit: u64) -> usize {
        usize::try_from(self.below(limit)).unwrap()
    }
}

/// A payload with frames in it that would be valid where they are, about whatever a run says of
/// itself and of others.
fn forged(random: &mut Random, segment: &SegmentBuilder, number: u32) -> Vec<u8> {
    let mut payload = vec![b'p'; random.len(3000)];
    for _ in 0..=random.below(3) {
        let begin = usize::try_from(segment.end()).unwrap() + 16;
        let at = (begin + payload.len()).next_multiple_of(8);
        payload.resize(at - begin, b'p');
        let ahead = [1, 2, 50, 500, 1 << 33][random.len(5)];
        let seq = segment.next_seq() + ahead;
        let (kind, body) = said(random, seq);
        let at = FramePlace {
            seed: FrameSeed::new(run(1), SegmentNumber(number)),
            offset: u64::try_from(at).unwrap(),
            seq,
        };
        let header = FrameHeader::new(at, kind, 0, &body);
        payload.extend(header.encode());
        payload.extend(&body);
        let frame_len = usize::try_from(padded(u64::try_from(body.len()).unwrap())).unwrap();
        payload.resize(payload.len() + frame_len - 16 - body.len(), 0);
    }
    payload.resize(payload.len() + random.len(2000), b'p');
    payload
}

/// A record of the library, of any kind, that has this number.
fn said(random: &mut Random, seq: u64) -> (RecordKind, Vec<u8>) {
    let mut body = Vec::new();
    let (durable_seq, extras) = (seq - 1, Vec::new());
    let kinds = [
        RecordKind::SEGMENT_START,
        RecordKind::SEAL,
        RecordKind::SYNC_MARK,
        RecordKind::RUN_RECOVERED,
        RecordKind::RETIRED,
        RecordKind::RUN_CLOSE,
        RecordKind::SESSION_REF,
        RecordKind::REFUSED,
        RecordKind::RUN_OPEN,
        RecordKind(200),
    ];
    let kind = kinds[random.len(10)];
    match kind {
        RecordKind::SEGMENT_START => {
            let predecessor_end = 8192 + random.below(1 << 12);
            let start = SegmentStart {
                first_seq: seq,
                predecessor_end,
                durable_seq,
                clocks: Clocks::default(),
                extras,
            };
            system::encode(&start, &mut body).unwrap();
        }
        RecordKind::SEAL => {
            let next_segment = Some(7).filter(|_| random.below(2) == 0);
            let seal = Seal {
                last_seq: seq,
                next_segment,
                durable_seq,
                extras,
            };
            system::encode(&seal, &mut body).unwrap();
        }
        RecordKind::SYNC_MARK => {
            let first_seq = 1 + random.below(seq);
            let mark = SyncMark {
                durable_seq,
                first_seq,
                durable_end: 8192 + random.below(1 << 16),
                clocks: Clocks::default(),
                extras,
            };
            system::encode(&mark, &mut body).unwrap();
        }
        RecordKind::RUN_RECOVERED => {
            let recovered = RunRecovered {
                generation: 1,
                random: run(1).random,
                end_segment: 1,
                end_offset: 8192,
                last_seq: seq,
                missing: vec![(1, 2)],
                clocks: Clocks::default(),
                extras,
            };
            system::encode(&recovered, &mut body).unwrap();
        }
        _ => body = vec![1, 1, 1, 1, 0],
    }
    (kind, body)
}

/// A run of up to three segments full of forged frames, whose end was not synced: what is behind
/// the durable record of this number may be gone.
fn random_run(random: &mut Random) -> (MemoryStorage, Vec<DurablePlace>) {
    let mut storage = MemoryStorage::default();
    let count = 1 + u32::try_from(random.below(3)).unwrap();
    let mut places = Vec::new();
    let mut next_seq = 1;
    for number in 1..=count {
        let told = if random.below(2) == 0 {
            next_seq - 1
        } else {
            0
        };
        let mut segment = SegmentBuilder::new(1, number, next_seq, told);
        let segment_number = SegmentNumber(number);
        let mut durable = 0;
        for _ in 0..random.below(30) {
            let payload = match random.below(3) {
                0 => vec![b'r'; random.len(600)],
                1 => vec![0; random.len(600)],
                _ => forged(random, &segment, number),
            };
            segment.raw(0, &payload);
            if random.below(4) == 0 {
                segment.mark(segment.next_seq() - 1 - random.below(3).min(next_seq - 1));
            }
            if random.below(8) == 0 {
                durable = segment.offsets.len();
            }
        }
        let is_last = number == count;
        if !is_last {
            durable = segment.offsets.len();
        }
        for (at, offset) in segment.offsets.iter().enumerate().take(durable) {
            places.push(DurablePlace {
                seq: next_seq + u64::try_from(at).unwrap(),
                segment: segment_number,
                offset: u64::try_from(*offset).unwrap(),
            });
        }
        if is_last {
            tear(random, &mut segment, durable.max(1));
            storage.put(&segment, segment.file());
        } else {
            storage.put(&segment, segment.sealed_telling(Some(number + 1), 0));
        }
        next_seq = segment.next_seq() + 1;
    }
    (storage, places)
}

/// Takes away parts of what is behind the first so many frames.
fn tear(random: &mut Random, segment: &mut SegmentBuilder, durable: usize) {
    for frame in durable..segment.offsets.len() {
        let from = segment.offsets[frame];
        let next = segment.offsets.get(frame + 1).copied();
        let to = next.unwrap_or(segment.bytes.len());
        match random.below(6) {
            0 => segment.bytes[from..to].fill(0),
            1 => segment.bytes[from..from + 16].fill(0),
            2 => segment.bytes[(from + to) / 2..to].fill(0),
            _ => {}
        }
    }
}

#[test]
fn what_goes_on_record_is_what_a_walk_from_the_start_says() {
    for seed in 0..600 {
        let mut random = Random(seed);
        let (storage, places) = random_run(&mut random);
        let found = survey(&storage, Scope::All, Depth::Everything).unwrap();
        let mut runs = found.runs.iter();
        let expected = runs.find(|found| found.run == run(1)).unwrap().to_record();
        assert_eq!(read(&storage).1.to_record(), expected, "seed {seed}");
        for _ in 0..4 {
            let at = random.len(u64::try_from(places.len()).unwrap().max(1));
            let place = places.get(at).copied();
            let record = read_from(&storage, place).1.to_record();
            assert_eq!(record, expected, "seed {seed}: {place:?}");
        }
    }
}
