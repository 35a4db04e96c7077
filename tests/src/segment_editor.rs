//! Changes a segment frame by frame: a writer of its own, which knows the format and no library.

use trace_journal::format::{
    FRAME_HEADER_LEN, FRAMES_OFFSET, FileName, FrameHeader, FramePlace, FrameSeed, RecordKind,
};

/// The first segment of a run, and where its frames are.
#[derive(Debug)]
pub struct SegmentEditor {
    seed: FrameSeed,
    bytes: Vec<u8>,
    /// Where each frame begins, and where the last one ends.
    offsets: Vec<usize>,
}

impl SegmentEditor {
    /// A segment of this name and with these bytes.
    ///
    /// # Panics
    /// If the name is no segment's.
    #[must_use]
    pub fn new(name: &str, bytes: Vec<u8>) -> SegmentEditor {
        let Some(FileName::Segment(run, number)) = FileName::parse(name) else {
            panic!("{name} is no segment's");
        };
        let seed = FrameSeed::new(run, number);
        let mut offsets = vec![index(FRAMES_OFFSET)];
        while let Some(at) = offsets.last().copied() {
            let fields = bytes.get(at..).and_then(|rest| rest.first_chunk());
            let Some(Ok(header)) = fields.map(|fields| FrameHeader::decode(*fields)) else {
                break;
            };
            offsets.push(at + index(header.frame_len()));
        }
        SegmentEditor {
            seed,
            bytes,
            offsets,
        }
    }

    /// The bytes as they are now.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Adds a frame; gives its offset.
    pub fn append(&mut self, kind: u8, session: u32, payload: &[u8]) -> usize {
        let at = self.end();
        let header = self.header(at, 0, kind, session, payload);
        self.put(at, &header.encode(), payload)
    }

    /// Adds a frame that has a reserved bit.
    pub fn append_later(&mut self, kind: u8, session: u32, payload: &[u8]) -> usize {
        let at = self.end();
        let plain = self.header(at, 0, kind, session, payload);
        let header = FrameHeader {
            reserved: 1 << 29,
            ..plain
        };
        let [first, second] = header.words();
        let low = |word: u64| u32::try_from(word & u64::from(u32::MAX)).unwrap_or(0);
        let words = [low(first), low(second), low(second >> 32)];
        let mut checksum = self.seed.begin();
        checksum.payload(payload);
        let crc = checksum.finish(words, place(at));
        let header = FrameHeader { crc, ..header };
        self.put(at, &header.encode(), payload)
    }

    /// Adds a record with valid frames in it, whose numbers are still to come; gives its offset.
    pub fn append_with_forged(&mut self, kind: u8, session: u32) -> usize {
        let at = self.end();
        let mut payload = Vec::new();
        for ahead in 3..9 {
            let inner = at + FRAME_HEADER_LEN + payload.len();
            let header = self.header(inner, ahead, kind, session, b"forged!!");
            payload.extend(header.encode());
            payload.extend(b"forged!!");
        }
        // As much room as so many records would take, so that their numbers can be.
        payload.resize(1024, 0x5a);
        self.append(kind, session, &payload)
    }

    /// Begins a frame of which only so much of the payload is copied.
    pub fn begin(&mut self, kind: u8, session: u32, payload: &[u8], copied: usize) {
        let at = self.end();
        let mut checksum = self.seed.begin();
        checksum.payload(payload);
        let len = u32::try_from(payload.len()).unwrap_or(0);
        let what = (RecordKind::new(kind), session);
        let (header, first) = FrameHeader::with_begun(checksum, self.place(at, 0), what, len);
        let [_, second] = header.words();
        self.overwrite(at, &[first.to_le_bytes(), second.to_le_bytes()].concat());
        let part = payload.get(..copied).unwrap_or(payload);
        self.overwrite(at + FRAME_HEADER_LEN, part);
    }

    /// Zeros one frame, so many before the last one.
    pub fn zero_from_end(&mut self, before: usize) {
        let frames: Vec<&[usize]> = self.offsets.windows(2).collect();
        let ends = frames.iter().rev().nth(before);
        if let Some([from, to]) = ends.copied() {
            let (from, to) = (*from, *to);
            self.overwrite(from, &vec![0; to - from]);
        }
    }

    /// Changes a bit in the payload of a frame.
    pub fn flip_in_frame(&mut self, frame: usize) {
        let at = self.offsets.get(frame).copied().unwrap_or(0);
        self.flip(at + FRAME_HEADER_LEN + 1);
    }

    /// Changes a bit.
    pub fn flip(&mut self, at: usize) {
        if let Some(byte) = self.bytes.get_mut(at) {
            *byte ^= 1;
        }
    }

    /// Puts bytes down over others.
    pub fn overwrite(&mut self, at: usize, bytes: &[u8]) {
        if let Some(there) = self.bytes.get_mut(at..at + bytes.len()) {
            there.copy_from_slice(bytes);
        }
    }

    fn put(&mut self, at: usize, header: &[u8], payload: &[u8]) -> usize {
        let end = (at + header.len() + payload.len()).next_multiple_of(8);
        assert!(end < self.bytes.len(), "a segment with room");
        self.overwrite(at, header);
        self.overwrite(at + header.len(), payload);
        self.offsets.push(end);
        at
    }

    fn header(&self, at: usize, ahead: u64, kind: u8, session: u32, payload: &[u8]) -> FrameHeader {
        FrameHeader::new(
            self.place(at, ahead),
            RecordKind::new(kind),
            session,
            payload,
        )
    }

    fn place(&self, at: usize, ahead: u64) -> FramePlace {
        FramePlace {
            seed: self.seed,
            offset: place(at),
            seq: place(self.offsets.len()) + ahead,
        }
    }

    fn end(&self) -> usize {
        self.offsets.last().copied().unwrap_or(0)
    }
}

fn index(place: u64) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}

fn place(index: usize) -> u64 {
    u64::try_from(index).unwrap_or(u64::MAX)
}
