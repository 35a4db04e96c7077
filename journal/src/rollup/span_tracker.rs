//! The spans of a rollup in the making.

use std::collections::BTreeMap;

use super::retained::Retained;
use super::span_records::{end, numbers_of, start, update};
use super::sums::SpanSums;
use super::{HASH_LEN, SpanTable, span_hash};
use crate::event::{Numbers, SpanKey, codec};

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
    loose: Vec<LooseSpan>,
    finished: Vec<FinishedSpan>,
    /// Their numbers, those of each behind those of the one before.
    numbers: Vec<u8>,
    /// What those add up to that are finished elsewhere.
    sums: Option<Box<SpanSums>>,
}

/// A span that was started, and then ended.
#[derive(Clone, Copy, Debug)]
struct FinishedSpan {
    /// The low bytes of the hash.
    hash: [u8; HASH_LEN],
    /// Where its numbers are, plus 1; 0 if there are none.
    numbers: u32,
}

/// What is known of an id whose spans are not all finished here.
#[derive(Debug, Default)]
struct LooseSpan {
    /// Where the last update is kept.
    last_update: Option<u64>,
    /// Its last span here is over.
    is_over: bool,
    /// Where the records are kept of its last span here, if that began here behind another one,
    /// and what it has come to.
    fresh: Option<(Vec<u64>, Numbers)>,
    /// Spans of this id that are finished here and have none of their records kept.
    finished: u64,
}

/// What the records so far say of a span.
#[derive(Clone, Copy, Debug)]
enum SpanState {
    /// It was started once, then ended, and is this one among those that are finished.
    Finished(u32),
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
            // Another span of the same id: what becomes of it depends on what comes behind.
            Some(SpanState::Finished(at)) => {
                let before = self.take_finished(at);
                kept.push(&start(&id, Numbers::default()));
                kept.push(&end(&id, before));
                let loose = LooseSpan {
                    fresh: Some((vec![kept.push(&start(&id, numbers))], numbers)),
                    ..LooseSpan::default()
                };
                self.set_loose(&id, loose);
            }
            Some(SpanState::Open(number)) => {
                if let Some(open) = self.open.remove(&number) {
                    open.keep(kept);
                }
                kept.push(&start(&id, numbers));
                self.set_loose(&id, LooseSpan::default());
            }
            Some(SpanState::Loose(number)) => self.start_again(number, &id, numbers, kept),
            None if may_be_root(&id) => {
                kept.push(&start(&id, numbers));
                self.set_loose(&id, LooseSpan::default());
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

    /// Takes in a start of an id that is loose.
    fn start_again(
        &mut self,
        number: u32,
        id: &SpanKey<'_>,
        numbers: Numbers,
        kept: &mut Retained,
    ) {
        let Some(loose) = as_index(number).and_then(|at| self.loose.get_mut(at)) else {
            return;
        };
        let order = kept.push(&start(id, numbers));
        if !loose.is_over {
            // A second start goes on with it.
            if let Some((orders, told)) = &mut loose.fresh {
                orders.push(order);
                *told = numbers.or(*told);
            }
            return;
        }
        (loose.is_over, loose.last_update) = (false, None);
        let before = loose.fresh.replace((vec![order], numbers));
        let Some((orders, told)) = before else { return };
        // Nothing means that one any more.
        orders.into_iter().for_each(|order| kept.remove(order));
        loose.finished += 1;
        let name = format!("{}#{}", id.to_text(), loose.finished + 1);
        self.finish_one(span_hash(&name), told);
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
            Some(SpanState::Finished(_)) => return numbers.is_empty().then_some(()),
            Some(_) if numbers.is_empty() => {}
            Some(SpanState::Open(number)) => {
                let told = self.open.get_mut(&number)?.told.get_or_insert_default();
                match &mut told.update {
                    Some((_, told)) => *told = numbers.or(*told),
                    None => told.update = Some((kept.next_order(), numbers)),
                }
            }
            Some(SpanState::Loose(number)) => {
                let loose = self.loose.get_mut(as_index(number)?)?;
                let order = loose.last_update.unwrap_or_else(|| kept.next_order());
                let told = kept.get(order).map(|event| numbers_of(&event));
                kept.put(order, &update(&id, numbers.or(told.unwrap_or_default())));
                if let (Some((orders, told)), None) = (&mut loose.fresh, loose.last_update) {
                    orders.push(order);
                    *told = numbers.or(*told);
                } else if let Some((_, told)) = &mut loose.fresh {
                    *told = numbers.or(*told);
                }
                loose.last_update = Some(order);
            }
            // The root is always there.
            None if is_root(&id) && numbers.is_empty() => {}
            None => {
                let loose = LooseSpan {
                    last_update: Some(kept.push(&update(&id, numbers))),
                    ..LooseSpan::default()
                };
                self.set_loose(&id, loose);
            }
        }
        Some(())
    }

    /// Takes in a span's end; `None` if that has no place in a rollup.
    pub(super) fn end(
        &mut self,
        id: SpanKey<'_>,
        numbers: Numbers,
        kept: &mut Retained,
    ) -> Option<()> {
        let is_over = !may_be_root(&id);
        match self.state(&id) {
            // The first end wins.
            Some(SpanState::Finished(_)) => {}
            Some(SpanState::Open(number)) => {
                let open = self.open.remove(&number)?;
                let at = u32::try_from(self.finished.len()).ok()?;
                self.set(&id, SpanState::Finished(at));
                self.finish_one(span_hash(&id.to_text()), numbers.or(open.numbers()));
            }
            Some(SpanState::Loose(number)) => {
                let loose = self.loose.get_mut(as_index(number)?)?;
                if loose.is_over {
                    return Some(());
                }
                let order = kept.push(&end(&id, numbers));
                (loose.last_update, loose.is_over) = (None, is_over);
                if let Some((orders, told)) = &mut loose.fresh {
                    orders.push(order);
                    *told = numbers.or(*told);
                }
            }
            None => {
                kept.push(&end(&id, numbers));
                let loose = LooseSpan {
                    is_over,
                    ..LooseSpan::default()
                };
                self.set_loose(&id, loose);
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
        let at = u32::try_from(self.finished.len()).ok()?;
        self.set(&id, SpanState::Finished(at));
        self.finish_one(span_hash(&id.to_text()), at_end.or(at_start));
        Some(())
    }

    /// Takes in spans that are finished elsewhere, of which only the hashes are known; `None` if
    /// their numbers cannot be added up.
    pub(super) fn join(
        &mut self,
        finished: impl Iterator<Item = u64>,
        sums: SpanSums,
    ) -> Option<()> {
        self.finished.extend(finished.map(|hash| FinishedSpan {
            hash: to_bytes(hash),
            numbers: 0,
        }));
        self.sums.get_or_insert_default().merge(sums)
    }

    /// How many spans are open that were started once.
    pub(super) fn open_count(&self) -> usize {
        self.open.len()
    }

    /// Keeps what is known of open spans, and gives the hashes and sums of the finished ones;
    /// `None` if their numbers cannot be added up.
    pub(super) fn finish(mut self, kept: &mut Retained) -> Option<(Vec<u64>, SpanSums)> {
        for open in self.open.values() {
            open.keep(kept);
        }
        drop(self.states);
        self.finished.retain(|span| span.numbers != TAKEN);
        let mut sums = self.sums.map(|sums| *sums).unwrap_or_default();
        for span in &self.finished {
            sums.add(numbers_at(&self.numbers, span.numbers))?;
        }
        // Those of several segments are compared: then it is quicker to merge them.
        self.finished
            .sort_unstable_by_key(|span| to_hash(&span.hash));
        let finished = self.finished.iter().map(|span| to_hash(&span.hash));
        Some((finished.collect(), sums))
    }

    fn state(&mut self, id: &SpanKey<'_>) -> Option<SpanState> {
        self.states.get_mut(id).copied()
    }

    fn set(&mut self, id: &SpanKey<'_>, state: SpanState) {
        *self.states.or_insert_with(id, || state) = state;
    }

    fn set_loose(&mut self, id: &SpanKey<'_>, loose: LooseSpan) {
        // Each of them has a record that is kept, and those are few.
        let number = u32::try_from(self.loose.len()).unwrap_or(u32::MAX);
        self.loose.push(loose);
        self.set(id, SpanState::Loose(number));
    }

    fn finish_one(&mut self, hash: u64, numbers: Numbers) {
        let at = match numbers.is_empty() {
            true => 0,
            false => u32::try_from(self.numbers.len() + 1).unwrap_or(TAKEN),
        };
        if at > 0 {
            codec::put_numbers(&mut self.numbers, numbers);
        }
        self.finished.push(FinishedSpan {
            hash: to_bytes(hash),
            numbers: at,
        });
    }

    /// Takes out a span that is not to be counted among the finished ones, and gives its numbers.
    fn take_finished(&mut self, at: u32) -> Numbers {
        let span = as_index(at).and_then(|at| self.finished.get_mut(at));
        let Some(span) = span else {
            return Numbers::default();
        };
        let numbers = std::mem::replace(&mut span.numbers, TAKEN);
        numbers_at(&self.numbers, numbers)
    }
}

/// The numbers at a place, which counts from 1.
fn numbers_at(bytes: &[u8], place: u32) -> Numbers {
    let at = as_index(place).and_then(|at| at.checked_sub(1));
    let bytes = at.and_then(|at| bytes.get(at..));
    bytes.and_then(codec::numbers).unwrap_or_default()
}

fn as_index(number: u32) -> Option<usize> {
    usize::try_from(number).ok()
}

/// The place of the numbers of a span that is none of the finished any more.
const TAKEN: u32 = u32::MAX;

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

/// The id of a root that no start names.
pub(crate) const ROOT_ID: &str = "root";
