//! Promises: damage, killed, hostile.
//!
//! Large payloads, and segments as large as they are by default, most of them holes: what is behind
//! damage is found however far away it is and whatever the payload holds; and children are killed
//! while they append.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use journal_tests::kill::{Answers, KillAt, Moment, Orders, large_payload, start};
use journal_tests::modes::modes;
use journal_tests::random::{Random, from_env, seed};
use journal_tests::rigs::{self, Budget};
use journal_tests::workload::Sent;
use trace_journal::format::{
    FRAMES_OFFSET, FrameHeader, FramePlace, FrameSeed, RecordKind, SegmentHeader,
};
use trace_journal::{
    DamageReason, Generation, Item, Loss, Mode, Reader, RunId, SegmentNumber, WriteMode,
};

const CHILD: &str = env!("CARGO_BIN_EXE_journal-child");

const RUN: RunId = RunId {
    generation: Generation(1),
    random: 5,
};

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
        let header = FrameHeader::new(at, RecordKind(200), 0, payload);
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
    let reader = Reader::open_verified(dir, Mode::Salvage).unwrap();
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
            kind: RecordKind(200),
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
        let header = FrameHeader::new(at, RecordKind(200), 0, &[1; 8]);
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

/// The segments of a journal.
fn segments(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .filter(|path| path.extension().is_some_and(|e| e == "seg"))
        .collect()
}

/// Holds what is there against what was acknowledged; gives whether an append was cut off.
fn check(dir: &Path, answers: &Answers, large_len: u64) -> Result<bool, String> {
    let reader = Reader::open_verified(dir, Mode::Salvage).unwrap();
    let mut found = BTreeMap::new();
    for item in reader.records() {
        if let Item::Record(record) = item.unwrap() {
            found.insert(record.seq.get(), record.payload);
        }
    }
    let large = large_payload(answers.writer, large_len);
    for (thread, numbers) in &answers.written {
        for (counter, number) in (0..).zip(numbers) {
            let sent = Sent {
                writer: answers.writer,
                thread: *thread,
                counter,
            };
            let payload = match thread {
                0 => large.clone(),
                _ => sent.payload(),
            };
            if found.get(number).is_none_or(|found| *found != payload) {
                return Err(format!("record {number} was acknowledged and is not there"));
            }
        }
    }
    let report = reader.report();
    if report.loss() == Loss::Damage {
        return Err(format!("damage: {:?}", report.ranges));
    }
    Ok(!report.ranges.is_empty())
}

fn kill_once(random: &mut Random, mode: WriteMode, dir: &Path) -> Result<bool, String> {
    let mut orders = Orders::new(dir, random.below(1 << 20));
    orders.threads = 3;
    orders.is_mapped = mode == WriteMode::Mapped;
    orders.large_len = random.within(1 << 20, 3 << 20);
    orders.segment_bytes_max = 16 << 20;
    orders.wait_once_in = 64;
    // At any time, or when half of something is copied or written.
    let answers = if random.once_in(2) {
        let mut writer = start(CHILD, &orders);
        let bytes = random.within(100, 4_000);
        writer.read_to(usize::try_from(bytes).unwrap());
        writer.kill()
    } else {
        orders.kill_at = Some(KillAt {
            call: random.within(20, 400),
            moment: Moment::Half,
        });
        start(CHILD, &orders).finish()
    };
    check(dir, &answers, orders.large_len)
}

#[test]
fn kills_during_large_appends_cost_nothing_acknowledged() {
    let seed = seed();
    let mut random = Random::part(seed, 0);
    let budget = Budget::new("kill-large", Duration::from_secs(20), 4);
    let (mut done, mut cut) = (0, 0);
    for number in 0..from_env("JOURNAL_KILLS", 40) {
        if budget.is_over() {
            break;
        }
        let modes = modes();
        let (mode, _) = modes[usize::try_from(number).unwrap() % modes.len()];
        let dir = tempfile::tempdir().unwrap();
        let outcome = kill_once(&mut random, mode, dir.path());
        cut += u64::from(outcome.unwrap_or_else(|what| panic!("seed {seed}: {what}")));
        done += 1;
    }
    rigs::done("kill-large", &format!("{cut} of {done} cut an append off"));
    budget.done(done, seed);
}

/// The control: a record that is gone is missed.
#[test]
fn a_record_that_was_acknowledged_and_is_gone_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let mut orders = Orders::new(dir.path(), 1);
    orders.threads = 2;
    orders.count = 4;
    orders.large_len = 100_000;
    let answers = start(CHILD, &orders).finish();
    assert_eq!(check(dir.path(), &answers, orders.large_len), Ok(false));
    for path in segments(dir.path()) {
        let file = File::options().write(true).open(path).unwrap();
        file.write_all_at(&[0xff; 64], FRAMES_OFFSET + 4096)
            .unwrap();
    }
    assert!(check(dir.path(), &answers, orders.large_len).is_err());
}
