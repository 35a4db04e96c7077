//! An event of the caller's own kind.

use super::decoder::Decoder;
use super::encoder::Encoder;
use super::field::text;
use super::skip::skip_value;
use super::value::{put_value, value};
use crate::event::{Custom, SpanMention};
use crate::format::RecordKind;

pub(super) fn put(to: &mut Encoder<'_>, custom: &Custom<'_>) -> RecordKind {
    to.text(&custom.name);
    put_value(to, "data", &custom.data);
    RecordKind::CUSTOM
}

pub(super) fn read<'a>(from: &mut Decoder<'a>) -> Option<Custom<'a>> {
    Some(Custom {
        name: text(from)?,
        data: value(from)?,
    })
}

pub(super) fn skip<'a>(from: &mut Decoder<'a>) -> Option<SpanMention<'a>> {
    from.text()?;
    skip_value(from)?;
    Some(SpanMention::Nothing)
}
