//! Values and maps as bytes. Depth is counted, so hostile bytes cannot exhaust the stack.

use std::borrow::Cow;

use super::payload::Payload;
use super::unread::Unread;
use crate::event::value::DEPTH_MAX;
use crate::event::{Map, MemberName, Value, map};

/// Tags of the values on the disk.
pub(super) mod tag {
    pub(in super::super) const NULL: u32 = 0;
    pub(in super::super) const BOOL: u32 = 1;
    pub(in super::super) const I64: u32 = 2;
    pub(in super::super) const U64: u32 = 3;
    pub(in super::super) const F64: u32 = 4;
    pub(in super::super) const STRING: u32 = 5;
    pub(in super::super) const BYTES: u32 = 6;
    pub(in super::super) const LIST: u32 = 7;
    pub(in super::super) const MAP: u32 = 8;
}

/// Puts a value down.
pub(super) fn put_value(payload: &mut Payload<'_>, value: &Value<'_>) {
    put_nested_value(payload, value, DEPTH_MAX);
}

/// Puts the members of a body down; one map deep themselves.
pub(super) fn put_members(payload: &mut Payload<'_>, map: &Map<'_>) {
    put_nested_map(payload, map, DEPTH_MAX - 1);
}

/// Puts members down that stand for themselves: their values may nest as deep as any value.
pub(super) fn put_top_members(payload: &mut Payload<'_>, map: &Map<'_>) {
    put_nested_map(payload, map, DEPTH_MAX);
}

/// A value inside which this many lists and maps may still open.
fn put_nested_value(payload: &mut Payload<'_>, value: &Value<'_>, left: u8) {
    match value {
        Value::Null => payload.number(tag::NULL),
        Value::Bool(value) => {
            payload.number(tag::BOOL);
            payload.bool(*value);
        }
        Value::I64(value) => {
            payload.number(tag::I64);
            payload.i64(*value);
        }
        Value::U64(value) => {
            payload.number(tag::U64);
            payload.number(*value);
        }
        Value::F64(value) => {
            payload.number(tag::F64);
            payload.f64(*value);
        }
        Value::String(text) => {
            payload.number(tag::STRING);
            payload.text(text);
        }
        Value::Bytes(bytes) => {
            payload.number(tag::BYTES);
            payload.bytes(bytes);
        }
        Value::List(values) => match left.checked_sub(1) {
            None => payload.nests_too_deep(),
            Some(left) => {
                payload.number(tag::LIST);
                put_nested_list(payload, values, left);
            }
        },
        Value::Map(map) => match left.checked_sub(1) {
            None => payload.nests_too_deep(),
            Some(left) => {
                payload.number(tag::MAP);
                put_nested_map(payload, map, left);
            }
        },
    }
}

fn put_nested_list(payload: &mut Payload<'_>, values: &[Value<'_>], left: u8) {
    payload.count(values.len());
    for value in values {
        put_nested_value(payload, value, left);
    }
}

fn put_nested_map(payload: &mut Payload<'_>, map: &Map<'_>, left: u8) {
    payload.count(map.0.len());
    for (name, value) in &map.0 {
        payload.bytes(name.as_bytes());
        put_nested_value(payload, value, left);
    }
}

/// The value that follows; null where data is left out.
pub(super) fn value<'a>(unread: &mut Unread<'a>) -> Option<Value<'a>> {
    match unread.skims() {
        true => no_value(unread).map(|()| Value::Null),
        false => nested_value(unread, DEPTH_MAX),
    }
}

/// The members that follow in a body, one map deep themselves; none where data is left out.
pub(super) fn members<'a>(unread: &mut Unread<'a>) -> Option<Map<'a>> {
    match unread.skims() {
        true => no_members(unread).map(|()| Map::new()),
        false => nested_map(unread, DEPTH_MAX - 1),
    }
}

/// Goes past a value.
pub(super) fn no_value(unread: &mut Unread<'_>) -> Option<()> {
    skip_value(unread, DEPTH_MAX)
}

/// Goes past the members of a body.
pub(super) fn no_members(unread: &mut Unread<'_>) -> Option<()> {
    skip_map(unread, DEPTH_MAX - 1)
}

/// As [`members`], of a session: they are never left out.
pub(super) fn metadata<'a>(unread: &mut Unread<'a>) -> Option<Map<'a>> {
    nested_map(unread, DEPTH_MAX - 1)
}

/// The members that follow, where they stand for themselves.
pub(super) fn top_members<'a>(unread: &mut Unread<'a>) -> Option<Map<'a>> {
    nested_map(unread, DEPTH_MAX)
}

/// A value inside which this many lists and maps may still open.
fn nested_value<'a>(unread: &mut Unread<'a>, left: u8) -> Option<Value<'a>> {
    Some(match unread.u32()? {
        tag::NULL => Value::Null,
        tag::BOOL => Value::Bool(unread.bool()?),
        tag::I64 => Value::I64(unread.i64()?),
        tag::U64 => Value::U64(unread.u64()?),
        tag::F64 => Value::F64(unread.f64()?),
        tag::STRING => Value::String(Cow::Borrowed(unread.text()?)),
        tag::BYTES => Value::Bytes(Cow::Borrowed(unread.bytes()?)),
        tag::LIST => Value::List(nested_list(unread, left.checked_sub(1)?)?),
        tag::MAP => Value::Map(nested_map(unread, left.checked_sub(1)?)?),
        _ => return None,
    })
}

fn nested_list<'a>(unread: &mut Unread<'a>, left: u8) -> Option<Vec<Value<'a>>> {
    let count = unread.count()?;
    let mut values = Vec::with_capacity(count.min(BELIEVED_MAX));
    for _ in 0..count {
        values.push(nested_value(unread, left)?);
    }
    Some(values)
}

/// `None` also if a name is there twice.
fn nested_map<'a>(unread: &mut Unread<'a>, left: u8) -> Option<Map<'a>> {
    let count = unread.count()?;
    let mut members = Vec::with_capacity(count.min(BELIEVED_MAX));
    for _ in 0..count {
        let name = MemberName::Borrowed(unread.text()?);
        members.push((name, nested_value(unread, left)?));
    }
    Some(Map(members)).filter(|map| !map.has_duplicates())
}

/// Goes past a value if it is one.
fn skip_value(unread: &mut Unread<'_>, left: u8) -> Option<()> {
    match unread.u32()? {
        tag::NULL => {}
        tag::BOOL => drop(unread.bool()?),
        tag::I64 => drop(unread.i64()?),
        tag::U64 => drop(unread.u64()?),
        tag::F64 => drop(unread.f64()?),
        tag::STRING => drop(unread.text()?),
        tag::BYTES => drop(unread.bytes()?),
        tag::LIST => {
            let left = left.checked_sub(1)?;
            for _ in 0..unread.count()? {
                skip_value(unread, left)?;
            }
        }
        tag::MAP => skip_map(unread, left.checked_sub(1)?)?,
        _ => return None,
    }
    Some(())
}

fn skip_map(unread: &mut Unread<'_>, left: u8) -> Option<()> {
    let mut names = Names::default();
    for _ in 0..unread.count()? {
        names.push(unread.text()?.as_bytes());
        skip_value(unread, left)?;
    }
    (!names.has_duplicates()).then_some(())
}

/// Names of members; as many as are compared one by one take no allocation.
#[derive(Default)]
struct Names<'a> {
    first: [&'a [u8]; map::WALK_MAX],
    first_len: usize,
    others: Vec<&'a [u8]>,
}

impl<'a> Names<'a> {
    fn push(&mut self, name: &'a [u8]) {
        match self.first.get_mut(self.first_len) {
            Some(place) => {
                *place = name;
                self.first_len += 1;
            }
            None => self.others.push(name),
        }
    }

    fn has_duplicates(&self) -> bool {
        let first = self.first.iter().take(self.first_len);
        let len = self.first_len + self.others.len();
        map::has_duplicates(first.chain(&self.others).copied(), len)
    }
}

/// How many values to make place for at once at most: a large count on the disk may be a lie, and
/// then a vector grows with the values that are there.
const BELIEVED_MAX: usize = 16;
