//! Records that were refused, counted until the journal can say so in a record.

use std::borrow::Cow;

use super::core::Core;
use super::primitives::atomic::Ordering;
use crate::event::system::{Clocks, REFUSED_CODE_LEN_MAX, REFUSED_SESSIONS_MAX, Refused};

/// One record that was refused.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refusal {
    pub(super) bytes: u64,
    pub(super) code: &'static str,
    /// Its session's index; 0 if it had none or none that is known.
    pub(super) session: u32,
    pub(super) at: Clocks,
}

/// What was refused since the last notes of it: one tally for each code.
#[derive(Debug, Default)]
pub(super) struct Tallies(Vec<Tally>);

/// Records refused for one reason.
#[derive(Clone, Debug)]
struct Tally {
    code: &'static str,
    count: u64,
    bytes: u64,
    first: Clocks,
    last: Clocks,
    sessions: Sessions,
}

/// Which sessions they were of: the first few by their indices, and a bit for each.
#[derive(Clone, Debug, Default)]
struct Sessions {
    named: Vec<u32>,
    bits: Vec<u64>,
    count: u64,
}

impl Core {
    /// Counts a record that was refused before or while it was appended.
    pub(crate) fn note_refused(&self, session: u32, payload_len: usize, code: &'static str) {
        if self.check_open().is_ok() {
            let refusal = Refusal {
                bytes: u64::try_from(payload_len).unwrap_or(u64::MAX),
                code,
                session,
                at: self.clocks(),
            };
            self.lock_lane().refused.add(refusal);
            self.has_refused.store(true, Ordering::SeqCst);
        }
    }
}

impl Tallies {
    /// Counts one refused record.
    pub(super) fn add(&mut self, refusal: Refusal) {
        let at = self.0.iter().position(|tally| tally.code == refusal.code);
        let tally = match at.and_then(|at| self.0.get_mut(at)) {
            Some(tally) => tally,
            None => {
                self.0.push(Tally::new(refusal));
                return;
            }
        };
        tally.count = tally.count.saturating_add(1);
        tally.bytes = tally.bytes.saturating_add(refusal.bytes);
        tally.last = refusal.at;
        tally.sessions.add(refusal.session);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is to be said, a note for each code.
    pub(super) fn notes(&self) -> Vec<Refused<'static>> {
        self.0.iter().map(Tally::note).collect()
    }

    /// All of it in one note, under the code that came first; `None` if there is nothing to say.
    pub(super) fn note(&self) -> Option<Refused<'static>> {
        let mut tallies = self.0.iter();
        let mut whole = tallies.next()?.clone();
        for tally in tallies {
            whole.count = whole.count.saturating_add(tally.count);
            whole.bytes = whole.bytes.saturating_add(tally.bytes);
            whole.last = tally.last;
            tally.sessions.all().for_each(|s| whole.sessions.add(s));
        }
        Some(whole.note())
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

impl Tally {
    fn new(refusal: Refusal) -> Tally {
        let mut sessions = Sessions::default();
        sessions.add(refusal.session);
        Tally {
            code: refusal.code,
            count: 1,
            bytes: refusal.bytes,
            first: refusal.at,
            last: refusal.at,
            sessions,
        }
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

impl Sessions {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(code: &'static str, session: u32, second: i64) -> Refusal {
        Refusal {
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
        let mut tallies = Tallies::default();
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
