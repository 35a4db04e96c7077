//! Directories out of bytes: files with names, headers and frames that are right, nearly right or
//! wrong.

use trace_journal::RunId;
use trace_journal::format::SegmentNumber;
use trace_journal::format::{
    FRAME_HEADER_LEN, FRAMES_OFFSET, Features, FileName, FrameHeader, FramePlace, FrameSeed,
    RecordKind, SegmentHeader, seq_low,
};

use super::cache::cache;
use super::cursor::Cursor;
use super::memory::Memory;
use super::merged_cache::merged;
use super::pool::SAMPLES;
use super::varint::varint;

/// The directory an input describes.
#[must_use]
pub(super) fn directory(bytes: &[u8]) -> Memory {
    let memory = Memory::new(7);
    let mut input = Cursor::new(bytes);
    for _ in 0..FILES_MAX {
        if input.is_empty() {
            break;
        }
        put_file(&memory, &mut input);
    }
    memory
}

fn put_file(memory: &Memory, input: &mut Cursor<'_>) {
    let run = run(input.below(3));
    let number = SegmentNumber::new(1 + u32::from(input.below(3)));
    let choice = input.below(16);
    let name = match choice {
        0..=9 => FileName::Segment(run, number),
        10 => match input.below(3) {
            0 => FileName::Merged(
                run,
                number,
                SegmentNumber::new(number.get() + 1 + number.get() % 2),
            ),
            _ => FileName::Index(run, number),
        },
        11 | 12 => FileName::Run(run),
        13 => FileName::RunTemporary(run),
        _ => FileName::Poisoned(run),
    };
    let mut text = name.to_string();
    if choice == 15 {
        change_name(&mut text, input);
    }
    let contents = match name {
        FileName::Segment(run, number) => segment(run, number, input),
        // A cache of the segment that is there.
        FileName::Index(run, number) if input.below(4) != 3 => {
            let segment = FileName::Segment(run, number).to_string();
            let file = memory.files().remove(&segment).unwrap_or_default();
            cache(run, number, &file, input)
        }
        FileName::Merged(run, first, last) if input.below(4) != 3 => {
            let files = memory.files();
            let numbers = first.get()..=last.get();
            let names = numbers.map(|n| FileName::Segment(run, SegmentNumber::new(n)).to_string());
            let files = names.map(|name| files.get(&name).cloned().unwrap_or_default());
            merged(run, first, &Vec::from_iter(files), input)
        }
        _ => input.piece().to_vec(),
    };
    memory.put(&text, contents);
    if choice == 12 {
        memory.lock_for_ever(&text);
    }
}

/// A name that no run has, or that another one has.
fn change_name(name: &mut String, input: &mut Cursor<'_>) {
    let at = usize::from(input.byte()) % (name.len() + 1);
    match input.below(4) {
        0 => name.truncate(at),
        1 => name.insert(at, char::from(input.byte())),
        2 => name.insert_str(at, ".seg"),
        _ => *name = String::from_utf8_lossy(input.piece()).replace(['/', '\0'], "_"),
    }
    if name.is_empty() {
        name.push('x');
    }
}

/// A file of this name, as the input has it.
#[must_use]
pub(super) fn segment(run: RunId, number: SegmentNumber, input: &mut Cursor<'_>) -> Vec<u8> {
    let form = input.byte();
    let mut file = Segment::new(run, number, u64::from(input.byte()) + 1);
    if form & 1 == 0 {
        file.start();
    }
    for _ in 0..FRAMES_MAX {
        if input.is_empty() || !file.add(input) {
            break;
        }
    }
    file.finish(form >> 1, input)
}

/// A segment in the making, by the book unless told otherwise.
pub(super) struct Segment {
    run: RunId,
    number: SegmentNumber,
    first_seq: u64,
    relative: u32,
    frames: Vec<u8>,
}

impl Segment {
    pub(super) fn new(run: RunId, number: SegmentNumber, first_seq: u64) -> Segment {
        let is_first = number == SegmentNumber::FIRST;
        Segment {
            run,
            number,
            first_seq: if is_first { 1 } else { first_seq },
            relative: 0,
            frames: Vec::new(),
        }
    }

    fn next_seq(&self) -> u64 {
        self.first_seq + u64::from(self.relative)
    }

    pub(super) fn start(&mut self) {
        let payload = [varint(self.first_seq), vec![0, 0], CLOCKS.to_vec(), vec![0]];
        self.frame(RecordKind::new(1), 0, &payload.concat());
    }

    pub(super) fn frame(&mut self, kind: RecordKind, session: u32, payload: &[u8]) {
        let at = FramePlace {
            seed: FrameSeed::new(self.run, self.number),
            offset: FRAMES_OFFSET + u64::try_from(self.frames.len()).expect("lengths fit"),
            seq: self.next_seq(),
        };
        let header = FrameHeader::new(at, kind, session, payload);
        self.frames.extend(header.encode());
        self.frames.extend(payload);
        self.frames.resize(self.frames.len().next_multiple_of(8), 0);
        self.relative = self.relative.wrapping_add(1);
    }

    /// Leaves out a number, and the room its record would take.
    pub(super) fn skip(&mut self) {
        self.blank(FRAME_HEADER_LEN);
        self.relative = self.relative.wrapping_add(1);
    }

    /// Bytes as they are.
    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.frames.extend(bytes);
    }

    /// Its name and its bytes.
    pub(super) fn into_file(self) -> (String, Vec<u8>) {
        let name = FileName::Segment(self.run, self.number).to_string();
        (name, self.finish(0, &mut Cursor::new(&[])))
    }

    /// The next thing; false at the end of the frames.
    fn add(&mut self, input: &mut Cursor<'_>) -> bool {
        let choice = input.below(18);
        let session = u32::from(input.below(4));
        match choice {
            0 => return false,
            1..=4 => self.sample(session, input),
            5 => self.frame(RecordKind::new(input.byte().max(1)), session, input.piece()),
            6 => self.declare(session, input),
            7 => self.mark(input),
            8 => self.seal(input),
            9 => self.relative = self.relative.wrapping_add(u32::from(input.byte())),
            10 => self.relative = self.relative.saturating_sub(u32::from(input.byte())),
            11 => self.relative = u32::MAX - u32::from(input.byte()),
            12 => self.blank(usize::from(input.byte()) * 8),
            13 => self.frames.extend(input.piece()),
            14 => self.flip(input),
            15 => self.copy(input),
            16 => self.recovered(input),
            _ => self.lie(session, input),
        }
        true
    }

    fn sample(&mut self, session: u32, input: &mut Cursor<'_>) {
        let choice = usize::from(input.byte()) % SAMPLES.len().max(1);
        let Some(sample) = SAMPLES.get(choice) else {
            return;
        };
        let mut payload = sample.payload.clone();
        let at = usize::from(input.byte());
        if let Some(byte) = payload.get_mut(at) {
            *byte ^= input.byte();
        }
        self.frame(RecordKind::new(sample.kind), session, &payload);
    }

    fn declare(&mut self, session: u32, input: &mut Cursor<'_>) {
        let id = input.take(usize::try_from(session).unwrap_or(0));
        let index = u64::from(session);
        let id_len = u64::try_from(id.len()).expect("lengths fit");
        let payload = [varint(index), varint(id_len), id.to_vec(), vec![0]].concat();
        self.frame(RecordKind::new(7), 0, &payload);
    }

    fn mark(&mut self, input: &mut Cursor<'_>) {
        let durable = self.odd(self.next_seq().saturating_sub(1), input);
        let first_seq = self.odd(self.first_seq, input);
        let end = FRAMES_OFFSET + u64::try_from(self.frames.len()).unwrap_or(0);
        let durable_end = self.odd(end, input);
        let payload = [
            varint(durable),
            varint(first_seq),
            varint(durable_end),
            CLOCKS.to_vec(),
            vec![0],
        ];
        self.frame(RecordKind::new(3), 0, &payload.concat());
    }

    fn seal(&mut self, input: &mut Cursor<'_>) {
        let last_seq = self.odd(self.next_seq(), input);
        let next = match input.below(3) {
            0 => vec![0],
            _ => [vec![1], varint(u64::from(self.number.get()) + 1)].concat(),
        };
        let durable = self.odd(self.next_seq().saturating_sub(1), input);
        let payload = [varint(last_seq), next, varint(durable), vec![0]].concat();
        self.frame(RecordKind::new(2), 0, &payload);
    }

    /// What a later run says of an earlier one.
    fn recovered(&mut self, input: &mut Cursor<'_>) {
        let earlier = run(input.below(3));
        let missing = input.below(2);
        let range = [varint(input.word()), varint(input.word())].concat();
        let payload = [
            varint(u64::from(earlier.generation())),
            varint(earlier.random()),
            varint(u64::from(input.below(4))),
            varint(u64::from(input.byte()) << 8),
            varint(self.odd(u64::from(input.byte()), input)),
            vec![missing],
            range.repeat(usize::from(missing)),
            CLOCKS.to_vec(),
            vec![0],
        ];
        self.frame(RecordKind::new(6), 0, &payload.concat());
    }

    /// A number as it should be, or not.
    fn odd(&self, value: u64, input: &mut Cursor<'_>) -> u64 {
        match input.below(8) {
            0 => input.word(),
            1 => value.wrapping_add(u64::from(input.byte())),
            2 => value.wrapping_sub(u64::from(input.byte())),
            3 => u64::MAX,
            _ => value,
        }
    }

    fn blank(&mut self, len: usize) {
        self.frames.resize(self.frames.len() + len, 0);
    }

    fn flip(&mut self, input: &mut Cursor<'_>) {
        let at = usize::try_from(input.word() % 4096).unwrap_or(0);
        if let Some(byte) = self.frames.get_mut(at) {
            *byte ^= input.byte();
        }
    }

    /// A stale copy of earlier bytes.
    fn copy(&mut self, input: &mut Cursor<'_>) {
        let from = usize::from(input.byte()) * 8;
        let end = from.saturating_add(usize::from(input.byte()) * 8);
        let end = end.min(self.frames.len());
        let stale = self.frames.get(from..end).unwrap_or_default().to_vec();
        self.frames.extend(stale);
    }

    /// A header whose length, or checksum, is wrong.
    fn lie(&mut self, session: u32, input: &mut Cursor<'_>) {
        let length = u32::try_from(input.word() >> 34).unwrap_or(0);
        let shift = u32::from(input.below(31));
        let kind = RecordKind::new(input.byte().max(1));
        self.claim_of(length >> shift, kind, session);
    }

    /// A header that claims to have so long a payload behind it.
    pub(super) fn claim(&mut self, payload_len: u32) {
        self.claim_of(payload_len, RecordKind::new(128), 0);
    }

    fn claim_of(&mut self, payload_len: u32, kind: RecordKind, session: u32) {
        let header = FrameHeader {
            payload_len: payload_len.min(trace_journal::format::PAYLOAD_LEN_MAX),
            reserved: 0,
            crc: 0x5555_5555,
            seq_low: seq_low(self.next_seq()),
            kind,
            session,
        };
        self.frames.extend(header.encode());
    }

    fn finish(self, form: u8, input: &mut Cursor<'_>) -> Vec<u8> {
        let tail = usize::from(input.byte()) * 16;
        let header_len = usize::try_from(FRAMES_OFFSET).expect("a small number");
        let file_len = u64::try_from(header_len + self.frames.len() + tail).expect("it fits");
        let (run, segment) = match form % 8 {
            6 => (crate::fuzz::craft::run(input.below(3)), self.number),
            7 => (self.run, SegmentNumber::new(u32::from(input.byte()))),
            _ => (self.run, self.number),
        };
        let file_len = match form % 8 {
            4 => input.word(),
            5 => file_len.saturating_mul(u64::from(input.byte())),
            _ => file_len,
        };
        let header = SegmentHeader {
            run,
            segment,
            file_len,
            features: Features::default(),
        };
        let mut file = header.encode_page().repeat(2);
        if form & 64 != 0 {
            change_header(&mut file, input);
        }
        file.extend(self.frames);
        file.resize(file.len() + tail, 0);
        if form & 32 != 0 {
            let cut = usize::try_from(input.word() % 20_000).unwrap_or(0);
            file.truncate(cut);
        }
        file
    }
}

/// Changes bytes of one page, or of both.
fn change_header(pages: &mut [u8], input: &mut Cursor<'_>) {
    let at = usize::from(input.byte());
    let flip = input.byte();
    let second = 4096 + at;
    let places: &[usize] = match input.below(3) {
        0 => &[at],
        1 => &[second],
        _ => &[at, second],
    };
    for at in places {
        if let Some(byte) = pages.get_mut(*at) {
            *byte ^= flip;
        }
    }
}

/// One of the runs all inputs are about.
#[must_use]
pub(super) fn run(choice: u8) -> RunId {
    RunId::new(1 + u32::from(choice), 0xF0F0 + u64::from(choice))
}

/// Wall clock and time since boot: 1 s, 2 ns; 3 ns.
pub(super) const CLOCKS: [u8; 3] = [2, 2, 3];

const FILES_MAX: usize = 12;
const FRAMES_MAX: usize = 200;
