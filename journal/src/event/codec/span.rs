//! A span's start, changes and end, and what all of them can say.

use std::borrow::Cow;

use super::decoder::Decoder;
use super::encoder::{Encoder, invalid};
use super::field::{
    id, key, number, put_id, put_number, put_optional_id, put_optional_text, put_time,
    skip_optional_text, text, time,
};
use super::skip::{skip_members, skip_value};
use super::value::{members, put_members, put_value, value};
use crate::error::Result;
use crate::event::{
    Model, Numbers, OtlpKind, SpanEnd, SpanFields, SpanKey, SpanKind, SpanMention, SpanStart,
    SpanStatus, SpanUpdate, Tokens,
};
use crate::format::RecordKind;
use crate::time::Timestamp;

/// What is said of a span, and when it happened if that is said.
type Happened<'a> = (Option<Timestamp>, SpanMention<'a>);

pub(super) fn put_start(to: &mut Encoder<'_>, start: &SpanStart<'_>) -> RecordKind {
    put_id(to, &start.span);
    put_optional_id(to, &start.parent);
    to.text(start.kind.as_str());
    to.text(&start.name);
    to.option(start.started_at, put_time);
    put_optional_id(to, &start.trace_id);
    to.option(start.otlp_kind, |to, kind| to.byte(kind.0));
    put_fields(to, &start.fields);
    RecordKind::SPAN_START
}

pub(super) fn read_start<'a>(from: &mut Decoder<'a>) -> Option<SpanStart<'a>> {
    Some(SpanStart {
        span: id(from)?,
        parent: from.option(id)?,
        kind: SpanKind(text(from)?),
        name: text(from)?,
        started_at: from.option(time)?,
        trace_id: from.option(id)?,
        otlp_kind: from.option(Decoder::byte)?.map(OtlpKind),
        fields: fields(from)?,
    })
}

pub(super) fn skip_start<'a>(from: &mut Decoder<'a>) -> Option<Happened<'a>> {
    let (started_at, span, numbers) = started(from)?;
    Some((started_at, SpanMention::Start(span, numbers)))
}

/// When the span began, which one it is, and its numbers.
fn started<'a>(from: &mut Decoder<'a>) -> Option<(Option<Timestamp>, SpanKey<'a>, Numbers)> {
    let span = key(from)?;
    from.option(key)?;
    from.text()?;
    from.text()?;
    let started_at = from.option(time)?;
    from.option(key)?;
    from.option(Decoder::byte)?;
    Some((started_at, span, skip_fields(from)?))
}

pub(super) fn put_update(to: &mut Encoder<'_>, update: &SpanUpdate<'_>) -> RecordKind {
    put_id(to, &update.span);
    put_optional_text(to, &update.name);
    to.option(update.status, put_status);
    put_optional_text(to, &update.status_message);
    put_fields(to, &update.fields);
    RecordKind::SPAN_UPDATE
}

pub(super) fn read_update<'a>(from: &mut Decoder<'a>) -> Option<SpanUpdate<'a>> {
    Some(SpanUpdate {
        span: id(from)?,
        name: from.option(text)?,
        status: from.option(status)?,
        status_message: from.option(text)?,
        fields: fields(from)?,
    })
}

pub(super) fn skip_update<'a>(from: &mut Decoder<'a>) -> Option<SpanMention<'a>> {
    let span = key(from)?;
    skip_optional_text(from)?;
    from.option(status)?;
    skip_optional_text(from)?;
    Some(SpanMention::Mention(span, skip_fields(from)?))
}

pub(super) fn put_end(to: &mut Encoder<'_>, end: &SpanEnd<'_>) -> RecordKind {
    put_id(to, &end.span);
    put_finish(to, end);
    RecordKind::SPAN_END
}

pub(super) fn read_end<'a>(from: &mut Decoder<'a>) -> Option<SpanEnd<'a>> {
    let span = id(from)?;
    finish(from, span)
}

pub(super) fn skip_end<'a>(from: &mut Decoder<'a>) -> Option<Happened<'a>> {
    let span = key(from)?;
    let (ended_at, by_drop, numbers) = skip_finish(from)?;
    let mention = match by_drop {
        true => SpanMention::Drop(span, numbers),
        false => SpanMention::End(span, numbers),
    };
    Some((ended_at, mention))
}

pub(super) fn put_whole(
    to: &mut Encoder<'_>,
    start: &SpanStart<'_>,
    end: &SpanEnd<'_>,
) -> Result<RecordKind> {
    if end.span != start.span && !end.span.is_empty() {
        return Err(invalid(format!(
            "a span started as {:?} ends as {:?}",
            start.span, end.span
        )));
    }
    put_start(to, start);
    put_finish(to, end);
    Ok(RecordKind::SPAN)
}

pub(super) fn read_whole<'a>(from: &mut Decoder<'a>) -> Option<(SpanStart<'a>, SpanEnd<'a>)> {
    let start = read_start(from)?;
    let end = finish(from, start.span.clone())?;
    Some((start, end))
}

pub(super) fn skip_whole<'a>(from: &mut Decoder<'a>) -> Option<Happened<'a>> {
    let (started_at, span, at_start) = started(from)?;
    let (ended_at, _, at_end) = skip_finish(from)?;
    // No span is over before it begins, whatever its clock said.
    let over_at = ended_at.map(|ended_at| ended_at.max(started_at.unwrap_or(ended_at)));
    Some((over_at, SpanMention::Whole(span, at_start, at_end)))
}

/// Puts down what an end says besides the span's id.
fn put_finish(to: &mut Encoder<'_>, end: &SpanEnd<'_>) {
    put_status(to, end.status);
    put_optional_text(to, &end.status_message);
    to.option(end.ended_at, put_time);
    to.bool(end.ended_by_drop);
    put_fields(to, &end.fields);
}

fn finish<'a>(from: &mut Decoder<'a>, span: Cow<'a, str>) -> Option<SpanEnd<'a>> {
    Some(SpanEnd {
        span,
        status: status(from)?,
        status_message: from.option(text)?,
        ended_at: from.option(time)?,
        ended_by_drop: from.bool()?,
        fields: fields(from)?,
    })
}

/// When the span ended, whether by drop, and its numbers.
fn skip_finish(from: &mut Decoder<'_>) -> Option<(Option<Timestamp>, bool, Numbers)> {
    status(from)?;
    skip_optional_text(from)?;
    let ended_at = from.option(time)?;
    let by_drop = from.bool()?;
    Some((ended_at, by_drop, skip_fields(from)?))
}

fn put_fields(to: &mut Encoder<'_>, fields: &SpanFields<'_>) {
    to.option(fields.input.as_ref(), |to, value| {
        put_value(to, "input", value)
    });
    to.option(fields.output.as_ref(), |to, value| {
        put_value(to, "output", value)
    });
    to.option(fields.model.as_ref(), put_model);
    put_optional_id(to, &fields.call_id);
    to.option(fields.tokens.as_ref(), put_tokens);
    to.option(fields.cost, put_number);
    put_optional_text(to, &fields.finish_reason);
    put_members(to, "attributes", &fields.attributes);
}

fn fields<'a>(from: &mut Decoder<'a>) -> Option<SpanFields<'a>> {
    Some(SpanFields {
        input: from.option(value)?,
        output: from.option(value)?,
        model: from.option(model)?,
        call_id: from.option(id)?,
        tokens: from.option(tokens)?,
        cost: from.option(number)?,
        finish_reason: from.option(text)?,
        attributes: members(from)?,
    })
}

fn skip_fields(from: &mut Decoder<'_>) -> Option<Numbers> {
    from.option(skip_value)?;
    from.option(skip_value)?;
    from.option(skip_model)?;
    from.option(key)?;
    let numbers = numbers_of(from)?;
    skip_optional_text(from)?;
    skip_members(from)?;
    Some(numbers)
}

fn put_model(to: &mut Encoder<'_>, model: &Model<'_>) {
    put_optional_text(to, &model.model_id);
    put_optional_text(to, &model.provider_id);
    put_optional_text(to, &model.variant);
}

fn model<'a>(from: &mut Decoder<'a>) -> Option<Model<'a>> {
    Some(Model {
        model_id: from.option(text)?,
        provider_id: from.option(text)?,
        variant: from.option(text)?,
    })
}

fn skip_model(from: &mut Decoder<'_>) -> Option<()> {
    for _ in ["model", "provider", "variant"] {
        skip_optional_text(from)?;
    }
    Some(())
}

/// Puts numbers down that stand for themselves.
pub(crate) fn put_numbers(out: &mut Vec<u8>, numbers: Numbers) {
    let to = &mut Encoder::new(out);
    to.option(numbers.tokens.as_ref(), put_tokens);
    to.option(numbers.cost, put_number);
}

/// The numbers at the beginning of these bytes.
pub(crate) fn numbers(bytes: &[u8]) -> Option<Numbers> {
    numbers_of(&mut Decoder::new(bytes))
}

fn numbers_of(from: &mut Decoder<'_>) -> Option<Numbers> {
    Some(Numbers {
        tokens: from.option(tokens)?,
        cost: from.option(number)?,
    })
}

fn put_tokens(to: &mut Encoder<'_>, tokens: &Tokens) {
    put_number(to, tokens.input);
    put_number(to, tokens.output);
    put_number(to, tokens.reasoning);
    put_number(to, tokens.cache_read);
    put_number(to, tokens.cache_write);
}

fn tokens(from: &mut Decoder<'_>) -> Option<Tokens> {
    Some(Tokens {
        input: number(from)?,
        output: number(from)?,
        reasoning: number(from)?,
        cache_read: number(from)?,
        cache_write: number(from)?,
    })
}

fn put_status(to: &mut Encoder<'_>, status: SpanStatus) {
    to.number(match status {
        SpanStatus::Unset => 0_u32,
        SpanStatus::Ok => 1,
        SpanStatus::Error => 2,
    });
}

fn status(from: &mut Decoder<'_>) -> Option<SpanStatus> {
    Some(match from.u32()? {
        0 => SpanStatus::Unset,
        1 => SpanStatus::Ok,
        2 => SpanStatus::Error,
        _ => {
            from.note_unknown_status();
            SpanStatus::Unset
        }
    })
}
