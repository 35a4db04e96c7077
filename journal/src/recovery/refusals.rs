//! What a run has refused, as its notes tell it.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use crate::event::system::{Clocks, REFUSED_SESSIONS_MAX, Refused};
use crate::seeded::{self, Bug};
use crate::seq::SegmentNumber;
use crate::time::Timestamp;

/// Why and when records were refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RefusedReport {
    /// Bytes of their payloads, as far as they had any yet.
    pub bytes: u64,
    /// Stable codes of the errors they were refused with, each once.
    pub codes: Vec<String>,
    /// When the first of them was refused.
    #[serde(serialize_with = "shown")]
    pub first_at: Timestamp,
    /// When the last of them was.
    #[serde(serialize_with = "shown")]
    pub last_at: Timestamp,
}

/// What the notes of refused records of a run, or of a part of it, come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Refusals {
    pub(crate) count: u64,
    bytes: u64,
    /// Reasons, each once, in order; the first few.
    codes: Vec<String>,
    times: Option<(Timestamp, Timestamp)>,
    /// By session index and segment, what notes there that name it say.
    named: BTreeMap<(u32, SegmentNumber), u64>,
    /// Notes that do not name all sessions they are about.
    unnamed: Vec<Unnamed>,
}

/// A note of records of more sessions than it names.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Unnamed {
    count: u64,
    times: (Timestamp, Timestamp),
    named: [u32; REFUSED_SESSIONS_MAX],
}

impl Refusals {
    /// Takes in a note.
    pub(super) fn note(&mut self, note: &Refused<'_>) {
        if seeded::has(Bug::RefusedNotShown) {
            return;
        }
        let times = (time(note.first), time(note.last));
        let mut named = [0; REFUSED_SESSIONS_MAX];
        for (name, index) in named.iter_mut().zip(&note.sessions) {
            *name = *index;
        }
        let mut indices = named.to_vec();
        indices.sort_unstable();
        indices.dedup();
        let indices = indices.into_iter().filter(|index| *index > 0);
        let indices: Vec<u32> = indices.collect();
        let is_all = u64::try_from(indices.len()).is_ok_and(|len| note.session_count <= len);
        self.merge(Refusals {
            count: note.count,
            bytes: note.bytes,
            codes: vec![(*note.code).to_owned()],
            times: Some(times),
            named: indices
                .into_iter()
                .map(|index| ((index, SegmentNumber(0)), note.count))
                .collect(),
            unnamed: match is_all {
                true => Vec::new(),
                false => vec![Unnamed {
                    count: note.count,
                    times,
                    named,
                }],
            },
        });
    }

    /// Takes in what others come to.
    pub(super) fn merge(&mut self, more: Refusals) {
        self.count = self.count.saturating_add(more.count);
        self.bytes = self.bytes.saturating_add(more.bytes);
        for code in more.codes {
            if self.codes.len() < CODES_MAX && !self.codes.contains(&code) {
                self.codes.push(code);
            }
        }
        self.times = match (self.times, more.times) {
            (Some(known), Some(new)) => Some(around(known, new)),
            (known, new) => known.or(new),
        };
        for (index, count) in more.named {
            let known = self.named.entry(index).or_default();
            *known = known.saturating_add(count);
        }
        for unnamed in more.unnamed {
            let is_full = self.unnamed.len() >= UNNAMED_MAX;
            match self.unnamed.last_mut().filter(|_| is_full) {
                // Which sessions they were of is told less exactly then.
                Some(last) => {
                    last.count = last.count.saturating_add(unnamed.count);
                    last.times = around(last.times, unnamed.times);
                    last.named = [0; REFUSED_SESSIONS_MAX];
                }
                None => self.unnamed.push(unnamed),
            }
        }
    }

    /// What notes in one segment come to, as those of the segment with this number.
    pub(super) fn in_segment(&self, number: SegmentNumber) -> Refusals {
        let named = self.named.iter();
        let named = named.map(|((index, _), count)| ((*index, number), *count));
        Refusals {
            named: named.collect(),
            ..self.clone()
        }
    }

    /// How many of them may have been of a session that was open from one time to another, or ever
    /// after: as notes say that name it, and those that do not name all and were written at that
    /// time. It has these indices, of which `is_its` says whether one is its in a segment.
    pub(crate) fn of_session(
        &self,
        indices: &[u32],
        is_its: &dyn Fn(u32, SegmentNumber) -> bool,
        open: (Timestamp, Option<Timestamp>),
    ) -> u64 {
        let everywhere = |index| (index, SegmentNumber(0))..=(index, SegmentNumber(u32::MAX));
        let named = indices
            .iter()
            .flat_map(|index| self.named.range(everywhere(*index)));
        let named = named.filter(|((index, segment), _)| is_its(*index, *segment));
        let named = named.fold(0, |sum: u64, (_, count)| sum.saturating_add(*count));
        let is_about = |unnamed: &&Unnamed| {
            let (first, last) = unnamed.times;
            let is_named = unnamed.named.iter().any(|index| indices.contains(index));
            !is_named && last >= open.0 && open.1.is_none_or(|end| first <= end)
        };
        let unnamed = self.unnamed.iter().filter(is_about);
        unnamed.fold(named, |sum, unnamed| sum.saturating_add(unnamed.count))
    }

    /// For a report; `None` if nothing was refused.
    pub(super) fn report(&self) -> Option<RefusedReport> {
        let (first_at, last_at) = self.times?;
        Some(RefusedReport {
            bytes: self.bytes,
            codes: self.codes.clone(),
            first_at,
            last_at,
        })
    }
}

fn around(a: (Timestamp, Timestamp), b: (Timestamp, Timestamp)) -> (Timestamp, Timestamp) {
    (a.0.min(b.0), a.1.max(b.1))
}

fn time(clocks: Clocks) -> Timestamp {
    Timestamp::new(clocks.wall_seconds, clocks.wall_nanoseconds)
}

fn shown<S: Serializer>(shown: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(shown)
}

const CODES_MAX: usize = 8;

/// So many notes that do not name all their sessions are kept apart.
const UNNAMED_MAX: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn note(count: u64, sessions: &[u32], session_count: u64, at: (i64, i64)) -> Refused<'static> {
        let clocks = |wall_seconds| Clocks {
            wall_seconds,
            ..Clocks::default()
        };
        Refused {
            count,
            bytes: count * 100,
            code: "disk-full".into(),
            first: clocks(at.0),
            last: clocks(at.1),
            sessions: sessions.to_vec(),
            session_count,
            extras: Vec::new(),
        }
    }

    #[test]
    fn a_session_is_told_what_notes_that_name_it_say_or_that_were_written_while_it_was_open() {
        let at = |second| Timestamp::new(second, 0);
        let mut refusals = Refusals::default();
        refusals.note(&note(5, &[1, 2], 2, (10, 20)));
        refusals.note(&note(7, &[3, 4, 5, 6, 7, 8, 9, 10], 12, (30, 40)));
        refusals.note(&note(1, &[], 0, (50, 50)));
        let of = |indices: &[u32], from, to: Option<i64>| {
            refusals.of_session(indices, &|_, _| true, (at(from), to.map(at)))
        };
        assert_eq!(refusals.count, 13);
        assert_eq!(of(&[1], 1, None), 5 + 7);
        assert_eq!(of(&[1], 1, Some(29)), 5);
        assert_eq!(of(&[3], 1, Some(2)), 7);
        assert_eq!(of(&[11], 35, Some(36)), 7);
        assert_eq!(of(&[11], 41, None), 0);
        let report = refusals.report().unwrap();
        assert_eq!(
            (report.bytes, report.codes),
            (1300, vec!["disk-full".to_owned()])
        );
        assert_eq!((report.first_at, report.last_at), (at(10), at(50)));
    }
}
