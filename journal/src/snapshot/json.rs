//! Snapshots as serde sees them: the JSON that `recover --format json` writes.

use serde::ser::{Serialize, SerializeMap, SerializeStruct, Serializer};

use super::note::Note;
use super::session::{CounterSnapshot, RunSnapshot, Snapshot};
use super::span::{LinkSnapshot, LogSnapshot, SpanSnapshot};
use super::totals::{Totals, tokens_total};
use crate::event::{Map, Model, Tokens};

/// What the JSON of a snapshot calls itself.
const SCHEMA: &str = "trace-journal/snapshot/1";

impl Serialize for Snapshot {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut json = serializer.serialize_struct("Snapshot", 19)?;
        json.serialize_field("schema", SCHEMA)?;
        json.serialize_field("id", &self.id)?;
        json.serialize_field("trace_id", &self.trace_id)?;
        json.serialize_field("status", self.status.as_str())?;
        json.serialize_field("liveness", self.liveness.as_str())?;
        json.serialize_field("error", &self.error)?;
        json.serialize_field("started_at", &self.started_at)?;
        json.serialize_field("ended_at", &self.ended_at)?;
        json.serialize_field("last_at", &self.last_at)?;
        json.serialize_field("metadata", &self.metadata)?;
        members::<S>(&mut json, "extra", &self.extra)?;
        json.serialize_field("spans", self.spans())?;
        json.serialize_field("counters", &self.counters)?;
        json.serialize_field("lines", &self.lines)?;
        json.serialize_field("totals", &self.totals)?;
        json.serialize_field("runs", &self.runs)?;
        json.serialize_field("notes", &self.notes)?;
        json.serialize_field("loss", self.loss.as_str())?;
        json.serialize_field("refused", &self.refused)?;
        json.serialize_field("elsewhere_lost", &self.elsewhere_lost)?;
        json.end()
    }
}

impl Serialize for SpanSnapshot<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut json = serializer.serialize_struct("SpanSnapshot", 21)?;
        json.serialize_field("id", self.id())?;
        json.serialize_field("parent", &self.parent())?;
        if let Some(given) = self.given_parent() {
            json.serialize_field("given_parent", given)?;
        }
        json.serialize_field("kind", self.kind.as_str())?;
        json.serialize_field("name", &self.name)?;
        json.serialize_field("started_at", &self.started_at)?;
        json.serialize_field("ended_at", &self.ended_at)?;
        json.serialize_field("status", self.status.as_str())?;
        json.serialize_field("status_message", &self.status_message)?;
        json.serialize_field("interrupted", &self.is_interrupted)?;
        json.serialize_field("ended_by_drop", &self.ended_by_drop)?;
        json.serialize_field("model", &self.model().map(ModelJson))?;
        json.serialize_field("finish_reason", &self.finish_reason())?;
        json.serialize_field("tokens", &self.tokens().map(TokensJson))?;
        json.serialize_field("cost", &self.cost())?;
        json.serialize_field("call_id", &self.call_id())?;
        json.serialize_field("input", &self.input())?;
        json.serialize_field("output", &self.output())?;
        json.serialize_field("texts", &TextsJson(self))?;
        json.serialize_field("attributes", self.attributes())?;
        json.serialize_field("links", &self.links)?;
        json.serialize_field("logs", &self.logs)?;
        members::<S>(&mut json, "otel", self.otel())?;
        members::<S>(&mut json, "extra", self.extra())?;
        json.end()
    }
}

impl Serialize for LinkSnapshot<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut json = serializer.serialize_struct("LinkSnapshot", 4)?;
        json.serialize_field("to_trace_id", &self.to_trace_id)?;
        json.serialize_field("to_session", &self.to_session)?;
        json.serialize_field("to_span", &self.to_span)?;
        json.serialize_field("attributes", &self.attributes)?;
        members::<S>(&mut json, "otel", self.otel())?;
        members::<S>(&mut json, "extra", self.extra())?;
        json.end()
    }
}

impl Serialize for LogSnapshot<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut json = serializer.serialize_struct("LogSnapshot", 5)?;
        json.serialize_field("at", &self.at)?;
        json.serialize_field("event_name", &self.event_name)?;
        json.serialize_field("level", &self.level)?;
        json.serialize_field("message", &self.message)?;
        json.serialize_field("attributes", &self.attributes)?;
        members::<S>(&mut json, "otel", self.otel())?;
        members::<S>(&mut json, "extra", self.extra())?;
        json.end()
    }
}

impl Serialize for CounterSnapshot {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut json = serializer.serialize_struct("CounterSnapshot", 4)?;
        json.serialize_field("name", &self.name)?;
        json.serialize_field("value", &self.value)?;
        json.serialize_field("unit", &self.unit)?;
        json.serialize_field("span", &self.span)?;
        json.end()
    }
}

impl Serialize for Totals {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut json = serializer.serialize_struct("Totals", 8)?;
        json.serialize_field("records", &self.records)?;
        json.serialize_field("spans", &self.spans)?;
        json.serialize_field("generations", &self.generations)?;
        json.serialize_field("tools", &self.tools)?;
        json.serialize_field("interrupted", &self.interrupted)?;
        json.serialize_field("errors", &self.errors)?;
        json.serialize_field("tokens", &TokensJson(self.tokens))?;
        json.serialize_field("cost", &self.cost)?;
        json.end()
    }
}

impl Serialize for RunSnapshot {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut json = serializer.serialize_struct("RunSnapshot", 7)?;
        json.serialize_field("run", &self.run)?;
        json.serialize_field("status", &self.status.map(|status| status.as_str()))?;
        json.serialize_field("liveness", self.liveness.as_str())?;
        json.serialize_field("error", &self.error)?;
        json.serialize_field("superseded", &self.is_superseded)?;
        json.serialize_field("records", &self.records)?;
        json.serialize_field("origin", &self.origin.as_deref())?;
        json.end()
    }
}

impl Serialize for Note {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut json = serializer.serialize_struct("Note", 4)?;
        json.serialize_field("kind", self.kind)?;
        json.serialize_field("run", &self.run)?;
        json.serialize_field("seq", &self.seq.map(|seq| seq.get()))?;
        json.serialize_field("text", &self.text)?;
        json.end()
    }
}

/// A member that is left out where it says nothing.
fn members<S: Serializer>(
    json: &mut S::SerializeStruct,
    name: &'static str,
    map: &Map<'_>,
) -> Result<(), S::Error> {
    match map.is_empty() {
        true => Ok(()),
        false => json.serialize_field(name, map),
    }
}

struct ModelJson<'s>(&'s Model<'s>);

impl Serialize for ModelJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut json = serializer.serialize_struct("Model", 3)?;
        json.serialize_field("model_id", &self.0.model_id)?;
        json.serialize_field("provider_id", &self.0.provider_id)?;
        json.serialize_field("variant", &self.0.variant)?;
        json.end()
    }
}

struct TokensJson(Tokens);

impl Serialize for TokensJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut json = serializer.serialize_struct("Tokens", 6)?;
        json.serialize_field("input", &self.0.input)?;
        json.serialize_field("output", &self.0.output)?;
        json.serialize_field("reasoning", &self.0.reasoning)?;
        json.serialize_field("cache_read", &self.0.cache_read)?;
        json.serialize_field("cache_write", &self.0.cache_write)?;
        json.serialize_field("total", &tokens_total(&self.0))?;
        json.end()
    }
}

struct TextsJson<'s>(&'s SpanSnapshot<'s>);

impl Serialize for TextsJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut json = serializer.serialize_map(Some(self.0.texts.len()))?;
        for (channel, text) in self.0.texts() {
            json.serialize_entry(channel, text)?;
        }
        json.end()
    }
}
