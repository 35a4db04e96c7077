//! The optional fields that end every payload, each with a tag.

use std::borrow::Cow;

use super::decoder::Decoder;
use super::encoder::Encoder;
use super::value::{put_top_members, top_members};
use crate::error::Result;
use crate::event::{Action, Event, Map};
use crate::time::Timestamp;

/// Members the event model does not know, as a map.
pub(super) const MEMBERS: u16 = 1;

/// Puts the optional fields of an event down.
pub(super) fn put_extras(to: &mut Encoder<'_>, event: &Event<'_>) -> Result<()> {
    let has_members = !event.extra.is_empty();
    to.count(usize::from(has_members) + event.unknown_extras.len());
    if has_members {
        let mut bytes = Vec::new();
        let mut members = Encoder::new(&mut bytes);
        put_top_members(&mut members, &event.extra);
        members.end()?;
        to.number(MEMBERS);
        to.bytes(&bytes);
    }
    for (tag, bytes) in &event.unknown_extras {
        to.number(*tag);
        to.bytes(bytes);
    }
    Ok(())
}

/// Goes past the optional fields that follow.
pub(super) fn skip_extras(from: &mut Decoder<'_>) -> Option<()> {
    for _ in 0..from.count()? {
        tag(from)?;
        from.bytes()?;
    }
    Some(())
}

/// The event, with the optional fields that follow and that nothing follows.
#[inline]
pub(super) fn with_extras<'a>(
    from: &mut Decoder<'a>,
    session: Option<Cow<'a, str>>,
    at: Option<Timestamp>,
    action: Action<'a>,
) -> Option<Event<'a>> {
    let (mut extra, mut unknown_extras) = (Map::new(), Vec::new());
    if from.skips_values() {
        skip_extras(from)?;
    } else {
        for _ in 0..from.count()? {
            let (tag, bytes) = (tag(from)?, from.bytes()?);
            // The first one of them; others, and those without any, stay as they are.
            let found = match tag == MEMBERS && extra.is_empty() {
                true => all_members(bytes).filter(|members| !members.is_empty()),
                false => None,
            };
            match found {
                Some(members) => extra = members,
                None => unknown_extras.push((tag, Cow::Borrowed(bytes))),
            }
        }
    }
    from.end()?;
    // Made where it goes: it is too long to be moved about.
    Some(Event {
        session,
        at,
        action,
        extra,
        unknown_extras,
    })
}

fn tag(from: &mut Decoder<'_>) -> Option<u16> {
    from.u16().filter(|tag| *tag != 0)
}

/// Members that take all of these bytes.
fn all_members(bytes: &[u8]) -> Option<Map<'_>> {
    let mut from = Decoder::new(bytes);
    let members = top_members(&mut from)?;
    from.end()?;
    Some(members)
}
