//! From a payload to what its event says of a span, without the event.
//!
//! A list needs no more of most records, and to put an event together takes several times as long.
//! What is no event is nothing here either: the fields are gone through as in
//! [`decode`](super::decode).

use super::data::{no_members, no_value};
use super::decode::{status, tokens};
use super::field::{key, no_extras, number, time};
use super::unread::Unread;
use crate::event::{Glance, Numbers, SpanKey, Told};
use crate::format::RecordKind;
use crate::time::Timestamp;

/// As [`Event::glance`](crate::event::Event::glance), of the event of a record's payload; `None`
/// also if the payload is not understood.
pub(crate) fn glance(kind: RecordKind, payload: &[u8]) -> Option<Glance<'_>> {
    let unread = &mut Unread::new(payload);
    // All of these kinds tell first when they were recorded.
    let at = unread.maybe(time)?;
    let (happened_at, told) = match kind {
        RecordKind::SPAN_START => span_start(unread)?,
        RecordKind::SPAN_END => span_end(unread)?,
        RecordKind::SPAN => span(unread)?,
        RecordKind::SPAN_UPDATE => (None, span_update(unread)?),
        RecordKind::TEXT => (None, text_piece(unread)?),
        RecordKind::LOG => (None, log(unread)?),
        RecordKind::LINK => (None, link(unread)?),
        RecordKind::COUNTER => (None, counter(unread)?),
        RecordKind::CUSTOM => (None, custom(unread)?),
        RecordKind::LINE => (None, line(unread)?),
        _ => return None,
    };
    no_extras(unread)?;
    unread.end()?;
    Some(Glance {
        at: happened_at.or(at),
        told,
    })
}

/// What is told, and when it happened if that is said.
type Happened<'a> = (Option<Timestamp>, Told<'a>);

fn span_start<'a>(unread: &mut Unread<'a>) -> Option<Happened<'a>> {
    let (started_at, span, numbers) = begin(unread)?;
    Some((started_at, Told::Start(span, numbers)))
}

fn span_end<'a>(unread: &mut Unread<'a>) -> Option<Happened<'a>> {
    let span = key(unread)?;
    let (ended_at, numbers) = finish(unread)?;
    Some((ended_at, Told::End(span, numbers)))
}

fn span<'a>(unread: &mut Unread<'a>) -> Option<Happened<'a>> {
    let (started_at, span, at_start) = begin(unread)?;
    let (ended_at, at_end) = finish(unread)?;
    // No span is over before it begins, whatever its clock said.
    let over_at = ended_at.map(|ended_at| ended_at.max(started_at.unwrap_or(ended_at)));
    Some((over_at, Told::Whole(span, at_start, at_end)))
}

fn span_update<'a>(unread: &mut Unread<'a>) -> Option<Told<'a>> {
    let span = key(unread)?;
    no_text(unread)?;
    unread.maybe(status)?;
    no_text(unread)?;
    Some(Told::Mention(span, fields(unread)?))
}

fn text_piece<'a>(unread: &mut Unread<'a>) -> Option<Told<'a>> {
    let span = key(unread)?;
    unread.text()?;
    unread.maybe(Unread::u64)?;
    unread.text()?;
    Some(Told::mention(Some(span)))
}

fn log<'a>(unread: &mut Unread<'a>) -> Option<Told<'a>> {
    let span = unread.maybe(key)?;
    no_text(unread)?;
    unread.byte()?;
    no_value(unread)?;
    no_members(unread)?;
    Some(Told::mention(span))
}

fn link<'a>(unread: &mut Unread<'a>) -> Option<Told<'a>> {
    let span = unread.maybe(key)?;
    for _ in ["trace", "session", "span"] {
        unread.maybe(key)?;
    }
    no_members(unread)?;
    Some(Told::mention(span))
}

fn counter<'a>(unread: &mut Unread<'a>) -> Option<Told<'a>> {
    unread.text()?;
    number(unread)?;
    no_text(unread)?;
    unread.maybe(key)?;
    Some(Told::Nothing)
}

fn custom<'a>(unread: &mut Unread<'a>) -> Option<Told<'a>> {
    unread.text()?;
    no_value(unread)?;
    Some(Told::Nothing)
}

fn line<'a>(unread: &mut Unread<'a>) -> Option<Told<'a>> {
    unread.bytes()?;
    Some(Told::Nothing)
}

/// When the span began, which one it is, and its numbers.
fn begin<'a>(unread: &mut Unread<'a>) -> Option<(Option<Timestamp>, SpanKey<'a>, Numbers)> {
    let span = key(unread)?;
    unread.maybe(key)?;
    unread.text()?;
    unread.text()?;
    let started_at = unread.maybe(time)?;
    unread.maybe(key)?;
    unread.maybe(Unread::byte)?;
    Some((started_at, span, fields(unread)?))
}

/// When the span ended, and its numbers.
fn finish(unread: &mut Unread<'_>) -> Option<(Option<Timestamp>, Numbers)> {
    status(unread)?;
    no_text(unread)?;
    let ended_at = unread.maybe(time)?;
    unread.bool()?;
    Some((ended_at, fields(unread)?))
}

fn fields(unread: &mut Unread<'_>) -> Option<Numbers> {
    unread.maybe(no_value)?;
    unread.maybe(no_value)?;
    unread.maybe(model)?;
    unread.maybe(key)?;
    let numbers = Numbers {
        tokens: unread.maybe(tokens)?,
        cost: unread.maybe(number)?,
    };
    no_text(unread)?;
    no_members(unread)?;
    Some(numbers)
}

fn model(unread: &mut Unread<'_>) -> Option<()> {
    for _ in ["model", "provider", "variant"] {
        no_text(unread)?;
    }
    Some(())
}

/// Goes past a text that may be absent.
fn no_text(unread: &mut Unread<'_>) -> Option<()> {
    unread.maybe(Unread::text).map(drop)
}
