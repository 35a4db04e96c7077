//! A session in a line, from its snapshot or from digests of its records.

use std::fmt::Display;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::totals::tokens_total;
use super::{Fold, Snapshot};
use crate::digest::{Digest, Numbers, Sums, span_hash};
use crate::event::{Number, SessionStatus};
use crate::recovery::{Liveness, Loss, RunFacts};
use crate::time::Timestamp;

/// A session in a line: what its snapshot says in short.
///
/// Serialises to a row of `trace-recover list --json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SessionSummary {
    /// The session's id.
    pub id: String,
    /// The `title` of its metadata, unless it is empty.
    pub title: Option<String>,
    /// How the session stands.
    #[serde(serialize_with = "status_name")]
    pub status: SessionStatus,
    /// Whether a process that decides its status is still there.
    #[serde(serialize_with = "liveness_name")]
    pub liveness: Liveness,
    /// When it first started; where no start was seen, the first time anything was heard of it.
    #[serde(serialize_with = "shown")]
    pub started_at: Timestamp,
    /// When it was ended; its last activity if it crashed; `None` while it is running.
    #[serde(serialize_with = "maybe_shown")]
    pub ended_at: Option<Timestamp>,
    /// The latest time any of its records tells.
    #[serde(serialize_with = "shown")]
    pub last_at: Timestamp,
    /// Runs that hold records of it.
    pub runs: u64,
    /// Its records, the library's own ones left out.
    pub records: u64,
    /// Its spans, the root included.
    pub spans: u64,
    /// Spans that were interrupted.
    pub interrupted: u64,
    /// Tokens of all spans and all parts.
    pub tokens: Number,
    /// Cost of all spans.
    pub cost: Number,
    /// What went wrong, or why it crashed; always there for a crashed session.
    pub error: Option<String>,
    /// What was lost of it.
    #[serde(serialize_with = "loss_name")]
    pub loss: Loss,
}

impl SessionSummary {
    /// Nanoseconds from its start to its end, or to its last activity while it is running; 0 if
    /// the clock went backwards.
    #[must_use]
    pub fn duration_nanoseconds(&self) -> u128 {
        let end = self.ended_at.unwrap_or(self.last_at);
        end.nanoseconds_since(self.started_at)
    }
}

impl From<&Snapshot> for SessionSummary {
    fn from(snapshot: &Snapshot) -> SessionSummary {
        let totals = snapshot.totals();
        SessionSummary {
            id: snapshot.id().to_owned(),
            title: snapshot.title().map(str::to_owned),
            status: snapshot.status(),
            liveness: snapshot.liveness(),
            started_at: snapshot.started_at(),
            ended_at: snapshot.ended_at(),
            last_at: snapshot.last_at(),
            runs: count(snapshot.runs().len()),
            records: totals.records,
            spans: totals.spans,
            interrupted: totals.interrupted,
            tokens: totals.tokens_total,
            cost: totals.cost,
            error: snapshot.error().map(str::to_owned),
            loss: snapshot.loss(),
        }
    }
}

/// A summary in the making, from the digests of a session's records, segment by segment.
///
/// It is the one that folding the records gives, or there is none.
#[derive(Debug)]
pub(crate) struct SummaryFold {
    fold: Fold<'static>,
    /// Hashes of the ids of spans that are finished where they began.
    finished: Vec<u64>,
    /// Hashes of all other ids.
    others: Vec<u64>,
    sums: Sums,
}

impl SummaryFold {
    pub(crate) fn new(session: &str) -> SummaryFold {
        SummaryFold {
            fold: Fold::new(session),
            finished: Vec::new(),
            others: Vec::new(),
            sums: Sums::default(),
        }
    }

    /// Goes on with another run, which comes after all before it.
    pub(crate) fn begin_branch(&mut self, facts: Arc<RunFacts>) {
        self.fold.begin_branch(facts);
    }

    /// Takes in what the run's records in its next segment come to; `None` if this cannot be
    /// added up without an error.
    pub(crate) fn digest(&mut self, digest: &Digest<'_>) -> Option<()> {
        let others = &mut self.others;
        let mut see_span = |id: &str| others.push(span_hash(id));
        self.fold.digest(digest, &mut see_span)?;
        self.finished.extend(digest.finished());
        self.sums.merge(digest.sums()?)
    }

    /// The summary of so many records; `None` if only the records can tell.
    pub(crate) fn finish(mut self, records: u64, loss: Loss) -> Option<SessionSummary> {
        if self.has_recurred() {
            return None;
        }
        let snapshot = self.fold.finish(loss);
        for span in snapshot.spans() {
            self.sums.add(Numbers {
                tokens: span.tokens(),
                cost: span.cost(),
            })?;
        }
        let summary = SessionSummary::from(&snapshot);
        Some(SessionSummary {
            records,
            spans: summary.spans + count(self.finished.len()),
            tokens: tokens_total(&self.sums.tokens()),
            cost: self.sums.cost(),
            ..summary
        })
    }

    /// Whether a span that one segment told all about may be there elsewhere, too.
    fn has_recurred(&mut self) -> bool {
        let finished = &mut self.finished;
        finished.sort_unstable();
        let is_twice = finished.windows(2).any(|pair| pair[0] == pair[1]);
        let mut others = self.others.iter();
        is_twice || others.any(|other| finished.binary_search(other).is_ok())
    }
}

fn count(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

fn status_name<S: Serializer>(status: &SessionStatus, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(status.as_str())
}

fn liveness_name<S: Serializer>(liveness: &Liveness, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(liveness.as_str())
}

fn loss_name<S: Serializer>(loss: &Loss, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(loss.as_str())
}

fn shown<S: Serializer>(shown: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(shown)
}

fn maybe_shown<T, S>(shown: &Option<T>, serializer: S) -> Result<S::Ok, S::Error>
where
    T: Display,
    S: Serializer,
{
    match shown {
        Some(shown) => serializer.collect_str(shown),
        None => serializer.serialize_none(),
    }
}
