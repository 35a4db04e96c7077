//! A session or a whole run is about to die.

use super::decoder::Decoder;
use super::encoder::Encoder;
use super::field::{put_optional_text, text};
use crate::event::Crash;
use crate::format::RecordKind;

pub(super) fn put(to: &mut Encoder<'_>, crash: &Crash<'_>) -> RecordKind {
    put_optional_text(to, &crash.reason);
    put_optional_text(to, &crash.location);
    RecordKind::CRASH_NOTE
}

pub(super) fn read<'a>(from: &mut Decoder<'a>) -> Option<Crash<'a>> {
    Some(Crash {
        reason: from.option(text)?,
        location: from.option(text)?,
    })
}
