//! What is known of the session as a whole.

use std::borrow::Cow;

use super::branch::filled;
use super::merge::merge_text;
use super::ordered_map::OrderedMap;
use crate::event::{Counter, Map, SessionUpdate, Value};
use crate::snapshot::lines::Lines;
use crate::snapshot::session::CounterSnapshot;
use crate::time::Timestamp;

/// What is known of the session as a whole so far.
#[derive(Debug)]
pub(super) struct SessionDraft {
    pub(super) id: String,
    pub(super) trace_id: Option<Cow<'static, str>>,
    /// When the first start says it started.
    pub(super) started_at: Option<Timestamp>,
    pub(super) name: Option<Cow<'static, str>>,
    pub(super) parent_session: Option<Cow<'static, str>>,
    pub(super) metadata: OrderedMap<'static, Value<'static>>,
    /// Members of its events that this library does not know.
    pub(super) extra: Map<'static>,
    pub(super) lines: Lines,
    /// By name and span.
    pub(super) counters: OrderedMap<'static, CounterSnapshot>,
}

impl SessionDraft {
    pub(super) fn new(id: &str) -> SessionDraft {
        let id = match id {
            "" => "unknown",
            id => id,
        };
        SessionDraft {
            id: id.to_owned(),
            trace_id: None,
            started_at: None,
            name: None,
            parent_session: None,
            metadata: OrderedMap::default(),
            extra: Map::new(),
            lines: Lines::default(),
            counters: OrderedMap::default(),
        }
    }

    pub(super) fn update(&mut self, update: SessionUpdate<'_>) {
        merge_text(&mut self.name, owned(update.name));
        self.metadata.merge_filled(update.metadata.into_owned());
    }

    /// Takes in the value of a counter, which is one of this span.
    pub(super) fn count(&mut self, counter: &Counter<'_>, span: Option<&str>) {
        let span = span.filter(|span| !span.is_empty());
        // The zero keeps a name with a span's id apart from a longer name.
        let key = format!("{}\0{}", counter.name, span.unwrap_or_default());
        let value = counter.value.normalised();
        let unit = filled(counter.unit.as_deref()).map(str::to_owned);
        if let Some(known) = self.counters.get_mut(&key) {
            known.value = value;
            known.unit = unit.or(known.unit.take());
        } else {
            let counter = CounterSnapshot {
                name: counter.name.clone().into_owned(),
                value,
                unit,
                span: span.map(str::to_owned),
            };
            self.counters.set(&key, counter);
        }
    }
}

/// A text that borrows nothing.
pub(super) fn owned(text: Option<Cow<'_, str>>) -> Option<Cow<'static, str>> {
    text.map(|text| Cow::Owned(text.into_owned()))
}
