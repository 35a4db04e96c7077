//! The value of a counter.

use super::decoder::Decoder;
use super::encoder::Encoder;
use super::field::{
    id, key, number, put_number, put_optional_id, put_optional_text, skip_optional_text, text,
};
use crate::event::{Counter, SpanMention};
use crate::format::RecordKind;

pub(super) fn put(to: &mut Encoder<'_>, counter: &Counter<'_>) -> RecordKind {
    to.text(&counter.name);
    put_number(to, counter.value);
    put_optional_text(to, &counter.unit);
    put_optional_id(to, &counter.span);
    RecordKind::COUNTER
}

pub(super) fn read<'a>(from: &mut Decoder<'a>) -> Option<Counter<'a>> {
    Some(Counter {
        name: text(from)?,
        value: number(from)?,
        unit: from.option(text)?,
        span: from.option(id)?,
    })
}

pub(super) fn skip<'a>(from: &mut Decoder<'a>) -> Option<SpanMention<'a>> {
    from.text()?;
    number(from)?;
    skip_optional_text(from)?;
    from.option(key)?;
    Some(SpanMention::Nothing)
}
