//! The members that describe spans.

use std::borrow::Cow;

use super::members::{Members, missing, warn_of_rest};
use crate::error::Result;
use crate::event::{
    Map, Model, OtlpKind, SessionStart, SpanEnd, SpanFields, SpanKind, SpanStart, SpanStatus,
    SpanUpdate, Tokens, Value,
};
use crate::seq::{Address, RunId, Seq};

pub(super) fn session_start<'a>(
    members: &mut Members<'a>,
    warnings: &mut Vec<String>,
) -> Result<SessionStart<'a>> {
    Ok(SessionStart {
        trace_id: members.text("trace_id")?,
        name: members.text("name")?,
        span: members.text("span")?,
        parent_session: members.text("parent_session")?,
        forked_at: address(members, "forked_at", warnings)?,
        metadata: members.map("metadata")?,
    })
}

pub(super) fn span_start<'a>(
    members: &mut Members<'a>,
    warnings: &mut Vec<String>,
) -> Result<SpanStart<'a>> {
    Ok(SpanStart {
        span: span_id(members)?,
        parent: members.text("parent")?,
        kind: members.text("kind")?.map_or(SpanKind::SPAN, SpanKind),
        name: members.text("name")?.unwrap_or(Cow::Borrowed("unknown")),
        started_at: members.time("start_ms", "start_ns")?,
        trace_id: members.text("trace_id")?,
        otlp_kind: members.u8("otlp_kind")?.map(OtlpKind),
        fields: span_fields(members, warnings)?,
    })
}

pub(super) fn span_update<'a>(
    members: &mut Members<'a>,
    warnings: &mut Vec<String>,
) -> Result<SpanUpdate<'a>> {
    Ok(SpanUpdate {
        span: span_id(members)?,
        name: members.text("name")?,
        status: status(members)?,
        status_message: members.text("status_message")?,
        fields: span_fields(members, warnings)?,
    })
}

pub(super) fn span_end<'a>(
    members: &mut Members<'a>,
    warnings: &mut Vec<String>,
) -> Result<SpanEnd<'a>> {
    Ok(SpanEnd {
        span: span_id(members)?,
        status: status(members)?.unwrap_or_default(),
        status_message: members.text("status_message")?,
        ended_at: members.time("end_ms", "end_ns")?,
        ended_by_drop: members.bool("ended_by_drop")?,
        fields: span_fields(members, warnings)?,
    })
}

/// A whole span has one set of fields: what is known at its start is put there, the rest at its
/// end.
pub(super) fn whole_span<'a>(
    members: &mut Members<'a>,
    warnings: &mut Vec<String>,
) -> Result<(SpanStart<'a>, SpanEnd<'a>)> {
    let mut start = span_start(members, warnings)?;
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
        status: status(members)?.unwrap_or_default(),
        status_message: members.text("status_message")?,
        ended_at: members.time("end_ms", "end_ns")?,
        ended_by_drop: members.bool("ended_by_drop")?,
        fields: at_end,
    };
    Ok((start, end))
}

pub(super) fn address(
    members: &mut Members<'_>,
    name: &'static str,
    warnings: &mut Vec<String>,
) -> Result<Option<Address>> {
    let map = members.map(name)?;
    if map.is_empty() {
        return Ok(None);
    }
    let mut inner = Members::new(map, "forked_at.");
    let run = inner.text("run")?.ok_or_else(|| missing("forked_at.run"))?;
    let seq_value = inner.u64("seq")?.ok_or_else(|| missing("forked_at.seq"))?;
    let run_id: Option<RunId> = run.parse().ok();
    let wrong_run = || inner.wrong("run", "the name of a run", &Value::String(run.clone()));
    let run_id = run_id.ok_or_else(wrong_run)?;
    let wrong_seq = || inner.wrong("seq", "an integer from 1 on", &Value::from(seq_value));
    let seq = Seq::new(seq_value).ok_or_else(wrong_seq)?;
    warn_of_rest(inner.rest(), "forked_at.", warnings);
    Ok(Some(Address { run: run_id, seq }))
}

fn span_id<'a>(members: &mut Members<'a>) -> Result<Cow<'a, str>> {
    members.text("span")?.ok_or_else(|| missing("span"))
}

fn status(members: &mut Members<'_>) -> Result<Option<SpanStatus>> {
    let words = [
        ("ok", SpanStatus::Ok),
        ("error", SpanStatus::Error),
        ("unset", SpanStatus::Unset),
    ];
    members.word("status", &words, "\"ok\", \"error\" or \"unset\"")
}

pub(super) fn span_fields<'a>(
    members: &mut Members<'a>,
    warnings: &mut Vec<String>,
) -> Result<SpanFields<'a>> {
    Ok(SpanFields {
        input: members.take_some("input"),
        output: members.take_some("output"),
        model: model(members, warnings)?,
        call_id: members.text("call_id")?,
        tokens: tokens(members, warnings)?,
        cost: members.number("cost")?,
        finish_reason: members.text("finish_reason")?,
        attributes: members.map("attributes")?,
    })
}

/// A model is an object or just its name; a variant may also stand beside it.
fn model<'a>(members: &mut Members<'a>, warnings: &mut Vec<String>) -> Result<Option<Model<'a>>> {
    let beside = members.text("variant")?;
    let map = match &mut members.take_some("model") {
        None if beside.is_none() => return Ok(None),
        None => Map::new(),
        Some(Value::String(name)) => Map::from([("model_id", std::mem::take(name))]),
        Some(Value::Map(map)) => std::mem::take(map),
        Some(other) => return Err(members.wrong("model", "an object or a string", other)),
    };
    let mut inner = Members::new(map, "model.");
    let model = Model {
        model_id: inner.text("model_id")?,
        provider_id: inner.text("provider_id")?,
        variant: inner.text("variant")?.or(beside),
    };
    warn_of_rest(inner.rest(), "model.", warnings);
    Ok(Some(model))
}

/// The total is the sum of the parts, so a given one is not needed.
fn tokens(members: &mut Members<'_>, warnings: &mut Vec<String>) -> Result<Option<Tokens>> {
    let map = match &mut members.take_some("tokens") {
        None => return Ok(None),
        Some(Value::Map(map)) => std::mem::take(map),
        Some(other) => return Err(members.wrong("tokens", "an object", other)),
    };
    let mut inner = Members::new(map, "tokens.");
    let tokens = Tokens {
        input: inner.number("input")?.unwrap_or_default(),
        output: inner.number("output")?.unwrap_or_default(),
        reasoning: inner.number("reasoning")?.unwrap_or_default(),
        cache_read: inner.number("cache_read")?.unwrap_or_default(),
        cache_write: inner.number("cache_write")?.unwrap_or_default(),
    };
    inner.take("total");
    warn_of_rest(inner.rest(), "tokens.", warnings);
    Ok(Some(tokens))
}
