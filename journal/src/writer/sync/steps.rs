//! The syncer's steps: each is whole in itself, so that one thread can drive them in any order.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::after_sync::{LastSync, WindowRenewal};
use super::cache_writer::CacheWriter;
use super::commit_delay::CommitDelay;
use super::commit_queue::CommitQueue;
use super::file_sync::FileSync;
use super::frontier::Target;
use super::lock_watch::LockWatch;
use super::poison::Poison;
use super::schedule::{SyncAction, SyncInputs, decide};
use super::stall::StallDetector;
use super::sync_mark::{LastMark, SyncMarks};
use crate::error::Result;
use crate::recovery::apply::Uncached;
use crate::seeded::{self, Bug};
use crate::writer::append::appender::Appender;
use crate::writer::append::sync_queue::SyncQueue;
use crate::writer::error_log::ErrorLog;
use crate::writer::lock_file::LockFile;
use crate::writer::run_constants::RunConstants;
use crate::writer::segment::list::SegmentList;
use crate::writer::signals::Signals;
use crate::writer::supply::preallocator::{BUSY_BYTES, Preallocator};
use crate::writer::sync_primitives::{Mutex, lock};

/// What a sync needs.
#[derive(Debug)]
pub(crate) struct SyncSteps {
    constants: Arc<RunConstants>,
    signals: Arc<Signals>,
    segments: Arc<SegmentList>,
    supply: Arc<Preallocator>,
    appender: Arc<Appender>,
    sync_queue: Arc<Mutex<SyncQueue>>,
    queue: Arc<CommitQueue>,
    poison: Poison,
    lock_watch: LockWatch,
    /// An appender that is stuck between reserve and commit.
    stall: Mutex<StallDetector>,
}

/// What is remembered from step to step.
#[derive(Debug, Default)]
pub(crate) struct SyncState {
    files: FileSync,
    marks: SyncMarks,
    renewal: WindowRenewal,
    caches: CacheWriter,
    last: LastSync,
    pub(super) dirty_since: Option<Duration>,
    pub(super) calm_since: Option<Duration>,
    /// When the last sync began, if a waiter led it.
    pub(super) led_at: Option<Duration>,
    /// Everything has been durable since then, and only the mark that says so is not.
    unwitnessed_since: Option<Duration>,
    /// When the lock file was looked for.
    looked_at: Duration,
    pub(super) commit_delay: CommitDelay,
}

/// What the steps are made from.
#[derive(Debug)]
pub(crate) struct SyncParts {
    pub(crate) constants: Arc<RunConstants>,
    pub(crate) signals: Arc<Signals>,
    pub(crate) segments: Arc<SegmentList>,
    pub(crate) supply: Arc<Preallocator>,
    pub(crate) appender: Arc<Appender>,
    pub(crate) sync_queue: Arc<Mutex<SyncQueue>>,
    pub(crate) lock_file: LockFile,
    pub(crate) errors: Arc<ErrorLog>,
}

impl SyncState {
    /// Of a run whose first records say what became of others, if it `recovers` them.
    pub(super) fn new(recovers: bool) -> SyncState {
        let mut state = SyncState::default();
        state.marks.set_recovering(recovers);
        state
    }

    /// Has the next sync look at the names of all segments.
    pub(crate) fn want_all_names(&mut self) {
        self.files.want_all_names();
    }
}

impl SyncSteps {
    pub(super) fn new(parts: SyncParts) -> SyncSteps {
        let is_stepped = parts.constants.settings().is_stepped;
        let queue = Arc::new(CommitQueue::new(is_stepped));
        let poison = Poison::new(
            Arc::clone(&parts.constants),
            Arc::clone(&parts.signals),
            Arc::clone(&queue),
            parts.errors,
        );
        let lock_watch = LockWatch::new(Arc::clone(&parts.constants), parts.lock_file);
        SyncSteps {
            constants: parts.constants,
            signals: parts.signals,
            segments: parts.segments,
            supply: parts.supply,
            appender: parts.appender,
            sync_queue: parts.sync_queue,
            queue,
            poison,
            lock_watch,
            stall: Mutex::default(),
        }
    }

    pub(super) fn constants(&self) -> &RunConstants {
        &self.constants
    }

    pub(super) fn signals(&self) -> &Signals {
        &self.signals
    }

    pub(super) fn segments(&self) -> &SegmentList {
        &self.segments
    }

    pub(super) fn queue(&self) -> &CommitQueue {
        &self.queue
    }

    /// What stops the run.
    pub(crate) fn poison(&self) -> &Poison {
        &self.poison
    }

    /// What shows the run to be alive.
    pub(crate) fn lock_watch(&self) -> &LockWatch {
        &self.lock_watch
    }

    /// Whether an appender has begun and does not end, for long.
    pub(super) fn is_stalled(&self) -> bool {
        lock(&self.stall).is_long(Instant::now())
    }

    #[cfg(all(test, not(loom)))]
    pub(super) fn held_up_behind(&self) -> Option<u64> {
        lock(&self.stall).behind()
    }

    /// Looks around and decides what is due.
    pub(crate) fn observe(&self, state: &mut SyncState, now: Duration) -> SyncAction {
        let is_dirty = self.is_dirty();
        if is_dirty {
            // An append after a sync that a waiter led does not wake the syncer.
            let since = state.led_at.filter(|_| state.calm_since.is_none());
            state.dirty_since.get_or_insert(since.unwrap_or(now));
            state.calm_since = None;
        } else {
            state.dirty_since = None;
            state.calm_since.get_or_insert(now);
        }
        let wants_close = self.signals.syncer().wants_close();
        if self.signals.is_poisoned() {
            return match wants_close {
                true => SyncAction::Close,
                false => SyncAction::Sleep(None),
            };
        }
        let settings = self.constants.settings();
        let backlog_bytes = || self.segments.backlog_bytes(self.signals.watermark());
        let is_writable = || self.segments.active().writable_to() > 0;
        decide(&SyncInputs {
            now,
            wants_close,
            wants_sync: self.signals.syncer().wants_sync(),
            dirty_since: state.dirty_since,
            is_over_sync_bytes: is_dirty && backlog_bytes() >= settings.sync_bytes,
            has_idle_window_since: state.calm_since.filter(|_| is_writable()),
            unwitnessed_since: state.unwitnessed_since,
            tell_at: self.signals.note_refused_at(),
            look_at: self.lock_watch.next_look(state.looked_at),
            sync_interval: settings.sync_interval,
        })
    }

    /// Does what was decided; sleeping and closing are the caller's.
    pub(crate) fn execute(&self, state: &mut SyncState, action: SyncAction, now: Duration) {
        match action {
            SyncAction::Sync => {
                state.commit_delay.wait(&self.queue);
                self.run_sync(state, now);
            }
            SyncAction::CloseWindow => {
                self.segments.active().invalidate();
                self.supply.invalidate();
            }
            SyncAction::Witness => self.write_idle_mark(state, now),
            SyncAction::Tell => self.appender.note_refused_if_due(),
            SyncAction::Look => self.look_for_lock_file(state, now),
            SyncAction::Close | SyncAction::Sleep(_) => {}
        }
    }

    /// Makes everything written so far durable, wakes those that waited for it, leaves a mark.
    pub(super) fn run_sync(&self, state: &mut SyncState, now: Duration) {
        self.signals.syncer().take_wants_sync();
        let begun = Instant::now();
        // Each caller in the group appended before the target is chosen, so it covers them.
        let group = self.queue.take();
        let members = group.members;
        state.last.members = members;
        let synced = self.sync_written(state);
        let sync_time = begun.elapsed();
        // Before a caller is told: if it is killed right after it, what is durable need not be
        // read back.
        let durable_bytes = self.signals.watermark().durable_bytes();
        if synced.is_ok() && state.marks.is_due(durable_bytes, now) {
            self.try_mark(state, now);
        }
        state.commit_delay.learn(&self.queue, members, sync_time);
        drop(group);
        state.commit_delay.note_time(begun.elapsed());
        state.led_at = None;
        if synced.is_err() {
            return;
        }
        self.cut_sealed(state);
        self.look_for_lock_file(state, now);
        state.dirty_since = None;
        let durable_seq = self.signals.watermark().durable();
        let is_witnessed = state.marks.has_witnessed(durable_seq);
        state.unwitnessed_since = (!is_witnessed).then_some(now);
    }

    /// One sync of all bytes written; the first failure poisons the run.
    pub(crate) fn sync_written(&self, state: &mut SyncState) -> Result<()> {
        if let Some(error) = self.signals.poisoned() {
            return Err(error);
        }
        let watermark = self.signals.watermark();
        let (seq_before, bytes_before) = (watermark.durable(), watermark.durable_bytes());
        let target = self.choose_target(state);
        if seeded::has(Bug::DurableBeforeSync) {
            watermark.synced(target.last_seq, target.total_bytes);
        }
        let synced = state.files.sync(&self.constants, &target);
        let synced = synced.and_then(|()| self.lock_watch.confirm_sync());
        synced.map_err(|error| self.poison.poison(error))?;
        let target = match seeded::has(Bug::DurableAfterSyncBegan) {
            true => self.choose_target(state),
            false => target,
        };
        // Before a caller can be told: if the process is killed right after that, what was durable
        // is known, and need not be read back.
        if seeded::has(Bug::NotedTooLate) {
            watermark.synced(target.last_seq, target.total_bytes);
        }
        if let Some(last) = target.last {
            self.lock_watch.note_durable(last);
        }
        watermark.synced(target.last_seq, target.total_bytes);
        state.last.records = state.marks.synced(seq_before, target.last_seq);
        state.last.bytes = target.total_bytes.saturating_sub(bytes_before);
        state.last.end = state.files.end_in(self.segments.active().number());
        state.renewal.renew(
            &self.segments,
            &self.signals,
            &state.last,
            self.queue.members(),
            self.constants.now(),
        );
        Ok(())
    }

    fn choose_target(&self, state: &mut SyncState) -> Target {
        if seeded::has(Bug::SyncWaitsForLane) {
            drop(self.appender.lock_log());
        }
        let target = state.files.choose_target(&self.sync_queue);
        lock(&self.stall).note(target.held_up_behind, Instant::now());
        target
    }

    /// After a second of idleness: one more mark, and a sync that makes it durable.
    fn write_idle_mark(&self, state: &mut SyncState, now: Duration) {
        if state
            .marks
            .is_idle_mark_due(self.signals.watermark().durable())
        {
            self.write_mark(state, now);
        }
        state.unwitnessed_since = None;
        let group = self.queue.take();
        state.last.members = group.members;
        // A failure poisons the run, which is all there is to do about it.
        let _ = self.sync_written(state);
        drop(group);
        self.cut_sealed(state);
    }

    /// To be called when all runs that were to be recovered are on record.
    pub(super) fn finish_recovery(&self, state: &mut SyncState, uncached: Vec<Uncached>) {
        state.caches.add_recovered(uncached);
        state.marks.set_recovering(false);
        if self.signals.watermark().durable() > 0 {
            self.try_mark(state, self.constants.now());
        }
    }

    /// Leaves a mark if that takes no waiting. Under load others have the log, one after the
    /// other: to wait for it would have the device rest meanwhile, and the next sync may do better.
    fn try_mark(&self, state: &mut SyncState, now: Duration) {
        let (durable_seq, durable_bytes) = self.durable_for_mark();
        let marked = self.appender.try_append_mark(durable_seq, durable_bytes);
        self.remember_mark(state, now, durable_seq, marked);
    }

    /// Leaves a mark, as soon as no other thread has the log.
    pub(super) fn write_mark(&self, state: &mut SyncState, now: Duration) {
        let (durable_seq, durable_bytes) = self.durable_for_mark();
        let marked = self.appender.append_mark(durable_seq, durable_bytes);
        self.remember_mark(state, now, durable_seq, marked);
    }

    fn durable_for_mark(&self) -> (u64, u64) {
        let watermark = self.signals.watermark();
        let durable_seq = match seeded::has(Bug::MarkOfTheWritten) {
            true => self.segments.written(),
            false => watermark.durable(),
        };
        (durable_seq, watermark.durable_bytes())
    }

    fn remember_mark(
        &self,
        state: &mut SyncState,
        at: Duration,
        durable_seq: u64,
        seq: Option<u64>,
    ) {
        let Some(seq) = seq else { return };
        let watermark = self.signals.watermark();
        watermark.marked(seq);
        state.marks.add(LastMark {
            seq,
            durable_seq,
            durable_bytes: watermark.durable_bytes(),
            at,
        });
    }

    /// Gives back the space behind the end of segments that are durable.
    pub(crate) fn cut_sealed(&self, state: &mut SyncState) {
        state.files.cut_sealed(&mut state.caches);
        // Appenders at full speed need the processors themselves.
        let is_quiet = state.last.bytes < BUSY_BYTES || state.caches.is_behind();
        if !self.constants.settings().is_stepped && is_quiet {
            let storage = self.constants.storage();
            state.caches.step(storage, self.constants.run());
        }
    }

    /// Cuts the last segment of a closed run, too, and writes the caches that are left.
    pub(crate) fn finish_files(&self, state: &mut SyncState) {
        self.cut_sealed(state);
        state.caches.add(self.appender.cut());
        let storage = self.constants.storage();
        state.caches.finish(storage, self.constants.run());
    }

    /// Looks whether what was synced has its names still, if names have changed.
    pub(super) fn check_names(&self, state: &mut SyncState) -> Result<()> {
        state.files.check_names(&self.constants)
    }

    /// Looks for the lock file, which may have been cleared away.
    fn look_for_lock_file(&self, state: &mut SyncState, now: Duration) {
        state.looked_at = now;
        if let Err(error) = self.lock_watch.look() {
            self.poison.poison(error);
        }
    }

    pub(crate) fn is_dirty(&self) -> bool {
        self.segments.is_dirty(self.signals.watermark())
    }
}
