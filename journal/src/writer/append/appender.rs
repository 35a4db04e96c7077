//! Appending: the path without a lock, the log for what takes more than that, and groups of records
//! that one thread writes for several.

use std::sync::Arc;

use super::log_writer::{AppendError, LogWriter};
use super::open_sessions::OpenSessions;
use super::path::{AppendLimits, AppendPath, Placed, len_of};
use super::preamble::{AppendRequest, encode};
use super::refused::{RefusedCounts, RefusedRecord};
use super::run_session::RunSession;
use super::write_group::{Follower, WriteGroup, WriteOutcome};
use crate::error::{Error, Result};
use crate::event::system::{RunClose, SyncMark};
use crate::format::RecordKind;
use crate::seeded::{self, Bug};
use crate::seq::{SegmentNumber, Seq};
use crate::writer::run_constants::RunConstants;
use crate::writer::segment::buffer::SegmentBuffer;
use crate::writer::segment::list::SegmentList;
use crate::writer::signals::Signals;
use crate::writer::supply::preallocator::Preallocator;
use crate::writer::sync_primitives::{Mutex, MutexGuard, lock, thread, try_lock};

/// All ways in which records get into a run.
#[derive(Debug)]
pub(crate) struct Appender {
    constants: Arc<RunConstants>,
    segments: Arc<SegmentList>,
    signals: Arc<Signals>,
    supply: Arc<Preallocator>,
    path: AppendPath,
    sessions: OpenSessions,
    /// The end of the run. See `RunWriter` for when it is locked.
    log: Mutex<LogWriter>,
    /// Records that wait for the log.
    group: WriteGroup,
}

/// What comes of waiting for the log.
#[derive(Debug)]
enum WriteRole<'a> {
    /// To write, with the log.
    Leader(MutexGuard<'a, LogWriter>),
    /// None any more: another thread has written the record, which has this sequence number.
    Written(u64),
}

impl Appender {
    pub(crate) fn new(
        constants: Arc<RunConstants>,
        signals: Arc<Signals>,
        supply: Arc<Preallocator>,
        log: LogWriter,
    ) -> Appender {
        let segments = log.segments();
        let limits = AppendLimits::of(constants.settings());
        let path = AppendPath::new(Arc::clone(&segments), Arc::clone(&signals), limits);
        Appender {
            constants,
            segments,
            signals,
            supply,
            path,
            sessions: OpenSessions::default(),
            log: Mutex::new(log),
            group: WriteGroup::default(),
        }
    }

    pub(crate) fn limits(&self) -> &AppendLimits {
        self.path.limits()
    }

    /// The session of this id.
    pub(crate) fn session(&self, id: &str) -> Result<Arc<RunSession>> {
        let active = self.segments.active().number();
        let is_in_use = |session: &RunSession| session.index_in(active).is_some();
        self.sessions.session(id, is_in_use)
    }

    /// Lets go of a session that ended.
    pub(crate) fn forget(&self, session: &RunSession) {
        if !seeded::has(Bug::EndedSessionKept) {
            self.sessions.forget(session);
        }
    }

    /// Appends without a lock if that is possible now.
    #[inline]
    pub(crate) fn append_lock_free(
        &self,
        kind: RecordKind,
        session: Option<&RunSession>,
        payload: &[u8],
    ) -> Option<Seq> {
        self.path.append(kind, session, payload)
    }

    /// As [`append_lock_free`](Appender::append_lock_free), and says where; if a segment is named,
    /// only there.
    pub(crate) fn place_lock_free(
        &self,
        (kind, session): (RecordKind, Option<&RunSession>),
        payload: &[u8],
        within: Option<SegmentNumber>,
    ) -> Option<Placed> {
        self.path.append_within(kind, session, payload, within)
    }

    /// The segment that records go into now.
    pub(crate) fn active_segment(&self) -> SegmentNumber {
        self.path.active()
    }

    /// Appends with the log, or has the thread that has it write the record.
    pub(crate) fn append_with_log(
        &self,
        kind: RecordKind,
        session: Option<&RunSession>,
        payload: &[u8],
    ) -> Result<Seq, AppendError> {
        match self.lock_log_or_follow(kind, session, payload) {
            WriteRole::Leader(log) => {
                let placed = self.append_as_leader(log, (kind, session), payload, None);
                placed.map(|placed| placed.seq)
            }
            WriteRole::Written(seq) => {
                self.path.after_locked_append();
                Ok(Seq::new(seq).unwrap_or(Seq::MAX))
            }
        }
    }

    /// Appends with the log and says where; if a segment is named, only there.
    pub(crate) fn place_with_log(
        &self,
        what: (RecordKind, Option<&RunSession>),
        payload: &[u8],
        within: Option<SegmentNumber>,
    ) -> Result<Placed, AppendError> {
        self.append_as_leader(self.lock_log(), what, payload, within)
    }

    fn append_as_leader(
        &self,
        mut log: MutexGuard<'_, LogWriter>,
        (kind, session): (RecordKind, Option<&RunSession>),
        payload: &[u8],
        within: Option<SegmentNumber>,
    ) -> Result<Placed, AppendError> {
        if log.is_closed() {
            return Err(AppendError::Refused(Error::Closed));
        }
        let record = AppendRequest {
            kind,
            session,
            payload,
            within,
        };
        let durable = self.signals.watermark().durable();
        let appended = log.append(record, durable, &mut |room| self.supply.take(room));
        if appended.is_ok() {
            self.path.set_has_refused(false);
            self.signals.set_note_refused_at(None);
        }
        drop(log);
        self.path.after_locked_append();
        appended
    }

    /// Waits for the log, or until the thread that has it has written the record, too.
    fn lock_log_or_follow(
        &self,
        kind: RecordKind,
        session: Option<&RunSession>,
        payload: &[u8],
    ) -> WriteRole<'_> {
        let free = try_lock(&self.log);
        let is_alone = free.is_some() && self.group.members() == 0;
        let declared = self.grouped_index(session, payload);
        let Some(declared) = declared.filter(|_| !is_alone) else {
            return WriteRole::Leader(free.unwrap_or_else(|| self.lock_log()));
        };
        let follower = self.group.join(kind, declared, payload);
        let mut log = free.or_else(|| self.lock_log_unless_settled(&follower));
        if let Some(log) = &mut log
            && follower.outcome() == WriteOutcome::Waiting
        {
            self.write_group(log);
        }
        match follower.outcome() {
            WriteOutcome::Written(seq) => WriteRole::Written(seq),
            _ => WriteRole::Leader(log.unwrap_or_else(|| self.lock_log())),
        }
    }

    /// If the record comes by a positioned write and nothing has to go before it: the index of its
    /// session, and the segment where that is declared.
    fn grouped_index(
        &self,
        session: Option<&RunSession>,
        payload: &[u8],
    ) -> Option<(u32, SegmentNumber)> {
        let segment = self.segments.active();
        let is_short = len_of(payload) <= GROUPED_LEN_MAX;
        let may_follow = segment.is_positioned() && is_short;
        let index = self.path.bare_index(segment, session);
        Some((index.filter(|_| may_follow)?, segment.number()))
    }

    /// Waits for the log or, as `None` says, until it is settled what becomes of the record.
    fn lock_log_unless_settled(&self, follower: &Follower) -> Option<MutexGuard<'_, LogWriter>> {
        for look in 0..LOOKS {
            if follower.outcome() != WriteOutcome::Waiting {
                return None;
            }
            // At first, the thread that has the log is given time to come back and take the group
            // along.
            let log = (look >= LOOKS_AT_OUTCOME).then(|| try_lock(&self.log));
            if let Some(log) = log.flatten() {
                return Some(log);
            }
            // Others may have records to leave, and no processor.
            thread::yield_now();
        }
        Some(self.lock_log())
    }

    fn write_group(&self, log: &mut LogWriter) {
        let group = self.group.take();
        let believed =
            seeded::has(Bug::GroupBelieved).then(|| self.segments.written() + group.len());
        let last_seq = log.append_group(group.records()).or(believed);
        group.settle(last_seq);
    }

    /// Counts a record that is not appended for this reason, which it gives back.
    #[cold]
    pub(crate) fn refuse(
        &self,
        (kind, session): (RecordKind, Option<&RunSession>),
        payload: &[u8],
        error: Error,
    ) -> Error {
        // The journal's own notes are no records that a caller misses.
        if kind.system_name().is_none() {
            self.note_refused(session, payload.len(), error.code());
        }
        error
    }

    /// Counts a record that was refused before or while it was appended, and puts that on record
    /// if it is time to. The host's own doing is not counted: appends after the end, or in a fork.
    pub(crate) fn note_refused(
        &self,
        session: Option<&RunSession>,
        payload_len: usize,
        code: &'static str,
    ) {
        // In a fork a lock may never be free.
        if self.constants.check_process().is_err() || code == Error::Closed.code() {
            return;
        }
        let mut refusal = RefusedRecord {
            bytes: u64::try_from(payload_len).unwrap_or(u64::MAX),
            code,
            session: None,
            at: self.constants.clocks(),
        };
        let mut log = self.lock_log();
        // What a poisoned run refuses is for the run that takes its place to tell.
        if log.is_closed() && !self.signals.is_poisoned() {
            return;
        }
        let index = log.index_of(session).filter(|index| *index > 0);
        refusal.session = index.zip(session.map(RunSession::shared_id));
        log.refused().add(refusal);
        self.note_if_due(&mut log);
    }

    /// Has a run that takes this one's place tell what this one has refused and not told.
    pub(crate) fn leave_refused_to(&self, heir: &Appender) {
        let mut left = self.lock_log().refused().take();
        left.renumber(|id| {
            let session = heir.session(id).ok()?;
            heir.lock_log().index_of(Some(&session))
        });
        heir.take_refused(left);
    }

    /// Counts what another run, or the handle without one, has refused.
    pub(crate) fn take_refused(&self, more: RefusedCounts) {
        if more.is_empty() {
            return;
        }
        let mut log = self.lock_log();
        log.refused().merge(more);
        self.note_if_due(&mut log);
    }

    /// Puts on record what was refused, if it is time to.
    pub(crate) fn note_refused_if_due(&self) {
        self.note_if_due(&mut self.lock_log());
    }

    fn note_if_due(&self, log: &mut LogWriter) {
        let now = self.constants.now();
        if !log.is_closed() && !self.signals.is_poisoned() {
            log.note_refused_if_due(now);
        }
        let note_at = log.refused().note_at();
        self.path.set_has_refused(note_at.is_some());
        self.signals.set_note_refused_at(note_at);
        self.signals.syncer().notify_if_parked();
    }

    /// Leaves a sync mark if that takes no waiting; gives its sequence number.
    pub(crate) fn try_append_mark(&self, durable_seq: u64, durable_bytes: u64) -> Option<u64> {
        let segment = self.segments.active();
        let payload = self.mark(segment, durable_seq, durable_bytes).ok();
        let stored = payload.and_then(|payload| {
            let frame = segment.frame(RecordKind::SYNC_MARK, 0, &payload);
            segment.try_append(&frame)
        });
        if let Some(start) = stored {
            return Some(segment.seq_at(start));
        }
        let mut log = try_lock(&self.log)?;
        log.append_own(RecordKind::SYNC_MARK, |segment| {
            self.mark(segment, durable_seq, durable_bytes)
        })
    }

    /// Leaves a sync mark as soon as no other thread has the log, if it fits into the active
    /// segment: the syncer must not wait for itself.
    pub(crate) fn append_mark(&self, durable_seq: u64, durable_bytes: u64) -> Option<u64> {
        self.lock_log()
            .append_own(RecordKind::SYNC_MARK, |segment| {
                self.mark(segment, durable_seq, durable_bytes)
            })
    }

    fn mark(
        &self,
        segment: &SegmentBuffer,
        durable_seq: u64,
        durable_bytes: u64,
    ) -> Result<Vec<u8>> {
        encode(&SyncMark {
            durable_seq,
            first_seq: segment.first_seq(),
            durable_end: segment.offset_of(durable_bytes),
            clocks: self.constants.clocks(),
            extras: Vec::new(),
        })
    }

    /// Closes the log at once: the run is given up.
    pub(crate) fn abandon(&self) {
        self.lock_log().set_closed();
    }

    /// As [`LogWriter::end`].
    pub(crate) fn end(&self, tells_refused: bool) {
        self.lock_log().end(tells_refused);
    }

    /// As [`LogWriter::close`].
    pub(crate) fn close(&self, last: &RunClose<'_>, durable_seq: u64) -> Result<()> {
        self.lock_log().close(last, durable_seq)
    }

    /// As [`LogWriter::cut`].
    pub(crate) fn cut(&self) -> SegmentNumber {
        self.lock_log().cut()
    }

    pub(crate) fn lock_log(&self) -> MutexGuard<'_, LogWriter> {
        lock(&self.log)
    }
}

/// Copying a longer payload to where the group is takes longer than a call of its own.
pub(crate) const GROUPED_LEN_MAX: u64 = 16 << 10;

/// How often a follower looks for the log, and gives the processor to others, before it sleeps; and
/// how often only at what became of its record.
const LOOKS: u32 = 20;
const LOOKS_AT_OUTCOME: u32 = 4;

#[cfg(all(test, not(loom)))]
mod tests;
