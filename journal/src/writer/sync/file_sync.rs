//! Syncing the files of a run: how far each segment is on the disk, and under which name.

use std::sync::Arc;

use super::cache_writer::CacheWriter;
use super::frontier::{Frontier, SegmentEnd, Target};
use super::segment_names::SegmentNames;
use crate::error::{Error, Result};
use crate::format::FRAMES_OFFSET;
use crate::seeded::{self, Bug};
use crate::seq::SegmentNumber;
use crate::storage::PAGE_LEN;
use crate::writer::append::sync_queue::{SealedSegment, SyncQueue};
use crate::writer::run_constants::RunConstants;
use crate::writer::sync_primitives::{Mutex, lock};

/// How far the files are synced.
#[derive(Debug, Default)]
pub(crate) struct FileSync {
    /// Up to where the newest segment was synced.
    synced: Option<(SegmentNumber, u64)>,
    frontier: Frontier,
    /// Segments left behind that are not whole on the disk yet, in order.
    sealed: Vec<SealedSegment>,
    names: SegmentNames,
}

impl FileSync {
    /// Everything that is committed now, at least what was reserved before this was called unless
    /// an appender is stuck between the two.
    pub(crate) fn choose_target(&mut self, sync_queue: &Mutex<SyncQueue>) -> Target {
        let active = {
            let mut queue = lock(sync_queue);
            self.sealed.append(&mut queue.take_sealed());
            queue.active()
        };
        let left = self.sealed.iter();
        let left = left.map(|left| (Arc::clone(&left.segment), left.positioned));
        self.frontier.advance_over(left.chain([active]).collect())
    }

    /// Syncs the segments in order: a later one is never durable before an earlier one.
    pub(crate) fn sync(&mut self, constants: &RunConstants, target: &Target) -> Result<()> {
        for end in &target.ends {
            self.sync_segment(constants, end)?;
        }
        self.names.check(constants, &target.ends)
    }

    fn sync_segment(&mut self, constants: &RunConstants, end: &SegmentEnd) -> Result<()> {
        let SegmentEnd {
            segment,
            offset: end,
            has_stored,
        } = end;
        let from = self.end_in(segment.number()).unwrap_or(FRAMES_OFFSET);
        let from = from.next_multiple_of(seeded::either(Bug::SyncFromNextPage, PAGE_LEN, 1));
        let is_left_out = seeded::has(Bug::FullSegmentNotSynced) && segment.tail().is_closed;
        let path = || constants.storage().path().join(segment.name());
        if from < *end && !is_left_out {
            if *has_stored {
                segment.release(from, *end);
            }
            let mut synced = segment.file().sync(from, *end);
            if synced.is_err() && seeded::has(Bug::SyncTriedAgain) {
                synced = segment.file().sync(from, *end);
            }
            synced.map_err(|e| Error::io("sync", path(), e))?;
        }
        // What was in front of the cut is gone, whatever was written behind it since; and what
        // was stored there may never be seen.
        let len = segment.file().len();
        let len = len.map_err(|e| Error::io("look at", path(), e))?;
        if len < segment.file_len() && !seeded::has(Bug::CutNotNoticed) {
            let cut = std::io::Error::other("somebody else has cut the file");
            return Err(Error::io("sync", path(), cut));
        }
        self.synced = Some((segment.number(), *end));
        Ok(())
    }

    /// Up to where this segment was synced, if it is the newest that was.
    pub(crate) fn end_in(&self, segment: SegmentNumber) -> Option<u64> {
        let synced = self.synced.filter(|(number, _)| *number == segment);
        synced.map(|(_, end)| end)
    }

    /// Gives back the space behind the end of segments that are durable, and has their caches
    /// written.
    pub(crate) fn cut_sealed(&mut self, caches: &mut CacheWriter) {
        let Some((synced, synced_to)) = self.synced else {
            return;
        };
        self.sealed.retain(|left| {
            let segment = &left.segment;
            let is_synced = segment.number() == synced && synced_to >= segment.tail().offset;
            let is_whole = segment.number() < synced || is_synced;
            if is_whole && (left.is_sealed || seeded::has(Bug::CutWithoutSeal)) {
                // Space that is not given back costs nothing but space.
                let _ = segment.cut();
                caches.add(segment.number());
            }
            !is_whole
        });
    }

    /// Has the next sync look at the names of all segments.
    pub(crate) fn want_all_names(&mut self) {
        self.names.want_all();
    }

    /// Looks whether what was synced has its names still, if names have changed.
    pub(crate) fn check_names(&mut self, constants: &RunConstants) -> Result<()> {
        self.names.check(constants, &[])
    }
}
