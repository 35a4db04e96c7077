//! What is behind damage, by the rule as one writes it down without a thought of its cost, and how
//! often the file is read for it.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::scan::scan;
use super::scan_range::ScanRange;
use super::scan_result::ScanResult;
use super::scanner::ScanInput;
use super::tests::{File, Frames, Random, seed, whole};
use crate::format::{FRAMES_OFFSET, FrameHeader, FramePlace, HopHeader, LENGTH_MASK};
use crate::format::{RecordKind, padded};
use crate::storage::{FileIdentity, Lock, LockOutcome, StorageFile};

/// Where a frame is, and its number.
type At = (u64, u32);

fn found(file: &dyn StorageFile, input: ScanInput) -> (Vec<At>, ScanResult) {
    let mut found = Vec::new();
    let portion = ScanRange {
        shows_all: true,
        ..ScanRange::WHOLE
    };
    let scanned = scan(file, ScanInput { portion, ..input }, &mut |seen| {
        // Seals that do not end the segment are only half believed.
        if !seen.is_doubted {
            found.push((seen.offset, seen.header.seq_low));
        }
    });
    (found, scanned)
}

fn valid(bytes: &[u8], at: u64) -> Option<FrameHeader> {
    let rest = bytes.get(usize::try_from(at).unwrap()..)?;
    let header = FrameHeader::decode(*rest.first_chunk()?).ok()?;
    let end = 16 + usize::try_from(header.payload_len).unwrap();
    let payload = rest.get(16..end)?;
    let is_inside = at + header.frame_len() <= u64::try_from(bytes.len()).unwrap();
    (is_inside && header.fits(seed(), at, payload)).then_some(header)
}

/// Where headers with the numbers due lead to, and where they were begun up to.
fn hop(bytes: &[u8], (mut at, mut due): At) -> (Option<At>, At) {
    let mut begun = (at, due);
    loop {
        let rest = bytes.get(usize::try_from(at).unwrap()..);
        let fields = rest.and_then(|rest| rest.first_chunk());
        let Some(header) = fields.and_then(|fields| HopHeader::decode(*fields)) else {
            return (None, begun);
        };
        let end = at + header.frame_len();
        if header.seq_low != due || end > u64::try_from(bytes.len()).unwrap() {
            return (None, begun);
        }
        let is_begun = begun.0 == at && header.is_begun(seed(), at);
        (at, due) = (end, due.wrapping_add(1));
        if is_begun {
            begun = (at, due);
        }
        if valid(bytes, at).is_some_and(|next| next.seq_low == due) {
            return (Some((at, due)), begun);
        }
    }
}

/// The rule, place by place.
fn by_the_rule(bytes: &[u8], first: u32) -> Vec<At> {
    let len = u64::try_from(bytes.len()).unwrap();
    let mut all = Vec::new();
    let (mut at, mut due) = (FRAMES_OFFSET, first);
    let from = loop {
        if let Some(header) = valid(bytes, at).filter(|header| header.seq_low == due) {
            all.push((at, due));
            (at, due) = (at + header.frame_len(), due.wrapping_add(1));
            continue;
        }
        match hop(bytes, (at, due)) {
            (Some(next), _) => (at, due) = next,
            (None, from) => break from,
        }
    };
    let mut islands: Vec<Vec<At>> = Vec::new();
    let mut ends = Vec::new();
    at = from.0;
    while at < len {
        let missing = |header: &FrameHeader| u64::from(header.seq_low.wrapping_sub(from.1));
        let may_begin = |header: &FrameHeader| (1..=(at - from.0) / 16).contains(&missing(header));
        let Some(header) = valid(bytes, at).filter(may_begin) else {
            at += 8;
            continue;
        };
        let mut next = (at, header.seq_low);
        loop {
            let mut island = Vec::new();
            while let Some(header) = valid(bytes, next.0).filter(|h| h.seq_low == next.1) {
                island.push(next);
                next = (next.0 + header.frame_len(), next.1.wrapping_add(1));
            }
            islands.push(island);
            ends.push(next.0);
            match hop(bytes, next) {
                (Some(behind), _) => next = behind,
                (None, behind) => break at = behind.0,
            }
        }
    }
    let mut believed: Vec<At> = Vec::new();
    let mut behind: Option<At> = None;
    for (island, end) in islands.iter().zip(ends).rev() {
        let last = island[island.len() - 1].1;
        let is_believed = behind.is_none_or(|(offset, first)| {
            let missing = u64::from(first.wrapping_sub(last).wrapping_sub(1));
            (1..=(offset - end) / 16).contains(&missing)
        });
        if is_believed {
            behind = Some(island[0]);
            believed.extend(island.iter().rev());
        }
    }
    believed.reverse();
    all.extend(believed);
    all
}

/// How records are damaged, and what forged frames there are in them.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Row {
    DamageEverywhere,
    OneFullOfForged,
    TwoTheEarlierForged,
    TwoTheLaterForged,
    BothForged,
}

struct Case {
    bytes: Vec<u8>,
    /// All frames that were put down, forged ones apart.
    put: Vec<At>,
}

/// A segment of small records, some of which are damaged and perhaps full of frames.
fn case(row: Row, random: &mut Random) -> Case {
    let count = 6 + random.below(20);
    let hit: Vec<u64> = match row {
        Row::DamageEverywhere => (1..count).filter(|_| random.below(3) == 0).collect(),
        Row::OneFullOfForged => vec![1 + random.below(count - 4)],
        _ => {
            let first = 1 + random.below(count - 4);
            let second = (first + 1 + random.below(4)).min(count - 1);
            vec![first, second]
        }
    };
    let is_forger = |number: u64| match row {
        Row::DamageEverywhere => false,
        Row::TwoTheLaterForged => hit.last() == Some(&number),
        Row::BothForged => hit.contains(&number),
        Row::OneFullOfForged | Row::TwoTheEarlierForged => hit.first() == Some(&number),
    };
    let first = 100;
    let mut frames = Frames::from(first);
    let mut put = Vec::new();
    for number in 0..count {
        let at = u64::try_from(frames.0.bytes.len()).unwrap();
        let payload = match is_forger(number) {
            true => forged(at + 16, random),
            false => {
                let len = random.below(120);
                random.bytes(len)
            }
        };
        put.push((at, u32::try_from(first + number).unwrap()));
        frames.add(RecordKind(200), 0, &payload);
    }
    let mut bytes = frames.0.bytes;
    let end = u64::try_from(bytes.len()).unwrap();
    bytes.resize(bytes.len() + 512, 0);
    for number in hit {
        let number = usize::try_from(number).unwrap();
        let from = put[number].0;
        let to = put.get(number + 1).map_or(end, |next| next.0);
        let [from, to] = [from, to].map(|at| usize::try_from(at).unwrap());
        damage(&mut bytes[from..to], random);
    }
    Case { bytes, put }
}

fn damage(frame: &mut [u8], random: &mut Random) {
    let any = |random: &mut Random, len: usize| {
        usize::try_from(random.below(u64::try_from(len.max(1)).unwrap())).unwrap()
    };
    match random.below(5) {
        0 => frame[8] ^= 64,
        1 => frame[..16].fill(0),
        2 => {
            let noise: Vec<u8> = (0..16)
                .map(|_| random.below(256).to_le_bytes()[0])
                .collect();
            frame[..16].copy_from_slice(&noise);
        }
        3 => frame[any(random, 4)] ^= 1 << random.below(8),
        _ => {
            let at = 16 + any(random, frame.len() - 16);
            frame[at.min(frame.len() - 1)] ^= 4;
            frame[4] ^= u8::from(frame.len() == 16);
        }
    }
}

/// A payload of frames of this very segment, whose numbers could be true.
fn forged(offset: u64, random: &mut Random) -> Vec<u8> {
    let len = 400 + random.below(800);
    let mut payload = random.bytes(len);
    let mut at = offset.next_multiple_of(8) + 8 * random.below(4);
    let mut number = 100 + random.below(30);
    loop {
        let length = random.below(60);
        let inner = random.bytes(length);
        let place = FramePlace {
            seed: seed(),
            offset: at,
            seq: number,
        };
        let kind = match random.below(12) {
            0 => RecordKind::SEAL,
            1 => RecordKind::SYNC_MARK,
            _ => RecordKind(200),
        };
        let header = FrameHeader::new(place, kind, 0, &inner);
        let begin = usize::try_from(at - offset).unwrap();
        let frame = [header.encode().to_vec(), inner].concat();
        let Some(room) = payload.get_mut(begin..begin + frame.len()) else {
            return payload;
        };
        room.copy_from_slice(&frame);
        at += header.frame_len();
        number += 1;
        if random.below(4) == 0 {
            at += 8 * random.below(6);
            number += random.below(5);
        }
        if random.below(6) == 0 {
            number = 100 + random.below(30);
        }
    }
}

/// How many segments lost records, and how many gave back forged ones.
fn outcome(row: Row) -> (u64, u64) {
    let (mut lost, mut forged) = (0, 0);
    for number in 0..CASES {
        let mut random = Random(number);
        let case = case(row, &mut random);
        let file = File {
            bytes: case.bytes,
            bad: None,
        };
        let (found, scanned) = found(&file, whole(&file));
        let mut expected = by_the_rule(&file.bytes, 100);
        let is_shown = |at: &At| valid(&file.bytes, at.0).unwrap().kind != RecordKind::SEAL;
        let is_seal_last = scanned.is_sealed;
        expected.retain(|at| is_shown(at) || is_seal_last);
        assert_eq!(found, expected, "{row:?}, seed {number}");
        let is_intact = |at: &At| valid(&file.bytes, at.0).is_some_and(|h| h.seq_low == at.1);
        let intact: Vec<At> = case.put.iter().copied().filter(is_intact).collect();
        lost += u64::from(intact.iter().any(|at| !found.contains(at)));
        forged += u64::from(found.iter().any(|at| !intact.contains(at)));
    }
    (lost, forged)
}

#[test]
fn searching_gives_back_what_the_rule_says() {
    assert_eq!(outcome(Row::DamageEverywhere), (0, 0));
    // A length that was damaged may by chance lead to a forged frame with the number due.
    for row in [Row::OneFullOfForged, Row::TwoTheEarlierForged] {
        let (lost, forged) = outcome(row);
        assert!(lost.max(forged) <= CASES / 500, "{row:?} {lost} {forged}");
    }
    // Two damaged headers are where the rule ends, if the later record was made for it.
    for row in [Row::TwoTheLaterForged, Row::BothForged] {
        let (lost, forged) = outcome(row);
        let both = lost.max(forged);
        assert!(both < CASES / 3, "{row:?} {lost} {forged}");
    }
}

/// Counts what is read of a file.
#[derive(Debug)]
struct Counted(File, AtomicU64);

impl StorageFile for Counted {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.1
            .fetch_add(u64::try_from(buffer.len()).unwrap(), Relaxed);
        self.0.read_at(buffer, offset)
    }

    fn write_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        unreachable!()
    }

    fn allocate(&self, _: u64) -> io::Result<()> {
        unreachable!()
    }

    fn sync(&self, _: u64, _: u64) -> io::Result<()> {
        unreachable!()
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        unreachable!()
    }

    fn drop_cache(&self, _from: u64, _to: u64) -> io::Result<()> {
        unreachable!()
    }

    fn is_linked(&self) -> io::Result<bool> {
        unreachable!()
    }

    fn identity(&self) -> io::Result<FileIdentity> {
        unreachable!()
    }

    fn try_lock(&self, _: Lock) -> io::Result<LockOutcome> {
        unreachable!()
    }
}

/// Headers that could follow, with lengths of their own choice, between two intact records.
fn decoys(lens: impl Fn(u64) -> u64) -> Counted {
    let mut frames = Frames::from(1);
    frames.add(RecordKind(200), 0, b"first");
    let from = frames.0.bytes.len();
    frames.add(RecordKind(200), 0, &vec![0; 4 << 20]);
    let end = frames.0.bytes.len();
    frames.add(RecordKind(200), 0, b"last");
    let decoys = frames.0.bytes[from + 16..end].chunks_exact_mut(16);
    for (number, decoy) in (0..).zip(decoys) {
        let len = u32::try_from(lens(number)).unwrap() & LENGTH_MASK;
        let header = FrameHeader {
            payload_len: len,
            reserved: 0,
            crc: 0,
            seq_low: 3,
            kind: RecordKind(200),
            session: 0,
        };
        decoy.copy_from_slice(&header.encode());
    }
    frames.0.bytes[from..from + 16].fill(0xff);
    Counted(frames.0, AtomicU64::new(0))
}

#[test]
fn searching_costs_a_few_file_lengths_whatever_is_claimed() {
    let lens: [fn(u64) -> u64; 3] = [|_| 1 << 20, |number| number % 1000, |number| number * 8];
    for lens in lens {
        let file = decoys(lens);
        let (found, scanned) = found(&file, whole(&file.0));
        let numbers: Vec<u32> = found.iter().map(|at| at.1).collect();
        assert_eq!(numbers, [1, 3], "all of it is searched");
        assert_eq!(scanned.unread, []);
        let len = u64::try_from(file.0.bytes.len()).unwrap();
        let times = file.1.into_inner() / len;
        assert!(times <= 8, "read {times} times");
    }
}

#[test]
fn what_a_frame_was_begun_for_is_not_looked_at() {
    let mut frames = Frames::from(100);
    frames.add(RecordKind(200), 0, b"first");
    let at = u64::try_from(frames.0.bytes.len()).unwrap();
    let payload = forged(at + 16, &mut Random(3));
    frames.add(RecordKind(200), 0, &payload);
    let mut bytes = frames.0.bytes;
    let place = FramePlace {
        seed: seed(),
        offset: at,
        seq: 101,
    };
    let len = u32::try_from(payload.len()).unwrap();
    let kind = (RecordKind(200), 0);
    let (_, begun) = FrameHeader::with_begun(seed().begin(), place, kind, len);
    let from = usize::try_from(at).unwrap();
    bytes[from..from + 8].copy_from_slice(&begun.to_le_bytes());
    bytes.resize(bytes.len() + 4096, 0);
    let file = File { bytes, bad: None };
    let (found, scanned) = found(&file, whole(&file));
    assert_eq!(found, [(FRAMES_OFFSET, 100)]);
    let torn = scanned.stretches[0];
    let end = at + padded(u64::try_from(payload.len()).unwrap());
    assert_eq!((torn.offset, torn.content_end, torn.next), (at, end, None));
}

#[test]
fn what_cannot_be_read_costs_what_is_in_it() {
    let mut frames = Frames::from(1);
    let mut put = Vec::new();
    for number in 1..5_000 {
        put.push((u64::try_from(frames.0.bytes.len()).unwrap(), number));
        frames.add(RecordKind(200), 0, &[7; 184]);
    }
    let bad = (96 << 10, 352 << 10);
    frames.0.bad = Some(bad);
    let (found, scanned) = found(&frames.0, whole(&frames.0));
    put.retain(|(at, _)| at + 200 <= bad.0 || *at >= bad.1);
    assert!(found == put, "{} of {}", found.len(), put.len());
    let unread: Vec<_> = scanned.unread.iter().map(|u| (u.offset, u.end)).collect();
    assert_eq!(unread, [bad]);
}

const CASES: u64 = 2_000;
