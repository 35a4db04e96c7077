//! A journal in memory, built frame by frame, for the tests of recovery.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::dead_run::DeadRun;
use super::run::RunSurvey;
use crate::event::system::{self, RunRecovered, Seal, SegmentStart, SessionRef, SyncMark};
use crate::format::{
    DurablePlace, FRAMES_OFFSET, Features, FileName, FrameHeader, FramePlace, FrameSeed,
    RecordKind, SegmentHeader,
};
use crate::seq::{Generation, RunId, SegmentNumber};
use crate::storage::{
    ClockReading, Durability, Entry, FileIdentity, FileSystem, Lock, LockOutcome, NameFacts,
    NameKind, ProcessFacts, Storage, StorageFile,
};

/// Files by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct MemoryStorage {
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    pub(crate) locked: BTreeSet<String>,
    /// Reads that touch these bytes of any file fail.
    pub(crate) bad: Option<(u64, u64)>,
    /// Locks do not work.
    pub(crate) is_lockless: bool,
    /// Names that cannot be opened.
    pub(crate) unopenable: BTreeSet<String>,
    /// Names that are no files.
    pub(crate) folders: BTreeSet<String>,
}

#[derive(Debug)]
struct MemoryFile {
    bytes: Vec<u8>,
    identity: FileIdentity,
    is_locked: bool,
    is_lockless: bool,
    bad: Option<(u64, u64)>,
}

fn unused<T>() -> io::Result<T> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}

impl Storage for MemoryStorage {
    fn path(&self) -> &Path {
        Path::new("memory")
    }

    fn list(&self) -> io::Result<Vec<Entry>> {
        let entries = self.files.iter().map(|(name, bytes)| Entry {
            name: name.clone(),
            len: u64::try_from(bytes.len()).unwrap(),
            is_file: !self.folders.contains(name),
        });
        Ok(entries.collect())
    }

    fn facts(&self, name: &str) -> io::Result<NameFacts> {
        Ok(NameFacts {
            kind: match self.folders.contains(name) {
                true => NameKind::Directory,
                false => NameKind::File,
            },
            ..NameFacts::default()
        })
    }

    fn create(&self, _: &str) -> io::Result<Arc<dyn StorageFile>> {
        unused()
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        if self.unopenable.contains(name) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        if self.folders.contains(name) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let bytes = self.files.get(name).ok_or(io::ErrorKind::NotFound)?;
        let before = self.files.keys().take_while(|other| *other != name).count();
        Ok(Arc::new(MemoryFile {
            bytes: bytes.clone(),
            identity: FileIdentity {
                device: 0,
                inode: u64::try_from(before).unwrap(),
            },
            is_locked: self.locked.contains(name),
            is_lockless: self.is_lockless,
            bad: self.bad,
        }))
    }

    fn link(&self, _: &str, _: &str) -> io::Result<()> {
        unused()
    }

    fn remove(&self, _: &str) -> io::Result<()> {
        unused()
    }

    fn sync_dir(&self) -> io::Result<()> {
        Ok(())
    }

    fn identity_of(&self, name: &str) -> io::Result<FileIdentity> {
        self.open(name)?.identity()
    }

    fn is_linked(&self) -> io::Result<bool> {
        Ok(true)
    }

    fn file_system(&self) -> FileSystem {
        FileSystem::Other
    }

    fn durability(&self) -> Durability {
        Durability::None
    }

    fn clocks(&self) -> ClockReading {
        ClockReading::default()
    }

    fn random(&self) -> u64 {
        0
    }

    fn process(&self) -> ProcessFacts {
        ProcessFacts::default()
    }
}

impl StorageFile for MemoryFile {
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
        unused()
    }

    fn allocate(&self, _: u64) -> io::Result<()> {
        unused()
    }

    fn sync(&self, _: u64, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        unused()
    }

    /// Pages of zeros are holes.
    fn next_data(&self, offset: u64) -> io::Result<Option<(u64, u64)>> {
        let from = usize::try_from(offset).unwrap();
        let pages = self.bytes.chunks(4096).map(|p| p.iter().any(|b| *b != 0));
        let pages: Vec<bool> = pages.collect();
        let ends = |page: usize| self.bytes.len().min(page * 4096);
        let first = (from / 4096..pages.len()).find(|page| pages[*page]);
        Ok(first.filter(|_| from < self.bytes.len()).map(|first| {
            let behind = (first..pages.len()).find(|page| !pages[*page]);
            let to = ends(behind.unwrap_or(pages.len()));
            let from = from.max(first * 4096);
            (u64::try_from(from).unwrap(), u64::try_from(to).unwrap())
        }))
    }

    fn drop_cache(&self, _: u64, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn is_linked(&self) -> io::Result<bool> {
        Ok(true)
    }

    fn identity(&self) -> io::Result<FileIdentity> {
        Ok(self.identity)
    }

    fn try_lock(&self, _: Lock) -> io::Result<LockOutcome> {
        Ok(match self.is_locked {
            _ if self.is_lockless => LockOutcome::Unsupported,
            true => LockOutcome::Contended,
            false => LockOutcome::Held,
        })
    }
}

pub(crate) fn run(generation: u32) -> RunId {
    RunId {
        generation: Generation(generation),
        random: 0xabc0 + u64::from(generation),
    }
}

pub(crate) fn segment_name(generation: u32, number: u32) -> String {
    FileName::Segment(run(generation), SegmentNumber(number)).to_string()
}

/// A segment in the making.
#[derive(Clone, Debug)]
pub(crate) struct SegmentBuilder {
    run: RunId,
    number: SegmentNumber,
    pub(crate) bytes: Vec<u8>,
    relative: u32,
    first_seq: u64,
    /// Offsets of the frames.
    pub(crate) offsets: Vec<usize>,
    file_len: usize,
}

/// When the builder's records say that they were written.
const CLOCKS: system::Clocks = system::Clocks {
    wall_seconds: 1_700_000_000,
    wall_nanoseconds: 0,
    boot_nanoseconds: 1_000_000_000,
};

impl SegmentBuilder {
    /// A segment of 16 KiB whose first record, a `SegmentStart`, has this sequence number.
    pub(crate) fn new(generation: u32, number: u32, first_seq: u64, durable: u64) -> Self {
        SegmentBuilder::begin(generation, number, first_seq, (0, durable))
    }

    /// As [`new`](SegmentBuilder::new), saying where the segment before ends.
    pub(crate) fn behind(generation: u32, number: u32, first_seq: u64, end: u64) -> Self {
        SegmentBuilder::begin(generation, number, first_seq, (end, 0))
    }

    fn begin(generation: u32, number: u32, first_seq: u64, told: (u64, u64)) -> Self {
        let (predecessor_end, durable) = told;
        let file_len = 16 << 10;
        let header = SegmentHeader {
            run: run(generation),
            segment: SegmentNumber(number),
            file_len: u64::try_from(file_len).unwrap(),
            features: Features::default(),
        };
        let mut builder = SegmentBuilder {
            run: header.run,
            number: header.segment,
            bytes: header.encode_page().repeat(2),
            relative: 0,
            first_seq,
            offsets: Vec::new(),
            file_len,
        };
        assert_eq!(builder.end(), FRAMES_OFFSET);
        builder.system(
            RecordKind::SEGMENT_START,
            &SegmentStart {
                first_seq,
                predecessor_end,
                durable_seq: durable,
                clocks: CLOCKS,
                extras: Vec::new(),
            },
        );
        builder
    }

    pub(crate) fn end(&self) -> u64 {
        u64::try_from(self.bytes.len()).unwrap()
    }

    /// The sequence number the next record gets.
    pub(crate) fn next_seq(&self) -> u64 {
        self.first_seq + u64::from(self.relative)
    }

    pub(crate) fn frame(&mut self, kind: RecordKind, session: u32, payload: &[u8]) -> &mut Self {
        let at = FramePlace {
            seed: FrameSeed::new(self.run, self.number),
            offset: self.end(),
            seq: self.next_seq(),
        };
        self.offsets.push(self.bytes.len());
        let header = FrameHeader::new(at, kind, session, payload);
        self.bytes.extend_from_slice(&header.encode());
        self.bytes.extend_from_slice(payload);
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        self.relative += 1;
        self
    }

    pub(crate) fn raw(&mut self, session: u32, payload: &[u8]) -> &mut Self {
        self.frame(RecordKind(200), session, payload)
    }

    pub(crate) fn system<T: Serialize>(&mut self, kind: RecordKind, payload: &T) -> &mut Self {
        let mut bytes = Vec::new();
        system::encode(payload, &mut bytes).unwrap();
        self.frame(kind, 0, &bytes)
    }

    pub(crate) fn declare(&mut self, index: u32, id: &str) -> &mut Self {
        self.system(
            RecordKind::SESSION_REF,
            &SessionRef {
                index,
                id: id.into(),
                extras: Vec::new(),
            },
        )
    }

    pub(crate) fn mark(&mut self, durable_seq: u64) -> &mut Self {
        let first_seq = self.first_seq;
        self.system(
            RecordKind::SYNC_MARK,
            &SyncMark {
                durable_seq,
                first_seq,
                durable_end: FRAMES_OFFSET,
                clocks: CLOCKS,
                extras: Vec::new(),
            },
        )
    }

    pub(crate) fn recovered(&mut self, generation: u32, last_seq: u64) -> &mut Self {
        let earlier = run(generation);
        self.system(
            RecordKind::RUN_RECOVERED,
            &RunRecovered {
                generation,
                random: earlier.random,
                end_segment: 1,
                end_offset: 0,
                last_seq,
                missing: Vec::new(),
                clocks: CLOCKS,
                extras: Vec::new(),
            },
        )
    }

    /// A frame that was begun, with so much of its payload.
    pub(crate) fn begun(&mut self, payload: &[u8], copied: usize) -> &mut Self {
        let at = FramePlace {
            seed: FrameSeed::new(self.run, self.number),
            offset: self.end(),
            seq: self.next_seq(),
        };
        let mut checksum = at.seed.begin();
        checksum.payload(payload);
        let len = u32::try_from(payload.len()).unwrap();
        let (header, begun) = FrameHeader::with_begun(checksum, at, (RecordKind(200), 0), len);
        let [_, second] = header.words();
        self.offsets.push(self.bytes.len());
        self.bytes.extend(begun.to_le_bytes());
        self.bytes.extend(second.to_le_bytes());
        self.bytes.extend(&payload[..copied]);
        let rest = payload.len() - copied;
        self.bytes
            .resize((self.bytes.len() + rest).next_multiple_of(8), 0);
        self.relative += 1;
        self
    }

    /// Uses up a sequence number without a frame for it.
    pub(crate) fn skip(&mut self, bytes: usize) -> &mut Self {
        self.bytes.resize(self.bytes.len() + bytes, 0);
        self.relative += 1;
        self
    }

    /// The file with its preallocated zeros.
    pub(crate) fn file(&self) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        bytes.resize(self.file_len.max(bytes.len()), 0);
        bytes
    }

    /// The file, sealed and cut.
    pub(crate) fn sealed(&self, next: Option<u32>) -> Vec<u8> {
        self.sealed_telling(next, self.next_seq() - 1)
    }

    /// As [`sealed`](SegmentBuilder::sealed), with what the seal says is durable.
    pub(crate) fn sealed_telling(&self, next: Option<u32>, durable_seq: u64) -> Vec<u8> {
        let mut builder = self.clone();
        let seal = Seal {
            last_seq: self.next_seq(),
            next_segment: next,
            durable_seq,
            extras: Vec::new(),
        };
        builder.system(RecordKind::SEAL, &seal);
        builder.bytes
    }

    /// A journal of this one segment, unsealed.
    pub(crate) fn storage(&self) -> MemoryStorage {
        let mut storage = MemoryStorage::default();
        storage.put(self, self.file());
        storage
    }
}

/// All that a survey tells of a run, but where its sessions' records are.
pub(crate) fn told_of(found: &RunSurvey) -> String {
    let mut told = format!("{:?} {:?} {:?}", found.run, found.sessions, found.findings);
    told += &format!("{:?} {:?} {:?}", found.opened, found.closed, found.crashes);
    told += &format!("{:?} {:?}", found.witness, found.last_seq);
    for segment in &found.segments {
        let part = &segment.part;
        told += &format!("{:?} {:?}", part.scanned, part.records);
        told += &format!("{:?} {:?}", segment.classes, segment.first_seq);
        told += &format!("{:?} {:?}", part.notes.recovered, part.claims.durable);
    }
    told
}

impl MemoryStorage {
    /// Puts a cache beside every segment that can have one.
    pub(crate) fn add_caches(&mut self) {
        let names: Vec<String> = self.files.keys().cloned().collect();
        for name in names {
            if let Some(FileName::Segment(run, number)) = FileName::parse(&name)
                && let Some(pieces) = super::cache::make(self, run, number, None)
            {
                let name = FileName::Index(run, number).to_string();
                self.files.insert(name, pieces.concat());
            }
        }
    }

    /// Puts merged caches beside caches: of each two segments, of each four, and of each run.
    pub(crate) fn add_merged_caches(&mut self) {
        let mut newest = BTreeMap::new();
        for name in self.files.keys() {
            if let Some(FileName::Segment(run, number)) = FileName::parse(name) {
                newest.insert(run, number);
            }
        }
        for (run, newest) in newest {
            let of_len = |len| (1..=newest.0 / len).map(move |at| ((at - 1) * len + 1, at * len));
            let due = of_len(2).chain(of_len(4)).chain([(1, newest.0)]);
            for (first, last) in due.filter(|(first, last)| first < last) {
                let (first, last) = (SegmentNumber(first), SegmentNumber(last));
                if let Some(pieces) = super::merged_cache::make(self, run, (first, last), &[2, 4]) {
                    let name = FileName::Merged(run, first, last).to_string();
                    self.files.insert(name, pieces.concat());
                }
            }
        }
    }

    pub(crate) fn put(&mut self, builder: &SegmentBuilder, bytes: Vec<u8>) -> String {
        let name = FileName::Segment(builder.run, builder.number).to_string();
        self.files.insert(name.clone(), bytes);
        name
    }

    pub(crate) fn lock(&mut self, generation: u32) {
        let name = FileName::Run(run(generation)).to_string();
        self.files.insert(name.clone(), Vec::new());
        self.locked.insert(name);
    }
}

/// Run 1, dead, with the segments that are there; its `.run` file names this place.
pub(crate) fn dead_run(storage: &MemoryStorage, place: Option<DurablePlace>) -> DeadRun {
    let names = storage
        .files
        .keys()
        .filter_map(|name| FileName::parse(name));
    let segments = names.filter_map(|name| match name {
        FileName::Segment(_, number) => Some(number),
        _ => None,
    });
    DeadRun {
        run: run(1),
        segments: segments.collect(),
        place,
        is_killed: false,
    }
}
