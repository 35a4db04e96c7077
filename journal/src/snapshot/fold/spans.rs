//! The spans of a session in the making.

use std::borrow::Cow;
use std::collections::HashMap;

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
    places: HashMap<String, usize>,
    /// Whether a start of the session has named the root.
    is_root_named: bool,
}

/// What is known of a span so far.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) id: String,
    pub(super) parent: Option<String>,
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
            name.clone_into(&mut self.drafts[ROOT].id);
            for id in [Some(name), id].into_iter().flatten() {
                let twin = self.places.insert(id.to_owned(), ROOT);
                if let Some(twin) = twin.filter(|twin| *twin != ROOT) {
                    self.absorb(twin);
                }
            }
        } else if let Some(id) = id.filter(|id| !self.places.contains_key(*id)) {
            self.places.insert(id.to_owned(), ROOT);
        }
    }

    /// Where the span is; it is new if nothing was heard of it before.
    pub(super) fn place_of(&mut self, id: &str, place: Place) -> usize {
        if let Some(known) = self.places.get(id) {
            return *known;
        }
        let new = self.drafts.len();
        self.drafts.push(Draft {
            id: id.to_owned(),
            first: Some(place),
            opened: Some(place),
            ..Draft::default()
        });
        self.places.insert(id.to_owned(), new);
        new
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
        let root = &mut self.drafts[ROOT];
        merge(&mut root.fields, &found.fields);
        merge_text(&mut root.name, found.name.as_deref());
        merge_text(&mut root.status_message, found.status_message.as_deref());
        for (name, value) in found.attributes.into_members() {
            root.attributes.set(&name, value);
        }
        root.texts.append(found.texts);
        root.links.extend(found.links);
        root.logs.extend(found.logs);
        root.otlp_kind = root.otlp_kind.or(found.otlp_kind);
    }
}

impl Draft {
    /// Takes in what a start says, the first time.
    pub(super) fn begin(&mut self, start: &SpanStart<'_>, place: Place) {
        let parent = start.parent.as_deref().filter(|parent| !parent.is_empty());
        self.parent = parent.map(str::to_owned);
        let kind = Some(start.kind.as_str()).filter(|kind| !kind.is_empty());
        self.kind = kind.map(|kind| Kind::new(kind.to_owned()));
        self.start = Some((place, start.started_at.unwrap_or(place.at)));
        self.describe(start, place);
    }

    /// Takes in what any start says of the span.
    pub(super) fn describe(&mut self, start: &SpanStart<'_>, place: Place) {
        self.opened = Some(place);
        merge_text(&mut self.name, Some(&start.name));
        merge_text(&mut self.trace_id, start.trace_id.as_deref());
        self.otlp_kind = start.otlp_kind.or(self.otlp_kind);
        self.merge(&start.fields);
    }

    pub(super) fn merge(&mut self, fields: &SpanFields<'_>) {
        merge(&mut self.fields, fields);
        self.attributes.merge(&fields.attributes);
    }

    pub(super) fn set_status(&mut self, status: Status, message: Option<&str>) {
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
