//! Frames walked as they lie in memory, against a closer look at every one, over random damage.

use std::io;

use super::scan::{scan, scan_by};
use super::scan_range::ScanRange;
use super::scanner::ScanInput;
use super::seen::Seen;
use crate::format::{
    FRAMES_OFFSET, Features, FrameHeader, FramePlace, FrameSeed, RecordKind, SegmentHeader,
    checksum,
};
use crate::hash::{GOLDEN, mixed};
use crate::seq::{Generation, RunId, SegmentNumber};
use crate::storage::{FileIdentity, Lock, LockOutcome, StorageFile};

#[test]
fn frames_in_a_row_are_what_a_closer_look_at_each_finds() {
    for seed in 0..CASES {
        let mut random = Random(seed);
        let mut file = segment(&mut random);
        for _ in 0..random.below(4) {
            damage(&mut file, &mut random);
        }
        let input = input(&file, &mut random);
        let quick = outcome(|visit| format!("{:?}", scan(&file, input, visit)));
        let close = |visit: &mut dyn FnMut(&Seen<'_>)| {
            let scanned = scan_by(&file, input, visit, |_, due| due);
            format!("{scanned:?}")
        };
        assert_eq!(quick, outcome(close), "seed {seed}");
    }
}

#[test]
fn only_frames_that_say_anything_are_shown_but_all_are_counted() {
    let mut frames = Frames::from(1);
    frames.add(RecordKind(200), 0, b"bare");
    frames.add(RecordKind(200), 1, b"of a session");
    frames.add(RecordKind(200), 0, b"bare, too");
    frames.add(RecordKind::TEXT, 0, b"the library's");
    for walks in [true, false] {
        let mut kinds = Vec::new();
        let mut visit = |seen: &Seen<'_>| kinds.push((seen.header.session, seen.payload.len()));
        let input = whole(&frames.0);
        let scanned = match walks {
            true => scan(&frames.0, input, &mut visit),
            false => scan_by(&frames.0, input, &mut visit, |_, due| due),
        };
        assert_eq!((scanned.records(), kinds), (4, vec![(1, 0), (0, 13)]));
    }
}

/// All that a scan told, and what it showed.
fn outcome(scan: impl FnOnce(&mut dyn FnMut(&Seen<'_>)) -> String) -> (String, Vec<String>) {
    let mut shown = Vec::new();
    let scanned = scan(&mut |seen| {
        let payload = (seen.payload.len(), checksum(seen.payload));
        shown.push(format!("{} {:?} {payload:?}", seen.offset, seen.header));
    });
    (scanned, shown)
}

/// Frames of all kinds and lengths, now and then with a number left out; in some the last is a
/// `Seal`, and in some zeros follow.
fn segment(random: &mut Random) -> File {
    let mut frames = Frames::from(u64::from(u32::MAX) + random.below(3) - 1);
    let (count, len_max) = match random.below(8) {
        // More than what is read at once.
        0 => (40, 60_000),
        1 => (3, 400_000),
        _ => (60, 300),
    };
    for _ in 0..1 + random.below(count) {
        let kind = match random.below(4) {
            0 => RecordKind::TEXT,
            1 => RecordKind::SYNC_MARK,
            _ => RecordKind(200),
        };
        let session = u32::try_from(random.below(3)).unwrap();
        let len = random.below(len_max);
        let payload = random.bytes(len);
        frames.add(kind, session, &payload);
        frames.1 += u64::from(random.below(50) == 0);
    }
    if random.below(3) == 0 {
        frames.add(RecordKind::SEAL, 0, b"sealed");
        if random.below(3) == 0 {
            frames.add(RecordKind(200), 0, b"behind the end");
        }
    }
    let mut file = frames.0;
    if random.below(3) == 0 {
        let len = usize::try_from(random.below(9_000)).unwrap();
        file.bytes.resize(file.bytes.len() + len, 0);
    }
    file
}

pub(super) fn damage(file: &mut File, random: &mut Random) {
    let frames_offset = usize::try_from(FRAMES_OFFSET).unwrap();
    let len = file.bytes.len();
    let place = |random: &mut Random| {
        let room = u64::try_from(len - frames_offset).unwrap();
        frames_offset + usize::try_from(random.below(room.max(1))).unwrap()
    };
    let (from, to) = (place(random), place(random));
    let to = to.max(from).min(from + 600);
    match random.below(7) {
        // Anything, a length and a number among it.
        0 | 1 => file.bytes.iter_mut().skip(from).take(1).for_each(|byte| {
            *byte ^= 1 << random.below(8);
        }),
        2 => file.bytes[from..to].fill(0),
        3 => file.bytes.truncate(from.max(frames_offset)),
        // In other places, and in the right ones once more.
        4 => {
            let copy = file.bytes[from..to].to_vec();
            let at = place(random) / 8 * 8;
            file.bytes.splice(at..at, copy);
        }
        5 => {
            let bytes = random.bytes(u64::try_from(to - from).unwrap());
            file.bytes[from..to].copy_from_slice(&bytes);
        }
        _ => {
            let page = u64::try_from(from).unwrap() / 4096 * 4096;
            file.bad = Some((page, page + 4096));
        }
    }
    if file.bytes.len() < frames_offset {
        file.bytes.resize(frames_offset, 0);
    }
}

fn input(file: &File, random: &mut Random) -> ScanInput {
    let whole = whole(file);
    let less = |random: &mut Random| whole.len - random.below(whole.len - FRAMES_OFFSET + 1);
    ScanInput {
        told_len: match random.below(3) {
            0 => whole.len + random.below(1_000),
            _ => whole.len,
        },
        frames_max: match random.below(4) {
            0 => less(random),
            _ => u64::MAX,
        },
        is_moving: random.below(2) == 0,
        ..whole
    }
}

pub(super) fn whole(file: &File) -> ScanInput {
    let len = u64::try_from(file.bytes.len()).unwrap();
    ScanInput {
        seed: seed(),
        len,
        told_len: len,
        frames_max: u64::MAX,
        is_moving: false,
        portion: ScanRange::WHOLE,
    }
}

pub(super) fn seed() -> FrameSeed {
    FrameSeed::new(RUN, SegmentNumber(1))
}

/// Frames one behind the other, and the number of the next one.
pub(super) struct Frames(pub(super) File, u64);

impl Frames {
    pub(super) fn from(first: u64) -> Frames {
        let header = SegmentHeader {
            run: RUN,
            segment: SegmentNumber(1),
            file_len: 1 << 20,
            features: Features::default(),
        };
        let bytes = header.encode_page().repeat(2);
        Frames(File { bytes, bad: None }, first)
    }

    pub(super) fn add(&mut self, kind: RecordKind, session: u32, payload: &[u8]) {
        let bytes = &mut self.0.bytes;
        let at = FramePlace {
            seed: seed(),
            offset: u64::try_from(bytes.len()).unwrap(),
            seq: self.1,
        };
        let header = FrameHeader::new(at, kind, session, payload);
        bytes.extend_from_slice(&header.encode());
        bytes.extend_from_slice(payload);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        self.1 += 1;
    }
}

/// A file in memory, some of which cannot be read.
#[derive(Debug)]
pub(super) struct File {
    pub(super) bytes: Vec<u8>,
    pub(super) bad: Option<(u64, u64)>,
}

impl StorageFile for File {
    fn len(&self) -> io::Result<u64> {
        Ok(u64::try_from(self.bytes.len()).unwrap())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let end = offset + u64::try_from(buffer.len()).unwrap();
        if self.bad.is_some_and(|(from, to)| from < end && offset < to) {
            return Err(io::Error::other("bad sector"));
        }
        let held = self.bytes.get(usize::try_from(offset).unwrap()..);
        let held = held.unwrap_or(&[]);
        let count = held.len().min(buffer.len());
        buffer[..count].copy_from_slice(&held[..count]);
        Ok(count)
    }

    fn write_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn allocate(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn sync(&self, _: u64, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn drop_cache(&self, _from: u64, _to: u64) -> io::Result<()> {
        Ok(())
    }

    fn is_linked(&self) -> io::Result<bool> {
        Ok(true)
    }

    fn identity(&self) -> io::Result<FileIdentity> {
        unreachable!()
    }

    fn try_lock(&self, _: Lock) -> io::Result<LockOutcome> {
        Ok(LockOutcome::Unsupported)
    }
}

/// Numbers that a seed tells.
pub(super) struct Random(pub(super) u64);

impl Random {
    /// A number below `end`, which is not 0.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        mixed(self.0) % end
    }

    pub(super) fn bytes(&mut self, len: u64) -> Vec<u8> {
        let first = self.below(256);
        let byte = |at| u8::try_from((at * at + first) % 256).unwrap();
        (0..len).map(byte).collect()
    }
}

const RUN: RunId = RunId {
    generation: Generation(1),
    random: 7,
};

const CASES: u64 = 3_000;
