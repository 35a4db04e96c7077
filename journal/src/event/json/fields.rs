//! The members that describe spans.

use std::borrow::Cow;

use super::members::{Members, missing};
use crate::error::Result;
use crate::event::json_text::to_json;
use crate::event::{
    Map, Model, OtlpKind, SessionStart, SpanEnd, SpanFields, SpanKind, SpanStart, SpanStatus,
    SpanUpdate, Tokens, Value,
};
use crate::seq::{Address, RunId, Seq};

pub(super) fn session_start<'a>(members: &mut Members<'a>) -> SessionStart<'a> {
    SessionStart {
        trace_id: members.text("trace_id"),
        name: members.text("name"),
        span: members.text("span"),
        parent_session: members.text("parent_session"),
        forked_at: address(members, "forked_at"),
        metadata: members.map("metadata"),
    }
}

pub(super) fn span_start<'a>(members: &mut Members<'a>) -> Result<SpanStart<'a>> {
    Ok(SpanStart {
        span: span_id(members)?,
        parent: members.text("parent"),
        kind: members.text("kind").map_or(SpanKind::SPAN, SpanKind),
        name: members.text("name").unwrap_or(Cow::Borrowed("unknown")),
        started_at: members.time("start_ms", "start_ns"),
        trace_id: members.text("trace_id"),
        otlp_kind: members.u8("otlp_kind").map(OtlpKind),
        fields: span_fields(members),
    })
}

pub(super) fn span_update<'a>(members: &mut Members<'a>) -> Result<SpanUpdate<'a>> {
    Ok(SpanUpdate {
        span: span_id(members)?,
        name: members.text("name"),
        status: status(members),
        status_message: members.text("status_message"),
        fields: span_fields(members),
    })
}

pub(super) fn span_end<'a>(members: &mut Members<'a>) -> Result<SpanEnd<'a>> {
    Ok(SpanEnd {
        span: span_id(members)?,
        status: status(members).unwrap_or_default(),
        status_message: members.text("status_message"),
        ended_at: members.time("end_ms", "end_ns"),
        ended_by_drop: members.bool("ended_by_drop"),
        fields: span_fields(members),
    })
}

/// A whole span has one set of fields: what is known at its start is put there, the rest at its
/// end.
pub(super) fn whole_span<'a>(members: &mut Members<'a>) -> Result<(SpanStart<'a>, SpanEnd<'a>)> {
    let mut start = span_start(members)?;
    let fields = &mut start.fields;
    let at_end = SpanFields {
        output: fields.output.take(),
        tokens: fields.tokens.take(),
        cost: fields.cost.take(),
        finish_reason: fields.finish_reason.take(),
        ..SpanFields::default()
    };
    let end = SpanEnd {
        span: start.span.clone(),
        status: status(members).unwrap_or_default(),
        status_message: members.text("status_message"),
        ended_at: members.time("end_ms", "end_ns"),
        ended_by_drop: members.bool("ended_by_drop"),
        fields: at_end,
    };
    Ok((start, end))
}

/// `None` also if there is something else in its place, which is kept.
pub(super) fn address(members: &mut Members<'_>, name: &'static str) -> Option<Address> {
    let value = members.take_some(name)?;
    let found = address_of(&value);
    match found {
        Some(_) => found,
        None => {
            let expected = "an object with the name of a run and a seq from 1 on";
            members.keep(name, expected, value);
            None
        }
    }
}

fn address_of(value: &Value<'_>) -> Option<Address> {
    let run: RunId = value.get("run")?.as_str()?.parse().ok()?;
    let seq = Seq::new(value.get("seq")?.as_u64()?)?;
    // What else is in it would be lost.
    (value.as_map()?.len() == 2).then_some(Address { run, seq })
}

fn span_id<'a>(members: &mut Members<'a>) -> Result<Cow<'a, str>> {
    members.text("span").ok_or_else(|| missing("span"))
}

fn status(members: &mut Members<'_>) -> Option<SpanStatus> {
    let words = [
        ("ok", SpanStatus::Ok),
        ("error", SpanStatus::Error),
        ("unset", SpanStatus::Unset),
    ];
    members.word("status", &words, "\"ok\", \"error\" or \"unset\"")
}

pub(super) fn span_fields<'a>(members: &mut Members<'a>) -> SpanFields<'a> {
    SpanFields {
        input: members.take_some("input"),
        output: members.take_some("output"),
        model: model(members),
        call_id: members.text("call_id"),
        tokens: tokens(members),
        cost: members.number("cost"),
        finish_reason: members.text("finish_reason"),
        attributes: members.map("attributes"),
    }
}

/// A model is an object or just its name; a variant may also stand beside it.
fn model<'a>(members: &mut Members<'a>) -> Option<Model<'a>> {
    let beside = members.text("variant");
    let map = match members.take_some("model") {
        None if beside.is_none() => return None,
        None => Map::new(),
        Some(Value::Map(ref mut map)) => std::mem::take(map),
        Some(Value::String(ref mut name)) => Map::from([("model_id", std::mem::take(name))]),
        Some(other) => {
            let expected = "an object or a string";
            let name = match other {
                Value::List(_) | Value::Bytes(_) => None,
                ref scalar => Some(to_json(scalar)),
            };
            let name = members.convert("model", expected, other, name);
            name.map_or_else(Map::new, |name| Map::from([("model_id", name)]))
        }
    };
    let mut inner = Members::new(map, "model.");
    let model = Model {
        model_id: inner.text("model_id"),
        provider_id: inner.text("provider_id"),
        variant: inner.text("variant").or(beside),
    };
    members.absorb("model", inner);
    Some(model)
}

/// The total is the sum of the parts, so a given one is not needed.
fn tokens(members: &mut Members<'_>) -> Option<Tokens> {
    let map = match members.take_some("tokens")? {
        Value::Map(ref mut map) => std::mem::take(map),
        other => {
            members.keep("tokens", "an object", other);
            return None;
        }
    };
    let mut inner = Members::new(map, "tokens.");
    let tokens = Tokens {
        input: inner.number("input").unwrap_or_default(),
        output: inner.number("output").unwrap_or_default(),
        reasoning: inner.number("reasoning").unwrap_or_default(),
        cache_read: inner.number("cache_read").unwrap_or_default(),
        cache_write: inner.number("cache_write").unwrap_or_default(),
    };
    inner.take("total");
    members.absorb("tokens", inner);
    Some(tokens)
}
