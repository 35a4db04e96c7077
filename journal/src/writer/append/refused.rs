//! Records that were refused, counted until the journal can say so in a record.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use super::log_writer::LogWriter;
use super::preamble::encode;
use crate::error::{Error, Result};
use crate::event::system::{Clocks, REFUSED_CODE_LEN_MAX, REFUSED_SESSIONS_MAX, Refused};
use crate::format::RecordKind;
use crate::seeded::{self, Bug};
use crate::writer::run::RunWriter;
use crate::writer::sync_primitives::atomic::Ordering;

/// One record that was refused.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RefusedRecord {
    pub(crate) bytes: u64,
    pub(crate) code: &'static str,
    /// Its session's index; 0 if it had none or none that is known.
    pub(crate) session: u32,
    pub(crate) at: Clocks,
}

/// What was refused since the last notes of it: one tally for each code.
#[derive(Debug, Default)]
pub(crate) struct RefusedCounts(Vec<RefusedCount>);

/// Records refused for one reason.
#[derive(Clone, Debug)]
struct RefusedCount {
    code: &'static str,
    count: u64,
    bytes: u64,
    first: Clocks,
    last: Clocks,
    sessions: RefusedSessions,
}

/// Which sessions they were of: the first few by their indices, and a bit for each.
#[derive(Clone, Debug, Default)]
struct RefusedSessions {
    named: Vec<u32>,
    bits: Vec<u64>,
    count: u64,
}

/// What was refused and is not on record yet, and when it is to be.
///
/// The first refusal is put on record at once and those after it at growing intervals, as far as
/// there is room; with the next record that is written; and at the end, into the room kept for it.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    pub(crate) tallies: RefusedCounts,
    /// When the next note may be written; `None`: at once.
    next_at: Option<Duration>,
    interval: Duration,
}

impl Pending {
    fn is_due(&self, now: Duration) -> bool {
        self.next_at.is_none_or(|at| at <= now)
    }

    /// The next note has to wait, longer than the one before.
    fn postpone(&mut self, now: Duration) {
        self.interval = (self.interval * 2).clamp(INTERVAL_MIN, INTERVAL_MAX);
        self.next_at = Some(now + self.interval);
    }

    /// A record was written, with all there was to say before it.
    pub(crate) fn was_told(&mut self) {
        *self = Pending::default();
    }
}

impl RunWriter {
    /// Counts a record that is not appended for this reason, which it gives back.
    #[cold]
    pub(crate) fn refuse(
        &self,
        (kind, session): (RecordKind, u32),
        payload: &[u8],
        error: Error,
    ) -> Error {
        // The journal's own notes are no records that anybody misses.
        if kind.system_name().is_none() {
            self.note_refused(session, payload.len(), error.code());
        }
        error
    }

    /// Counts a record that was refused before or while it was appended, and puts that on record
    /// if it is time to. The host's own doing is not counted: appends after the end, or in a fork.
    pub(crate) fn note_refused(&self, session: u32, payload_len: usize, code: &'static str) {
        // In a fork a lock may never be free.
        if self.check_process().is_err() || code == Error::Closed.code() {
            return;
        }
        let refusal = RefusedRecord {
            bytes: u64::try_from(payload_len).unwrap_or(u64::MAX),
            code,
            session,
            at: self.clocks(),
        };
        let mut log = self.lock_log();
        // What a poisoned run refuses is for the run that takes its place to tell.
        if log.is_closed && !self.is_poisoned() {
            return;
        }
        log.refused.tallies.add(refusal);
        self.note_due(&mut log);
    }

    /// Has a run that takes this one's place tell what this one has refused and not told.
    pub(crate) fn leave_refused_to(&self, heir: &RunWriter) {
        let mut left = std::mem::take(&mut self.lock_log().refused.tallies);
        left.renumber(|index| {
            let id = self.sessions.id(index);
            id.and_then(|id| heir.sessions.number(&id).ok())
                .unwrap_or(0)
        });
        heir.take_refused(left);
    }

    /// Counts what somebody else has refused.
    pub(crate) fn take_refused(&self, more: RefusedCounts) {
        if more.is_empty() {
            return;
        }
        let mut log = self.lock_log();
        log.refused.tallies.merge(more);
        self.note_due(&mut log);
    }

    /// Puts on record what was refused, if it is time to.
    pub(crate) fn tell_refused(&self) {
        self.note_due(&mut self.lock_log());
    }

    fn note_due(&self, log: &mut LogWriter) {
        let now = self.now();
        let is_over = log.is_closed || self.is_poisoned();
        if !is_over && log.refused.is_due(now) && !seeded::has(Bug::RefusedNotNoted) {
            log.note_refused();
            log.refused.postpone(now);
        }
        let tell_at = log
            .refused
            .next_at
            .filter(|_| !log.refused.tallies.is_empty());
        self.has_refused.store(tell_at.is_some(), Ordering::SeqCst);
        let nanoseconds = tell_at.map_or(NEVER, |at| u64::try_from(at.as_nanos()).unwrap_or(NEVER));
        self.tell_at.store(nanoseconds, Ordering::SeqCst);
        self.bell.ring_if_resting();
    }

    /// When what was refused is to be put on record, if anything was.
    pub(crate) fn tell_at(&self) -> Option<Duration> {
        let nanoseconds = self.tell_at.load(Ordering::SeqCst);
        (nanoseconds != NEVER).then(|| Duration::from_nanos(nanoseconds))
    }
}

impl LogWriter {
    /// Writes the notes of refused records if there are any and they fit where records do.
    pub(crate) fn note_refused(&mut self) {
        let notes = self.refused.tallies.notes();
        let whole = self.refused.tallies.note();
        for notes in [notes, whole.into_iter().collect()] {
            let payloads: Result<Vec<_>> = notes.iter().map(encode).collect();
            let payloads = payloads.unwrap_or_default();
            let segment = Arc::clone(&self.active);
            let payloads = payloads.iter();
            let frames = payloads.map(|payload| segment.frame(RecordKind::REFUSED, 0, payload));
            let frames: Vec<_> = frames.collect();
            if !frames.is_empty() && matches!(self.put(&segment, &frames), Ok(Some(_))) {
                self.refused.tallies.clear();
                return;
            }
        }
    }

    /// Writes a last note into the room kept for it; nothing is written behind it.
    pub(crate) fn note_refused_at_last(&mut self) {
        let Some(payload) = self.last_note() else {
            return;
        };
        let segment = Arc::clone(&self.active);
        let frames = [segment.frame(RecordKind::REFUSED, 0, &payload)];
        if matches!(
            self.write_next(&segment, &frames, segment.file_len),
            Ok(Some(_))
        ) {
            self.refused.tallies.clear();
        }
    }

    /// All that is still to be said, as the payload of one note.
    pub(crate) fn last_note(&self) -> Option<Vec<u8>> {
        let note = self.refused.tallies.note()?;
        encode(&note)
            .ok()
            .filter(|_| !seeded::has(Bug::RefusedNotNoted))
    }
}

impl RefusedCounts {
    /// Counts one refused record.
    pub(crate) fn add(&mut self, refusal: RefusedRecord) {
        let at = self.0.iter().position(|tally| tally.code == refusal.code);
        let tally = match at.and_then(|at| self.0.get_mut(at)) {
            Some(tally) => tally,
            None => {
                self.0.push(RefusedCount::new(refusal));
                return;
            }
        };
        tally.count = tally.count.saturating_add(1);
        tally.bytes = tally.bytes.saturating_add(refusal.bytes);
        tally.last = refusal.at;
        tally.sessions.add(refusal.session);
    }

    /// Counts what others have counted, too.
    pub(crate) fn merge(&mut self, more: RefusedCounts) {
        for tally in more.0 {
            match self.0.iter_mut().find(|known| known.code == tally.code) {
                Some(known) => known.merge(&tally),
                None => self.0.push(tally),
            }
        }
    }

    /// Gives the sessions other indices.
    fn renumber(&mut self, number: impl Fn(u32) -> u32) {
        for tally in &mut self.0 {
            let sessions = std::mem::take(&mut tally.sessions);
            sessions
                .all()
                .for_each(|index| tally.sessions.add(number(index)));
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is to be said, a note for each code.
    pub(crate) fn notes(&self) -> Vec<Refused<'static>> {
        self.0.iter().map(RefusedCount::note).collect()
    }

    /// All of it in one note, under the code that came first; `None` if there is nothing to say.
    pub(crate) fn note(&self) -> Option<Refused<'static>> {
        let mut tallies = self.0.iter();
        let mut whole = tallies.next()?.clone();
        tallies.for_each(|tally| whole.merge(tally));
        Some(whole.note())
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

impl RefusedCount {
    fn new(refusal: RefusedRecord) -> RefusedCount {
        let mut sessions = RefusedSessions::default();
        sessions.add(refusal.session);
        RefusedCount {
            code: refusal.code,
            count: 1,
            bytes: refusal.bytes,
            first: refusal.at,
            last: refusal.at,
            sessions,
        }
    }

    fn merge(&mut self, more: &RefusedCount) {
        self.count = self.count.saturating_add(more.count);
        self.bytes = self.bytes.saturating_add(more.bytes);
        self.last = more.last;
        more.sessions
            .all()
            .for_each(|session| self.sessions.add(session));
    }

    fn note(&self) -> Refused<'static> {
        let is_short = self.code.len() <= REFUSED_CODE_LEN_MAX;
        Refused {
            count: self.count,
            bytes: self.bytes,
            code: Cow::Borrowed(if is_short { self.code } else { "other" }),
            first: self.first,
            last: self.last,
            sessions: self.sessions.named.clone(),
            session_count: self.sessions.count,
            extras: Vec::new(),
        }
    }
}

impl RefusedSessions {
    fn add(&mut self, session: u32) {
        // One bit for each index a run can have: 2 MiB at most.
        let Ok(place) = usize::try_from(session / u64::BITS) else {
            return;
        };
        if session == 0 {
            return;
        }
        if self.bits.len() <= place {
            self.bits.resize(place + 1, 0);
        }
        let bit = 1 << (session % u64::BITS);
        if let Some(word) = self.bits.get_mut(place)
            && *word & bit == 0
        {
            *word |= bit;
            self.count += 1;
            if self.named.len() < REFUSED_SESSIONS_MAX {
                self.named.push(session);
            }
        }
    }

    fn all(&self) -> impl Iterator<Item = u32> {
        let words = (0..).step_by(64).zip(&self.bits);
        words.flat_map(|(first, word)| {
            (0..64)
                .filter(move |b| word >> b & 1 == 1)
                .map(move |b| first + b)
        })
    }
}

/// The shortest time from one note to the next, and the longest.
const INTERVAL_MIN: Duration = Duration::from_secs(1);
const INTERVAL_MAX: Duration = Duration::from_secs(3600);

/// Nothing is to be told.
pub(crate) const NEVER: u64 = u64::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(code: &'static str, session: u32, second: i64) -> RefusedRecord {
        RefusedRecord {
            bytes: 10,
            code,
            session,
            at: Clocks {
                wall_seconds: second,
                ..Clocks::default()
            },
        }
    }

    #[test]
    fn each_code_has_a_note_with_its_sessions_and_times() {
        let mut tallies = RefusedCounts::default();
        for session in 0..20 {
            tallies.add(refusal("disk-full", session % 11, i64::from(session)));
        }
        tallies.add(refusal("backlog", 70, 30));
        let notes = tallies.notes();
        let [full, backlog] = notes.as_slice() else {
            panic!("{notes:?}");
        };
        assert_eq!(
            (full.count, full.bytes, &*full.code),
            (20, 200, "disk-full")
        );
        assert_eq!(full.sessions, [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(full.session_count, 10);
        let times = (full.first.wall_seconds, full.last.wall_seconds);
        assert_eq!(times, (0, 19));
        assert_eq!((backlog.count, backlog.session_count), (1, 1));
        let whole = tallies.note().unwrap();
        assert_eq!(
            (whole.count, whole.bytes, &*whole.code),
            (21, 210, "disk-full")
        );
        assert_eq!((whole.sessions.len(), whole.session_count), (8, 11));
        assert_eq!(whole.last.wall_seconds, 30);
    }
}
