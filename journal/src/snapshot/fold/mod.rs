//! Computing a session's snapshot from its records, run by run.

mod beside;
mod branch;
mod finish;
mod lineage;
mod merge;
mod notes;
mod ordered_map;
mod record_stamp;
mod rollup;
mod session;
mod session_events;
mod span_events;
mod spans;
mod status;
mod tally;
mod texts;

use std::collections::BTreeSet;
use std::sync::Arc;

use branch::Branch;
use notes::Notes;
use record_stamp::RecordStamp;
use session::SessionDraft;
use spans::SpanDrafts;

#[cfg(feature = "export")]
pub(crate) use branch::UNEXPLAINED;
pub(crate) use tally::{Tallied, Tally, Told};

use super::arena::Keeper;
use super::session::Snapshot;
use super::span::OwnMembers;
use super::{drop_queue, note};
use crate::event::codec::Oddities;
use crate::event::{Action, Event, SpanFacts, SpanMention};
use crate::format::RecordKind;
use crate::recovery::{Loss, RunFacts};
use crate::seeded::{self, Bug};
use crate::seq::Seq;
use crate::time::Timestamp;

/// A snapshot in the making: takes all records of one session and keeps what they add up to.
///
/// Runs come in order, each with its records in order. Nothing a record says is an error: what
/// is odd gets a note.
#[derive(Debug)]
pub(crate) struct Fold<'a> {
    session: SessionDraft,
    spans: SpanDrafts<'a>,
    branches: Vec<Branch>,
    notes: Notes,
    /// The first time any record tells.
    first_at: Option<Timestamp>,
    /// Records so far, of all runs.
    records: u64,
    /// Values that are not here.
    elsewhere_lost: u64,
    /// Texts of notes that are made once for a session.
    noted: BTreeSet<String>,
}

impl<'a> Fold<'a> {
    /// An empty fold of the session with this id.
    pub(crate) fn new(session: &str) -> Fold<'a> {
        Fold {
            session: SessionDraft::new(session),
            spans: SpanDrafts::new(),
            branches: Vec::new(),
            notes: Notes::default(),
            first_at: None,
            records: 0,
            elsewhere_lost: 0,
            noted: BTreeSet::new(),
        }
    }

    /// Makes place for what about so many records will bring.
    pub(crate) fn expect(&mut self, records: u64) {
        self.spans.expect(records);
    }

    /// Goes on with the records of another run, which comes after all before it.
    pub(crate) fn begin_branch(&mut self, facts: Arc<RunFacts>) {
        self.branches.push(Branch::new(facts));
    }

    /// Takes in the next record of the run.
    pub(crate) fn record(&mut self, seq: Seq, event: Event<'a>) {
        if let Some(place) = self.see(seq, &event) {
            let otel = event.appendix.map(|more| more.otel).unwrap_or_default();
            self.action(event.action, OwnMembers::of(event.extra, otel), place);
        }
    }

    /// As [`record`](Fold::record), of an event that goes away: what has to stay of it is copied.
    pub(crate) fn passing_record(&mut self, seq: Seq, event: Event<'_>) {
        if let Some(place) = self.see(seq, &event) {
            let otel = event.appendix.map(|more| more.otel).unwrap_or_default();
            self.passing_action(event.action, OwnMembers::of(event.extra, otel), place);
        }
    }

    /// Takes note of when a record is told, and says where it is.
    fn see(&mut self, seq: Seq, event: &Event<'_>) -> Option<RecordStamp> {
        let branch = self.branches.last_mut()?;
        if let Action::SessionStart(_) = event.action {
            branch.start();
        }
        if let Some(at) = event.activity_at() {
            branch.saw(at);
            self.first_at.get_or_insert(at);
        }
        let place = self.place(seq, event.at)?;
        if event.appendix.is_some() && !matches!(event.action, Action::Custom(_)) {
            for name in event.converted() {
                let text = format!("member {name} of a record was given as something else");
                self.note_once(note::CONVERTED, place, text);
            }
        }
        if is_work(&event.action) {
            self.work(place);
        }
        if !may_be_last_breath(&event.action) {
            self.went_on(place);
        }
        Some(place)
    }

    /// Takes note of work of which only the time is told.
    fn worked(&mut self, seq: Seq, facts: &SpanFacts<'_>) -> Option<RecordStamp> {
        let at = facts.at;
        let branch = self.branches.last_mut()?;
        if let Some(at) = at {
            branch.saw(at);
            self.first_at.get_or_insert(at);
        }
        let place = self.place(seq, None)?;
        self.work(place);
        if !matches!(facts.mention, SpanMention::Drop(..)) {
            self.went_on(place);
        }
        Some(place)
    }

    fn went_on(&mut self, place: RecordStamp) {
        self.branches[place.branch].went_on(place.order + 1);
    }

    /// Takes in the next record of the run, whose payload is the caller's own.
    pub(crate) fn raw_record(&mut self, seq: Seq, _kind: RecordKind, _len: usize) {
        if let Some(place) = self.place(seq, None) {
            self.work(place);
            self.went_on(place);
        }
    }

    /// Takes in the next record of the run, of which nothing but its kind is understood.
    pub(crate) fn unknown_record(&mut self, seq: Seq, kind: RecordKind) {
        if let Some(place) = self.place(seq, None) {
            self.work(place);
            self.went_on(place);
            self.branches[place.branch].saw_unknown(kind.0, seq);
        }
    }

    /// Notes what there is to say of the last record besides its event.
    pub(crate) fn note_odd(&mut self, seq: Seq, odd: Oddities) {
        let Some(number) = self.branches.len().checked_sub(1) else {
            return;
        };
        if odd == Oddities::default() {
            return;
        }
        let run = self.branches[number].facts.run;
        let mut add = |kind, text: &str| self.notes.add_to_run(kind, number, run, seq, text);
        if odd.left_whole {
            let text = "a value with more than a million others in it is kept as bytes";
            add(note::TOO_MANY_VALUES, text);
        }
        if odd.has_unknown_status {
            let text = "a status of a later version counts as not set";
            add(note::UNKNOWN_STATUS, text);
        }
        if odd.elsewhere > 0 {
            let values = if odd.elsewhere == 1 {
                "value"
            } else {
                "values"
            };
            let text = format!("{} {values} of this record are not here", odd.elsewhere);
            add(note::NOT_HERE, &text);
            self.elsewhere_lost = self.elsewhere_lost.saturating_add(odd.elsewhere);
        }
    }

    /// Whether a fold keeps most of what events of this kind say, so that they had better stay.
    pub(crate) fn keeps(kind: RecordKind) -> bool {
        matches!(
            kind,
            RecordKind::SPAN_START
                | RecordKind::SPAN_END
                | RecordKind::SPAN
                | RecordKind::LOG
                | RecordKind::LINK
        )
    }

    /// Counts a record and says where it is. Without a time it is as late as the one before.
    fn place(&mut self, seq: Seq, at: Option<Timestamp>) -> Option<RecordStamp> {
        let number = self.branches.len().checked_sub(1)?;
        let branch = &mut self.branches[number];
        let order = self.records;
        branch.records += 1;
        self.records += 1;
        Some(RecordStamp {
            branch: number,
            incarnation: branch.incarnation(),
            run: branch.facts.run,
            seq,
            at: at.or_else(|| branch.last_at()).unwrap_or_default(),
            order,
        })
    }

    /// Work gives a run a say; after the session's end or crash it is late.
    fn work(&mut self, place: RecordStamp) {
        let branch = &mut self.branches[place.branch];
        branch.has_work = true;
        if seeded::has(Bug::EndReopened) {
            branch.start();
        }
        let current = branch.current();
        if current.terminal.is_some() && !current.has_late_work {
            current.has_late_work = true;
            let text = "work after the session was over, without a new start";
            self.notes.add(note::LATE_WORK, place, text);
        }
    }

    fn action(
        &mut self,
        action: Action<'a>,
        beside: Option<Box<OwnMembers<'a>>>,
        place: RecordStamp,
    ) {
        match action {
            Action::SpanStart(start) => self.span_start(start, beside, place),
            Action::SpanUpdate(update) => self.span_update(update, beside, place),
            Action::SpanEnd(end) => {
                if let Some(ended) = self.span_end(end, beside, place) {
                    let draft = &mut self.spans.drafts[ended];
                    draft.was_let_go = draft.ended_by_drop;
                }
            }
            Action::Span(start, mut end) => {
                end.span = start.span.clone();
                self.span_start(start, beside, place);
                self.span_end(*end, None, place);
            }
            Action::Log(log) => self.log(log, beside, place),
            Action::Link(link) => self.link(link, beside, place),
            Action::SessionStart(_)
            | Action::SessionUpdate(_)
            | Action::SessionEnd(_)
            | Action::Crash(_)
            | Action::Text(_)
            | Action::Counter(_)
            | Action::Unknown { .. }
            | Action::Line(_)
            | Action::Custom(_) => self.passing_action(action, beside, place),
        }
    }

    fn passing_action(
        &mut self,
        action: Action<'_>,
        beside: Option<Box<OwnMembers<'_>>>,
        place: RecordStamp,
    ) {
        if let Some(beside) = &beside {
            self.note_beside(&action, beside, place);
        }
        match action {
            Action::SessionStart(start) => self.session_start(start, place),
            Action::SessionUpdate(update) => self.session.update(update),
            Action::SessionEnd(end) => self.session_end(&end, place),
            Action::Crash(crash) => self.crash(&crash, place),
            Action::Text(text) => self.text(&text, place),
            Action::Counter(counter) => {
                let span = counter.span.as_deref().map(|id| self.spans.shown_id(id));
                self.session.count(&counter, span);
            }
            Action::Unknown { kind, .. } => {
                self.branches[place.branch].saw_unknown(kind, place.seq);
            }
            Action::Line(line) => self.session.lines.add(place.at, &line.bytes),
            Action::Custom(_) => {}
            Action::SpanStart(_)
            | Action::SpanUpdate(_)
            | Action::SpanEnd(_)
            | Action::Span(..)
            | Action::Log(_)
            | Action::Link(_) => {
                self.action(action.into_owned(), OwnMembers::owned(beside), place);
            }
        }
    }
}

impl Fold<'_> {
    /// The snapshot of a session whose records `take_in` takes in; it says what is lost of them.
    /// The payloads that it keeps stay with the snapshot.
    pub(crate) fn snapshot<E>(
        session: &str,
        take_in: impl for<'p> FnOnce(&mut Fold<'p>, Keeper<'p>) -> Result<Loss, E>,
    ) -> Result<Snapshot, E> {
        let mut made = None;
        let spans = drop_queue::Spans::of_payloads(|payloads| {
            let mut fold = Fold::new(session);
            let loss = take_in(&mut fold, payloads.keeper())?;
            let (snapshot, spans) = fold.into_parts(loss);
            made = Some(snapshot);
            Ok(spans)
        })?;
        let snapshot = made.expect("it is made before its spans");
        Ok(snapshot.with_spans(spans))
    }
}

impl Fold<'static> {
    /// The snapshot of everything taken in, of which `loss` is lost.
    pub(crate) fn finish(self, loss: Loss) -> Snapshot {
        let (snapshot, spans) = self.into_parts(loss);
        snapshot.with_spans(spans.into())
    }
}

/// Whether a program that dies may leave this behind: its handles are dropped, and it is told why.
fn may_be_last_breath(action: &Action<'_>) -> bool {
    match action {
        Action::SpanEnd(end) => end.ended_by_drop,
        action => matches!(action, Action::Crash(_)),
    }
}

/// Whether an action tells of work, not only of the session as such.
fn is_work(action: &Action<'_>) -> bool {
    let of_session = matches!(
        action,
        Action::SessionStart(_) | Action::SessionUpdate(_) | Action::SessionEnd(_)
    );
    !of_session && !matches!(action, Action::Crash(_))
}
