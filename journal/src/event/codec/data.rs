//! Values and maps as bytes. Depth is counted, so hostile bytes cannot exhaust the stack.

use std::borrow::Cow;
use std::hash::{BuildHasher, RandomState};

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
        false => bounded_value(unread, DEPTH_MAX),
    }
}

/// The members that follow in a body, one map deep themselves; none where data is left out.
pub(super) fn members<'a>(unread: &mut Unread<'a>) -> Option<Map<'a>> {
    match unread.skims() {
        true => no_members(unread).map(|()| Map::new()),
        false => bounded_map(unread, DEPTH_MAX - 1),
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

/// As [`members`], of a session: of them a text by the name of `title` is never left out, nor that
/// there is another value by that name which says something.
pub(super) fn metadata<'a>(unread: &mut Unread<'a>) -> Option<Map<'a>> {
    if !unread.skims() {
        return bounded_map(unread, DEPTH_MAX - 1);
    }
    let mut title = None;
    {
        let mut ahead = unread.clone();
        for _ in 0..ahead.count()? {
            let is_title = ahead.text()? == TITLE;
            let value = brief_value(&mut ahead, DEPTH_MAX - 1)?;
            title = title.or(is_title.then_some(value));
        }
    }
    skip_map(unread, DEPTH_MAX - 1)?;
    let title = title.map(|title| (MemberName::Borrowed(TITLE), title));
    Some(Map(title.into_iter().collect()))
}

/// A text; of any other value only whether it says anything.
fn brief_value<'a>(unread: &mut Unread<'a>, left: u8) -> Option<Value<'a>> {
    let mut inner = unread.clone();
    let tag = inner.u32()?;
    let is_blank = match tag {
        tag::NULL => true,
        tag::STRING => {
            let text = inner.text()?;
            *unread = inner;
            return Some(Value::String(Cow::Borrowed(text)));
        }
        tag::BYTES | tag::LIST | tag::MAP => inner.count()? == 0,
        _ => false,
    };
    unread.without_names(|unread| skip_value(unread, left))?;
    Some(match is_blank {
        true => Value::Null,
        false => Value::Bool(true),
    })
}

/// The members that follow, where they stand for themselves.
pub(super) fn top_members<'a>(unread: &mut Unread<'a>) -> Option<Map<'a>> {
    bounded_map(unread, DEPTH_MAX)
}

/// As [`nested_value`]; a value with too many others in it is kept as the bytes that it has on the
/// disk.
fn bounded_value<'a>(unread: &mut Unread<'a>, left: u8) -> Option<Value<'a>> {
    let begin = unread.place();
    let value = nested_value(unread, left);
    if unread.node() {
        return value;
    }
    unread.go_back(begin);
    skip_value(unread, left)?;
    let bytes = unread.leave_whole(begin)?;
    Some(Value::Bytes(Cow::Borrowed(bytes)))
}

/// A value inside which this many lists and maps may still open.
fn nested_value<'a>(unread: &mut Unread<'a>, left: u8) -> Option<Value<'a>> {
    if !unread.node() {
        return None;
    }
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

/// As [`nested_map`], of values each of which is bounded.
fn bounded_map<'a>(unread: &mut Unread<'a>, left: u8) -> Option<Map<'a>> {
    map_of(unread, |unread| bounded_value(unread, left))
}

/// `None` also if a name is there twice.
fn nested_map<'a>(unread: &mut Unread<'a>, left: u8) -> Option<Map<'a>> {
    map_of(unread, |unread| nested_value(unread, left))
}

fn map_of<'a>(
    unread: &mut Unread<'a>,
    value: impl Fn(&mut Unread<'a>) -> Option<Value<'a>>,
) -> Option<Map<'a>> {
    let count = unread.count()?;
    let mut members = Vec::with_capacity(count.min(BELIEVED_MAX));
    for _ in 0..count {
        let name = MemberName::Borrowed(unread.text()?);
        members.push((name, value(unread)?));
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
    let begin = unread.clone();
    let count = unread.count()?;
    let is_checked = unread.checks_names();
    for _ in 0..count {
        let name = unread.text()?.as_bytes();
        if is_checked {
            names.push(name);
        }
        skip_value(unread, left)?;
    }
    let has_duplicates = match is_checked && count > map::WALK_MAX {
        true => Many(begin, left).has_duplicates()?,
        false => names.has_duplicates(),
    };
    (!has_duplicates).then_some(())
}

/// A map of many members, which is gone through several times so that it takes little memory.
struct Many<'a>(Unread<'a>, u8);

impl<'a> Many<'a> {
    fn has_duplicates(&self) -> Option<bool> {
        let hasher = RandomState::new();
        let count = self.0.clone().count()?;
        let passes = u64::try_from(count.div_ceil(HASHES_MAX)).ok()?;
        for pass in 0..passes {
            let mut hashes = Vec::new();
            self.walk(|name| {
                let hash = hasher.hash_one(name);
                if hash % passes == pass {
                    hashes.push(hash);
                }
            })?;
            hashes.sort_unstable();
            let alike = hashes.windows(2).filter(|pair| pair[0] == pair[1]);
            for hash in alike.map(|pair| pair[0]) {
                let mut names = Vec::new();
                self.walk(|name| {
                    if hasher.hash_one(name) == hash {
                        names.push(name);
                    }
                })?;
                names.sort_unstable();
                if names.windows(2).any(|pair| pair[0] == pair[1]) {
                    return Some(true);
                }
            }
        }
        Some(false)
    }

    fn walk(&self, mut visit: impl FnMut(&'a [u8])) -> Option<()> {
        self.0.clone().without_names(|unread| {
            for _ in 0..unread.count()? {
                visit(unread.text()?.as_bytes());
                skip_value(unread, self.1)?;
            }
            Some(())
        })
    }
}

/// The names of a few members.
#[derive(Default)]
struct Names<'a> {
    first: [&'a [u8]; map::WALK_MAX],
    len: usize,
}

impl<'a> Names<'a> {
    /// Takes in a name; those of many are looked at in another way.
    fn push(&mut self, name: &'a [u8]) {
        if let Some(place) = self.first.get_mut(self.len) {
            *place = name;
            self.len += 1;
        }
    }

    fn has_duplicates(&self) -> bool {
        let first = self.first.iter().take(self.len);
        map::has_duplicates(first.copied(), self.len)
    }
}

/// The member of a session's metadata that a list shows.
const TITLE: &str = "title";

/// How many hashes of names are held at once at most.
const HASHES_MAX: usize = 1 << 20;

/// How many values to make place for at once at most: a large count on the disk may be a lie, and
/// then a vector grows with the values that are there.
const BELIEVED_MAX: usize = 16;
