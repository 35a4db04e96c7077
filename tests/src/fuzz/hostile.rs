//! Payloads full of frames of the very segment they are in, and damage around them.

use trace_journal::RunId;
use trace_journal::format::SegmentNumber;
use trace_journal::format::{
    FRAME_HEADER_LEN, FRAMES_OFFSET, Features, FileName, FrameHeader, FramePlace, FrameSeed,
    RecordKind, SegmentHeader, padded,
};

use super::craft::{CLOCKS, run};
use super::cursor::Cursor;
use super::memory::Memory;
use super::read_all_ways::read_all_ways;
use super::varint::varint;

/// A segment of records whose payloads hold forged frames: at any density, with numbers that could
/// be true, of any kind, in each other, over each other, over what is behind them. Then records are
/// damaged.
///
/// # Panics
/// If one damaged record costs another one, or makes a forged one of it, where a valid one
/// follows; and if reading does not keep its promises.
pub(super) fn hostile(bytes: &[u8]) -> u64 {
    let mut input = Cursor::new(bytes);
    let mut segment = Hostile::new(&mut input);
    segment.fill(&mut input);
    let sound = segment.file();
    let mut damaged: Vec<usize> = Vec::new();
    for _ in 0..input.below(4) {
        damaged.push(segment.damage(&mut input));
    }
    let memory = Memory::new(7);
    let name = FileName::Segment(run(0), SegmentNumber::FIRST).to_string();
    memory.put(&name, segment.file());
    let seen = read_all_ways(&memory);
    let is_last = |record: &usize| record + 1 == segment.records.len();
    if segment.is_over_others || damaged.len() > 1 || damaged.iter().any(is_last) {
        return memory.size();
    }
    let given: Vec<u64> = seen.records.keys().map(|place| place.2).collect();
    let number = |record: usize| u64::try_from(record + 1).expect("a few");
    let intact = (0..segment.records.len()).filter(|record| !damaged.contains(record));
    assert_eq!(given, intact.map(number).collect::<Vec<_>>(), "{damaged:?}");
    for (place, kept) in &seen.records {
        let record = usize::try_from(place.2 - 1).expect("a few");
        let range = segment.records.get(record).expect("one of them");
        let payload = sound.get(range.payload()).expect("it is there");
        let is_own = kept.iter().all(|kept| kept.1 == payload);
        assert!(kept.len() == 1 && is_own, "{place:?}");
    }
    memory.size()
}

/// A record: where its frame begins in the file, its payload's length, kind and session.
#[derive(Clone, Copy)]
struct Record {
    at: usize,
    len: usize,
    kind: RecordKind,
}

impl Record {
    fn payload(self) -> std::ops::Range<usize> {
        let from = self.at + FRAME_HEADER_LEN;
        from..from + self.len
    }
}

struct Hostile {
    run: RunId,
    bytes: Vec<u8>,
    records: Vec<Record>,
    /// A forged frame goes over what is behind its own payload.
    is_over_others: bool,
}

impl Hostile {
    /// The records, with zeros in them.
    fn new(input: &mut Cursor<'_>) -> Hostile {
        let run = run(0);
        let mut segment = Hostile {
            run,
            bytes: Vec::new(),
            records: Vec::new(),
            is_over_others: false,
        };
        segment
            .bytes
            .resize(usize::try_from(FRAMES_OFFSET).expect("small"), 0);
        let start = [varint(1), vec![0, 0], CLOCKS.to_vec(), vec![0]].concat();
        segment.add(RecordKind::new(1), start.len());
        let first = segment.records.first().map(|record| record.payload());
        let first = first.expect("just added");
        segment.bytes[first].copy_from_slice(&start);
        for _ in 0..2 + input.below(8) {
            let len = match input.below(4) {
                0 => usize::from(input.byte()),
                1 => 4096 + usize::from(input.byte()) * 8,
                _ => usize::from(input.byte()) * 16,
            };
            segment.add(RecordKind::new(200), len);
        }
        let file_len = u64::try_from(segment.bytes.len()).expect("small") + 4096;
        let header = SegmentHeader {
            run,
            segment: SegmentNumber::FIRST,
            file_len,
            features: Features::default(),
        };
        let pages = header.encode_page().repeat(2);
        segment.bytes[..pages.len()].copy_from_slice(&pages);
        segment.bytes.resize(segment.bytes.len() + 4096, 0);
        segment
    }

    fn add(&mut self, kind: RecordKind, len: usize) {
        let at = self.bytes.len();
        self.records.push(Record { at, len, kind });
        let frame_len = padded(u64::try_from(len).expect("small"));
        let frame_len = usize::try_from(frame_len).expect("small");
        self.bytes.resize(at + frame_len, 0);
    }

    /// Forges frames from the last to the first, for each may go over those behind it; then makes
    /// each record whole.
    fn fill(&mut self, input: &mut Cursor<'_>) {
        for number in (1..=self.records.len()).rev() {
            let Some(record) = self.records.get(number - 1).copied() else {
                continue;
            };
            if record.kind == RecordKind::new(200) {
                self.forge(record.payload(), number, input);
            }
            self.put(record.at, number, record.kind, record.len);
        }
    }

    fn forge(&mut self, payload: std::ops::Range<usize>, number: usize, input: &mut Cursor<'_>) {
        let step = 8 * (1 + usize::from(input.below(12)));
        let lens = usize::from(input.byte());
        let drift = usize::from(input.below(3));
        let kind = RecordKind::new(1 + input.below(11));
        let kind = if input.below(2) == 0 {
            RecordKind::new(200)
        } else {
            kind
        };
        let reach = input.below(8);
        let mut at = payload.end / 8 * 8;
        for count in 0..FORGED_MAX {
            let Some(before) = at.checked_sub(step).filter(|at| *at >= payload.start) else {
                return;
            };
            at = before;
            let room = match reach {
                0 => self.bytes.len() - 4096 - at,
                _ => payload.end - at,
            };
            let Some(room) = room.checked_sub(FRAME_HEADER_LEN) else {
                continue;
            };
            let len = (lens * count / 3).min(room) + usize::from(lens == 255) * room / 2;
            let len = len.min(room);
            self.is_over_others |= at + FRAME_HEADER_LEN + len > payload.end;
            let ahead = usize::from(input.below(6)) + drift * (FORGED_MAX - count);
            self.put(at, number + ahead, kind, len);
        }
    }

    /// A header with the checksum of what is there.
    fn put(&mut self, at: usize, number: usize, kind: RecordKind, len: usize) {
        let place = FramePlace {
            seed: FrameSeed::new(self.run, SegmentNumber::FIRST),
            offset: u64::try_from(at).expect("small"),
            seq: u64::try_from(number).expect("small"),
        };
        let from = at + FRAME_HEADER_LEN;
        let payload = self.bytes.get(from..from + len).unwrap_or_default();
        let header = FrameHeader::new(place, kind, 0, payload).encode();
        self.bytes[at..from].copy_from_slice(&header);
    }

    /// Damages a record, but for the lengths of headers, which could lead anywhere; gives which.
    fn damage(&mut self, input: &mut Cursor<'_>) -> usize {
        let count = self.records.len() - 1;
        let number = 1 + usize::from(input.byte()) % count;
        let record = *self.records.get(number).expect("one of them");
        let header = record.at..record.at + FRAME_HEADER_LEN;
        match input.below(4) {
            0 => self.bytes[header].fill(0),
            1 => self.bytes[record.at + 8] ^= 0x40,
            2 => self.bytes[header].fill(0xff),
            _ => {
                let at = match record.len {
                    0 => record.at + 4,
                    len => record.payload().start + usize::from(input.byte()) % len,
                };
                self.bytes[at] ^= 1 << input.below(8);
            }
        }
        number
    }

    fn file(&self) -> Vec<u8> {
        self.bytes.clone()
    }
}

const FORGED_MAX: usize = 300;
