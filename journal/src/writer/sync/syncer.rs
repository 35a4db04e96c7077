//! The syncer's steps: each is whole in itself, so that one thread can drive them in any order.

use std::time::{Duration, Instant};

use super::cache_writer::CacheWriter;
use super::frontier::{Frontier, SegmentEnd, Target};
use super::names::SegmentNames;
use super::schedule::{SyncAction, SyncInputs, decide};
use super::sync_mark::Mark;
use crate::error::{Error, Result};
use crate::format::{DurablePlace, FRAMES_OFFSET};
use crate::seeded::{self, Bug};
use crate::seq::SegmentNumber;
use crate::writer::append::sync_queue::SealedSegment;
use crate::writer::run::{RunWriter, lock};
use crate::writer::segment::buffer::SegmentBuffer;
use crate::writer::supply::preallocator::BUSY_BYTES;

/// What the syncer remembers from step to step.
#[derive(Debug, Default)]
pub(crate) struct SyncState {
    /// Up to where the newest segment was synced.
    pub(crate) synced: Option<(SegmentNumber, u64)>,
    pub(crate) names: SegmentNames,
    pub(crate) frontier: Frontier,
    /// Segments left behind that are not whole on the disk yet, in order.
    pub(crate) finished: Vec<SealedSegment>,
    pub(crate) dirty_since: Option<Duration>,
    pub(crate) calm_since: Option<Duration>,
    /// When the last sync began, if a waiter ran it.
    pub(crate) helped_at: Option<Duration>,
    /// How many wait already or were woken by the last sync, and will probably wait again.
    pub(crate) awaited: u32,
    /// Bytes that the last sync made durable.
    pub(crate) synced_bytes: u64,
    /// How many waited for the last sync.
    pub(crate) members: u32,
    /// How many records it made durable, without marks.
    pub(crate) synced_records: u64,
    /// How long the last sync took.
    sync_time: Duration,
    /// When the whole window was made writable anew.
    pub(crate) renewed_at: Option<Duration>,
    /// So many syncs begin without waiting for anybody.
    hasty_syncs: u32,
    /// For so many syncs everybody sleeps.
    sleepy_syncs: u32,
    pub(crate) mark: Option<Mark>,
    /// When the `.run` file was looked for.
    pub(crate) looked_at: Duration,
    /// Records of recovered runs are being written, which no mark may come between.
    pub(crate) is_recovering: bool,
    /// A record that is durable, to be noted in the `.run` file.
    pub(crate) place: Option<DurablePlace>,
    /// The highest sequence number a durable mark says is durable.
    witnessed: u64,
    unwitnessed_since: Option<Duration>,
    pub(crate) indexing: CacheWriter,
}

impl RunWriter {
    /// Runs one sync now; for journals without threads.
    pub(crate) fn step_sync(&self) {
        let mut state = lock(&self.sync);
        self.run_sync(&mut state, self.now());
    }

    /// The time since the run began, or since some other moment.
    pub(crate) fn now(&self) -> Duration {
        // A simulation's time is its own, so that it can be run again.
        match self.settings.is_stepped {
            true => Duration::from_nanos(self.storage.clocks().boot_nanoseconds),
            false => self.started.elapsed(),
        }
    }

    /// Looks around and decides what is due.
    pub(crate) fn observe(&self, state: &mut SyncState, now: Duration) -> SyncAction {
        let is_dirty = self.is_dirty();
        if is_dirty {
            // Who appends after a sync that a waiter ran does not wake the syncer.
            let since = state.helped_at.filter(|_| state.calm_since.is_none());
            state.dirty_since.get_or_insert(since.unwrap_or(now));
            state.calm_since = None;
        } else {
            state.dirty_since = None;
            state.calm_since.get_or_insert(now);
        }
        if self.poisoned().is_some() {
            let wants_close = self.bell.wants_close();
            return if wants_close {
                SyncAction::Close
            } else {
                SyncAction::Sleep(None)
            };
        }
        let is_over = is_dirty && self.backlog_bytes() >= self.settings.sync_bytes;
        decide(&SyncInputs {
            now,
            wants_close: self.bell.wants_close(),
            wants_sync: self.bell.wants_sync(),
            dirty_since: state.dirty_since,
            is_over_sync_bytes: is_over,
            has_idle_window_since: state.calm_since.filter(|_| self.active().writable_to() > 0),
            unwitnessed_since: state.unwitnessed_since,
            tell_at: self.tell_at(),
            look_at: self.next_look(state),
            sync_interval: self.settings.sync_interval,
        })
    }

    /// Does what was decided; sleeping and closing are the caller's.
    pub(crate) fn execute(&self, state: &mut SyncState, decision: SyncAction, now: Duration) {
        match decision {
            SyncAction::Sync => {
                self.gather(state);
                self.run_sync(state, now);
            }
            SyncAction::CloseWindow => {
                self.active().invalidate();
                lock(&self.next).invalidate();
            }
            SyncAction::Witness => self.write_idle_mark(state, now),
            SyncAction::Tell => self.tell_refused(),
            SyncAction::Look => self.look_for_run_file(state, now),
            SyncAction::Close | SyncAction::Sleep(_) => {}
        }
    }

    /// Waits a moment for those the last sync woke: most append again at once, and a sync for all
    /// of them takes no longer than one for half of them, who would make the others wait for two.
    fn gather(&self, state: &mut SyncState) {
        // For a checker of schedules no time passes: it would wait for ever.
        if state.awaited < 2 || cfg!(any(loom, shuttle)) {
            return;
        }
        if state.hasty_syncs > 0 {
            state.hasty_syncs -= 1;
            return;
        }
        let until = Instant::now() + (state.sync_time / 2).min(GATHERING_TIME_MAX);
        let gathered = self.waiters.gather(state.awaited, until);
        if gathered <= state.awaited / 2 {
            // They have other things to do.
            state.hasty_syncs = HASTY_SYNCS;
        }
    }

    /// Decides from a sync that took so long whether to stay awake for the next one.
    pub(crate) fn set_awake(&self, state: &mut SyncState, sync_time: Duration) {
        state.sleepy_syncs = match self.waiters.take_crowded() {
            true => SLEEPY_SYNCS,
            false => state.sleepy_syncs.saturating_sub(1),
        };
        let is_fast = sync_time <= FAST_SYNC;
        let is_worth_it = is_fast && state.awaited >= MANY && state.sleepy_syncs == 0;
        // For a checker of schedules, no two runs may differ by the time that passes.
        let is_worth_it = is_worth_it && !cfg!(any(loom, shuttle));
        self.waiters.set_awake(match is_worth_it {
            true => 2 * FAST_SYNC,
            false => Duration::ZERO,
        });
    }

    /// Makes everything written so far durable, wakes those who waited for it, leaves a mark.
    pub(crate) fn run_sync(&self, state: &mut SyncState, now: Duration) {
        self.bell.take_wants_sync();
        let begun = Instant::now();
        // Whoever is in the batch appended before the target is chosen, so it covers them.
        let batch = self.waiters.take();
        let members = batch.members;
        state.members = members;
        let synced = self.sync_written(state);
        let sync_time = begun.elapsed();
        // Before anybody is told: if they are killed right after it, what is durable need not be
        // read back.
        if synced.is_ok() && self.is_mark_due(state, now) {
            self.try_mark(state, now);
            self.note_place(state);
        }
        state.awaited = members.saturating_add(self.waiters.members());
        self.set_awake(state, sync_time);
        drop(batch);
        state.sync_time = begun.elapsed();
        state.helped_at = None;
        if synced.is_err() {
            return;
        }
        self.cut_finished(state);
        self.look_for_run_file(state, now);
        state.dirty_since = None;
        let is_witnessed = state.witnessed >= self.watermark.durable();
        state.unwitnessed_since = (!is_witnessed).then_some(now);
    }

    /// One sync of all bytes written; the first failure poisons the run.
    pub(crate) fn sync_written(&self, state: &mut SyncState) -> Result<()> {
        if let Some(error) = self.poisoned() {
            return Err(error);
        }
        let bytes_before = self.watermark.durable_bytes();
        let seq_before = self.watermark.durable();
        let target = self.choose_target(state);
        if seeded::has(Bug::DurableBeforeSync) {
            self.watermark.synced(target.last_seq, target.total_bytes);
        }
        match self.sync_files(state, &target) {
            Ok(()) => {
                let target = match seeded::has(Bug::DurableAfterSyncBegan) {
                    true => self.choose_target(state),
                    false => target,
                };
                self.watermark.synced(target.last_seq, target.total_bytes);
                state.place = target.begin.or(state.place);
                let mut records = target.last_seq.saturating_sub(seq_before);
                if let Some(mark) = state.mark.filter(|mark| mark.seq <= target.last_seq) {
                    state.witnessed = state.witnessed.max(mark.durable_seq);
                    records = records.saturating_sub(u64::from(mark.seq > seq_before));
                }
                state.synced_records = records;
                state.synced_bytes = target.total_bytes.saturating_sub(bytes_before);
                self.renew_window(state, self.now());
                Ok(())
            }
            Err(error) => Err(self.poison(error)),
        }
    }

    /// Syncs the segments in order: a later one is never durable before an earlier one.
    fn sync_files(&self, state: &mut SyncState, target: &Target) -> Result<()> {
        for SegmentEnd {
            segment,
            offset: end,
            has_stored,
        } in &target.ends
        {
            let from = match state.synced {
                Some((number, synced_to)) if number == segment.number => synced_to,
                _ => FRAMES_OFFSET,
            };
            let from = from.next_multiple_of(seeded::either(Bug::SyncFromNextPage, PAGE_LEN, 1));
            let is_left_out =
                seeded::has(Bug::FullSegmentNotSynced) && segment.reserve.tail().is_closed;
            let path = || self.storage.path().join(&segment.name);
            if from < *end && !is_left_out {
                if *has_stored {
                    segment.release(from, *end);
                }
                let mut synced = segment.file.sync(from, *end);
                if synced.is_err() && seeded::has(Bug::SyncTriedAgain) {
                    synced = segment.file.sync(from, *end);
                }
                synced.map_err(|e| Error::io("sync", path(), e))?;
            }
            // What was in front of the cut is gone, whatever was written behind it since; and what
            // was stored there may never be seen.
            let len = segment.file.len();
            let len = len.map_err(|e| Error::io("look at", path(), e))?;
            if len < segment.file_len && !seeded::has(Bug::CutNotNoticed) {
                let cut = std::io::Error::other("somebody else has cut the file");
                return Err(Error::io("sync", path(), cut));
            }
            state.synced = Some((segment.number, *end));
        }
        self.check_names(&mut state.names, &target.ends)?;
        match &*lock(&self.run_file) {
            Some(run_file) => run_file.confirm_sync(),
            None => Ok(()),
        }
    }

    /// After a second of idleness: one more mark, and a sync that makes it durable.
    fn write_idle_mark(&self, state: &mut SyncState, now: Duration) {
        if !state.is_recovering
            && state
                .mark
                .is_none_or(|mark| mark.durable_seq < mark.seq.saturating_sub(1))
        {
            self.write_mark(state, now);
        }
        state.unwitnessed_since = None;
        let batch = self.waiters.take();
        state.members = batch.members;
        // A failure poisons the run, which is all there is to do about it.
        let _ = self.sync_written(state);
        self.note_place(state);
        drop(batch);
        self.cut_finished(state);
    }

    /// Gives back the space behind the end of segments that are durable.
    pub(crate) fn cut_finished(&self, state: &mut SyncState) {
        let Some((synced, synced_to)) = state.synced else {
            return;
        };
        let indexing = &mut state.indexing;
        state.finished.retain(|left| {
            let end = left.segment.reserve.tail().offset;
            let is_whole =
                left.segment.number < synced || (left.segment.number == synced && synced_to >= end);
            if is_whole && (left.is_sealed || seeded::has(Bug::CutWithoutSeal)) {
                // Space that is not given back costs nothing but space.
                let _ = left.segment.cut();
                indexing.add(left.segment.number);
            }
            !is_whole
        });
        // Appenders at full speed need the processors themselves.
        let is_quiet = state.synced_bytes < BUSY_BYTES || indexing.is_behind();
        if !self.settings.is_stepped && is_quiet {
            indexing.step(&self.storage, self.run);
        }
    }

    pub(crate) fn active(&self) -> &SegmentBuffer {
        self.controls.active()
    }
}

/// How long a sync waits for those who will probably wait for it.
const GATHERING_TIME_MAX: Duration = Duration::from_micros(500);

/// So many syncs wait for nobody after one that waited in vain.
const HASTY_SYNCS: u32 = 16;

/// Slower ones are slept for, and so are those that few wait for: then being woken takes little of
/// the time.
pub(crate) const FAST_SYNC: Duration = Duration::from_micros(200);
pub(crate) const MANY: u32 = 8;

/// Beside processes that never rest, staying awake costs a sync one or two of their turns: to try
/// it again so often costs next to nothing.
pub(crate) const SLEEPY_SYNCS: u32 = 256;

const PAGE_LEN: u64 = 4096;
