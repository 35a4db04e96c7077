//! Segments in the making: created, given space and a header, zeroed ahead, handed over.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::format::{FRAMES_OFFSET, FileName, FrameSeed, SegmentHeader};
use crate::seq::{RunId, SegmentNumber};
use crate::storage::{Storage, StorageFile};

/// A segment that has space and a durable header and name.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) number: SegmentNumber,
    pub(super) name: String,
    pub(super) seed: FrameSeed,
    pub(super) file: Arc<dyn StorageFile>,
    pub(super) file_len: u64,
}

/// Why a segment could not be made.
#[derive(Debug)]
pub(super) enum PrepareFailure {
    /// Only this file is gone; another attempt may do better.
    Discarded(Error),
    /// The directory could not be synced: nothing made in it can be promised any more.
    Poison(Error),
}

impl Segment {
    /// Makes a segment of `file_len` bytes: space first, so that a full disk shows here and not
    /// in the middle of an append, then the header pages, then both synced with the directory.
    pub(super) fn prepare(
        storage: &dyn Storage,
        run: RunId,
        number: SegmentNumber,
        file_len: u64,
    ) -> Result<Segment, PrepareFailure> {
        let name = FileName::Segment(run, number).to_string();
        let path = || storage.path().join(&name);
        let file = storage
            .create(&name)
            .map_err(|e| PrepareFailure::Discarded(Error::io("create", path(), e)))?;
        let header = SegmentHeader {
            run,
            segment: number,
            file_len,
        };
        let pages = header.encode_page().repeat(2);
        let filled = file
            .allocate(file_len)
            .and_then(|()| file.write_at(&pages, 0))
            .and_then(|()| file.sync(0, FRAMES_OFFSET));
        if let Err(error) = filled {
            // The file was never part of the journal; if it stays, it is an empty segment.
            let _ = storage.remove(&name);
            return Err(PrepareFailure::Discarded(Error::io(
                "prepare",
                path(),
                error,
            )));
        }
        // The name must be durable too: without it a fully synced segment is lost after a crash.
        storage
            .sync_dir()
            .map_err(|e| PrepareFailure::Poison(Error::io("sync", storage.path(), e)))?;
        let seed = FrameSeed::new(run, number);
        Ok(Segment {
            number,
            name,
            seed,
            file,
            file_len,
        })
    }
}
