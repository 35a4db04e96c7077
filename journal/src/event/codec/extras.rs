//! The optional fields that end every payload, each with a tag.

use std::borrow::Cow;

use super::decoder::Decoder;
use super::encoder::Encoder;
use super::value::{put_top_members, top_members};
use crate::event::system::MUST_BE_UNDERSTOOD;
use crate::event::{Action, Appendix, Event, Map};
use crate::time::Timestamp;

/// Members the event model does not know, as a map.
pub(super) const MEMBERS: u16 = 1;

/// Names of members that were given as something else, and converted.
pub(super) const CONVERTED_TAG: u16 = 2;

/// What only OpenTelemetry has a word for, as a map.
pub(super) const OTEL: u16 = 3;

/// Puts the optional fields of an event down, in the order of their tags.
pub(super) fn put_extras(to: &mut Encoder<'_>, event: &Event<'_>) {
    let has_none = event.extra.is_empty() && event.appendix.is_none();
    if has_none && to.converted().is_empty() {
        return to.count(0);
    }
    let appendix = event.appendix.as_deref();
    let mut extras: Vec<(u16, Cow<'_, [u8]>)> = Vec::new();
    if !event.extra.is_empty() {
        extras.push((MEMBERS, Cow::Owned(members(to, "extra", &event.extra))));
    }
    if let Some(otel) = appendix
        .map(|more| &more.otel)
        .filter(|otel| !otel.is_empty())
    {
        extras.push((OTEL, Cow::Owned(members(to, "otel", otel))));
    }
    if let Some(names) = converted(to, appendix) {
        extras.push((CONVERTED_TAG, Cow::Owned(names)));
    }
    for (tag, bytes) in appendix.into_iter().flat_map(|more| &more.unknown) {
        if extras.iter().all(|(known, _)| known != tag) {
            extras.push((*tag, Cow::Borrowed(bytes)));
        }
    }
    extras.sort_by_key(|(tag, _)| *tag);
    to.count(extras.len());
    for (tag, bytes) in &extras {
        to.number(*tag);
        to.bytes(bytes);
    }
}

fn members(to: &mut Encoder<'_>, name: &'static str, map: &Map<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    to.member(name);
    let mut part = to.part(&mut bytes);
    put_top_members(&mut part, map);
    let state = part.into_state();
    to.join(state);
    bytes
}

/// The members that were converted before, and those that were while they were put down.
fn converted(to: &Encoder<'_>, appendix: Option<&Appendix<'_>>) -> Option<Vec<u8>> {
    let before = appendix.into_iter().flat_map(|more| &more.converted);
    let before: Vec<&str> = before.map(|name| &**name).collect();
    let now = to.converted().iter().copied();
    let now = now.filter(|name| !before.contains(name));
    let names: Vec<&str> = before.iter().copied().chain(now).collect();
    if names.is_empty() {
        return None;
    }
    let mut bytes = Vec::new();
    let mut part = Encoder::new(&mut bytes);
    part.count(names.len());
    for name in names {
        part.text(name);
    }
    Some(bytes)
}

/// Goes past the optional fields that follow.
pub(super) fn skip_extras(from: &mut Decoder<'_>) -> Option<()> {
    let mut last = 0;
    for _ in 0..from.count()? {
        tag(from, &mut last)?;
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
    let (mut extra, mut appendix) = (Map::new(), None);
    if from.skips_values() {
        skip_extras(from)?;
    } else {
        let count = from.count()?;
        if count > 0 {
            (extra, appendix) = extras(from, count)?;
        }
    }
    from.end()?;
    // Made where it goes: it is too long to be moved about.
    Some(Event {
        session,
        at,
        action,
        extra,
        appendix,
    })
}

#[cold]
fn extras<'a>(
    from: &mut Decoder<'a>,
    count: usize,
) -> Option<(Map<'a>, Option<Box<Appendix<'a>>>)> {
    let (mut extra, mut more, mut last) = (Map::new(), Appendix::default(), 0);
    for _ in 0..count {
        let (tag, bytes) = (tag(from, &mut last)?, from.bytes()?);
        // What cannot be decoded, or says nothing, stays as it is.
        let is_known = match tag {
            MEMBERS => all_members(from, bytes).map(|members| extra = members),
            CONVERTED_TAG => all_names(bytes).map(|names| more.converted = names),
            OTEL => all_members(from, bytes).map(|members| more.otel = members),
            _ => None,
        };
        if is_known.is_none() {
            more.unknown.push((tag, Cow::Borrowed(bytes)));
        }
    }
    let has_more = more != Appendix::default();
    Some((extra, has_more.then(|| Box::new(more))))
}

/// The next tag, which is larger than the one before it; `None` if it has to be understood.
fn tag(from: &mut Decoder<'_>, last: &mut u16) -> Option<u16> {
    let tag = from.u16().filter(|tag| *tag > *last)?;
    *last = tag;
    (tag & MUST_BE_UNDERSTOOD == 0).then_some(tag)
}

/// Members that take all of these bytes; `None` also if there are none.
fn all_members<'a>(from: &mut Decoder<'a>, bytes: &'a [u8]) -> Option<Map<'a>> {
    let mut part = from.part(bytes);
    let members = top_members(&mut part)?;
    part.end()?;
    from.join(&part);
    Some(members).filter(|members| !members.is_empty())
}

/// Names that take all of these bytes; `None` also if there are none.
fn all_names(bytes: &[u8]) -> Option<Vec<Cow<'_, str>>> {
    let mut from = Decoder::new(bytes);
    let count = from.count()?;
    let mut names: Vec<Cow<'_, str>> = Vec::new();
    for _ in 0..count {
        let name = from.text()?;
        if names.len() >= CONVERTED_MAX || names.iter().any(|known| known == name) {
            return None;
        }
        names.push(Cow::Borrowed(name));
    }
    from.end()?;
    Some(names).filter(|names| !names.is_empty())
}

/// More members than an event has that can be converted.
const CONVERTED_MAX: usize = 64;
