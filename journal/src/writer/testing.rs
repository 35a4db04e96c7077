//! What unit tests of the writer share: runs in a directory, and a file whose writes are meddled
//! with.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::{ErrorLog, OpenRun, RunWriter};
use crate::format::{FRAMES_OFFSET, FileName, FrameHeader, FrameSeed, RecordKind};
use crate::seq::{Generation, SegmentNumber};
use crate::settings::{WriteMode, WriterSettings};
use crate::storage::{DiskStorage, FileIdentity, Lock, LockOutcome, StorageFile};

type Write = dyn Fn(&dyn StorageFile, &[u8], u64) -> io::Result<()> + Send + Sync;

/// A file that leaves its writes to a function.
pub(crate) struct Meddled {
    inner: Arc<dyn StorageFile>,
    write: Box<Write>,
}

impl Meddled {
    /// The function is given the file itself, and what is to be written to it and where.
    pub(crate) fn file<W>(file: &Arc<dyn StorageFile>, write: W) -> Arc<dyn StorageFile>
    where
        W: Fn(&dyn StorageFile, &[u8], u64) -> io::Result<()> + Send + Sync + 'static,
    {
        Arc::new(Meddled {
            inner: Arc::clone(file),
            write: Box::new(write),
        })
    }
}

impl fmt::Debug for Meddled {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Meddled");
        shown.field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl StorageFile for Meddled {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        (self.write)(&*self.inner, bytes, offset)
    }

    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.inner.read_at(buffer, offset)
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.inner.allocate(len)
    }

    fn sync(&self, from: u64, to: u64) -> io::Result<()> {
        self.inner.sync(from, to)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.inner.set_len(len)
    }

    fn drop_cache(&self, from: u64, to: u64) -> io::Result<()> {
        self.inner.drop_cache(from, to)
    }

    fn is_linked(&self) -> io::Result<bool> {
        self.inner.is_linked()
    }

    fn identity(&self) -> io::Result<FileIdentity> {
        self.inner.identity()
    }

    fn try_lock(&self, lock: Lock) -> io::Result<LockOutcome> {
        self.inner.try_lock(lock)
    }
}

pub(crate) const KIND: RecordKind = RecordKind(200);

pub(crate) fn open(dir: &Path, settings: WriterSettings) -> Arc<RunWriter> {
    let open = OpenRun {
        storage: Arc::new(DiskStorage::open(dir).unwrap()),
        settings,
        errors: Arc::new(ErrorLog::new(None)),
        generation: Generation(1),
        known: crate::recovery::other_runs::KnownRuns::default(),
        unverified: Vec::new(),
        recovers: false,
    };
    open.open().unwrap()
}

/// Kind and sequence number of all frames of a segment up to the first place without one.
pub(crate) fn frames(run: &RunWriter, dir: &Path, number: u32) -> Vec<(RecordKind, u32, usize)> {
    let number = SegmentNumber(number);
    let name = FileName::Segment(run.run(), number).to_string();
    let bytes = std::fs::read(dir.join(name)).unwrap();
    let seed = FrameSeed::new(run.run(), number);
    let mut offset = usize::try_from(FRAMES_OFFSET).unwrap();
    let mut found = Vec::new();
    while let Some(header) = bytes[offset..].first_chunk::<16>() {
        let Ok(header) = FrameHeader::decode(*header) else {
            break;
        };
        let len = usize::try_from(header.payload_len).unwrap();
        let payload = &bytes[offset + 16..offset + 16 + len];
        assert!(header.fits(seed, u64::try_from(offset).unwrap(), payload));
        found.push((header.kind, header.seq_low, len));
        offset += usize::try_from(header.frame_len()).unwrap();
    }
    found
}

pub(crate) fn positioned() -> WriterSettings {
    WriterSettings {
        write_mode: WriteMode::Positioned,
        ..WriterSettings::default()
    }
}

pub(crate) fn mapped() -> WriterSettings {
    WriterSettings {
        write_mode: WriteMode::Mapped,
        ..WriterSettings::default()
    }
}

/// Nothing is synced but by the test.
pub(crate) fn stepped() -> WriterSettings {
    WriterSettings {
        is_stepped: true,
        ..mapped()
    }
}
