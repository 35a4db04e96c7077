//! Sessions for tests, as runs of JSON lines.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Fold, Snapshot, SpanSnapshot};
use crate::event::{Event, JsonLine};
use crate::recovery::{Liveness, Loss, RunFacts};
use crate::seq::{Generation, RunId, Seq};
use crate::time::Timestamp;

/// What one run has of a session.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) facts: RunFacts,
    events: Vec<Event<'static>>,
}

/// A run that died after the given lines.
pub(crate) fn killed(generation: u32, lines: &str) -> Run {
    let facts = RunFacts {
        run: run_id(generation),
        live_runs: BTreeSet::new(),
        liveness: Liveness::Dead,
        opened_at: Some(Timestamp::new(
            START + i64::from(generation) * RUN_SECONDS,
            0,
        )),
        origin: None,
        closed: None,
        crash_notes: Vec::new(),
    };
    Run {
        facts,
        events: split(lines).iter().map(|line| event(line)).collect(),
    }
}

/// A run that is still going.
pub(crate) fn live(generation: u32, lines: &str) -> Run {
    let mut run = killed(generation, lines);
    run.facts.liveness = Liveness::Live;
    run
}

/// A run whose journal was closed after the given lines.
pub(crate) fn closed(generation: u32, lines: &str) -> Run {
    let mut run = killed(generation, lines);
    run.facts.closed = Seq::new(1_000_000);
    run
}

pub(crate) fn run_id(generation: u32) -> RunId {
    RunId {
        generation: Generation(generation),
        random: u64::from(generation),
    }
}

impl Run {
    pub(crate) fn saw_live(mut self, generation: u32) -> Run {
        self.facts.live_runs.insert(run_id(generation));
        self
    }

    pub(crate) fn unverified(mut self) -> Run {
        self.facts.liveness = Liveness::Unknown;
        self
    }

    pub(crate) fn noted(mut self, reason: &str) -> Run {
        let seq = Seq::FIRST;
        self.facts.crash_notes.push((seq, Some(reason.to_owned())));
        self
    }

    pub(crate) fn with(mut self, event: Event<'static>) -> Run {
        self.events.push(event);
        self
    }

    /// The same run without its last `count` records, dead there.
    pub(crate) fn cut(&self, count: usize) -> Run {
        let mut run = self.clone();
        run.events.truncate(run.events.len().saturating_sub(count));
        run.facts.liveness = Liveness::Dead;
        run.facts.closed = None;
        run
    }

    pub(crate) fn record_count(&self) -> usize {
        self.events.len()
    }
}

/// The snapshot of session `s`. An event without a time happens one second after the one before.
///
/// It is the same whether the events stay or pass.
pub(crate) fn fold(runs: &[Run]) -> Snapshot {
    let staying = fold_by(runs, Fold::record);
    let passing = fold_by(runs, |fold, seq, event| fold.passing_record(seq, event));
    assert_eq!(staying, passing);
    staying
}

fn fold_by(
    runs: &[Run],
    mut take_in: impl FnMut(&mut Fold<'static>, Seq, Event<'static>),
) -> Snapshot {
    let mut fold = Fold::new("s");
    for run in runs {
        fold.begin_branch(Arc::new(run.facts.clone()));
        let opened = run.facts.opened_at.unwrap_or_default().seconds();
        for (number, event) in run.events.iter().enumerate() {
            let number = u32::try_from(number).unwrap();
            let mut event = event.clone();
            event.at = event
                .at
                .or(Some(Timestamp::new(opened + i64::from(number), 0)));
            let seq = Seq::new(u64::from(number) + 3).unwrap();
            take_in(&mut fold, seq, event);
        }
    }
    fold.finish(Loss::None)
}

/// The snapshot of one run.
pub(crate) fn fold_one(run: Run) -> Snapshot {
    fold(&[run])
}

/// Lines that begin no object go on with the one before.
fn split(lines: &str) -> Vec<String> {
    let mut events: Vec<String> = Vec::new();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match events.last_mut() {
            Some(last) if !line.starts_with('{') => last.push_str(line),
            _ => events.push(line.to_owned()),
        }
    }
    events
}

fn event(line: &str) -> Event<'static> {
    let line =
        JsonLine::parse(line.as_bytes(), Some("s")).unwrap_or_else(|e| panic!("{e} in {line}"));
    assert_eq!(line.warnings, Vec::<String>::new());
    line.event.into_owned()
}

pub(crate) fn span<'s>(snapshot: &'s Snapshot, id: &str) -> &'s SpanSnapshot<'s> {
    snapshot
        .span(id)
        .unwrap_or_else(|| panic!("no span {id} in {snapshot:#?}"))
}

/// The kinds of its notes, in order.
pub(crate) fn note_kinds(snapshot: &Snapshot) -> Vec<&str> {
    snapshot.notes().iter().map(super::Note::kind).collect()
}

/// The moment that many seconds after the first run was opened.
pub(crate) fn second(generation: u32, number: i64) -> Timestamp {
    Timestamp::new(START + i64::from(generation) * RUN_SECONDS + number, 0)
}

const START: i64 = 1_700_000_000;
const RUN_SECONDS: i64 = 1_000;
