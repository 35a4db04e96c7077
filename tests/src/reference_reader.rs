//! A second reader of journals, as plain as can be: the oracle the library's own is held against.
//!
//! It takes every frame whose checksum fits, wherever it is, and judges nothing.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use trace_journal::RunId;
use trace_journal::format::SegmentNumber;
use trace_journal::format::{
    FRAME_HEADER_LEN, FRAMES_OFFSET, FileName, FrameHeader, FrameSeed, HeaderState, SegmentHeader,
    seq_from,
};

/// Every intact record of a journal, by run and sequence number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReferenceJournal {
    /// The records.
    pub runs: BTreeMap<RunId, BTreeMap<u64, ReferenceRecord>>,
}

/// Every intact record of a segment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReferenceSegment {
    /// With the low bits of their numbers.
    pub records: Vec<(u32, ReferenceRecord)>,
}

/// An intact record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferenceRecord {
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

impl ReferenceJournal {
    /// Reads a directory.
    ///
    /// # Panics
    /// If a segment cannot be read, or two records have one sequence number.
    #[must_use]
    pub fn read(dir: &Path) -> ReferenceJournal {
        let mut files = BTreeMap::new();
        for found in fs::read_dir(dir).expect("a directory") {
            let name = found.expect("an entry").file_name();
            let name = name.into_string().expect("a name in UTF-8");
            if let Some(FileName::Segment(run, number)) = FileName::parse(&name) {
                let bytes = fs::read(dir.join(name)).expect("a segment that can be read");
                files.insert((run, number), bytes);
            }
        }
        ReferenceJournal::of(files)
    }

    /// Reads segments.
    ///
    /// # Panics
    /// If two records have one sequence number.
    #[must_use]
    pub fn of(files: BTreeMap<(RunId, SegmentNumber), Vec<u8>>) -> ReferenceJournal {
        ReferenceJournal::join(files.into_iter().map(|((run, number), bytes)| {
            let found = ReferenceSegment::scan(run, number, &bytes);
            ((run, number), Arc::new(found))
        }))
    }

    /// Puts segments together, which come in order.
    ///
    /// # Panics
    /// As [`of`](ReferenceJournal::of).
    #[must_use]
    pub fn join(
        segments: impl Iterator<Item = ((RunId, SegmentNumber), Arc<ReferenceSegment>)>,
    ) -> ReferenceJournal {
        let mut plain = ReferenceJournal::default();
        for ((run, _), found) in segments {
            let records = plain.runs.entry(run).or_default();
            for (low, record) in &found.records {
                // The number that has these low bits and follows the one before it.
                let last = records.last_key_value().map_or(0, |(seq, _)| *seq);
                let seq = seq_from(last + 1, *low);
                let before = records.insert(seq, record.clone());
                assert!(before.is_none(), "{run}: two records have number {seq}");
            }
        }
        plain
    }

    /// The records of a run; none if there is no such run.
    #[must_use]
    pub fn run(&self, run: RunId) -> Vec<(u64, &ReferenceRecord)> {
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

impl ReferenceSegment {
    /// Reads a segment.
    ///
    /// # Panics
    /// If it is larger than memory.
    #[must_use]
    pub fn scan(run: RunId, number: SegmentNumber, bytes: &[u8]) -> ReferenceSegment {
        let told = match SegmentHeader::decode(bytes) {
            HeaderState::Intact(header) | HeaderState::OnePage(header, _) => header.file_len,
            _ => 0,
        };
        // Bytes past the end of a file count as zeros.
        let told = usize::try_from(told).expect("segments fit into memory");
        let mut bytes = Cow::Borrowed(bytes);
        if bytes.len() < told {
            bytes.to_mut().resize(told, 0);
        }
        let seed = FrameSeed::new(run, number);
        let mut found = ReferenceSegment::default();
        let mut offset = usize::try_from(FRAMES_OFFSET).expect("a small number");
        let mut due: Option<u32> = None;
        while let Some(rest) = bytes.get(offset..).filter(|rest| !rest.is_empty()) {
            let at = u64::try_from(offset).expect("an offset");
            let follows = |low: u32| due.is_none_or(|due| low.wrapping_sub(due) < 1 << 31);
            let due_frame = frame(rest, at, seed).filter(|f| follows(f.0.seq_low));
            let Some((header, payload)) = due_frame else {
                offset += 8;
                continue;
            };
            due = Some(header.seq_low.wrapping_add(1));
            let end = at + header.frame_len();
            let record = ReferenceRecord {
                segment: number,
                offset: at,
                end,
                kind: header.kind.get(),
                session: header.session,
                payload: payload.to_vec(),
            };
            found.records.push((header.seq_low, record));
            offset = usize::try_from(end).expect("an offset");
        }
        found
    }
}

/// The intact frame that begins here.
fn frame(bytes: &[u8], offset: u64, seed: FrameSeed) -> Option<(FrameHeader, &[u8])> {
    let (fields, rest) = bytes.split_first_chunk::<FRAME_HEADER_LEN>()?;
    // Most of a segment is this.
    if fields.starts_with(&[0; 4]) {
        return None;
    }
    let header = FrameHeader::decode(*fields).ok()?;
    let payload = rest.get(..usize::try_from(header.payload_len).ok()?)?;
    header
        .fits(seed, offset, payload)
        .then_some((header, payload))
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
