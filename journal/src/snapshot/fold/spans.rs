//! The spans of a session in the making.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::merge::{merge, merge_text};
use super::ordered_map::OrderedMap;
use super::record_stamp::RecordStamp;
use super::texts::Texts;
use crate::event::{OtlpKind, SpanFields, SpanKind, SpanStart, SpanStatus, Value};
use crate::rollup::ROOT_ID;
use crate::snapshot::span::{LinkSnapshot, LogSnapshot, OwnMembers};
use crate::time::Timestamp;

/// The place of the root span among the spans.
pub(super) const ROOT: usize = 0;

/// All spans heard of, the root first, then in the order in which they came up.
#[derive(Debug)]
pub(super) struct SpanDrafts<'a> {
    pub(super) drafts: Vec<Draft<'a>>,
    places: HashMap<Arc<str>, usize>,
    /// Those asked for last, the latest first: events of a span and of its parent tend to follow
    /// each other.
    recent: [usize; 2],
    /// Whether a start of the session has named the root.
    is_root_named: bool,
    /// Ids of which there were several spans, one after the other, and where these are.
    again: HashMap<Arc<str>, Vec<usize>>,
    /// Ids of spans that were not given to them.
    names: HashSet<Arc<str>>,
}

/// What is known of a span so far.
#[derive(Debug, Default)]
pub(super) struct Draft<'a> {
    pub(super) id: Arc<str>,
    /// The id of the parent that was given, and where that span was then, if it was known.
    pub(super) parent: Option<Arc<str>>,
    pub(super) parent_at: Option<usize>,
    pub(super) kind: Option<SpanKind<'a>>,
    pub(super) name: Option<Cow<'a, str>>,
    /// The first record that mentions it; `None` for a root that none mentions.
    pub(super) first: Option<RecordStamp>,
    /// The record that started it, and when that was.
    pub(super) start: Option<(RecordStamp, Timestamp)>,
    /// The record that ended it, and when that was.
    pub(super) end: Option<(RecordStamp, Timestamp)>,
    /// The record since which it is open.
    pub(super) opened: Option<RecordStamp>,
    pub(super) status: SpanStatus,
    pub(super) status_message: Option<Cow<'a, str>>,
    pub(super) ended_by_drop: bool,
    /// That is told by a record of its own, as handles do it.
    pub(super) was_let_go: bool,
    /// Without the attributes.
    pub(super) fields: SpanFields<'a>,
    pub(super) attributes: OrderedMap<'a, Value<'a>>,
    pub(super) texts: Texts,
    pub(super) links: Vec<LinkSnapshot<'a>>,
    pub(super) logs: Vec<LogSnapshot<'a>>,
    pub(super) trace_id: Option<Cow<'a, str>>,
    pub(super) otlp_kind: Option<OtlpKind>,
    /// Its own members, and what only OpenTelemetry has a word for.
    pub(super) beside: Option<Box<OwnMembers<'a>>>,
    /// It turned out to be the root and was taken into it.
    pub(super) is_root_twin: bool,
    /// Its id is not the one that was given: others had that before.
    pub(super) is_renamed: bool,
}

impl<'a> SpanDrafts<'a> {
    pub(super) fn new() -> SpanDrafts<'a> {
        SpanDrafts {
            drafts: vec![Draft::default()],
            places: HashMap::new(),
            recent: [ROOT; 2],
            is_root_named: false,
            again: HashMap::new(),
            names: HashSet::new(),
        }
    }

    /// Makes place for the spans that so many records may bring, unless they are very many.
    pub(super) fn expect(&mut self, records: u64) {
        let spans = usize::try_from(records / 2).unwrap_or(usize::MAX);
        let spans = spans.min(EXPECTED_MAX);
        self.drafts.reserve(spans);
        self.places.reserve(spans);
    }

    /// The first id given is the root's; those of later starts mean the same span, and so does a
    /// very long one, which every span below the root would repeat.
    pub(super) fn name_root(&mut self, id: Option<&str>) {
        let id = id.filter(|id| !id.is_empty());
        if !self.is_root_named {
            self.is_root_named = true;
            let name = id.filter(|id| id.len() <= ROOT_ID_LEN_MAX);
            let name = name.unwrap_or(ROOT_ID);
            self.drafts[ROOT].id = Arc::from(name);
            for id in [Some(name), id].into_iter().flatten() {
                let twin = self.places.insert(Arc::from(id), ROOT);
                let twins = self
                    .again
                    .remove(id)
                    .unwrap_or_else(|| twin.into_iter().collect());
                for twin in twins.into_iter().filter(|twin| *twin != ROOT) {
                    self.absorb(twin);
                }
            }
        } else if let Some(id) = id.filter(|id| !self.places.contains_key(*id)) {
            self.places.insert(Arc::from(id), ROOT);
        }
    }

    /// Where the span is; it is new if nothing was heard of it before.
    pub(super) fn place_of(&mut self, id: &str, place: RecordStamp) -> usize {
        let known = self.recent(id).or_else(|| self.places.get(id).copied());
        if let Some(known) = known {
            self.note_recent(known);
            return known;
        }
        let new = self.drafts.len();
        let given: Arc<str> = Arc::from(id);
        let is_renamed = self.names.contains(&given);
        let name = match is_renamed {
            true => self.free_name(id, 2),
            false => Arc::clone(&given),
        };
        self.drafts.push(Draft {
            id: name,
            first: Some(place),
            opened: Some(place),
            is_renamed,
            ..Draft::default()
        });
        self.places.insert(given, new);
        self.note_recent(new);
        new
    }

    /// Makes another span of an id whose last one has ended: it is known by another id, and the
    /// given one means it from now on. Tells also whether that is so for the first time.
    pub(super) fn begin_again(
        &mut self,
        before: usize,
        id: &str,
        place: RecordStamp,
    ) -> (usize, bool) {
        let new = self.drafts.len();
        let key = self.places.get_key_value(id);
        let given = key.map_or_else(|| Arc::from(id), |(id, _)| Arc::clone(id));
        let places = self
            .again
            .entry(Arc::clone(&given))
            .or_insert_with(|| vec![before]);
        let is_first = places.len() == 1;
        places.push(new);
        let number = places.len();
        let name = self.free_name(id, number);
        let texts = Texts::behind(&self.drafts[before].texts);
        self.drafts.push(Draft {
            id: name,
            first: Some(place),
            opened: Some(place),
            texts,
            is_renamed: true,
            ..Draft::default()
        });
        self.places.insert(given, new);
        self.recent = [ROOT; 2];
        (new, is_first)
    }

    /// An id that no span has yet.
    fn free_name(&mut self, id: &str, from: usize) -> Arc<str> {
        let names = (from..).map(|number| format!("{id}#{number}"));
        let is_free = |name: &String| {
            !self.places.contains_key(name.as_str()) && !self.names.contains(name.as_str())
        };
        let name = Arc::from(names.into_iter().find(is_free).unwrap_or_default());
        self.names.insert(Arc::clone(&name));
        name
    }

    /// Where the span is that an id meant before any other.
    pub(super) fn first_of(&self, id: &str) -> Option<usize> {
        let again = self.again.get(id).and_then(|places| places.first());
        again.or_else(|| self.places.get(id)).copied()
    }

    /// The id by which the span is known that an id means now.
    pub(super) fn shown_id<'i>(&'i self, id: &'i str) -> &'i str {
        let at = self
            .places
            .get(id)
            .filter(|at| self.drafts[**at].is_renamed);
        at.map_or(id, |at| &self.drafts[*at].id)
    }

    /// Where the span is if it is one of those asked for last.
    fn recent(&self, id: &str) -> Option<usize> {
        // The root's id may not be known yet.
        let mut recent = self.recent.into_iter().filter(|at| *at != ROOT);
        recent.find(|at| *self.drafts[*at].id == *id)
    }

    fn note_recent(&mut self, at: usize) {
        // One that is known by another id is found by the one that was given.
        if self.recent[0] != at && !self.drafts[at].is_renamed {
            self.recent = [at, self.recent[0]];
        }
    }

    /// A span's id, shared with the span if that is known.
    pub(super) fn id_of(&self, id: &str) -> Arc<str> {
        if let Some(at) = self.recent(id) {
            return Arc::clone(&self.drafts[at].id);
        }
        let known = self.places.get_key_value(id);
        known.map_or_else(|| Arc::from(id), |(id, _)| Arc::clone(id))
    }

    /// Where the span is that an optional id means: absent and empty ones mean the root.
    pub(super) fn place_or_root(&mut self, id: Option<&str>, place: RecordStamp) -> usize {
        match id.filter(|id| !id.is_empty()) {
            Some(id) => self.place_of(id, place),
            None => ROOT,
        }
    }

    /// Where a known span is.
    pub(super) fn find(&self, id: &str) -> Option<usize> {
        self.places.get(id).copied()
    }

    /// Takes into the root what was recorded under its id before that was known to be its id.
    fn absorb(&mut self, twin: usize) {
        let found = std::mem::take(&mut self.drafts[twin]);
        self.drafts[twin].is_root_twin = true;
        self.recent = [ROOT; 2];
        let root = &mut self.drafts[ROOT];
        merge(&mut root.fields, found.fields);
        merge_text(&mut root.name, found.name);
        merge_text(&mut root.status_message, found.status_message);
        root.attributes.merge(found.attributes.into_map());
        root.texts.append(found.texts);
        root.links.extend(found.links);
        root.logs.extend(found.logs);
        root.otlp_kind = root.otlp_kind.or(found.otlp_kind);
        root.merge_beside(found.beside);
    }
}

impl<'a> Draft<'a> {
    /// Takes in what a start says, the first time.
    pub(super) fn begin(
        &mut self,
        start: SpanStart<'a>,
        parent: Option<(Arc<str>, Option<usize>)>,
        place: RecordStamp,
    ) {
        (self.parent, self.parent_at) = parent.map_or((None, None), |(id, at)| (Some(id), at));
        let kind = Some(start.kind.clone()).filter(|kind| !kind.as_str().is_empty());
        self.kind = kind;
        self.start = Some((place, start.started_at.unwrap_or(place.at)));
        self.describe(start, place);
    }

    /// Takes in what any start says of the span.
    pub(super) fn describe(&mut self, start: SpanStart<'a>, place: RecordStamp) {
        self.opened = Some(place);
        merge_text(&mut self.name, Some(start.name));
        merge_text(&mut self.trace_id, start.trace_id);
        self.otlp_kind = start.otlp_kind.or(self.otlp_kind);
        self.merge(start.fields);
    }

    pub(super) fn merge(&mut self, mut fields: SpanFields<'a>) {
        self.attributes
            .merge(std::mem::take(&mut fields.attributes));
        merge(&mut self.fields, fields);
    }

    /// Whether its start says that its parent is in another service.
    pub(super) fn has_remote_parent(&self) -> bool {
        let otel = self.beside.as_ref().map(|beside| &beside.otel);
        let is_remote = otel.and_then(|otel| otel.get("parent_is_remote"));
        is_remote.and_then(Value::as_bool) == Some(true)
    }

    /// Takes in members of an event that have no place of their own.
    pub(super) fn merge_beside(&mut self, beside: Option<Box<OwnMembers<'a>>>) {
        let Some(beside) = beside else { return };
        let own = self.beside.get_or_insert_default();
        own.extra.extend(beside.extra);
        own.otel.extend(beside.otel);
    }

    pub(super) fn set_status(&mut self, status: SpanStatus, message: Option<Cow<'a, str>>) {
        if status != SpanStatus::Unset {
            self.status = status;
        }
        merge_text(&mut self.status_message, message);
    }
}

/// Spans to make place for at once: more are worth the time that a longer list takes to grow.
const EXPECTED_MAX: usize = 256;

/// Bytes of an id that the root can have.
pub(super) const ROOT_ID_LEN_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    /// Spans asked for in any order, the root named in between, are where a plain table says.
    #[test]
    fn spans_are_found_where_they_were_put() {
        for seed in 0..200 {
            let mut random = seed;
            let mut next = |limit: usize| {
                random = (random * 1_103_515_245 + 12_345) % (1 << 31);
                (random >> 16) % limit
            };
            let mut spans = SpanDrafts::new();
            spans.expect(u64::try_from(seed).unwrap());
            let mut table: HashMap<String, usize> = HashMap::new();
            for step in 0..100 {
                if step == 30 + seed % 50 {
                    let id = format!("s{}", next(12));
                    spans.name_root(Some(&id));
                    table.insert(id, ROOT);
                }
                // Right behind the naming an empty one, which a span that went into the root has.
                let is_empty = step == 30 + seed % 50 || next(12) == 0;
                let id = match is_empty {
                    true => String::new(),
                    false => format!("s{}", next(12)),
                };
                let place = spans.place_of(&id, RecordStamp::test(0));
                assert!(!spans.drafts[place].is_root_twin);
                assert_eq!(*table.entry(id.clone()).or_insert(place), place);
                if place != ROOT {
                    assert_eq!(*spans.drafts[place].id, *id);
                }
                let id = format!("s{}", next(14));
                assert_eq!(*spans.id_of(&id), *id);
                assert_eq!(spans.find(&id), table.get(&id).copied());
            }
        }
    }
}
