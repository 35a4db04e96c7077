//! The spans of a session in the making.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::Place;
use super::merge::{merge, merge_text};
use super::named::Named;
use super::texts::Texts;
use crate::event::{Kind, OtlpKind, SpanFields, SpanStart, Status, Value};
use crate::snapshot::span::{LinkSnapshot, LogSnapshot};
use crate::time::Timestamp;

/// The place of the root span among the spans.
pub(super) const ROOT: usize = 0;

/// All spans heard of, the root first, then in the order in which they came up.
#[derive(Debug)]
pub(super) struct Spans {
    pub(super) drafts: Vec<Draft>,
    places: HashMap<Arc<str>, usize>,
    /// The one asked for last: events of a span tend to follow each other.
    last: usize,
    /// Whether a start of the session has named the root.
    is_root_named: bool,
}

/// What is known of a span so far.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) id: Arc<str>,
    pub(super) parent: Option<Arc<str>>,
    pub(super) kind: Option<Kind<'static>>,
    pub(super) name: Option<Cow<'static, str>>,
    /// The first record that mentions it; `None` for a root that none mentions.
    pub(super) first: Option<Place>,
    /// The record that started it, and when that was.
    pub(super) start: Option<(Place, Timestamp)>,
    /// The record that ended it, and when that was.
    pub(super) end: Option<(Place, Timestamp)>,
    /// The record since which it is open.
    pub(super) opened: Option<Place>,
    pub(super) status: Status,
    pub(super) status_message: Option<Cow<'static, str>>,
    pub(super) ended_by_drop: bool,
    /// Without the attributes.
    pub(super) fields: SpanFields<'static>,
    pub(super) attributes: Named<Value<'static>>,
    pub(super) texts: Texts,
    pub(super) links: Vec<LinkSnapshot>,
    pub(super) logs: Vec<LogSnapshot>,
    pub(super) trace_id: Option<Cow<'static, str>>,
    pub(super) otlp_kind: Option<OtlpKind>,
    /// It turned out to be the root and was taken into it.
    pub(super) is_root_twin: bool,
}

impl Spans {
    pub(super) fn new() -> Spans {
        Spans {
            drafts: vec![Draft::default()],
            places: HashMap::new(),
            last: ROOT,
            is_root_named: false,
        }
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
                if let Some(twin) = twin.filter(|twin| *twin != ROOT) {
                    self.absorb(twin);
                }
            }
        } else if let Some(id) = id.filter(|id| !self.places.contains_key(*id)) {
            self.places.insert(Arc::from(id), ROOT);
        }
    }

    /// Where the span is; it is new if nothing was heard of it before.
    pub(super) fn place_of(&mut self, id: &str, place: Place) -> usize {
        // The root's id may not be known yet.
        if self.last != ROOT && *self.drafts[self.last].id == *id {
            return self.last;
        }
        if let Some(known) = self.places.get(id) {
            self.last = *known;
            return *known;
        }
        let new = self.drafts.len();
        let id: Arc<str> = Arc::from(id);
        self.drafts.push(Draft {
            id: Arc::clone(&id),
            first: Some(place),
            opened: Some(place),
            ..Draft::default()
        });
        self.places.insert(id, new);
        self.last = new;
        new
    }

    /// A span's id, shared with the span if that is known.
    pub(super) fn id_of(&self, id: &str) -> Arc<str> {
        let known = self.places.get_key_value(id);
        known.map_or_else(|| Arc::from(id), |(id, _)| Arc::clone(id))
    }

    /// Where the span is that an optional id means: absent and empty ones mean the root.
    pub(super) fn place_or_root(&mut self, id: Option<&str>, place: Place) -> usize {
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
        self.last = ROOT;
        let root = &mut self.drafts[ROOT];
        merge(&mut root.fields, found.fields);
        merge_text(&mut root.name, found.name);
        merge_text(&mut root.status_message, found.status_message);
        root.attributes.merge(found.attributes.into_map());
        root.texts.append(found.texts);
        root.links.extend(found.links);
        root.logs.extend(found.logs);
        root.otlp_kind = root.otlp_kind.or(found.otlp_kind);
    }
}

impl Draft {
    /// Takes in what a start says, the first time.
    pub(super) fn begin(&mut self, start: SpanStart<'_>, parent: Option<Arc<str>>, place: Place) {
        self.parent = parent;
        let kind = Some(start.kind.clone()).filter(|kind| !kind.as_str().is_empty());
        self.kind = kind.map(Kind::into_owned);
        self.start = Some((place, start.started_at.unwrap_or(place.at)));
        self.describe(start, place);
    }

    /// Takes in what any start says of the span.
    pub(super) fn describe(&mut self, start: SpanStart<'_>, place: Place) {
        self.opened = Some(place);
        merge_text(&mut self.name, Some(start.name));
        merge_text(&mut self.trace_id, start.trace_id);
        self.otlp_kind = start.otlp_kind.or(self.otlp_kind);
        self.merge(start.fields);
    }

    pub(super) fn merge(&mut self, mut fields: SpanFields<'_>) {
        self.attributes
            .merge(std::mem::take(&mut fields.attributes));
        merge(&mut self.fields, fields);
    }

    pub(super) fn set_status(&mut self, status: Status, message: Option<Cow<'_, str>>) {
        if status != Status::Unset {
            self.status = status;
        }
        merge_text(&mut self.status_message, message);
    }
}

/// The id of a root that no start names.
const ROOT_ID: &str = "root";

/// Bytes of an id that the root can have.
const ROOT_ID_LEN_MAX: usize = 256;
