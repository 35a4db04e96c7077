//! Values and maps as bytes. Depth is counted, so hostile bytes cannot exhaust the stack.

use std::borrow::Cow;

use super::decoder::Decoder;
use super::encoder::Encoder;
use super::skip::{skip_members, skip_nested_map, skip_nested_value, skip_value};
use super::tag::{self, elsewhere};
use crate::event::value::{DEPTH_MAX, NODES_MAX};
use crate::event::{Key, Map, Value, json_text, nesting};

/// Puts the value of an event's member down.
pub(super) fn put_value(to: &mut Encoder<'_>, name: &'static str, value: &Value<'_>) {
    to.member(name);
    if to.is_bounded() && !to.has_room(nesting::count(value, NODES_MAX)) {
        to.node();
        return put_as_json(to, value);
    }
    put_nested_value(to, value, DEPTH_MAX);
}

/// Puts the members of a body down; one map deep themselves.
pub(super) fn put_members(to: &mut Encoder<'_>, name: &'static str, map: &Map<'_>) {
    to.member(name);
    put_top_map(to, map, DEPTH_MAX - 1);
}

/// Puts members down that stand for themselves: their values may nest as deep as any value.
pub(super) fn put_top_members(to: &mut Encoder<'_>, map: &Map<'_>) {
    put_top_map(to, map, DEPTH_MAX);
}

fn put_top_map(to: &mut Encoder<'_>, map: &Map<'_>, left: u8) {
    if !to.is_bounded() {
        return put_nested_map(to, map, left);
    }
    let counts = map
        .iter()
        .map(|(_, value)| nesting::count(value, NODES_MAX));
    let mut room = to.room();
    // A value with too many others in it is one text.
    let kept = counts.take_while(|count| {
        room = room.saturating_sub(if *count > room { 1 } else { *count });
        room > 0
    });
    let kept = kept.count();
    let (kept, rest) = map.0.split_at(kept);
    to.count(kept.len() + usize::from(!rest.is_empty()));
    for (name, value) in kept {
        to.bytes(name.as_bytes());
        match to.has_room(nesting::count(value, NODES_MAX)) {
            true => put_nested_value(to, value, left),
            false => {
                to.node();
                put_as_json(to, value);
            }
        }
    }
    if !rest.is_empty() {
        let mut name = REST_NAME.to_owned();
        while map.get(&name).is_some() {
            name.push('$');
        }
        to.text(&name);
        put_as_json(to, &Value::Map(Map(rest.to_vec())));
    }
}

/// Puts a value down as its text in JSON, for it nests too deep, or has too many others in it.
#[cold]
fn put_as_json(to: &mut Encoder<'_>, value: &Value<'_>) {
    to.note_converted();
    to.number(tag::STRING);
    to.text(&json_text::to_json(value));
}

/// A value inside which this many lists and maps may still open.
fn put_nested_value(to: &mut Encoder<'_>, value: &Value<'_>, left: u8) {
    to.node();
    match value {
        Value::Null => to.number(tag::NULL),
        Value::Bool(value) => {
            to.number(tag::BOOL);
            to.bool(*value);
        }
        Value::I64(value) => {
            to.number(tag::I64);
            to.i64(*value);
        }
        Value::U64(value) => {
            to.number(tag::U64);
            to.number(*value);
        }
        Value::F64(value) => {
            to.number(tag::F64);
            to.f64(*value);
        }
        // Where it is means nothing to another record.
        Value::Elsewhere(other) => put_nested_value(to, &other.to_value(), left),
        Value::String(text) => {
            let open = to.begin_value(text.len());
            to.number(tag::STRING);
            to.text(text);
            to.end_value(open);
        }
        Value::Bytes(bytes) => {
            let open = to.begin_value(bytes.len());
            to.number(tag::BYTES);
            to.bytes(bytes);
            to.end_value(open);
        }
        Value::List(_) | Value::Map(_) => {
            let open = to.begin_value(usize::MAX);
            put_container(to, value, left);
            to.end_value(open);
        }
    }
}

/// A list or a map.
fn put_container(to: &mut Encoder<'_>, value: &Value<'_>, left: u8) {
    let Some(left) = left.checked_sub(1) else {
        return put_as_json(to, value);
    };
    match value {
        Value::List(values) => {
            let list = to.len();
            to.number(tag::LIST);
            put_nested_list(to, values, (list, left));
        }
        Value::Map(map) => {
            to.number(tag::MAP);
            put_nested_map(to, map, left);
        }
        _ => {}
    }
}

/// The elements of the list that begins there.
fn put_nested_list(to: &mut Encoder<'_>, values: &[Value<'_>], (list, left): (usize, u8)) {
    to.count(values.len());
    for value in values {
        to.next_is(Some(list));
        put_nested_value(to, value, left);
    }
    to.next_is(None);
}

fn put_nested_map(to: &mut Encoder<'_>, map: &Map<'_>, left: u8) {
    to.count(map.0.len());
    for (name, value) in &map.0 {
        to.bytes(name.as_bytes());
        put_nested_value(to, value, left);
    }
}

/// The value that follows; null where data is left out.
pub(super) fn value<'a>(from: &mut Decoder<'a>) -> Option<Value<'a>> {
    match from.skips_values() {
        true => skip_value(from).map(|()| Value::Null),
        false => bounded_value(from, DEPTH_MAX),
    }
}

/// The members that follow in a body, one map deep themselves; none where data is left out.
pub(super) fn members<'a>(from: &mut Decoder<'a>) -> Option<Map<'a>> {
    match from.skips_values() {
        true => skip_members(from).map(|()| Map::new()),
        false => bounded_map(from, DEPTH_MAX - 1),
    }
}

/// As [`members`], of a session: of them a text by the name of `title` is never left out, nor that
/// there is another value by that name which says something.
pub(super) fn metadata<'a>(from: &mut Decoder<'a>) -> Option<Map<'a>> {
    if !from.skips_values() {
        return bounded_map(from, DEPTH_MAX - 1);
    }
    let mut title = None;
    {
        let mut ahead = from.clone();
        for _ in 0..ahead.count()? {
            let is_title = ahead.text()? == TITLE_KEY;
            let value = brief_value(&mut ahead, DEPTH_MAX - 1)?;
            title = title.or(is_title.then_some(value));
        }
    }
    skip_nested_map(from, DEPTH_MAX - 1)?;
    let title = title.map(|title| (Key::Borrowed(TITLE_KEY), title));
    Some(Map(title.into_iter().collect()))
}

/// A text; of any other value only whether it says anything.
fn brief_value<'a>(from: &mut Decoder<'a>, left: u8) -> Option<Value<'a>> {
    let mut inner = from.clone();
    let tag = inner.u32()?;
    let is_blank = match tag {
        tag::NULL => true,
        tag::STRING => {
            let text = inner.text()?;
            *from = inner;
            return Some(Value::String(Cow::Borrowed(text)));
        }
        tag::BYTES | tag::LIST | tag::MAP => inner.count()? == 0,
        _ => false,
    };
    from.without_names(|from| skip_nested_value(from, left))?;
    Some(match is_blank {
        true => Value::Null,
        false => Value::Bool(true),
    })
}

/// The members that follow, where they stand for themselves.
pub(super) fn top_members<'a>(from: &mut Decoder<'a>) -> Option<Map<'a>> {
    bounded_map(from, DEPTH_MAX)
}

/// As [`nested_value`]; a value with too many others in it is kept as the bytes that it has on the
/// disk.
fn bounded_value<'a>(from: &mut Decoder<'a>, left: u8) -> Option<Value<'a>> {
    let begin = from.place();
    let value = nested_value(from, left);
    if !from.is_exhausted() {
        return value;
    }
    from.go_back(begin);
    skip_nested_value(from, left)?;
    let bytes = from.leave_whole(begin)?;
    Some(Value::Bytes(Cow::Borrowed(bytes)))
}

/// As [`nested_map`], of values each of which is bounded; too many members are kept as the bytes
/// that they have on the disk, in the place of one.
fn bounded_map<'a>(from: &mut Decoder<'a>, left: u8) -> Option<Map<'a>> {
    let begin = from.place();
    let count = from.count()?;
    if from.has_room(count) {
        return members_of(from, count, |from| bounded_value(from, left));
    }
    from.go_back(begin);
    skip_nested_map(from, left)?;
    let bytes = from.leave_whole(begin)?;
    Some(Map(vec![(
        Key::Borrowed(REST_NAME),
        Value::Bytes(Cow::Borrowed(bytes)),
    )]))
}

/// A value inside which this many lists and maps may still open.
fn nested_value<'a>(from: &mut Decoder<'a>, left: u8) -> Option<Value<'a>> {
    element(from, left, 1).map(|(value, _)| value)
}

/// As [`nested_value`], of one that may stand for at most so many; tells for how many.
fn element<'a>(from: &mut Decoder<'a>, left: u8, count_max: usize) -> Option<(Value<'a>, usize)> {
    from.node()?;
    let value = match from.u32()? {
        tag::NULL => Value::Null,
        tag::BOOL => Value::Bool(from.bool()?),
        tag::I64 => Value::I64(from.i64()?),
        tag::U64 => Value::U64(from.u64()?),
        tag::F64 => Value::F64(from.f64()?),
        tag::STRING => Value::String(Cow::Borrowed(from.text()?)),
        tag::BYTES => Value::Bytes(Cow::Borrowed(from.bytes()?)),
        tag::LIST => Value::List(nested_list(from, left.checked_sub(1)?)?),
        tag::MAP => Value::Map(nested_map(from, left.checked_sub(1)?)?),
        tag => {
            let (other, count) = elsewhere(from, tag, count_max)?;
            return Some((Value::Elsewhere(Box::new(other)), count));
        }
    };
    Some((value, 1))
}

/// A list's count is that of all the values that its elements stand for.
fn nested_list<'a>(from: &mut Decoder<'a>, left: u8) -> Option<Vec<Value<'a>>> {
    let mut due = from.count()?;
    let mut values = Vec::with_capacity(due.min(BELIEVED_MAX));
    while due > 0 {
        let (value, count) = element(from, left, due)?;
        values.push(value);
        due -= count;
    }
    Some(values)
}

/// `None` also if a name is there twice.
fn nested_map<'a>(from: &mut Decoder<'a>, left: u8) -> Option<Map<'a>> {
    let count = from.count()?;
    members_of(from, count, |from| nested_value(from, left))
}

fn members_of<'a>(
    from: &mut Decoder<'a>,
    count: usize,
    value: impl Fn(&mut Decoder<'a>) -> Option<Value<'a>>,
) -> Option<Map<'a>> {
    let mut members = Vec::with_capacity(count.min(BELIEVED_MAX));
    for _ in 0..count {
        let name = Key::Borrowed(from.text()?);
        members.push((name, value(from)?));
    }
    Some(Map(members)).filter(|map| !map.has_duplicates())
}

/// The member of a session's metadata that a list shows.
pub(crate) const TITLE_KEY: &str = "title";

/// How many values to make place for at once at most: a large count on the disk may be a lie, and
/// then a vector grows with the values that are there.
const BELIEVED_MAX: usize = 16;

/// The name of what there were too many members for.
const REST_NAME: &str = "$rest";
