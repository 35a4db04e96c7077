//! A piece of streaming text.

use super::decoder::Decoder;
use super::encoder::Encoder;
use super::field::{id, key, put_id, text};
use crate::event::{Channel, SpanMention, Text};
use crate::format::RecordKind;

pub(super) fn put(to: &mut Encoder<'_>, piece: &Text<'_>) -> RecordKind {
    put_id(to, &piece.span);
    to.text(piece.channel.as_str());
    to.option(piece.offset, Encoder::number);
    to.text(&piece.text);
    RecordKind::TEXT
}

pub(super) fn read<'a>(from: &mut Decoder<'a>) -> Option<Text<'a>> {
    Some(Text {
        span: id(from)?,
        channel: Channel(text(from)?),
        offset: from.option(Decoder::u64)?,
        text: text(from)?,
    })
}

pub(super) fn skip<'a>(from: &mut Decoder<'a>) -> Option<SpanMention<'a>> {
    let span = key(from)?;
    from.text()?;
    from.option(Decoder::u64)?;
    from.text()?;
    Some(SpanMention::of(Some(span)))
}
