//! One run being written: what it is put together from, and the append.

use std::sync::Arc;
use std::time::Instant;

use super::append::appender::Appender;
use super::append::log_writer::{AppendError, LogWriter};
use super::append::path::{Placed, len_of};
use super::append::refused::RefusedCounts;
use super::append::run_session::RunSession;
use super::error_log::ErrorLog;
use super::lock_file::LockFile;
use super::run_constants::RunConstants;
use super::signals::Signals;
use super::supply::pipeline::{SegmentPipeline, SegmentPlan};
use super::supply::preallocator::Preallocator;
use super::sync::steps::SyncParts;
use super::sync::syncer::Syncer;
use super::sync_primitives::atomic::{AtomicBool, Ordering};
use super::sync_primitives::thread::JoinHandle;
use super::sync_primitives::{Mutex, lock};
use crate::error::{Error, Result};
use crate::event::system::Clocks;
use crate::format::{RecordKind, padded};
use crate::recovery::apply::Uncached;
use crate::seeded::{self, Bug};
use crate::seq::{RunId, SegmentNumber, Seq};
use crate::storage::Storage;
use crate::writer::sync::commit_queue::CommitGroup;

/// One run being written.
///
/// Each part uses those named before it, and has locks of its own. A thread that needs several
/// locks at a time takes them in this order:
///
/// 1. the state of the [`Syncer`]: held for as long as a sync takes,
/// 2. its lock file,
/// 3. the log of the [`Appender`]: held for an append, and for a rotation,
/// 4. the pipeline of the [`Preallocator`]: held while a segment is made,
/// 5. one of the others, none of which is held while another lock is taken: the claim of a prefault
///    window, the sync queue, the pending write group, the open sessions, the stall detector,
///    the leader of a sync, the waiters of a sync and each group of them, the two wake-ups, the
///    counts of errors, the caller's code that waits to be called, the threads.
#[derive(Debug)]
pub(crate) struct RunWriter {
    constants: Arc<RunConstants>,
    signals: Arc<Signals>,
    supply: Arc<Preallocator>,
    appender: Arc<Appender>,
    syncer: Arc<Syncer>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// The run ends without being put on record as closed.
    is_left: AtomicBool,
    /// The callers that wait for the end of the run.
    close_group: Arc<CommitGroup>,
}

/// The parts a run is put together from.
#[derive(Debug)]
pub(crate) struct RunParts {
    pub(crate) constants: Arc<RunConstants>,
    pub(crate) lock_file: LockFile,
    pub(crate) errors: Arc<ErrorLog>,
    pub(crate) log: LogWriter,
    /// The length of the second segment.
    pub(crate) segment_len: u64,
    /// Records of other runs come first.
    pub(crate) recovers: bool,
}

impl RunWriter {
    pub(crate) fn new(parts: RunParts) -> RunWriter {
        let constants = parts.constants;
        let signals = Arc::<Signals>::default();
        let (segments, sync_queue) = (parts.log.segments(), parts.log.sync_queue());
        let first = segments.active();
        let pipeline = SegmentPipeline::new(SegmentPlan {
            run: constants.run(),
            number: first.number().next(),
            len: parts.segment_len,
            len_max: constants.settings().segment_bytes_max,
            is_mapped: first.is_mapped(),
            is_stepped: constants.settings().is_stepped,
        });
        let supply = Arc::new(Preallocator::new(
            Arc::clone(&constants),
            Arc::clone(&segments),
            Arc::clone(&signals),
            pipeline,
        ));
        let appender = Arc::new(Appender::new(
            Arc::clone(&constants),
            Arc::clone(&signals),
            Arc::clone(&supply),
            parts.log,
        ));
        let sync = SyncParts {
            constants: Arc::clone(&constants),
            signals: Arc::clone(&signals),
            segments,
            supply: Arc::clone(&supply),
            appender: Arc::clone(&appender),
            sync_queue,
            lock_file: parts.lock_file,
            errors: parts.errors,
        };
        RunWriter {
            syncer: Arc::new(Syncer::new(sync, parts.recovers)),
            constants,
            signals,
            supply,
            appender,
            threads: Mutex::default(),
            is_left: AtomicBool::new(false),
            close_group: Arc::default(),
        }
    }

    pub(crate) fn run(&self) -> RunId {
        self.constants.run()
    }

    pub(crate) fn storage(&self) -> &Arc<dyn Storage> {
        self.constants.storage()
    }

    /// Wall clock and time since boot, as records carry them.
    pub(crate) fn clocks(&self) -> Clocks {
        self.constants.clocks()
    }

    /// The session of this id.
    pub(crate) fn session(&self, id: &str) -> Result<Arc<RunSession>> {
        self.constants.check_process()?;
        self.appender.session(id)
    }

    /// Appends one record; when this returns `Ok`, the record survives the death of the process.
    pub(crate) fn append(
        &self,
        kind: RecordKind,
        session: Option<&RunSession>,
        payload: &[u8],
    ) -> Result<Seq> {
        if let Err(error) = self.check_open() {
            return Err(self.appender.refuse((kind, session), payload, error));
        }
        if seeded::has(Bug::AppendWaitsForSync) {
            drop(self.syncer.lock_state());
        }
        if let Some(seq) = self.appender.append_lock_free(kind, session, payload) {
            self.after(kind, session);
            return Ok(seq);
        }
        let appended = self.append_with_log(kind, session, payload)?;
        self.after(kind, session);
        Ok(appended)
    }

    /// Lets go of what a session takes once its last record is written.
    #[inline]
    fn after(&self, kind: RecordKind, session: Option<&RunSession>) {
        if let Some(session) = session.filter(|_| kind.ends_session()) {
            self.appender.forget(session);
        }
    }

    /// Appends one record and says where it is; `None`, and nothing is appended, if a segment is
    /// named and records go into another one by now.
    pub(crate) fn append_placed(
        &self,
        (kind, session): (RecordKind, Option<&RunSession>),
        payload: &[u8],
        within: Option<SegmentNumber>,
    ) -> Result<Option<Placed>> {
        let refuse = |error| self.appender.refuse((kind, session), payload, error);
        self.check_open().map_err(refuse)?;
        let what = (kind, session);
        if let Some(placed) = self.appender.place_lock_free(what, payload, within) {
            self.after(kind, session);
            return Ok(Some(placed));
        }
        self.wait_for_room(kind, payload).map_err(refuse)?;
        match self.appender.place_with_log(what, payload, within) {
            Ok(placed) => {
                self.after(kind, session);
                Ok(Some(placed))
            }
            Err(AppendError::LeftBehind) => Ok(None),
            Err(failure) => Err(refuse(self.failed(failure))),
        }
    }

    /// The segment that records go into now.
    pub(crate) fn active_segment(&self) -> SegmentNumber {
        self.appender.active_segment()
    }

    /// What most appends need not do, and need not set up.
    #[inline(never)]
    fn append_with_log(
        &self,
        kind: RecordKind,
        session: Option<&RunSession>,
        payload: &[u8],
    ) -> Result<Seq> {
        let appended = self.try_append_with_log(kind, session, payload);
        appended.map_err(|error| self.appender.refuse((kind, session), payload, error))
    }

    fn try_append_with_log(
        &self,
        kind: RecordKind,
        session: Option<&RunSession>,
        payload: &[u8],
    ) -> Result<Seq> {
        self.wait_for_room(kind, payload)?;
        let appended = self.appender.append_with_log(kind, session, payload);
        appended.map_err(|failure| self.failed(failure))
    }

    /// Waits until the backlog allows for a record, if it is one that may be appended at all.
    fn wait_for_room(&self, kind: RecordKind, payload: &[u8]) -> Result<()> {
        if kind.is_system() {
            return Ok(());
        }
        let (size, limit) = (len_of(payload), self.appender.limits().record_len_max);
        if size > limit {
            return Err(Error::LimitExceeded {
                what: "record",
                size,
                limit,
            });
        }
        self.syncer.wait_for_room(padded(size))
    }

    /// What a caller is told whose record was not written.
    fn failed(&self, failure: AppendError) -> Error {
        match failure {
            AppendError::Refused(error) => error,
            AppendError::Poison(error) => self.syncer.poison(error),
            // Only a record that may go elsewhere comes here.
            AppendError::LeftBehind => Error::Closed,
        }
    }

    /// Counts a record that was refused before it was encoded.
    pub(crate) fn note_refused(
        &self,
        session: Option<&RunSession>,
        payload_len: usize,
        code: &'static str,
    ) {
        self.appender.note_refused(session, payload_len, code);
    }

    /// Has a run that takes this one's place tell what this one has refused and not told.
    pub(crate) fn leave_refused_to(&self, heir: &RunWriter) {
        self.appender.leave_refused_to(&heir.appender);
    }

    /// Counts what the handle has refused while it had no run.
    pub(crate) fn take_refused(&self, more: RefusedCounts) {
        self.appender.take_refused(more);
    }

    /// To be called when all runs that were to be recovered are on record.
    pub(crate) fn finish_recovery(&self, uncached: Vec<Uncached>) {
        self.syncer.finish_recovery(uncached);
    }

    /// Makes every record appended so far durable, at most until `deadline`, and returns the last
    /// one covered.
    pub(crate) fn sync(&self, deadline: Option<Instant>) -> Result<Seq> {
        self.syncer.sync(deadline)
    }

    /// The last record known durable, as callers are told it.
    pub(crate) fn durable(&self) -> Option<Seq> {
        self.syncer.durable_here()
    }

    /// Whether records are still accepted.
    #[inline]
    pub(crate) fn check_open(&self) -> Result<()> {
        self.constants.check_process()?;
        self.signals.check_open()
    }

    #[inline]
    pub(crate) fn is_poisoned(&self) -> bool {
        self.signals.is_poisoned()
    }

    /// What a caller of a poisoned run is told.
    pub(crate) fn poisoned(&self) -> Option<Error> {
        self.signals.poisoned()
    }

    pub(super) fn constants(&self) -> &RunConstants {
        &self.constants
    }

    pub(super) fn signals(&self) -> &Signals {
        &self.signals
    }

    pub(super) fn supply(&self) -> &Preallocator {
        &self.supply
    }

    pub(super) fn appender(&self) -> &Appender {
        &self.appender
    }

    pub(super) fn syncer(&self) -> &Arc<Syncer> {
        &self.syncer
    }

    pub(super) fn close_group(&self) -> &CommitGroup {
        &self.close_group
    }

    /// Has the run end without being put on record as closed.
    pub(super) fn set_left(&self) {
        self.is_left.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_left(&self) -> bool {
        self.is_left.load(Ordering::SeqCst)
    }

    pub(super) fn add_threads(&self, threads: impl IntoIterator<Item = JoinHandle<()>>) {
        lock(&self.threads).extend(threads);
    }

    /// Whether this is a thread that closing would have to wait for: one of the run's own, which
    /// call the error hook, or one that runs a sync for them.
    pub(super) fn is_own_thread(&self) -> bool {
        let this = super::sync_primitives::thread::current().id();
        let is_own = lock(&self.threads)
            .iter()
            .any(|thread| thread.thread().id() == this);
        is_own || self.syncer.is_led_by_this_thread()
    }

    /// Waits for the threads of a run that is closed, so that none of its files stays open.
    pub(super) fn join_threads(&self) {
        for thread in std::mem::take(&mut *lock(&self.threads)) {
            // A panic of theirs has poisoned the run already.
            let _ = thread.join();
        }
    }
}
