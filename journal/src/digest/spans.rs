//! The spans of a digest in the making.

use std::collections::HashMap;

use super::kept::Kept;
use super::span_hash;
use super::sums::{Numbers, Sums};
use crate::event::{Action, Event, Kind, SpanEnd, SpanFields, SpanStart, SpanUpdate};

/// Spans by their ids, and what those that are finished add up to.
#[derive(Debug, Default)]
pub(super) struct Spans {
    states: HashMap<Box<str>, State>,
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
    Open(Box<Open>),
    /// All its records are kept: it may have begun elsewhere, or its story is an odd one.
    Loose { last_update: Option<u64> },
}

#[derive(Debug)]
struct Open {
    order: u64,
    start: Numbers,
    update: Option<(u64, Numbers)>,
}

impl Spans {
    /// Takes in a span's start.
    pub(super) fn start(&mut self, id: &str, fields: &SpanFields<'_>, kept: &mut Kept) {
        let numbers = Numbers::of(fields);
        match self.states.get_mut(id) {
            // A start behind the end of a span changes nothing.
            Some(State::Finished) => {}
            Some(state) => {
                if let State::Open(open) = std::mem::replace(state, LOOSE) {
                    self.open_count -= 1;
                    open.keep(id, kept);
                }
                kept.push(start(id, numbers));
            }
            None if may_be_root(id) => {
                kept.push(start(id, numbers));
                self.states.insert(id.into(), LOOSE);
            }
            None => {
                let open = Open {
                    order: kept.next_order(),
                    start: numbers,
                    update: None,
                };
                self.open_count += 1;
                self.states.insert(id.into(), State::Open(Box::new(open)));
            }
        }
    }

    /// Takes in that a span was heard of; `None` if that has no place in a digest.
    pub(super) fn mention(&mut self, id: &str, numbers: Numbers, kept: &mut Kept) -> Option<()> {
        match self.states.get_mut(id) {
            // Its numbers are added up already.
            Some(State::Finished) => return numbers.is_empty().then_some(()),
            Some(_) if numbers.is_empty() => {}
            Some(State::Open(open)) => match &mut open.update {
                Some((_, told)) => *told = numbers.or(*told),
                None => open.update = Some((kept.next_order(), numbers)),
            },
            Some(State::Loose { last_update }) => {
                let order = last_update.get_or_insert_with(|| kept.next_order());
                let told = kept.get(*order).map(numbers_of).unwrap_or_default();
                kept.put(*order, update(id, numbers.or(told)));
            }
            // The root is always there.
            None if id.is_empty() && numbers.is_empty() => {}
            None => {
                let last_update = Some(kept.push(update(id, numbers)));
                self.states.insert(id.into(), State::Loose { last_update });
            }
        }
        Some(())
    }

    /// Takes in a span's end; `None` if its numbers cannot be added up.
    pub(super) fn end(&mut self, id: &str, fields: &SpanFields<'_>, kept: &mut Kept) -> Option<()> {
        let numbers = Numbers::of(fields);
        match self.states.get_mut(id) {
            // The first end wins.
            Some(State::Finished) => {}
            Some(state @ State::Open(_)) => {
                if let State::Open(open) = std::mem::replace(state, State::Finished) {
                    let updated = open.update.map(|(_, told)| told).unwrap_or_default();
                    self.open_count -= 1;
                    self.finish_one(id, numbers.or(updated).or(open.start))?;
                }
            }
            Some(State::Loose { last_update }) => {
                *last_update = None;
                kept.push(end(id, numbers));
            }
            None => {
                kept.push(end(id, numbers));
                self.states.insert(id.into(), LOOSE);
            }
        }
        Some(())
    }

    /// Takes in a span's start and end at once; as [`end`](Spans::end).
    pub(super) fn whole(
        &mut self,
        id: &str,
        (at_start, at_end): (&SpanFields<'_>, &SpanFields<'_>),
        kept: &mut Kept,
    ) -> Option<()> {
        if may_be_root(id) || self.states.contains_key(id) {
            self.start(id, at_start, kept);
            return self.end(id, at_end, kept);
        }
        self.states.insert(id.into(), State::Finished);
        self.finish_one(id, Numbers::of(at_end).or(Numbers::of(at_start)))
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
        for (id, state) in &self.states {
            if let State::Open(open) = state {
                open.keep(id, kept);
            }
        }
        // Those of several segments are compared: then it is quicker to merge them.
        self.finished.sort_unstable();
        (self.finished, self.sums)
    }

    fn finish_one(&mut self, id: &str, numbers: Numbers) -> Option<()> {
        self.finished.push(span_hash(id));
        self.sums.add(numbers)
    }
}

impl Open {
    fn keep(&self, id: &str, kept: &mut Kept) {
        kept.put(self.order, start(id, self.start));
        if let Some((order, numbers)) = self.update {
            kept.put(order, update(id, numbers));
        }
    }
}

/// Ids that may stand for the root span, whatever else is known.
fn may_be_root(id: &str) -> bool {
    id.is_empty() || id == ROOT_ID
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

fn start(id: &str, numbers: Numbers) -> Event<'static> {
    Event::new(Action::SpanStart(SpanStart {
        span: id.to_owned().into(),
        parent: None,
        kind: Kind::new(""),
        name: "".into(),
        started_at: None,
        trace_id: None,
        otlp_kind: None,
        fields: fields(numbers),
    }))
}

fn update(id: &str, numbers: Numbers) -> Event<'static> {
    Event::new(Action::SpanUpdate(SpanUpdate {
        span: id.to_owned().into(),
        fields: fields(numbers),
        ..SpanUpdate::default()
    }))
}

fn end(id: &str, numbers: Numbers) -> Event<'static> {
    Event::new(Action::SpanEnd(SpanEnd {
        span: id.to_owned().into(),
        fields: fields(numbers),
        ..SpanEnd::default()
    }))
}

const LOOSE: State = State::Loose { last_update: None };

/// The id of a root that no start names.
const ROOT_ID: &str = "root";
