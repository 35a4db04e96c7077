//! A link from a span to another one.

use super::decoder::Decoder;
use super::encoder::Encoder;
use super::field::{id, key, put_optional_id};
use super::skip::skip_members;
use super::value::{members, put_members};
use crate::event::{SpanLink, SpanMention};
use crate::format::RecordKind;

pub(super) fn put(to: &mut Encoder<'_>, link: &SpanLink<'_>) -> RecordKind {
    put_optional_id(to, &link.span);
    put_optional_id(to, &link.to_trace_id);
    put_optional_id(to, &link.to_session);
    put_optional_id(to, &link.to_span);
    put_members(to, "attributes", &link.attributes);
    RecordKind::LINK
}

pub(super) fn read<'a>(from: &mut Decoder<'a>) -> Option<SpanLink<'a>> {
    Some(SpanLink {
        span: from.option(id)?,
        to_trace_id: from.option(id)?,
        to_session: from.option(id)?,
        to_span: from.option(id)?,
        attributes: members(from)?,
    })
}

pub(super) fn skip<'a>(from: &mut Decoder<'a>) -> Option<SpanMention<'a>> {
    let span = from.option(key)?;
    for _ in ["trace", "session", "span"] {
        from.option(key)?;
    }
    skip_members(from)?;
    Some(SpanMention::of(span))
}
