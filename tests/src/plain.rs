//! A second reader of journals, as plain as can be: the oracle the library's own is held against.
//!
//! It takes every frame whose checksum fits, wherever it is, and judges nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use trace_journal::format::{
    FRAME_HEADER_LEN, FRAMES_OFFSET, FileName, FrameHeader, FrameSeed, HeaderState, SegmentHeader,
};
use trace_journal::{RunId, SegmentNumber};

/// Kinds of the library's own records that this reader looks into.
const SEGMENT_START: u8 = 1;
const SEAL: u8 = 2;
const SYNC_MARK: u8 = 3;

/// Every intact record of a journal, by run and sequence number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plain {
    /// The records.
    pub runs: BTreeMap<RunId, BTreeMap<u64, PlainRecord>>,
    /// Records of segments that nothing intact tells the first number of.
    pub unnumbered: Vec<(RunId, PlainRecord)>,
}

/// An intact record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlainRecord {
    /// The segment it is in.
    pub segment: SegmentNumber,
    /// Where its frame begins.
    pub offset: u64,
    /// Where its frame ends, padding included.
    pub end: u64,
    /// Its kind.
    pub kind: u8,
    /// Its session index.
    pub session: u32,
    /// Its bytes.
    pub payload: Vec<u8>,
}

impl Plain {
    /// Reads a directory.
    ///
    /// # Panics
    /// If a segment cannot be read, or two records have one sequence number.
    #[must_use]
    pub fn read(dir: &Path) -> Plain {
        let mut files = BTreeMap::new();
        for found in fs::read_dir(dir).expect("a directory") {
            let name = found.expect("an entry").file_name();
            let name = name.into_string().expect("a name in UTF-8");
            if let Some(FileName::Segment(run, number)) = FileName::parse(&name) {
                let bytes = fs::read(dir.join(name)).expect("a segment that can be read");
                files.insert((run, number), bytes);
            }
        }
        Plain::of(files)
    }

    /// Reads segments.
    ///
    /// # Panics
    /// If two records have one sequence number.
    #[must_use]
    pub fn of(files: BTreeMap<(RunId, SegmentNumber), Vec<u8>>) -> Plain {
        let mut plain = Plain::default();
        let mut sealed: Option<(RunId, SegmentNumber, u64)> = None;
        for ((run, number), bytes) in files {
            // Known for certain without a word of the segment itself: of the first one of a run,
            // and of one whose predecessor ends in its seal.
            let certain = match number {
                SegmentNumber::FIRST => Some(1),
                _ => sealed
                    .take()
                    .filter(|s| (s.0, s.1) == (run, number))
                    .map(|s| s.2),
            };
            let (found, told) = segment(run, number, bytes);
            let Some(first) = told.or(certain) else {
                let records = found.into_iter().map(|(_, record)| (run, record));
                plain.unnumbered.extend(records);
                continue;
            };
            let found = found
                .into_iter()
                .map(|(relative, record)| (first + relative, record));
            let found: Vec<(u64, PlainRecord)> = found.collect();
            let sealed_at = found.last().filter(|(_, record)| record.kind == SEAL);
            sealed = sealed_at.map(|(seq, _)| (run, number.next(), seq + 1));
            let records = plain.runs.entry(run).or_default();
            for (seq, record) in found {
                let before = records.insert(seq, record);
                assert!(before.is_none(), "{run}: two records have number {seq}");
            }
        }
        plain
    }

    /// The records of a run; none if there is no such run.
    #[must_use]
    pub fn run(&self, run: RunId) -> Vec<(u64, &PlainRecord)> {
        let records = self.runs.get(&run).into_iter().flatten();
        records.map(|(seq, record)| (*seq, record)).collect()
    }

    /// The sequence numbers of a run that have no record, below its last one.
    #[must_use]
    pub fn missing(&self, run: RunId) -> Vec<u64> {
        let have: BTreeSet<u64> = self.run(run).into_iter().map(|(seq, _)| seq).collect();
        let last = have.last().copied().unwrap_or(0);
        (1..=last).filter(|seq| !have.contains(seq)).collect()
    }
}

/// The records of a segment by relative number, and the first number if one of them tells it.
fn segment(
    run: RunId,
    number: SegmentNumber,
    mut bytes: Vec<u8>,
) -> (Vec<(u64, PlainRecord)>, Option<u64>) {
    let told = match SegmentHeader::decode(&bytes) {
        HeaderState::Intact(header) | HeaderState::OnePage(header, _) => header.file_len,
        _ => 0,
    };
    // Bytes past the end of a file count as zeros.
    let told = usize::try_from(told).expect("segments fit into memory");
    bytes.resize(bytes.len().max(told), 0);
    let seed = FrameSeed::new(run, number);
    let mut found = Vec::new();
    let mut first_seq = None;
    let mut offset = usize::try_from(FRAMES_OFFSET).expect("a small number");
    let mut due = 0;
    while let Some(rest) = bytes.get(offset..).filter(|rest| !rest.is_empty()) {
        let at = u64::try_from(offset).expect("an offset");
        let Some((header, payload)) = frame(rest, at, seed).filter(|f| f.0.relative_seq >= due)
        else {
            offset += 8;
            continue;
        };
        due = header.relative_seq + 1;
        if first_seq.is_none() {
            first_seq = told_first_seq(&header, payload);
        }
        let end = at + header.frame_len();
        let record = PlainRecord {
            segment: number,
            offset: at,
            end,
            kind: header.kind.0,
            session: header.session,
            payload: payload.to_vec(),
        };
        found.push((u64::from(header.relative_seq), record));
        offset = usize::try_from(end).expect("an offset");
    }
    (found, first_seq)
}

/// The intact frame that begins here.
fn frame(bytes: &[u8], offset: u64, seed: FrameSeed) -> Option<(FrameHeader, &[u8])> {
    let (fields, rest) = bytes.split_first_chunk::<FRAME_HEADER_LEN>()?;
    let header = FrameHeader::decode(*fields).ok()?;
    let payload = rest.get(..usize::try_from(header.payload_len).ok()?)?;
    header
        .fits(seed, offset, payload)
        .then_some((header, payload))
}

/// The first sequence number of the segment, where a record tells it.
fn told_first_seq(header: &FrameHeader, payload: &[u8]) -> Option<u64> {
    let relative = u64::from(header.relative_seq);
    let mut rest = payload;
    let first = varint(&mut rest)?;
    match header.kind.0 {
        SEGMENT_START | SEAL => first.checked_sub(relative),
        SYNC_MARK => varint(&mut rest),
        _ => None,
    }
}

/// A number as postcard writes it: a varint, as on <https://postcard.jamesmunns.com/wire-format>.
pub fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
