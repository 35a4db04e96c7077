//! A segment that is being written: its file, and the control block that appenders use.

use std::io::ErrorKind;
use std::ops::Deref;
use std::sync::Arc;

use super::buffer::SegmentBuffer;
use super::prefault::PrefaultWindow;
use crate::error::{Error, Result};
use crate::format::{FRAMES_OFFSET, Features, FileName, FrameSeed, SegmentHeader};
use crate::seeded::{self, Bug};
use crate::seq::{RunId, SegmentNumber};
use crate::storage::PAGE_LEN;
use crate::storage::{FileSystem, MappedRegion, Storage, StorageFile};

/// A segment that has space and a durable header and name.
#[derive(Debug)]
pub(crate) struct ActiveSegment {
    buffer: Arc<SegmentBuffer>,
    name: String,
    file: Arc<dyn StorageFile>,
}

/// How a segment is to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Making {
    pub(crate) mapping: Mapping,
    /// All of its space is overwritten with zeros.
    pub(crate) is_zeroed: bool,
}

/// Whether a segment is mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mapping {
    No,
    /// If it can be: else it is written by positioned writes.
    IfPossible,
    Must,
}

/// Why a segment could not be made.
#[derive(Debug)]
pub(crate) enum PrepareFailure {
    /// Only this file is gone; another attempt may do better.
    Discarded(Error),
    /// The directory could not be synced: nothing made in it can be promised any more.
    Poison(Error),
}

impl ActiveSegment {
    /// Makes a segment of `file_len` bytes: space first, so that a full disk shows here and not
    /// in the middle of an append, then the header pages, then both synced with the directory.
    pub(crate) fn prepare(
        storage: &dyn Storage,
        run: RunId,
        number: SegmentNumber,
        file_len: u64,
        Making { mapping, is_zeroed }: Making,
    ) -> Result<ActiveSegment, PrepareFailure> {
        let name = FileName::Segment(run, number).to_string();
        let path = || storage.path().join(&name);
        let file = storage
            .create(&name)
            .map_err(|e| PrepareFailure::Discarded(Error::io("create", path(), e)))?;
        let header = SegmentHeader {
            run,
            segment: number,
            file_len,
            features: Features::default(),
        };
        let pages = header.encode_page().repeat(2);
        let filled = file
            .allocate(file_len)
            .and_then(|()| file.write_at(&pages, 0))
            .and_then(|()| {
                if is_zeroed {
                    zero(&*file, FRAMES_OFFSET, file_len)
                } else {
                    Ok(())
                }
            })
            .and_then(|()| file.sync(0, if is_zeroed { file_len } else { FRAMES_OFFSET }))
            .and_then(|()| map(&*file, file_len, mapping));
        let region = match filled {
            Ok(region) => region,
            Err(error) => {
                // Never part of the journal; if the file stays, it is an empty segment.
                let _ = storage.remove(&name);
                return Err(PrepareFailure::Discarded(Error::io(
                    "prepare",
                    path(),
                    error,
                )));
            }
        };
        // The name must be durable too: without it a fully synced segment is lost after a crash.
        let synced = match seeded::has(Bug::DirectorySyncLeftOut) {
            true => Ok(()),
            false => storage.sync_dir(),
        };
        synced.map_err(|e| PrepareFailure::Poison(Error::io("sync", storage.path(), e)))?;
        let identity = (number, FrameSeed::new(run, number));
        // Where files are memory, allocating has made their pages already.
        let is_memory = storage.file_system() == FileSystem::Memory;
        let zeroed = (!is_memory).then(|| Arc::downgrade(&file));
        let window = region.map(|region| PrefaultWindow::new(region, zeroed, file_len));
        let buffer = Arc::new(SegmentBuffer::new(identity, file_len, window));
        if is_zeroed {
            buffer.protect_to(file_len);
        }
        Ok(ActiveSegment { buffer, name, file })
    }

    /// Gives back the space behind the segment's end, which is fixed.
    pub(crate) fn cut(&self) -> std::io::Result<()> {
        // Zeros behind it would make the file longer again.
        if !seeded::has(Bug::ZerosBehindCut) {
            self.protect_to(u64::MAX);
        }
        self.file.set_len(self.tail().offset)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn file(&self) -> &Arc<dyn StorageFile> {
        &self.file
    }

    /// A segment of the same name with this buffer, written to through this file.
    #[cfg(all(test, not(loom)))]
    pub(crate) fn replaced(
        &self,
        buffer: &Arc<SegmentBuffer>,
        file: Arc<dyn StorageFile>,
    ) -> Arc<ActiveSegment> {
        Arc::new(ActiveSegment {
            buffer: Arc::clone(buffer),
            name: self.name.clone(),
            file,
        })
    }

    /// The part that stays when the segment is left behind.
    pub(crate) fn buffer(&self) -> &Arc<SegmentBuffer> {
        &self.buffer
    }
}

impl Deref for ActiveSegment {
    type Target = SegmentBuffer;

    fn deref(&self) -> &SegmentBuffer {
        &self.buffer
    }
}

impl Drop for ActiveSegment {
    /// No thread stores into the segment any more; its buffer stays.
    fn drop(&mut self) {
        self.buffer.retire();
    }
}

/// Overwrites a part of a file with zeros, in single pages: that keeps the page cache in small
/// pieces, so that a later sync of one record does not write a large one.
pub(crate) fn zero(file: &dyn StorageFile, from: u64, to: u64) -> std::io::Result<()> {
    let mut at = from;
    while at < to {
        let len = to.min(at + PAGE_LEN) - at;
        let page = ZERO_PAGE
            .get(..usize::try_from(len).unwrap_or(ZERO_PAGE.len()))
            .unwrap_or(&ZERO_PAGE);
        file.write_at(page, at)?;
        at += len;
    }
    Ok(())
}

/// Maps a file, if its pages can be made writable ahead: without that, a store could kill the
/// process on a full disk. A process may have no address space or locked memory left for it.
fn map(
    file: &dyn StorageFile,
    len: u64,
    mapping: Mapping,
) -> std::io::Result<Option<Arc<dyn MappedRegion>>> {
    if mapping == Mapping::No {
        return Ok(None);
    }
    let mapped = file.map(len).and_then(|region| {
        region.make_writable(FRAMES_OFFSET, FRAMES_OFFSET + PAGE_LEN)?;
        Ok(region)
    });
    let is_needed = mapping == Mapping::Must || seeded::has(Bug::MapFailureEndsRun);
    match mapped {
        Err(error) if !is_needed && !is_full(&error) => Ok(None),
        mapped => mapped.map(Some),
    }
}

/// Whether there is no space; everything else that keeps pages from being made writable leaves
/// positioned writes, which succeed or say what is wrong.
pub(crate) fn is_full(error: &std::io::Error) -> bool {
    let kinds = [ErrorKind::StorageFull, ErrorKind::QuotaExceeded];
    kinds.contains(&error.kind())
}

const ZERO_PAGE: [u8; 4096] = [0; 4096];
