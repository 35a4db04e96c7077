//! A line of a program's output.

use std::borrow::Cow;

use super::decoder::Decoder;
use super::encoder::Encoder;
use crate::event::{Line, SpanMention};
use crate::format::RecordKind;

pub(super) fn put(to: &mut Encoder<'_>, line: &Line<'_>) -> RecordKind {
    to.bytes(&line.bytes);
    RecordKind::LINE
}

pub(super) fn read<'a>(from: &mut Decoder<'a>) -> Option<Line<'a>> {
    let bytes = Cow::Borrowed(from.bytes()?);
    Some(Line { bytes })
}

pub(super) fn skip<'a>(from: &mut Decoder<'a>) -> Option<SpanMention<'a>> {
    from.bytes()?;
    Some(SpanMention::Nothing)
}
