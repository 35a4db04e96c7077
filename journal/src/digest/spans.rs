//! The spans of a digest in the making.

use std::collections::HashMap;

use super::kept::Kept;
use super::span_hash;
use super::sums::Sums;
use crate::event::{
    Action, Event, Kind, Numbers, SpanEnd, SpanFields, SpanKey, SpanStart, SpanUpdate,
};

/// Spans by their ids, and what those that are finished add up to.
#[derive(Debug, Default)]
pub(super) struct Spans {
    /// Where the state of each is.
    places: HashMap<SpanKey<'static>, usize>,
    states: Vec<State>,
    open_count: usize,
    finished: Vec<u64>,
    sums: Sums,
}

/// What the records so far say of a span.
#[derive(Debug)]
enum State {
    /// It was started once, then ended, and is added up.
    Finished,
    /// It was started once, and perhaps updated.
    Open(Open),
    /// All its records are kept: it may have begun elsewhere, or its story is an odd one.
    Loose { last_update: Option<u64> },
}

#[derive(Debug)]
struct Open {
    order: u64,
    /// What was told of its numbers; most tell none before they end.
    told: Option<Box<OpenNumbers>>,
}

#[derive(Debug, Default)]
struct OpenNumbers {
    start: Numbers,
    update: Option<(u64, Numbers)>,
}

impl Spans {
    /// Takes in a span's start.
    pub(super) fn start(&mut self, id: SpanKey<'_>, numbers: Numbers, kept: &mut Kept) {
        match self.state(&id) {
            // A start behind the end of a span changes nothing.
            Some(State::Finished) => {}
            Some(state) => {
                if let State::Open(open) = std::mem::replace(state, LOOSE) {
                    self.open_count -= 1;
                    open.keep(&id, kept);
                }
                kept.push(start(&id, numbers));
            }
            None if may_be_root(&id) => {
                kept.push(start(&id, numbers));
                self.insert(id, LOOSE);
            }
            None => {
                let told = (!numbers.is_empty()).then_some(OpenNumbers {
                    start: numbers,
                    update: None,
                });
                let open = Open {
                    order: kept.next_order(),
                    told: told.map(Box::new),
                };
                self.open_count += 1;
                self.insert(id, State::Open(open));
            }
        }
    }

    /// Takes in that a span was heard of; `None` if that has no place in a digest.
    pub(super) fn mention(
        &mut self,
        id: SpanKey<'_>,
        numbers: Numbers,
        kept: &mut Kept,
    ) -> Option<()> {
        match self.state(&id) {
            // Its numbers are added up already.
            Some(State::Finished) => return numbers.is_empty().then_some(()),
            Some(_) if numbers.is_empty() => {}
            Some(State::Open(open)) => {
                let told = open.told.get_or_insert_default();
                match &mut told.update {
                    Some((_, told)) => *told = numbers.or(*told),
                    None => told.update = Some((kept.next_order(), numbers)),
                }
            }
            Some(State::Loose { last_update }) => {
                let order = last_update.get_or_insert_with(|| kept.next_order());
                let told = kept.get(*order).map(numbers_of).unwrap_or_default();
                kept.put(*order, update(&id, numbers.or(told)));
            }
            // The root is always there.
            None if is_root(&id) && numbers.is_empty() => {}
            None => {
                let last_update = Some(kept.push(update(&id, numbers)));
                self.insert(id, State::Loose { last_update });
            }
        }
        Some(())
    }

    /// Takes in a span's end; `None` if its numbers cannot be added up.
    pub(super) fn end(&mut self, id: SpanKey<'_>, numbers: Numbers, kept: &mut Kept) -> Option<()> {
        match self.state(&id) {
            // The first end wins.
            Some(State::Finished) => {}
            Some(state @ State::Open(_)) => {
                if let State::Open(open) = std::mem::replace(state, State::Finished) {
                    self.open_count -= 1;
                    self.finish_one(&id, numbers.or(open.numbers()))?;
                }
            }
            Some(State::Loose { last_update }) => {
                *last_update = None;
                kept.push(end(&id, numbers));
            }
            None => {
                kept.push(end(&id, numbers));
                self.insert(id, LOOSE);
            }
        }
        Some(())
    }

    /// Takes in a span's start and end at once; as [`end`](Spans::end).
    pub(super) fn whole(
        &mut self,
        id: SpanKey<'_>,
        at_start: Numbers,
        at_end: Numbers,
        kept: &mut Kept,
    ) -> Option<()> {
        if may_be_root(&id) || self.state(&id).is_some() {
            self.start(id.clone(), at_start, kept);
            return self.end(id, at_end, kept);
        }
        self.finish_one(&id, at_end.or(at_start))?;
        self.insert(id, State::Finished);
        Some(())
    }

    /// Takes in spans that are finished elsewhere, of which only the hashes are known; `None` if
    /// their numbers cannot be added up.
    pub(super) fn join(&mut self, finished: impl Iterator<Item = u64>, sums: Sums) -> Option<()> {
        self.finished.extend(finished);
        self.sums.merge(sums)
    }

    /// How many spans are open that were started once.
    pub(super) fn open_count(&self) -> usize {
        self.open_count
    }

    /// Keeps what is known of open spans, and gives the hashes and sums of the finished ones.
    pub(super) fn finish(mut self, kept: &mut Kept) -> (Vec<u64>, Sums) {
        for (id, place) in &self.places {
            if let Some(State::Open(open)) = self.states.get(*place) {
                open.keep(id, kept);
            }
        }
        // Those of several segments are compared: then it is quicker to merge them.
        self.finished.sort_unstable();
        (self.finished, self.sums)
    }

    fn state(&mut self, id: &SpanKey<'_>) -> Option<&mut State> {
        let place = *self.places.get(id)?;
        self.states.get_mut(place)
    }

    fn insert(&mut self, id: SpanKey<'_>, state: State) {
        self.places.insert(id.into_owned(), self.states.len());
        self.states.push(state);
    }

    fn finish_one(&mut self, id: &SpanKey<'_>, numbers: Numbers) -> Option<()> {
        self.finished.push(span_hash(&id.to_text()));
        self.sums.add(numbers)
    }
}

impl Open {
    fn numbers(self) -> Numbers {
        let told = self.told.map(|told| *told).unwrap_or_default();
        let updated = told.update.map(|(_, told)| told).unwrap_or_default();
        updated.or(told.start)
    }

    fn keep(&self, id: &SpanKey<'_>, kept: &mut Kept) {
        let told = self.told.as_deref();
        let at_start = told.map(|told| told.start).unwrap_or_default();
        kept.put(self.order, start(id, at_start));
        if let Some((order, numbers)) = told.and_then(|told| told.update) {
            kept.put(order, update(id, numbers));
        }
    }
}

/// Ids that may stand for the root span, whatever else is known.
fn may_be_root(id: &SpanKey<'_>) -> bool {
    is_root(id) || matches!(id, SpanKey::Text(text) if text == ROOT_ID)
}

fn is_root(id: &SpanKey<'_>) -> bool {
    matches!(id, SpanKey::Text(text) if text.is_empty())
}

fn numbers_of(event: &Event<'_>) -> Numbers {
    match &event.action {
        Action::SpanUpdate(update) => Numbers::of(&update.fields),
        _ => Numbers::default(),
    }
}

fn fields(numbers: Numbers) -> SpanFields<'static> {
    SpanFields {
        tokens: numbers.tokens,
        cost: numbers.cost,
        ..SpanFields::default()
    }
}

fn start(id: &SpanKey<'_>, numbers: Numbers) -> Event<'static> {
    Event::new(Action::SpanStart(SpanStart {
        span: id.to_text().into_owned().into(),
        parent: None,
        kind: Kind::new(""),
        name: "".into(),
        started_at: None,
        trace_id: None,
        otlp_kind: None,
        fields: fields(numbers),
    }))
}

fn update(id: &SpanKey<'_>, numbers: Numbers) -> Event<'static> {
    Event::new(Action::SpanUpdate(SpanUpdate {
        span: id.to_text().into_owned().into(),
        fields: fields(numbers),
        ..SpanUpdate::default()
    }))
}

fn end(id: &SpanKey<'_>, numbers: Numbers) -> Event<'static> {
    Event::new(Action::SpanEnd(SpanEnd {
        span: id.to_text().into_owned().into(),
        fields: fields(numbers),
        ..SpanEnd::default()
    }))
}

const LOOSE: State = State::Loose { last_update: None };

/// The id of a root that no start names.
const ROOT_ID: &str = "root";
