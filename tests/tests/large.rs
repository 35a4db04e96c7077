//! Promises: damage, hostile.
//!
//! Large payloads, and segments as large as they are by default, most of them holes: what is behind
//! damage is found however far away it is and whatever the payload holds.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use journal_tests::random::{Random, seed};
use trace_journal::format::SegmentNumber;
use trace_journal::format::{
    FRAMES_OFFSET, Features, FrameHeader, FramePlace, FrameSeed, RecordKind, SegmentHeader,
};
use trace_journal::report::DamageReason;
use trace_journal::{Item, Reader, RunId};

const RUN: RunId = RunId::new(1, 5);

/// A segment of 64 MiB in the making, of which only what is put down takes space.
struct Sparse {
    file: File,
    offset: u64,
    seq: u64,
    /// Where each record is.
    places: Vec<u64>,
}

impl Sparse {
    fn new(dir: &Path) -> Sparse {
        let path = dir.join(format!("{RUN}-000001.seg"));
        let mut options = File::options();
        let options = options.read(true).write(true).create_new(true);
        let file = options.open(path).unwrap();
        let header = SegmentHeader {
            run: RUN,
            segment: SegmentNumber::FIRST,
            file_len: 64 << 20,
            features: Features::default(),
        };
        file.write_all_at(&header.encode_page().repeat(2), 0)
            .unwrap();
        file.set_len(64 << 20).unwrap();
        Sparse {
            file,
            offset: FRAMES_OFFSET,
            seq: 1,
            places: Vec::new(),
        }
    }

    fn place(&self, offset: u64, seq: u64) -> FramePlace {
        FramePlace {
            seed: FrameSeed::new(RUN, SegmentNumber::FIRST),
            offset,
            seq,
        }
    }

    fn add(&mut self, payload: &[u8]) {
        let at = self.place(self.offset, self.seq);
        let header = FrameHeader::new(at, RecordKind::new(200), 0, payload);
        self.file
            .write_all_at(&header.encode(), self.offset)
            .unwrap();
        self.file.write_all_at(payload, self.offset + 16).unwrap();
        self.places.push(self.offset);
        self.offset += header.frame_len();
        self.seq += 1;
    }

    fn small(&mut self, count: u64) {
        for _ in 0..count {
            self.add(b"a small record");
        }
    }

    fn flip(&self, offset: u64) {
        let mut byte = [0];
        self.file.read_exact_at(&mut byte, offset).unwrap();
        self.file.write_all_at(&[byte[0] ^ 4], offset).unwrap();
    }
}

/// What is in a journal: the numbers, and what is said to be wrong.
fn read(dir: &Path) -> (Vec<u64>, Vec<DamageReason>) {
    let reader = Reader::options().verify(true).open(dir).unwrap();
    let items = reader.records().map(Result::unwrap);
    let numbers = items.filter_map(|item| match item {
        Item::Record(record) => Some(record.seq.get()),
        Item::Gap(_) => None,
    });
    let numbers = numbers.collect();
    let reasons = reader.report().ranges.iter().map(|r| r.reason).collect();
    (numbers, reasons)
}

/// Payloads that a search may go astray in, by the offset they begin at and the number due.
type Payload = fn(&Sparse, usize) -> Vec<u8>;

fn random_bytes(_: &Sparse, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    Random::part(seed(), 1).fill(&mut bytes);
    bytes
}

/// A header in every 16 bytes that could be that of the next record, of a length that fits.
fn decoys(segment: &Sparse, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    for (number, decoy) in (0..).zip(bytes.chunks_exact_mut(16)) {
        let header = FrameHeader {
            payload_len: number * 7 % (20 << 20),
            reserved: 0,
            crc: number,
            seq_low: u32::try_from(segment.seq + 1).unwrap() + number % 3,
            kind: RecordKind::new(200),
            session: 0,
        };
        decoy.copy_from_slice(&header.encode());
    }
    bytes
}

/// A whole frame in every 24 bytes, with numbers that could be true.
fn frames(segment: &Sparse, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    for (number, frame) in (0..).zip(bytes.chunks_exact_mut(24)) {
        let offset = segment.offset + 16 + 24 * number;
        let at = segment.place(offset, segment.seq + 1 + number % 5);
        let header = FrameHeader::new(at, RecordKind::new(200), 0, &[1; 8]);
        frame[..16].copy_from_slice(&header.encode());
        frame[16..].fill(1);
    }
    bytes
}

#[test]
fn what_is_far_behind_a_damaged_record_is_given_back_whatever_that_holds() {
    let payloads: [(&str, Payload, usize); 3] = [
        ("random", random_bytes, 40 << 20),
        ("decoys", decoys, 8 << 20),
        ("frames", frames, 4 << 20),
    ];
    for (name, payload, len) in payloads {
        let dir = tempfile::tempdir().unwrap();
        let mut segment = Sparse::new(dir.path());
        segment.small(100);
        let bytes = payload(&segment, len);
        segment.add(&bytes);
        segment.small(1_000);
        let large = segment.places[100];
        let rest: Vec<u64> = (1..=1_101).filter(|number| *number != 101).collect();
        // In the payload, then in the length, then in the number, too.
        for offset in [large + 16 + (4 << 19), large + 2, large + 8] {
            segment.flip(offset);
            let (numbers, reasons) = read(dir.path());
            assert!(numbers == rest, "{name}: {} records", numbers.len());
            let others = reasons[1..].iter();
            let mut others = others.filter(|reason| **reason != DamageReason::Contested);
            assert_eq!(others.next(), None, "{name}");
        }
    }
}

#[test]
fn what_is_behind_garbage_and_holes_is_given_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut segment = Sparse::new(dir.path());
    segment.small(2_000);
    // Numbers go on as far as there is room for what is missing.
    segment.offset += 50 << 20;
    segment.seq += 1_000;
    segment.small(2_000);
    let garbage = random_bytes(&segment, 16 << 10);
    let from = segment.places[500];
    segment.file.write_all_at(&garbage, from).unwrap();
    let is_hit = |place: &u64| place + 32 > from && *place < from + (16 << 10);
    let hit = segment.places.iter().filter(|place| is_hit(place)).count();
    let (numbers, _) = read(dir.path());
    assert_eq!(numbers.len(), 4_000 - hit);
}
