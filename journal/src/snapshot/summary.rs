//! A session in a line, from its snapshot or from rollups of its records.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::Snapshot;
use super::fold::{Tallied, Tally, Told};
use super::session::CrashCause;
use super::totals::tokens_total;
use crate::event::{DecimalSum, Number, Numbers, SessionStatus, Tokens};
use crate::format::RecordKind;
use crate::recovery::{Liveness, Loss, RunFacts};
use crate::rollup::{SessionRollup, SpanSums};
use crate::seq::Seq;
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
    pub status: SessionStatus,
    /// Whether a process that decides its status is still there.
    pub liveness: Liveness,
    /// When it first started; where no start was seen, the first time anything was heard of it.
    pub started_at: Timestamp,
    /// When it was ended; its last activity if it crashed; `None` while it is running.
    pub ended_at: Option<Timestamp>,
    /// The latest time any of its records tells.
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
    pub loss: Loss,
    /// Its records were read; otherwise a cache was believed.
    pub verified: bool,
    /// Records that were refused while it was open; see [`Snapshot::refused`].
    pub refused: u64,
    /// The name it was given by a start or an update of it; else its id.
    pub name: String,
    /// How it is known that it crashed, if it did.
    pub crash_cause: Option<CrashCause>,
}

impl SessionSummary {
    /// From its start to its end, or to its last activity while it is running; 0 if
    /// the clock went backwards.
    #[must_use]
    pub fn duration(&self) -> Duration {
        let end = self.ended_at.unwrap_or(self.last_at);
        end.duration_since(self.started_at)
    }

    fn count(&mut self, span: &Tallied) {
        self.spans += 1;
        self.interrupted += u64::from(span.is_interrupted);
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
            verified: true,
            refused: snapshot.refused(),
            name: snapshot.name_or_id().to_owned(),
            crash_cause: snapshot.crash_cause(),
        }
    }
}

/// A summary in the making, from parts of a session's records, one after the other: of each part
/// its rollup, or where that does not tell, the records.
///
/// It is the one that folding all the records gives, or there is none; but for spans of the same
/// hash, one finished and one only mentioned in another part, which count as one.
#[derive(Debug)]
pub(crate) struct SummaryFold {
    tally: Tally,
    /// Hashes of the ids of spans that are finished where they began, part by part.
    finished: Vec<u64>,
    /// The parts of these, each with the place where its hashes end.
    ends: Vec<(usize, usize)>,
    /// Hashes of all other ids, with the parts that say more of them than that they are there, and
    /// what they say, in order.
    others: Vec<(u64, usize, Told)>,
    /// How many spans are finished of which no hash is here.
    more: usize,
    sums: SpanSums,
    unclear: BTreeSet<usize>,
}

/// Parts of which only the records can tell; without any, only all records can.
#[derive(Debug, Default)]
pub(crate) struct Unclear(pub(crate) BTreeSet<usize>);

impl SummaryFold {
    pub(crate) fn new(session: &str) -> SummaryFold {
        SummaryFold {
            tally: Tally::new(session),
            finished: Vec::new(),
            ends: Vec::new(),
            others: Vec::new(),
            more: 0,
            sums: SpanSums::default(),
            unclear: BTreeSet::new(),
        }
    }

    /// Goes on with another run, which comes after all before it.
    pub(crate) fn begin_branch(&mut self, facts: Arc<RunFacts>) {
        self.tally.begin_branch(facts);
    }

    /// Takes in what the records of the run's next part come to. So many more spans are finished
    /// there, of which no other part has a word.
    pub(crate) fn rollup(&mut self, part: usize, rollup: &SessionRollup<'_>, more: usize) {
        self.more += more;
        if self.add(part, rollup).is_none() {
            self.unclear(part);
        }
    }

    /// What the records of the run's next part come to is not known.
    pub(crate) fn unclear(&mut self, part: usize) {
        self.unclear.insert(part);
    }

    /// `None` if it is no rollup, or cannot be added up without an error.
    fn add(&mut self, part: usize, rollup: &SessionRollup<'_>) -> Option<()> {
        let others = &mut self.others;
        let mut see = |hash, told| others.push((hash, part, told));
        self.tally.rollup(rollup, &mut see)?;
        self.finished.extend(rollup.finished());
        self.ends.push((part, self.finished.len()));
        self.sums.merge(rollup.sums()?)
    }

    /// Takes in the next record of the run, which is one of this part.
    pub(crate) fn record(&mut self, part: usize, seq: Seq, kind: RecordKind, payload: &[u8]) {
        let told = self.tally.record(seq, kind, payload);
        self.others
            .extend(told.map(|(hash, told)| (hash, part, told)));
    }

    /// As [`record`](SummaryFold::record), where no rollup is taken in.
    pub(crate) fn only_record(&mut self, seq: Seq, kind: RecordKind, payload: &[u8]) {
        self.tally.record(seq, kind, payload);
    }

    /// The summary of so many records.
    ///
    /// # Errors
    /// [`Unclear`] if something else has to be taken in to tell.
    pub(crate) fn finish(mut self, records: u64, loss: Loss) -> Result<SessionSummary, Unclear> {
        let mut finished = self.finished.clone();
        // Merges what is sorted part by part.
        finished.sort();
        self.find_recurring(&finished);
        if !self.unclear.is_empty() {
            return Err(Unclear(self.unclear));
        }
        let (snapshot, root, others) = self.tally.finish(loss);
        let mut summary = SessionSummary::from(&snapshot);
        let sums = &mut self.sums;
        sums.add(root).ok_or_else(Unclear::default)?;
        for span in others {
            if span.is_mention && finished.binary_search(&span.hash).is_ok() {
                // No more was said of it but that it is there, and it is one of the finished.
                continue;
            }
            summary.count(&span);
            sums.add(span.numbers).ok_or_else(Unclear::default)?;
        }
        summary.spans += count(finished.len() + self.more);
        Ok(SessionSummary {
            records,
            tokens: tokens_total(&sums.tokens()),
            cost: sums.cost(),
            ..summary
        })
    }

    /// The summary of the records, all of which were taken in as such.
    pub(crate) fn of_records(self, loss: Loss) -> SessionSummary {
        let (snapshot, root, others) = self.tally.finish(loss);
        let mut summary = SessionSummary::from(&snapshot);
        let mut sums = Added::default();
        sums.add(root);
        for span in others {
            summary.count(&span);
            sums.add(span.numbers);
        }
        let (tokens, cost) = sums.finish();
        SessionSummary {
            tokens: tokens_total(&tokens),
            cost,
            ..summary
        }
    }

    /// Rollups know of an id that is given again only as that of spans: where it is the root's,
    /// what they tell is unclear.
    fn find_roots(&mut self, others: &[(u64, usize, Told)]) {
        let roots = others.iter().filter(|(.., told)| *told == Told::Root);
        let roots: BTreeSet<u64> = roots.map(|(hash, ..)| *hash).collect();
        let rolled: BTreeSet<usize> = self.ends.iter().map(|(part, _)| *part).collect();
        let is_span = |told: Told| matches!(told, Told::Start | Told::Whole);
        let unclear = others.iter().filter(|(hash, part, told)| {
            is_span(*told) && roots.contains(hash) && rolled.contains(part)
        });
        self.unclear.extend(unclear.map(|(_, part, _)| *part));
    }

    /// Parts that may have to do with the same span are unclear, if one of them told all about it.
    ///
    /// Ids may be given to one span after the other: that each of two parts has one that began and
    /// ended there is clear, and so is what a part says that begins with a start and ends with an
    /// end.
    fn find_recurring(&mut self, finished: &[u64]) {
        let mut others = std::mem::take(&mut self.others);
        self.find_roots(&others);
        others.retain(|(hash, ..)| finished.binary_search(hash).is_ok());
        others.sort_by_key(|(hash, part, _)| (*hash, *part));
        let mut recurring: BTreeSet<u64> = BTreeSet::new();
        for told in others.chunk_by(|one, next| (one.0, one.1) == (next.0, next.1)) {
            let begins = matches!(told[0].2, Told::Start | Told::Whole);
            let is_turn = |told: Told| !matches!(told, Told::More | Told::Root);
            let mut turns = told.iter().rev().filter(|(.., told)| is_turn(*told));
            let ends = matches!(turns.next(), Some((.., Told::End | Told::Whole)));
            if !(begins && ends) {
                recurring.insert(told[0].0);
            }
        }
        let is_recurring = |(hash, ..): &&(u64, usize, Told)| recurring.contains(hash);
        let unclear = others.iter().filter(is_recurring).map(|(_, part, _)| *part);
        self.unclear.extend(unclear);
        let mut from = 0;
        for (part, end) in &self.ends {
            let mut its = self.finished.iter().take(*end).skip(from);
            if !recurring.is_empty() && its.any(|hash| recurring.contains(hash)) {
                self.unclear.insert(*part);
            }
            from = *end;
        }
    }
}

/// What spans add up to, with or without an error.
#[derive(Default)]
struct Added([DecimalSum; 6]);

impl Added {
    fn add(&mut self, numbers: Numbers) {
        let tokens = numbers.tokens.map(|tokens| {
            [
                tokens.input,
                tokens.output,
                tokens.reasoning,
                tokens.cache_read,
                tokens.cache_write,
            ]
        });
        let tokens = tokens.into_iter().flatten();
        for (sum, number) in self.0.iter_mut().skip(1).zip(tokens) {
            sum.add(number.normalised());
        }
        if let Some(cost) = numbers.cost {
            self.0[0].add(cost.normalised());
        }
    }

    fn finish(self) -> (Tokens, Number) {
        let [cost, input, output, reasoning, cache_read, cache_write] =
            self.0.map(DecimalSum::finish);
        let tokens = Tokens {
            input,
            output,
            reasoning,
            cache_read,
            cache_write,
        };
        (tokens, cost)
    }
}

fn count(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
