//! One run being written: what all its parts share, and the append.

use super::sync_primitives::atomic::{AtomicBool, AtomicU64, Ordering};
use super::sync_primitives::thread::{JoinHandle, ThreadId};
use super::sync_primitives::{Mutex, MutexGuard, PoisonError};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::bell::Bell;
use super::error_log::ErrorLog;
use crate::writer::append::write_group::{WriteGroup, WriteRole};

use super::lock_file::LockFile;
use super::waiters::{Batch, Waiters};
use super::watermark::Watermark;
use crate::error::{Error, Result};
use crate::format::{PAYLOAD_LEN_MAX, RecordKind, padded};
use crate::seeded::{self, Bug};
use crate::seq::{RunId, SegmentNumber, Seq};
use crate::settings::WriterSettings;
use crate::storage::Storage;
use crate::writer::append::declared_sessions::DeclaredSessions;
use crate::writer::append::log_writer::{AppendError, LogWriter};
use crate::writer::append::preamble::AppendRequest;
use crate::writer::append::refused::NEVER;
use crate::writer::append::session_numbers::SessionNumbers;
use crate::writer::append::sync_queue::SyncQueue;
use crate::writer::segment::active::{ActiveSegment, PrepareFailure};
use crate::writer::segment::buffer::SegmentBuffer;
use crate::writer::segment::list::SegmentList;
use crate::writer::supply::pipeline::{SegmentPipeline, segment_len_for};
use crate::writer::supply::preallocator::WINDOW_LEN_MIN;
use crate::writer::supply::setbacks::Setbacks;
use crate::writer::sync::stall::StallDetector;
use crate::writer::sync::syncer::SyncState;

/// One run being written.
#[derive(Debug)]
pub(crate) struct RunWriter {
    pub(super) storage: Arc<dyn Storage>,
    pub(super) settings: WriterSettings,
    pub(super) run_file: Mutex<Option<LockFile>>,
    pub(super) run: RunId,
    pub(super) started: Instant,
    pub(super) sessions: SessionNumbers,
    pub(super) errors: Arc<ErrorLog>,
    pub(super) log: Mutex<LogWriter>,
    /// The active segment, for appenders that do not hold the log.
    pub(super) controls: Arc<SegmentList>,
    pub(super) declared: Arc<DeclaredSessions>,
    /// Locked after the log where both are.
    pub(super) unsynced: Arc<Mutex<SyncQueue>>,
    /// Records that wait for the log.
    pub(super) group: WriteGroup,
    /// The longest payload of a record that is not the journal's own.
    record_len_max: u64,
    /// Refused records are to be noted before the next one.
    pub(super) has_refused: AtomicBool,
    /// When they are to be noted if no other comes, in nanoseconds as [`RunWriter::now`] counts
    /// them.
    pub(super) tell_at: AtomicU64,
    /// Somebody has waited for a sync since the last rotation.
    pub(super) has_waited: AtomicBool,
    /// Little of the active segment is still writable.
    pub(super) wants_window: AtomicBool,
    /// How much of it the tender keeps writable under load.
    pub(super) window_len: AtomicU64,
    /// The segment after the active one. Locked after the log where both are.
    pub(super) next: Mutex<SegmentPipeline>,
    /// The active segment is half full and nobody has looked after the next one yet.
    pub(super) wants_segment: AtomicBool,
    pub(super) watermark: Watermark,
    pub(super) waiters: Waiters,
    pub(super) bell: Bell,
    /// Wakes the tender.
    pub(super) tender: Bell,
    /// Whoever holds this runs the one sync there may be at a time.
    pub(super) sync: Mutex<SyncState>,
    pub(super) is_closing: AtomicBool,
    /// The run ends without being put on record as closed.
    pub(super) is_left: AtomicBool,
    pub(super) closed: OnceLock<Result<()>>,
    pub(super) close_batch: Arc<Batch>,
    pub(super) threads: Mutex<Vec<JoinHandle<()>>>,
    /// The waiter that runs a sync itself, and when it began.
    pub(super) helper: Mutex<Option<(ThreadId, Duration)>>,
    pub(super) poison: OnceLock<Arc<Error>>,
    /// An appender that is stuck between reserve and commit.
    pub(super) stuck: Mutex<StallDetector>,
}

/// The parts a run is put together from.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) storage: Arc<dyn Storage>,
    pub(super) settings: WriterSettings,
    pub(super) run_file: LockFile,
    pub(super) errors: Arc<ErrorLog>,
    pub(super) log: LogWriter,
    pub(super) segment_len: u64,
}

impl RunWriter {
    pub(super) fn new(parts: Parts) -> RunWriter {
        let run = parts.run_file.run();
        let next = SegmentPipeline {
            run,
            number: parts.log.active.number.next(),
            len: parts.segment_len,
            len_max: parts.settings.segment_bytes_max.next_multiple_of(4096),
            is_mapped: parts.log.active.is_mapped(),
            waiting: None,
            has_given_up: false,
            is_full: false,
            failed: None,
            setbacks: Setbacks::new(parts.settings.is_stepped),
        };
        RunWriter {
            controls: parts.log.controls(),
            declared: parts.log.declared(),
            unsynced: parts.log.unsynced(),
            group: WriteGroup::default(),
            record_len_max: (parts.settings.record_bytes_max).min(u64::from(PAYLOAD_LEN_MAX)),
            has_refused: AtomicBool::new(false),
            tell_at: AtomicU64::new(NEVER),
            has_waited: AtomicBool::new(false),
            wants_window: AtomicBool::new(false),
            window_len: AtomicU64::new(WINDOW_LEN_MIN),
            started: Instant::now(),
            sessions: SessionNumbers::default(),
            next: Mutex::new(next),
            wants_segment: AtomicBool::new(false),
            watermark: Watermark::default(),
            waiters: Waiters::new(parts.settings.is_stepped),
            bell: Bell::default(),
            tender: Bell::default(),
            sync: Mutex::new(SyncState::default()),
            is_closing: AtomicBool::new(false),
            is_left: AtomicBool::new(false),
            closed: OnceLock::new(),
            close_batch: Arc::default(),
            threads: Mutex::default(),
            helper: Mutex::default(),
            poison: OnceLock::new(),
            stuck: Mutex::default(),
            storage: parts.storage,
            settings: parts.settings,
            run_file: Mutex::new(Some(parts.run_file)),
            run,
            errors: parts.errors,
            log: Mutex::new(parts.log),
        }
    }

    #[cfg(test)]
    pub(crate) fn run(&self) -> RunId {
        self.run
    }

    pub(crate) fn storage(&self) -> &Arc<dyn Storage> {
        &self.storage
    }

    /// The number of a session in this run, given out at its first use.
    pub(crate) fn session_index(&self, id: &str) -> Result<u32> {
        self.check_process()?;
        self.sessions.number(id)
    }

    /// Appends one record; when this returns `Ok`, the record survives the death of the process.
    pub(crate) fn append(&self, kind: RecordKind, session: u32, payload: &[u8]) -> Result<Seq> {
        if let Err(error) = self.check_open() {
            return Err(self.refuse((kind, session), payload, error));
        }
        if seeded::has(Bug::AppendWaitsForSync) {
            drop(lock(&self.sync));
        }
        if (kind.is_system() || size_of(payload) <= self.record_len_max)
            && let Some(seq) = self.append_in_place(kind, session, payload)
        {
            return Ok(seq);
        }
        self.append_with_lane(kind, session, payload)
    }

    /// What most appends need not do, and need not set up.
    #[inline(never)]
    fn append_with_lane(&self, kind: RecordKind, session: u32, payload: &[u8]) -> Result<Seq> {
        let appended = self.append_with_log_held(kind, session, payload);
        appended.map_err(|error| self.refuse((kind, session), payload, error))
    }

    fn append_with_log_held(&self, kind: RecordKind, session: u32, payload: &[u8]) -> Result<Seq> {
        if !kind.is_system() {
            let (size, limit) = (size_of(payload), self.record_len_max);
            if size > limit {
                return Err(Error::LimitExceeded {
                    what: "record",
                    size,
                    limit,
                });
            }
            self.wait_for_backlog(padded(size))?;
        }
        let mut log = match self.lock_log_or_follow(kind, session, payload) {
            WriteRole::LogWriter(log) => log,
            WriteRole::Written(seq) => {
                let active = self.controls.active();
                self.after_append(active, active.reserve.tail().offset);
                return Ok(Seq::new(seq).unwrap_or(Seq::MAX));
            }
        };
        if log.is_closed {
            return Err(Error::Closed);
        }
        let id = self.sessions.id(session);
        let record = AppendRequest {
            kind,
            session,
            session_id: id.as_deref(),
            payload,
        };
        let durable = self.watermark.durable();
        let mut take_next = |room| self.take_next(room);
        let appended = log.append(record, durable, &mut take_next);
        if appended.is_ok() {
            self.has_refused.store(false, Ordering::SeqCst);
            self.tell_at.store(NEVER, Ordering::SeqCst);
        }
        drop(log);
        let active = self.controls.active();
        self.after_append(active, active.reserve.tail().offset);
        appended.map_err(|failure| match failure {
            AppendError::Refused(error) => error,
            AppendError::Poison(error) => self.poison(error),
        })
    }

    /// Appends to the mapped active segment without a lock; `None` if that takes more than room
    /// that is there, writable and under the backlog limit.
    #[inline]
    fn append_in_place(&self, kind: RecordKind, session: u32, payload: &[u8]) -> Option<Seq> {
        // Read before the tail, so that the backlog is never taken too small.
        let durable_bytes = self.watermark.durable_bytes();
        let segment = self.controls.active();
        let written_bytes = segment.bytes_at(segment.reserve.tail().offset);
        let backlog_bytes = written_bytes.saturating_sub(durable_bytes);
        let is_plain = segment.is_mapped()
            && self.declared.contains(segment.number, session)
            && !self.has_refused.load(Ordering::SeqCst);
        if !is_plain || !(kind.is_system() || self.fits_backlog(backlog_bytes, payload)) {
            return None;
        }
        let frame = segment.frame(kind, session, payload);
        let start = segment.try_append(&frame)?;
        self.after_append(segment, start.offset + frame.frame_len());
        Seq::new(segment.seq_at(start))
    }

    #[inline]
    fn after_append(&self, segment: &SegmentBuffer, end: u64) {
        self.bell.ring_if_resting();
        let written_bytes = segment.bytes_at(end);
        let backlog_bytes = written_bytes.saturating_sub(self.watermark.durable_bytes());
        if backlog_bytes >= self.settings.sync_bytes {
            self.bell.want_sync();
        }
        let is_loaded = backlog_bytes >= LOAD_BYTES;
        let is_first = segment.number == SegmentNumber::FIRST;
        let eighths = match (is_loaded, is_first) {
            (true, _) => EARLY,
            (false, true) => LATE,
            (false, false) => HALF,
        };
        if end > segment.file_len / 8 * eighths && !self.wants_segment.load(Ordering::SeqCst) {
            self.wants_segment.store(true, Ordering::SeqCst);
            self.tender.ring();
        }
        // Under load only: elsewhere the next sync renews as much as is needed.
        if is_loaded && segment.is_mapped() {
            let is_short = self.window_len.load(Ordering::Relaxed) / 2;
            let window_end = end.saturating_add(is_short).min(segment.file_len);
            if window_end > segment.writable_to() {
                self.want_window();
            }
        }
    }

    /// Asks the tender for more writable room.
    pub(super) fn want_window(&self) {
        // Waking a thread takes longer than many appends.
        if !self.wants_window.load(Ordering::SeqCst) {
            self.wants_window.store(true, Ordering::SeqCst);
            self.tender.ring();
        }
    }

    /// The last sequence number given out.
    pub(super) fn written(&self) -> u64 {
        let segment = self.controls.active();
        segment.seq_at(segment.reserve.tail()).saturating_sub(1)
    }

    /// Bytes of all frames so far.
    pub(super) fn written_bytes(&self) -> u64 {
        let segment = self.controls.active();
        segment.bytes_at(segment.reserve.tail().offset)
    }

    pub(super) fn is_dirty(&self) -> bool {
        self.watermark.is_dirty(self.written())
    }

    /// Hands over the next segment, with at least this much room.
    fn take_next(&self, room: u64) -> Result<Arc<ActiveSegment>, PrepareFailure> {
        let taken = lock(&self.next).take(&*self.storage, segment_len_for(room));
        self.wants_segment.store(false, Ordering::SeqCst);
        self.has_waited.store(false, Ordering::SeqCst);
        taken
    }

    /// Whether this process, and not a fork of it, opened the run.
    pub(super) fn check_process(&self) -> Result<()> {
        if self.storage.is_own_process() {
            Ok(())
        } else {
            Err(Error::Forked)
        }
    }

    #[inline]
    pub(crate) fn check_open(&self) -> Result<()> {
        self.check_process()?;
        if self.is_poisoned() && !seeded::has(Bug::PoisonIgnored) {
            return Err(self.poisoned().unwrap_or(Error::Closed));
        }
        match self.is_closing.load(Ordering::SeqCst) {
            true => Err(Error::Closed),
            false => Ok(()),
        }
    }

    #[inline]
    pub(crate) fn is_poisoned(&self) -> bool {
        self.poison.get().is_some()
    }

    /// Whether nothing is written to the run any more.
    pub(super) fn is_over(&self) -> bool {
        self.closed.get().is_some() || self.is_poisoned()
    }

    pub(super) fn lock_log(&self) -> MutexGuard<'_, LogWriter> {
        lock(&self.log)
    }
}

pub(super) fn size_of(payload: &[u8]) -> u64 {
    u64::try_from(payload.len()).unwrap_or(u64::MAX)
}

/// Locks; a thread that panicked while it held the lock left nothing half done behind, because
/// every change that matters is made by single stores at its end.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// With so much waiting for a sync, appenders need more writable room than one page after another.
pub(super) const LOAD_BYTES: u64 = 128 << 10;

/// The next segment is made when so many eighths of the active one are used: half of it, under load
/// less, because making one takes as long as filling many megabytes, and of the first one more:
/// most runs that write little end in that.
const HALF: u64 = 4;
const EARLY: u64 = 1;
const LATE: u64 = 6;
