//! Records that were refused, counted until the journal can say so in a record.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use crate::event::system::{Clocks, REFUSED_CODE_LEN_MAX, REFUSED_SESSIONS_MAX, Refused};

/// One record that was refused.
#[derive(Clone, Debug)]
pub(crate) struct RefusedRecord {
    pub(crate) bytes: u64,
    pub(crate) code: &'static str,
    /// Its session's index and id, if it had a session that is known.
    pub(crate) session: Option<(u32, Arc<str>)>,
    pub(crate) at: Clocks,
}

/// What was refused since the last notes of it: one count for each code.
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

/// Which sessions they were of: the first few by their indices and ids, and a bit for each.
#[derive(Clone, Debug, Default)]
struct RefusedSessions {
    named: Vec<(u32, Arc<str>)>,
    bits: Vec<u64>,
    count: u64,
}

/// What was refused and is not on record yet, and when it is to be.
///
/// The first refusal is put on record at once and those after it at growing intervals, as far as
/// there is room; with the next record that is written; and at the end, into the room kept for it.
#[derive(Debug, Default)]
pub(crate) struct PendingRefusals {
    counts: RefusedCounts,
    /// When the next note may be written; `None`: at once.
    next_at: Option<Duration>,
    interval: Duration,
}

impl PendingRefusals {
    pub(crate) fn counts(&self) -> &RefusedCounts {
        &self.counts
    }

    /// Counts one refused record.
    pub(crate) fn add(&mut self, refusal: RefusedRecord) {
        self.counts.add(refusal);
    }

    /// Counts what others have counted, too.
    pub(crate) fn merge(&mut self, more: RefusedCounts) {
        self.counts.merge(more);
    }

    /// Leaves what was counted to another run.
    pub(crate) fn take(&mut self) -> RefusedCounts {
        std::mem::take(&mut self.counts)
    }

    /// Says that all that was counted is on record.
    pub(crate) fn clear(&mut self) {
        self.counts.0.clear();
    }

    pub(crate) fn is_due(&self, now: Duration) -> bool {
        self.next_at.is_none_or(|at| at <= now)
    }

    /// When the next note is to be written, if there is anything to say.
    pub(crate) fn note_at(&self) -> Option<Duration> {
        self.next_at.filter(|_| !self.counts.is_empty())
    }

    /// The next note has to wait, longer than the one before.
    pub(crate) fn postpone(&mut self, now: Duration) {
        self.interval = (self.interval * 2).clamp(INTERVAL_MIN, INTERVAL_MAX);
        self.next_at = Some(now + self.interval);
    }

    /// A record was written, with all there was to say before it.
    pub(crate) fn was_told(&mut self) {
        *self = PendingRefusals::default();
    }
}

impl RefusedCounts {
    /// Counts one refused record.
    pub(crate) fn add(&mut self, refusal: RefusedRecord) {
        let at = self
            .0
            .iter()
            .position(|refused| refused.code == refusal.code);
        let refused = match at.and_then(|at| self.0.get_mut(at)) {
            Some(refused) => refused,
            None => {
                self.0.push(RefusedCount::new(refusal));
                return;
            }
        };
        refused.count = refused.count.saturating_add(1);
        refused.bytes = refused.bytes.saturating_add(refusal.bytes);
        refused.last = refusal.at;
        refused.sessions.add_named(refusal.session);
    }

    /// Counts what others have counted, too.
    pub(crate) fn merge(&mut self, more: RefusedCounts) {
        for refused in more.0 {
            match self.0.iter_mut().find(|known| known.code == refused.code) {
                Some(known) => known.merge(&refused),
                None => self.0.push(refused),
            }
        }
    }

    /// Gives the sessions other indices, by their ids; of those without a name only how many they
    /// are goes on.
    pub(crate) fn renumber(&mut self, number: impl Fn(&str) -> Option<u32>) {
        for refused in &mut self.0 {
            let sessions = std::mem::take(&mut refused.sessions);
            refused.sessions.count = sessions.unnamed();
            for (_, id) in sessions.named {
                let index = number(&id);
                refused.sessions.add_named(index.map(|index| (index, id)));
            }
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
        let mut counts = self.0.iter();
        let mut whole = counts.next()?.clone();
        counts.for_each(|refused| whole.merge(refused));
        Some(whole.note())
    }
}

impl RefusedCount {
    fn new(refusal: RefusedRecord) -> RefusedCount {
        let mut sessions = RefusedSessions::default();
        sessions.add_named(refusal.session);
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
        let named = more.sessions.named.iter().cloned();
        named.for_each(|session| self.sessions.add_named(Some(session)));
        let mut known = 0;
        for index in more.sessions.all() {
            known += 1;
            self.sessions.add(index);
        }
        // Those that another run has counted.
        self.sessions.count += more.sessions.count.saturating_sub(known);
    }

    fn note(&self) -> Refused<'static> {
        let is_short = self.code.len() <= REFUSED_CODE_LEN_MAX;
        Refused {
            count: self.count,
            bytes: self.bytes,
            code: Cow::Borrowed(if is_short { self.code } else { "other" }),
            first: self.first,
            last: self.last,
            sessions: self.sessions.named.iter().map(|named| named.0).collect(),
            session_count: self.sessions.count,
            extras: Vec::new(),
        }
    }
}

impl RefusedSessions {
    /// Adds one that has a name, if it is another one.
    fn add_named(&mut self, session: Option<(u32, Arc<str>)>) {
        let is_new = session.as_ref().is_some_and(|(index, _)| self.add(*index));
        if is_new && self.named.len() < REFUSED_SESSIONS_MAX {
            self.named.extend(session);
        }
    }

    /// How many have no name here.
    fn unnamed(&self) -> u64 {
        let named = u64::try_from(self.named.len()).unwrap_or(u64::MAX);
        self.count.saturating_sub(named)
    }

    /// Counts one; gives whether it was not there yet.
    fn add(&mut self, session: u32) -> bool {
        // One bit for each index a run can have: 2 MiB at most.
        let place = usize::try_from(session / u64::BITS).unwrap_or(usize::MAX);
        if session == 0 || place == usize::MAX {
            return false;
        }
        if self.bits.len() <= place {
            self.bits.resize(place + 1, 0);
        }
        let bit = 1 << (session % u64::BITS);
        let word = self.bits.get_mut(place).filter(|word| **word & bit == 0);
        let Some(word) = word else {
            return false;
        };
        *word |= bit;
        self.count += 1;
        true
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

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(code: &'static str, session: u32, second: i64) -> RefusedRecord {
        RefusedRecord {
            bytes: 10,
            code,
            session: Some((session, format!("s{session}").into())),
            at: Clocks {
                wall_seconds: second,
                ..Clocks::default()
            },
        }
    }

    #[test]
    fn each_code_has_a_note_with_its_sessions_and_times() {
        let mut counts = RefusedCounts::default();
        for session in 0..20 {
            counts.add(refusal("disk-full", session % 11, i64::from(session)));
        }
        counts.add(refusal("backlog", 70, 30));
        let notes = counts.notes();
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
        let whole = counts.note().unwrap();
        assert_eq!(
            (whole.count, whole.bytes, &*whole.code),
            (21, 210, "disk-full")
        );
        assert_eq!((whole.sessions.len(), whole.session_count), (8, 11));
        assert_eq!(whole.last.wall_seconds, 30);
        // Another run has other indices, and does not know those without a name.
        counts.renumber(|id| Some(100 + u32::try_from(id.len()).unwrap()));
        assert_eq!(counts.notes()[0].sessions, [102]);
        counts.renumber(|id| id.len().try_into().ok());
        assert_eq!(counts.notes()[1].sessions, [3]);
    }
}
