//! Names that mean something in the JSON form of an event: members of its own by these names stand
//! in an object by the name of `extra`, so that none of them is lost or taken for something else.

use crate::event::{Action, Map, Value};

/// ByName in order.
type ByName<'m> = Vec<(&'m str, &'m Value<'m>)>;

/// An event's own members: those that stand beside what the event says, and those that stand in
/// `extra`.
pub(super) fn wrapped<'m>(action: &Action<'_>, extra: &'m Map<'_>) -> (ByName<'m>, ByName<'m>) {
    let (mut wrapped, mut plain): (ByName<'m>, ByName<'m>) = extra
        .iter()
        .partition(|(name, _)| is_reserved(action, name));
    if let Some(at) = plain.iter().position(|(name, _)| *name == EXTRA) {
        let is_taken_apart = is_wrapping(action, extra);
        if !wrapped.is_empty() || is_taken_apart {
            wrapped.push(plain.remove(at));
        }
    }
    (plain, wrapped)
}

/// An event's own members, of which some stood in `extra`: those with a name that means something
/// are the last.
pub(super) fn unwrapped<'a>(action: &Action<'_>, mut found: Map<'a>) -> Map<'a> {
    if is_wrapping(action, &found)
        && let Some(Value::Map(ref mut inner)) = found.remove(EXTRA)
    {
        found.0.append(&mut inner.0);
    }
    let is_last = |name: &str| is_reserved(action, name);
    if found.iter().any(|(name, _)| is_last(name)) {
        found.0.sort_by_key(|(name, _)| match name.as_str() {
            EXTRA => 2,
            name => i32::from(is_last(name)),
        });
    }
    found
}

/// Whether the members have one by the name of `extra` that stands for those in it: they are some,
/// have names that mean something, or this one's, and stand nowhere else.
fn is_wrapping(action: &Action<'_>, members: &Map<'_>) -> bool {
    let Some(Value::Map(inner)) = members.get(EXTRA) else {
        return false;
    };
    let mut names = inner.iter().map(|(name, _)| name);
    !inner.is_empty()
        && names
            .all(|name| name == EXTRA || (is_reserved(action, name) && members.get(name).is_none()))
}

fn is_reserved(action: &Action<'_>, name: &str) -> bool {
    COMMON_MEMBERS.contains(&name) || known_members(action).iter().any(|k| k.contains(&name))
}

const EXTRA: &str = "extra";

/// ByName every event can have, and `cat` adds.
const COMMON_MEMBERS: &[&str] = &[
    "type",
    "session",
    "at_ms",
    "at_ns",
    "otel",
    "converted",
    "run",
    "seq",
];

const BEGIN_MEMBERS: &[&str] = &[
    "span",
    "parent",
    "kind",
    "name",
    "start_ms",
    "start_ns",
    "trace_id",
    "otlp_kind",
];

const FINISH_MEMBERS: &[&str] = &[
    "span",
    "status",
    "status_message",
    "end_ms",
    "end_ns",
    "ended_by_drop",
];

const FIELD_MEMBERS: &[&str] = &[
    "input",
    "output",
    "model",
    "variant",
    "call_id",
    "tokens",
    "cost",
    "finish_reason",
    "attributes",
];

/// The members an action's form has: an extra one of the same name would change its meaning.
fn known_members(action: &Action<'_>) -> &'static [&'static [&'static str]] {
    match action {
        Action::SessionStart(_) => &[&[
            "trace_id",
            "name",
            "span",
            "parent_session",
            "forked_at",
            "metadata",
        ]],
        Action::SessionUpdate(_) => &[&["name", "metadata"]],
        Action::SessionEnd(_) => &[&["status", "error"]],
        Action::SpanStart(_) => &[BEGIN_MEMBERS, FIELD_MEMBERS],
        Action::SpanUpdate(_) => &[&["span", "name", "status", "status_message"], FIELD_MEMBERS],
        Action::SpanEnd(_) => &[FINISH_MEMBERS, FIELD_MEMBERS],
        Action::Span(..) => &[BEGIN_MEMBERS, FINISH_MEMBERS, FIELD_MEMBERS],
        Action::Text(_) => &[&["span", "channel", "offset", "text"]],
        Action::Log(_) => &[&["span", "event_name", "level", "message", "attributes"]],
        Action::Link(_) => &[&["span", "to_trace_id", "to_session", "to_span", "attributes"]],
        Action::Counter(_) => &[&["name", "value", "unit", "span"]],
        Action::Crash(_) => &[&["reason", "location"]],
        Action::Custom(_) => &[&["name", "data"]],
        Action::Line(_) => &[&["line"]],
        Action::Unknown { .. } => &[&["kind", "data"]],
    }
}
