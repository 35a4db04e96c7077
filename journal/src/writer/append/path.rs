//! The append that takes no lock: into room that is there, writable and under the backlog limit.

use std::sync::Arc;

use super::backlog::BacklogLimit;
use super::run_session::RunSession;
use crate::format::{PAYLOAD_LEN_MAX, RecordKind, padded};
use crate::seq::{SegmentNumber, Seq};
use crate::settings::WriterSettings;
use crate::writer::segment::buffer::SegmentBuffer;
use crate::writer::segment::list::SegmentList;
use crate::writer::signals::Signals;
use crate::writer::sync_primitives::atomic::{AtomicBool, Ordering};

/// The way of most records into the active segment.
#[derive(Debug)]
pub(crate) struct AppendPath {
    segments: Arc<SegmentList>,
    signals: Arc<Signals>,
    limits: AppendLimits,
    /// Refused records are to be noted before the next one. Sequentially consistent: an append that
    /// begins after a refusal was counted sees it.
    has_refused: AtomicBool,
}

/// A record that has been written, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) seq: Seq,
    pub(crate) segment: SegmentNumber,
    /// Of its frame.
    pub(crate) offset: u64,
}

/// What a record is held to, and when bytes ask for a sync.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AppendLimits {
    /// The longest payload of a record that is not the journal's own.
    pub(crate) record_len_max: u64,
    pub(crate) backlog: BacklogLimit,
    pub(crate) sync_bytes: u64,
}

impl AppendLimits {
    pub(crate) fn of(settings: &WriterSettings) -> AppendLimits {
        AppendLimits {
            record_len_max: settings.record_bytes_max.min(u64::from(PAYLOAD_LEN_MAX)),
            backlog: BacklogLimit::new(settings.backlog_bytes_max),
            sync_bytes: settings.sync_bytes,
        }
    }
}

impl AppendPath {
    pub(crate) fn new(
        segments: Arc<SegmentList>,
        signals: Arc<Signals>,
        limits: AppendLimits,
    ) -> AppendPath {
        AppendPath {
            segments,
            signals,
            limits,
            has_refused: AtomicBool::new(false),
        }
    }

    pub(crate) fn limits(&self) -> &AppendLimits {
        &self.limits
    }

    /// Appends to the mapped active segment without a lock; `None` if that takes more than room
    /// that is there, writable and under the backlog limit.
    #[inline]
    pub(crate) fn append(
        &self,
        kind: RecordKind,
        session: Option<&RunSession>,
        payload: &[u8],
    ) -> Option<Seq> {
        let placed = self.append_within(kind, session, payload, None)?;
        Some(placed.seq)
    }

    /// As [`append`](AppendPath::append), and says where; if a segment is named, only there.
    #[inline]
    pub(crate) fn append_within(
        &self,
        kind: RecordKind,
        session: Option<&RunSession>,
        payload: &[u8],
        within: Option<SegmentNumber>,
    ) -> Option<Placed> {
        let len = len_of(payload);
        if !kind.is_system() && len > self.limits.record_len_max {
            return None;
        }
        // Read before the tail, so that the backlog is never taken too small.
        let durable_bytes = self.signals.watermark().durable_bytes();
        let segment = self.segments.active();
        let written_bytes = segment.bytes_at(segment.tail().offset);
        let backlog_bytes = written_bytes.saturating_sub(durable_bytes);
        let index = self.bare_index(segment, session)?;
        let is_plain = segment.is_mapped();
        let has_room = || self.limits.backlog.has_room(backlog_bytes, padded(len));
        if !is_plain || !(kind.is_system() || has_room()) {
            return None;
        }
        if within.is_some_and(|within| within != segment.number()) {
            return None;
        }
        let frame = segment.frame(kind, index, payload);
        let start = segment.try_append(&frame)?;
        self.after_append(segment, start.offset + frame.frame_len());
        Some(Placed {
            seq: Seq::new(segment.seq_at(start))?,
            segment: segment.number(),
            offset: start.offset,
        })
    }

    /// The segment that records go into now.
    pub(crate) fn active(&self) -> SegmentNumber {
        self.segments.active().number()
    }

    /// The index of a record's session, 0 if it has none; `None` if something has to go before it.
    #[inline]
    pub(crate) fn bare_index(
        &self,
        segment: &SegmentBuffer,
        session: Option<&RunSession>,
    ) -> Option<u32> {
        let index = match session {
            None => 0,
            Some(session) => session.index_in(segment.number())?,
        };
        (!self.has_refused.load(Ordering::SeqCst)).then_some(index)
    }

    /// Says whether refused records are to be noted before the next one.
    pub(crate) fn set_has_refused(&self, has_refused: bool) {
        self.has_refused.store(has_refused, Ordering::SeqCst);
    }

    /// Asks for what is due when the active segment's frames go up to its tail.
    pub(crate) fn after_locked_append(&self) {
        let active = self.segments.active();
        self.after_append(active, active.tail().offset);
    }

    #[inline]
    fn after_append(&self, segment: &SegmentBuffer, end: u64) {
        self.signals.syncer().notify_if_parked();
        let written_bytes = segment.bytes_at(end);
        let durable_bytes = self.signals.watermark().durable_bytes();
        let backlog_bytes = written_bytes.saturating_sub(durable_bytes);
        if backlog_bytes >= self.limits.sync_bytes {
            self.signals.syncer().want_sync();
        }
        let is_loaded = backlog_bytes >= LOAD_BYTES;
        let is_first = segment.number() == SegmentNumber::FIRST;
        let eighths = match (is_loaded, is_first) {
            (true, _) => EARLY,
            (false, true) => LATE,
            (false, false) => HALF,
        };
        if end > segment.file_len() / 8 * eighths {
            self.signals.want_segment();
        }
        // Under load only: elsewhere the next sync renews as much as is needed.
        if is_loaded && segment.is_mapped() {
            let is_short = self.signals.window_len() / 2;
            let window_end = end.saturating_add(is_short).min(segment.file_len());
            if window_end > segment.writable_to() {
                self.signals.want_window();
            }
        }
    }
}

/// The length of a payload.
pub(crate) fn len_of(payload: &[u8]) -> u64 {
    u64::try_from(payload.len()).unwrap_or(u64::MAX)
}

/// With so much waiting for a sync, appenders need more writable room than one page after another.
pub(crate) const LOAD_BYTES: u64 = 128 << 10;

/// The next segment is made when so many eighths of the active one are used: half of it, under load
/// less, because making one takes as long as filling many megabytes, and of the first one more:
/// most runs that write little end in that.
const HALF: u64 = 4;
const EARLY: u64 = 1;
const LATE: u64 = 6;
