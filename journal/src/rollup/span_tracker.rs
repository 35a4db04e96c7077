//! The spans of a rollup in the making.

use std::collections::BTreeMap;

use super::retained::Retained;
use super::sums::SpanSums;
use super::{HASH_LEN, SpanTable, span_hash};
use crate::event::{
    Action, Event, Numbers, SpanEnd, SpanFields, SpanKey, SpanKind, SpanStart, SpanUpdate,
};

/// Spans by their ids, and what those that are finished add up to.
///
/// Finished ones take a few dozen bytes each, whatever their ids; of others there are only so many
/// before there is no rollup.
#[derive(Debug, Default)]
pub(super) struct SpanTracker {
    states: SpanTable<SpanState>,
    /// Those that are open, by their numbers.
    open: BTreeMap<u32, UnendedSpan>,
    next_open: u32,
    /// Of those that are loose, where the last update is kept.
    loose: Vec<Option<u64>>,
    /// The low bytes of the hashes.
    finished: Vec<[u8; HASH_LEN]>,
    sums: Option<Box<SpanSums>>,
}

/// What the records so far say of a span.
#[derive(Clone, Copy, Debug)]
enum SpanState {
    /// It was started once, then ended, and is added up.
    Finished,
    /// It was started once, and perhaps updated; this is its number among those.
    Open(u32),
    /// All its records are kept: it may have begun elsewhere, or its story is an odd one.
    Loose(u32),
}

#[derive(Debug)]
struct UnendedSpan {
    id: SpanKey<'static>,
    order: u64,
    /// What was told of its numbers; most tell none before they end.
    told: Option<Box<OpenNumbers>>,
}

#[derive(Debug, Default)]
struct OpenNumbers {
    start: Numbers,
    update: Option<(u64, Numbers)>,
}

impl SpanTracker {
    /// Takes in a span's start.
    pub(super) fn start(&mut self, id: SpanKey<'_>, numbers: Numbers, kept: &mut Retained) {
        match self.state(&id) {
            // A start behind the end of a span changes nothing.
            Some(SpanState::Finished) => {}
            Some(SpanState::Open(number)) => {
                if let Some(open) = self.open.remove(&number) {
                    open.keep(kept);
                }
                kept.push(&start(&id, numbers));
                self.set_loose(&id, None);
            }
            Some(SpanState::Loose(_)) => drop(kept.push(&start(&id, numbers))),
            None if may_be_root(&id) => {
                kept.push(&start(&id, numbers));
                self.set_loose(&id, None);
            }
            None => {
                let told = (!numbers.is_empty()).then_some(OpenNumbers {
                    start: numbers,
                    update: None,
                });
                let open = UnendedSpan {
                    id: id.clone().into_owned(),
                    order: kept.next_order(),
                    told: told.map(Box::new),
                };
                let number = self.next_open;
                self.next_open += 1;
                self.open.insert(number, open);
                self.set(&id, SpanState::Open(number));
            }
        }
    }

    /// Takes in that a span was heard of; `None` if that has no place in a rollup.
    pub(super) fn mention(
        &mut self,
        id: SpanKey<'_>,
        numbers: Numbers,
        kept: &mut Retained,
    ) -> Option<()> {
        match self.state(&id) {
            // Its numbers are added up already.
            Some(SpanState::Finished) => return numbers.is_empty().then_some(()),
            Some(_) if numbers.is_empty() => {}
            Some(SpanState::Open(number)) => {
                let told = self.open.get_mut(&number)?.told.get_or_insert_default();
                match &mut told.update {
                    Some((_, told)) => *told = numbers.or(*told),
                    None => told.update = Some((kept.next_order(), numbers)),
                }
            }
            Some(SpanState::Loose(number)) => {
                let last_update = self.loose.get_mut(usize::try_from(number).ok()?)?;
                let order = last_update.get_or_insert_with(|| kept.next_order());
                let told = kept.get(*order).map(|event| numbers_of(&event));
                kept.put(*order, &update(&id, numbers.or(told.unwrap_or_default())));
            }
            // The root is always there.
            None if is_root(&id) && numbers.is_empty() => {}
            None => {
                let last_update = Some(kept.push(&update(&id, numbers)));
                self.set_loose(&id, last_update);
            }
        }
        Some(())
    }

    /// Takes in a span's end; `None` if its numbers cannot be added up.
    pub(super) fn end(
        &mut self,
        id: SpanKey<'_>,
        numbers: Numbers,
        kept: &mut Retained,
    ) -> Option<()> {
        match self.state(&id) {
            // The first end wins.
            Some(SpanState::Finished) => {}
            Some(SpanState::Open(number)) => {
                let open = self.open.remove(&number)?;
                self.set(&id, SpanState::Finished);
                self.finish_one(&id, numbers.or(open.numbers()))?;
            }
            Some(SpanState::Loose(number)) => {
                *self.loose.get_mut(usize::try_from(number).ok()?)? = None;
                kept.push(&end(&id, numbers));
            }
            None => {
                kept.push(&end(&id, numbers));
                self.set_loose(&id, None);
            }
        }
        Some(())
    }

    /// Takes in a span's start and end at once; as [`end`](SpanTracker::end).
    pub(super) fn whole(
        &mut self,
        id: SpanKey<'_>,
        at_start: Numbers,
        at_end: Numbers,
        kept: &mut Retained,
    ) -> Option<()> {
        if may_be_root(&id) || self.state(&id).is_some() {
            self.start(id.clone(), at_start, kept);
            return self.end(id, at_end, kept);
        }
        self.set(&id, SpanState::Finished);
        self.finish_one(&id, at_end.or(at_start))
    }

    /// Takes in spans that are finished elsewhere, of which only the hashes are known; `None` if
    /// their numbers cannot be added up.
    pub(super) fn join(
        &mut self,
        finished: impl Iterator<Item = u64>,
        sums: SpanSums,
    ) -> Option<()> {
        self.finished.extend(finished.map(to_bytes));
        self.sums.get_or_insert_default().merge(sums)
    }

    /// How many spans are open that were started once.
    pub(super) fn open_count(&self) -> usize {
        self.open.len()
    }

    /// Keeps what is known of open spans, and gives the hashes and sums of the finished ones.
    pub(super) fn finish(mut self, kept: &mut Retained) -> (Vec<u64>, SpanSums) {
        for open in self.open.values() {
            open.keep(kept);
        }
        drop(self.states);
        // Those of several segments are compared: then it is quicker to merge them.
        self.finished.sort_unstable_by_key(to_hash);
        let finished = self.finished.iter().map(to_hash).collect();
        (finished, self.sums.map(|sums| *sums).unwrap_or_default())
    }

    fn state(&mut self, id: &SpanKey<'_>) -> Option<SpanState> {
        self.states.get_mut(id).copied()
    }

    fn set(&mut self, id: &SpanKey<'_>, state: SpanState) {
        *self.states.or_insert_with(id, || state) = state;
    }

    fn set_loose(&mut self, id: &SpanKey<'_>, last_update: Option<u64>) {
        // Each of them has a record that is kept, and those are few.
        let number = u32::try_from(self.loose.len()).unwrap_or(u32::MAX);
        self.loose.push(last_update);
        self.set(id, SpanState::Loose(number));
    }

    fn finish_one(&mut self, id: &SpanKey<'_>, numbers: Numbers) -> Option<()> {
        self.finished.push(to_bytes(span_hash(&id.to_text())));
        match numbers.is_empty() {
            true => Some(()),
            false => self.sums.get_or_insert_default().add(numbers),
        }
    }
}

/// The bytes of a hash that are not always 0.
fn to_bytes(hash: u64) -> [u8; HASH_LEN] {
    let mut bytes = [0; HASH_LEN];
    bytes.copy_from_slice(&hash.to_le_bytes()[..HASH_LEN]);
    bytes
}

fn to_hash(bytes: &[u8; HASH_LEN]) -> u64 {
    let mut hash = [0; 8];
    hash[..HASH_LEN].copy_from_slice(bytes);
    u64::from_le_bytes(hash)
}

impl UnendedSpan {
    fn numbers(self) -> Numbers {
        let told = self.told.map(|told| *told).unwrap_or_default();
        let updated = told.update.map(|(_, told)| told).unwrap_or_default();
        updated.or(told.start)
    }

    fn keep(&self, kept: &mut Retained) {
        let told = self.told.as_deref();
        let at_start = told.map(|told| told.start).unwrap_or_default();
        kept.put(self.order, &start(&self.id, at_start));
        if let Some((order, numbers)) = told.and_then(|told| told.update) {
            kept.put(order, &update(&self.id, numbers));
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
        kind: SpanKind::new(""),
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

/// The id of a root that no start names.
pub(crate) const ROOT_ID: &str = "root";
