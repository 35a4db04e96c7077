//! Spans as a TraceFile has them.

use std::borrow::Cow;

use serde::Serialize;
use serde::ser::{SerializeSeq, Serializer};

use super::cap::Cap;
use super::cut::{TOOL_OUTPUT_MAX, USER_INPUT_MAX, cut_value};
use super::facts::{duration_ms, error, output_text, tool_name};
use super::generation::Generations;
use crate::event::{Map, Model, Number, SpanKind, SpanStatus, Tokens, Value};
use crate::snapshot::{Snapshot, SpanSnapshot, tokens_total};
use crate::time::Timestamp;

/// The spans of a file, each made when it is written.
pub(super) struct TraceSpans<'s> {
    snapshot: &'s Snapshot,
    cap: Cap,
    generations: Generations,
    full: bool,
}

impl<'s> TraceSpans<'s> {
    pub(super) fn new(snapshot: &'s Snapshot, max_spans: usize, full: bool) -> TraceSpans<'s> {
        TraceSpans {
            snapshot,
            cap: Cap::of(snapshot, max_spans),
            generations: Generations::of(snapshot, full),
            full,
        }
    }

    fn span(&'s self, place: usize, span: &'s SpanSnapshot<'s>) -> SpanJson<'s> {
        let is_root = place == 0;
        SpanJson {
            span_id: Cow::Borrowed(span.id()),
            parent_span_id: self.cap.parent(self.snapshot.spans(), place),
            name: Cow::Borrowed(match *span.kind() == SpanKind::TOOL {
                true => tool_name(span),
                false => span.name(),
            }),
            kind: span.kind().as_str(),
            start_time: span.started_at().as_unix_milliseconds(),
            end_time: span.ended_at().map(Timestamp::as_unix_milliseconds),
            status: match span.status() == SpanStatus::Error || span.is_interrupted() {
                true => "error",
                false => "ok",
            },
            status_message: self.status_message(span, is_root),
            interrupted: span.is_interrupted(),
            model: span.model().and_then(TraceModel::of),
            finish_reason: span.finish_reason(),
            tokens: span.tokens().map(TraceTokens::of),
            cost: span.cost(),
            tool: ToolJson::of(span),
            input: self.input(place, span),
            output: self.output(place, span),
            attributes: Some(span.attributes())
                .filter(|map| !map.is_empty())
                .map(Cow::Borrowed),
        }
    }

    fn status_message(&self, span: &'s SpanSnapshot<'s>, is_root: bool) -> Option<Cow<'s, str>> {
        if !span.is_interrupted() {
            return span.status_message().map(Cow::Borrowed);
        }
        let reason = error(self.snapshot).filter(|_| is_root);
        let why = span.status_message().or(reason);
        Some(Cow::Owned(format!(
            "interrupted: {}",
            why.unwrap_or(STILL_OPEN)
        )))
    }

    fn input(&'s self, place: usize, span: &'s SpanSnapshot<'s>) -> Option<Cow<'s, Value<'s>>> {
        let given = span.input().filter(|input| !input.is_null());
        match given {
            Some(input) if *span.kind() == SpanKind::USER_MESSAGE => {
                Some(self.shortened(input, USER_INPUT_MAX))
            }
            Some(input) => Some(Cow::Borrowed(input)),
            None if place == 0 => {
                let prompt = self.snapshot.metadata().get("prompt");
                prompt.filter(|prompt| !prompt.is_null()).map(Cow::Borrowed)
            }
            None => self.generations.input(place).map(text_value),
        }
    }

    fn output(&'s self, place: usize, span: &'s SpanSnapshot<'s>) -> Option<Cow<'s, Value<'s>>> {
        let given = span
            .output()
            .filter(|output| !output.is_null())
            .map(Cow::Borrowed);
        let told = given.or_else(|| output_text(span).map(text_value));
        let told = told.or_else(|| self.generations.output(place).map(text_value))?;
        if self.full || *span.kind() != SpanKind::TOOL {
            return Some(told);
        }
        Some(match told {
            Cow::Borrowed(value) => self.shortened(value, TOOL_OUTPUT_MAX),
            Cow::Owned(value) => {
                let short = cut_value(&value, TOOL_OUTPUT_MAX).into_owned();
                Cow::Owned(short.into_owned())
            }
        })
    }

    fn shortened(&self, value: &'s Value<'s>, max: usize) -> Cow<'s, Value<'s>> {
        match self.full {
            true => Cow::Borrowed(value),
            false => cut_value(value, max),
        }
    }

    /// The span that stands for those left out.
    fn marker(&'s self) -> SpanJson<'s> {
        let spans = self.snapshot.spans();
        let elided = &spans[self.cap.elided.clone()];
        let started_at = elided
            .iter()
            .map(SpanSnapshot::started_at)
            .min()
            .unwrap_or_default();
        let ends = elided
            .iter()
            .map(|span| span.ended_at().unwrap_or(span.started_at()));
        let ended_at = ends.max().unwrap_or(started_at);
        let mut id = "elided".to_owned();
        while self.snapshot.span(&id).is_some() {
            id.push('-');
        }
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let attributes = Map::from([
            ("elided", count(elided.len())),
            ("total", count(self.cap.total)),
        ]);
        SpanJson {
            span_id: Cow::Owned(id),
            parent_span_id: Some(self.snapshot.root().id()),
            name: Cow::Owned(format!("{} spans elided", elided.len())),
            kind: "span",
            start_time: started_at.as_unix_milliseconds(),
            end_time: Some(ended_at.as_unix_milliseconds()),
            status: "ok",
            status_message: None,
            interrupted: false,
            model: None,
            finish_reason: None,
            tokens: None,
            cost: None,
            tool: None,
            input: None,
            output: None,
            attributes: Some(Cow::Owned(attributes)),
        }
    }
}

impl Serialize for TraceSpans<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut json = serializer.serialize_seq(None)?;
        for (place, span) in self.snapshot.spans().iter().enumerate() {
            if self.cap.shows(place) {
                json.serialize_element(&self.span(place, span))?;
            } else if place == self.cap.elided.start {
                json.serialize_element(&self.marker())?;
            }
        }
        json.end()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SpanJson<'s> {
    span_id: Cow<'s, str>,
    parent_span_id: Option<&'s str>,
    name: Cow<'s, str>,
    kind: &'s str,
    start_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time: Option<i64>,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_message: Option<Cow<'s, str>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    interrupted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<TraceModel<'s>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finish_reason: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens: Option<TraceTokens>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool: Option<ToolJson<'s>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<Cow<'s, Value<'s>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<Cow<'s, Value<'s>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attributes: Option<Cow<'s, Map<'s>>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TraceModel<'s> {
    #[serde(skip_serializing_if = "Option::is_none")]
    model_id: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider_id: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    variant: Option<&'s str>,
}

impl<'s> TraceModel<'s> {
    fn of(model: &'s Model<'s>) -> Option<TraceModel<'s>> {
        let json = TraceModel {
            model_id: model.model_id.as_deref(),
            provider_id: model.provider_id.as_deref(),
            variant: model.variant.as_deref(),
        };
        let is_known = [json.model_id, json.provider_id, json.variant] != [None; 3];
        is_known.then_some(json)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TraceTokens {
    input: Number,
    output: Number,
    reasoning: Number,
    cache_read: Number,
    cache_write: Number,
    total: Number,
}

impl TraceTokens {
    fn of(tokens: Tokens) -> TraceTokens {
        TraceTokens {
            input: tokens.input,
            output: tokens.output,
            reasoning: tokens.reasoning,
            cache_read: tokens.cache_read,
            cache_write: tokens.cache_write,
            total: tokens_total(&tokens),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ToolJson<'s> {
    #[serde(skip_serializing_if = "Option::is_none")]
    call_id: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<i64>,
}

impl<'s> ToolJson<'s> {
    fn of(span: &'s SpanSnapshot<'s>) -> Option<ToolJson<'s>> {
        let ended_at = span.ended_at().filter(|_| *span.kind() == SpanKind::TOOL);
        let json = ToolJson {
            call_id: span.call_id(),
            duration_ms: ended_at.map(|ended_at| duration_ms(span.started_at(), ended_at)),
        };
        (json.call_id.is_some() || json.duration_ms.is_some()).then_some(json)
    }
}

fn text_value<'s>(text: &str) -> Cow<'s, Value<'s>> {
    Cow::Owned(Value::String(Cow::Owned(text.to_owned())))
}

const STILL_OPEN: &str = "still open when its process ended";
