//! A line of a log.

use super::decoder::Decoder;
use super::encoder::Encoder;
use super::field::{id, key, put_optional_id, put_optional_text, skip_optional_text, text};
use super::skip::{skip_members, skip_value};
use super::value::{members, put_members, put_value, value};
use crate::event::{Level, Log, SpanMention};
use crate::format::RecordKind;

pub(super) fn put(to: &mut Encoder<'_>, log: &Log<'_>) -> RecordKind {
    put_optional_id(to, &log.span);
    put_optional_text(to, &log.event_name);
    to.byte(log.level.0);
    put_value(to, "message", &log.message);
    put_members(to, "attributes", &log.attributes);
    RecordKind::LOG
}

pub(super) fn read<'a>(from: &mut Decoder<'a>) -> Option<Log<'a>> {
    Some(Log {
        span: from.option(id)?,
        event_name: from.option(text)?,
        level: Level(from.byte()?),
        message: value(from)?,
        attributes: members(from)?,
    })
}

pub(super) fn skip<'a>(from: &mut Decoder<'a>) -> Option<SpanMention<'a>> {
    let span = from.option(key)?;
    skip_optional_text(from)?;
    from.byte()?;
    skip_value(from)?;
    skip_members(from)?;
    Some(SpanMention::of(span))
}
