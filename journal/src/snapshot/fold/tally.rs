//! What a list shows of a session, from all its records, in a few dozen bytes a span.

use std::sync::Arc;

use super::Fold;
use super::branch::OpenSpan;
use super::notes::Notes;
use super::record_stamp::RecordStamp;
use crate::event::{Action, Event, Numbers, SpanFacts, SpanKey, SpanMention, codec};
use crate::format::RecordKind;
use crate::recovery::{Loss, RunFacts};
use crate::rollup::{HASH_LEN, ROOT_ID, SpanTable, span_hash};
use crate::seeded::{self, Bug};
use crate::seq::Seq;
use crate::snapshot::Snapshot;

/// A fold that keeps of spans only whether they are open and what they have come to.
///
/// Runs and records come as in a [`Fold`], which takes in all that is about the session itself.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(super) fold: Fold<'static>,
    spans: SpanTable<SpanTally>,
    /// Spans that were over when their ids were given to others.
    over: Vec<SpanTally>,
    is_root_named: bool,
    root: Numbers,
    /// The incarnations in which spans were opened: the branch, and which of its incarnations.
    pasts: Vec<(usize, usize)>,
    /// Spans that were dropped, and where that is told, while no record shows that their program
    /// went on.
    dropped: Vec<(SpanKey<'static>, RecordStamp)>,
    numbers: Vec<u8>,
}

/// What is known of a span.
#[derive(Clone, Copy, Debug)]
struct SpanTally {
    hash: [u8; HASH_LEN],
    state: u8,
    /// Which of the pasts it was opened in.
    past: u32,
    /// Where its numbers are, plus 1; 0 if there are none.
    numbers: u32,
}

/// A span of the session, the root left out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tallied {
    /// The hash of its id.
    pub(crate) hash: u64,
    pub(crate) is_interrupted: bool,
    /// No more was said of it but that it is there.
    pub(crate) is_mention: bool,
    pub(crate) numbers: Numbers,
}

/// What a record says of a span besides that it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Start,
    End,
    /// Its start and its end.
    Whole,
    /// That it is the root.
    Root,
    /// Anything else: its numbers.
    More,
}

impl Tally {
    pub(crate) fn new(session: &str) -> Tally {
        let mut fold = Fold::new(session);
        fold.notes = Notes::none();
        Tally {
            fold,
            spans: SpanTable::default(),
            over: Vec::new(),
            is_root_named: false,
            root: Numbers::default(),
            pasts: Vec::new(),
            dropped: Vec::new(),
            numbers: Vec::new(),
        }
    }

    /// Goes on with the records of another run, which comes after all before it.
    pub(crate) fn begin_branch(&mut self, facts: Arc<RunFacts>) {
        self.fold.begin_branch(facts);
    }

    /// Takes in the next record of the run; gives the hash of the span of which it says more than
    /// that it is there, and what.
    pub(crate) fn record(
        &mut self,
        seq: Seq,
        kind: RecordKind,
        payload: &[u8],
    ) -> Option<(u64, Told)> {
        if kind.is_user() {
            self.fold.raw_record(seq, kind, payload.len());
            return None;
        }
        if kind.is_of_session() {
            let Some(event) = codec::decode_without_values(kind, payload) else {
                self.fold.unknown_record(seq, kind);
                return None;
            };
            return self.event(seq, event);
        }
        let Some(facts) = codec::span_facts(kind, payload) else {
            self.fold.unknown_record(seq, kind);
            return None;
        };
        self.work(seq, facts)
    }

    /// As [`record`](Tally::record), of a decoded one.
    pub(crate) fn event(&mut self, seq: Seq, mut event: Event<'_>) -> Option<(u64, Told)> {
        if let Some(facts) = event.span_facts() {
            return self.work(seq, facts);
        }
        let mut told = None;
        let mut is_start = false;
        if let Action::SessionStart(start) = &mut event.action {
            is_start = true;
            let root = start.span.take();
            told = root.filter(|id| !id.is_empty());
        }
        self.fold.passing_record(seq, event);
        if is_start {
            self.name_root(told.as_deref());
        }
        told.map(|id| (span_hash(&id), Told::Root))
    }

    fn work(&mut self, seq: Seq, facts: SpanFacts<'_>) -> Option<(u64, Told)> {
        let place = self.fold.worked(seq, &facts)?;
        let root = || SpanKey::of("");
        let (hash, told) = match facts.mention {
            SpanMention::Start(id, numbers) => {
                self.start(&id, numbers, place);
                (hash_of(&id), Told::Start)
            }
            SpanMention::Mention(id, numbers) => {
                let id = if is_empty(&id) { root() } else { id };
                self.mention(&id, numbers, place);
                let hash = hash_of(&id).filter(|_| !numbers.is_empty());
                (hash, Told::More)
            }
            SpanMention::End(id, numbers) => {
                self.end(&id, numbers, place);
                (hash_of(&id), Told::End)
            }
            SpanMention::Drop(id, numbers) => {
                if self.end(&id, numbers, place) {
                    self.note_drop(&id, place);
                }
                (hash_of(&id), Told::End)
            }
            SpanMention::Whole(id, at_start, at_end) => {
                self.start(&id, at_start, place);
                self.end(&id, at_end, place);
                (hash_of(&id), Told::Whole)
            }
            SpanMention::Nothing => return None,
        };
        hash.map(|hash| (hash, told))
    }

    fn start(&mut self, id: &SpanKey<'_>, numbers: Numbers, place: RecordStamp) {
        let past = self.past(place);
        let span = self.span(id, past);
        let before = *span;
        if before.state & ENDED != 0 {
            *span = SpanTally::of(before.hash, past);
        }
        // A second start goes on with it, unless it had ended.
        span.state |= STARTED;
        span.past = past;
        let span = *span;
        if before.state & ENDED != 0 {
            let before = self.retired(id, before);
            self.over.push(before);
        }
        self.merge(id, span, numbers);
    }

    /// A span whose id is given to another one: it is over, or was at work when its program died.
    fn retired(&mut self, id: &SpanKey<'_>, span: SpanTally) -> SpanTally {
        let Some(at) = self.dropped.iter().position(|(dropped, _)| dropped == id) else {
            return span;
        };
        let (_, place) = self.dropped.remove(at);
        if !self.is_last_breath(place) {
            return span;
        }
        SpanTally {
            state: span.state & !ENDED,
            past: self.past(place),
            ..span
        }
    }

    fn mention(&mut self, id: &SpanKey<'_>, numbers: Numbers, place: RecordStamp) {
        if is_empty(id) {
            self.root = numbers.or(self.root);
            return;
        }
        let past = self.past(place);
        let span = *self.span(id, past);
        self.merge(id, span, numbers);
    }

    /// The first end wins; nothing but the session's end ends the root.
    /// Says whether the span has ended by this.
    fn end(&mut self, id: &SpanKey<'_>, numbers: Numbers, place: RecordStamp) -> bool {
        if is_empty(id) {
            self.root = numbers.or(self.root);
            return false;
        }
        let past = self.past(place);
        let span = self.span(id, past);
        if span.state & ENDED != 0 {
            return false;
        }
        let ends = span.state & IS_ROOT == 0;
        if ends {
            span.state |= ENDED;
        }
        let span = *span;
        self.merge(id, span, numbers);
        ends
    }

    /// Keeps in mind that a span was dropped, as long as that may be its program's last breath.
    fn note_drop(&mut self, id: &SpanKey<'_>, place: RecordStamp) {
        while self
            .dropped
            .last()
            .is_some_and(|(_, last)| !self.is_last_breath(*last))
        {
            self.dropped.pop();
        }
        self.dropped.push((id.clone().into_owned(), place));
    }

    fn is_last_breath(&self, dropped: RecordStamp) -> bool {
        let branch = &self.fold.branches[dropped.branch];
        branch.is_last_breath(dropped.order)
    }

    /// Spans that were at work when their program died, which dropped their handles, are open.
    fn open_last_dropped(&mut self) {
        for (id, place) in std::mem::take(&mut self.dropped) {
            if self.is_last_breath(place) {
                let past = self.past(place);
                let span = self.span(&id, past);
                span.state &= !ENDED;
                span.past = past;
            }
        }
    }

    fn merge(&mut self, id: &SpanKey<'_>, span: SpanTally, numbers: Numbers) {
        if numbers.is_empty() {
            return;
        }
        if span.state & IS_ROOT != 0 {
            self.root = numbers.or(self.root);
            return;
        }
        let numbers = numbers.or(self.numbers_at(span.numbers));
        let at = self.numbers.len() + 1;
        codec::put_numbers(&mut self.numbers, numbers);
        if let (Some(span), Ok(at)) = (self.spans.get_mut(id), u32::try_from(at)) {
            span.numbers = at;
        }
    }

    fn numbers_at(&self, at: u32) -> Numbers {
        let at = usize::try_from(at).ok().and_then(|at| at.checked_sub(1));
        let bytes = at.and_then(|at| self.numbers.get(at..));
        bytes.and_then(codec::numbers).unwrap_or_default()
    }

    fn span(&mut self, id: &SpanKey<'_>, past: u32) -> &mut SpanTally {
        self.spans.or_insert_with(id, || SpanTally::new(id, past))
    }

    fn past(&mut self, place: RecordStamp) -> u32 {
        let past = (place.branch, place.incarnation);
        if self.pasts.last() != Some(&past) {
            self.pasts.push(past);
        }
        u32::try_from(self.pasts.len() - 1).unwrap_or(u32::MAX)
    }

    /// As the spans of a fold do it: the first name is the root's, later ones mean it if they mean
    /// nothing else.
    fn name_root(&mut self, id: Option<&str>) {
        if self.is_root_named {
            if let Some(id) = id {
                self.spans.or_insert_with(&SpanKey::of(id), SpanTally::root);
            }
            return;
        }
        self.is_root_named = true;
        let name = id.filter(|id| id.len() <= super::spans::ROOT_ID_LEN_MAX);
        let name = name.unwrap_or(ROOT_ID);
        for id in [Some(name), id].into_iter().flatten() {
            let hash = span_hash(id).to_le_bytes();
            let id = SpanKey::of(id);
            let twin = std::mem::replace(
                self.spans.or_insert_with(&id, SpanTally::root),
                SpanTally::root(),
            );
            let is_twin = |over: &mut SpanTally| over.hash[..] == hash[..HASH_LEN];
            for twin in self.over.extract_if(.., is_twin).chain([twin]) {
                let at = usize::try_from(twin.numbers).ok();
                let bytes = at.and_then(|at| self.numbers.get(at.checked_sub(1)?..));
                let numbers = bytes.and_then(codec::numbers).unwrap_or_default();
                self.root = numbers.or(self.root);
            }
        }
    }

    /// The session's snapshot without its spans, the root's numbers, and all other spans.
    pub(crate) fn finish(
        mut self,
        loss: Loss,
    ) -> (Snapshot, Numbers, impl Iterator<Item = Tallied>) {
        self.name_root(None);
        self.open_last_dropped();
        let branches = &self.fold.branches;
        let pasts = self.pasts.iter().map(|(branch, incarnation)| {
            let open = branches.get(*branch).map(|one| one.open_span(*incarnation));
            matches!(open, Some(OpenSpan::Interrupted(_))) && !seeded::has(Bug::InterruptionNotTold)
        });
        let pasts: Vec<bool> = pasts.collect();
        let (spans, numbers) = (std::mem::take(&mut self.spans), self.numbers);
        let spans = spans.into_values().filter(|span| span.state & IS_ROOT == 0);
        let spans = spans.chain(self.over);
        let spans = spans.map(move |span| {
            let past = usize::try_from(span.past).ok();
            let mut hash = [0; 8];
            hash[..HASH_LEN].copy_from_slice(&span.hash);
            let at = usize::try_from(span.numbers).ok();
            let bytes = at.and_then(|at| numbers.get(at.checked_sub(1)?..));
            Tallied {
                hash: u64::from_le_bytes(hash),
                is_mention: span.state == 0 && span.numbers == 0,
                is_interrupted: span.state & ENDED == 0
                    && past.and_then(|past| pasts.get(past)) == Some(&true),
                numbers: bytes.and_then(codec::numbers).unwrap_or_default(),
            }
        });
        (self.fold.finish(loss), self.root, spans)
    }
}

impl SpanTally {
    fn new(id: &SpanKey<'_>, past: u32) -> SpanTally {
        let mut hash = [0; HASH_LEN];
        hash.copy_from_slice(&span_hash(&id.to_text()).to_le_bytes()[..HASH_LEN]);
        SpanTally::of(hash, past)
    }

    fn of(hash: [u8; HASH_LEN], past: u32) -> SpanTally {
        SpanTally {
            hash,
            state: 0,
            past,
            numbers: 0,
        }
    }

    fn root() -> SpanTally {
        SpanTally {
            hash: [0; HASH_LEN],
            state: IS_ROOT,
            past: 0,
            numbers: 0,
        }
    }
}

fn is_empty(id: &SpanKey<'_>) -> bool {
    matches!(id, SpanKey::Text(text) if text.is_empty())
}

fn hash_of(id: &SpanKey<'_>) -> Option<u64> {
    (!is_empty(id)).then(|| span_hash(&id.to_text()))
}

const STARTED: u8 = 1;
const ENDED: u8 = 2;
/// Its id is one of the root's.
const IS_ROOT: u8 = 4;
