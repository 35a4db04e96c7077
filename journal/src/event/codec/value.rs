//! Values and maps as bytes. Depth is counted, so hostile bytes cannot exhaust the stack.

use std::borrow::Cow;
use std::hash::{BuildHasher, RandomState};

use super::decoder::Decoder;
use super::encoder::Encoder;
use crate::event::value::DEPTH_MAX;
use crate::event::{Key, Map, Value, map};

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
    pub(in super::super) const ELSEWHERE: u32 = 9;
}

/// Puts a value down.
pub(super) fn put_value(to: &mut Encoder<'_>, value: &Value<'_>) {
    put_nested_value(to, value, DEPTH_MAX);
}

/// Puts the members of a body down; one map deep themselves.
pub(super) fn put_members(to: &mut Encoder<'_>, map: &Map<'_>) {
    put_nested_map(to, map, DEPTH_MAX - 1);
}

/// Puts members down that stand for themselves: their values may nest as deep as any value.
pub(super) fn put_top_members(to: &mut Encoder<'_>, map: &Map<'_>) {
    put_nested_map(to, map, DEPTH_MAX);
}

/// A value inside which this many lists and maps may still open.
fn put_nested_value(to: &mut Encoder<'_>, value: &Value<'_>, left: u8) {
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
        _ => {
            let open = to.begin_value();
            put_long_value(to, value, left);
            to.end_value(open);
        }
    }
}

/// A value that may be of any length.
fn put_long_value(to: &mut Encoder<'_>, value: &Value<'_>, left: u8) {
    match value {
        Value::Bytes(bytes) => {
            to.number(tag::BYTES);
            to.bytes(bytes);
        }
        Value::List(values) => match left.checked_sub(1) {
            None => to.nests_too_deep(),
            Some(left) => {
                let list = to.len();
                to.number(tag::LIST);
                put_nested_list(to, values, (list, left));
            }
        },
        Value::Map(map) => match left.checked_sub(1) {
            None => to.nests_too_deep(),
            Some(left) => {
                to.number(tag::MAP);
                put_nested_map(to, map, left);
            }
        },
        other => {
            to.number(tag::STRING);
            to.text(other.as_str().unwrap_or_default());
        }
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

/// Goes past a value.
pub(super) fn skip_value(from: &mut Decoder<'_>) -> Option<()> {
    skip_nested_value(from, DEPTH_MAX)
}

/// Goes past the members of a body.
pub(super) fn skip_members(from: &mut Decoder<'_>) -> Option<()> {
    skip_nested_map(from, DEPTH_MAX - 1)
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
    if from.node() {
        return value;
    }
    from.go_back(begin);
    skip_nested_value(from, left)?;
    let bytes = from.leave_whole(begin)?;
    Some(Value::Bytes(Cow::Borrowed(bytes)))
}

/// A value inside which this many lists and maps may still open.
fn nested_value<'a>(from: &mut Decoder<'a>, left: u8) -> Option<Value<'a>> {
    if !from.node() {
        return None;
    }
    Some(match from.u32()? {
        tag::NULL => Value::Null,
        tag::BOOL => Value::Bool(from.bool()?),
        tag::I64 => Value::I64(from.i64()?),
        tag::U64 => Value::U64(from.u64()?),
        tag::F64 => Value::F64(from.f64()?),
        tag::STRING => Value::String(Cow::Borrowed(from.text()?)),
        tag::BYTES => Value::Bytes(Cow::Borrowed(from.bytes()?)),
        tag::LIST => Value::List(nested_list(from, left.checked_sub(1)?)?),
        tag::MAP => Value::Map(nested_map(from, left.checked_sub(1)?)?),
        _ => return None,
    })
}

fn nested_list<'a>(from: &mut Decoder<'a>, left: u8) -> Option<Vec<Value<'a>>> {
    let count = from.count()?;
    let mut values = Vec::with_capacity(count.min(BELIEVED_MAX));
    for _ in 0..count {
        values.push(nested_value(from, left)?);
    }
    Some(values)
}

/// As [`nested_map`], of values each of which is bounded.
fn bounded_map<'a>(from: &mut Decoder<'a>, left: u8) -> Option<Map<'a>> {
    map_of(from, |from| bounded_value(from, left))
}

/// `None` also if a name is there twice.
fn nested_map<'a>(from: &mut Decoder<'a>, left: u8) -> Option<Map<'a>> {
    map_of(from, |from| nested_value(from, left))
}

fn map_of<'a>(
    from: &mut Decoder<'a>,
    value: impl Fn(&mut Decoder<'a>) -> Option<Value<'a>>,
) -> Option<Map<'a>> {
    let count = from.count()?;
    let mut members = Vec::with_capacity(count.min(BELIEVED_MAX));
    for _ in 0..count {
        let name = Key::Borrowed(from.text()?);
        members.push((name, value(from)?));
    }
    Some(Map(members)).filter(|map| !map.has_duplicates())
}

/// Goes past a value if it is one.
fn skip_nested_value(from: &mut Decoder<'_>, left: u8) -> Option<()> {
    match from.u32()? {
        tag::NULL => {}
        tag::BOOL => drop(from.bool()?),
        tag::I64 => drop(from.i64()?),
        tag::U64 => drop(from.u64()?),
        tag::F64 => drop(from.f64()?),
        tag::STRING => drop(from.text()?),
        tag::BYTES => drop(from.bytes()?),
        tag::LIST => {
            let left = left.checked_sub(1)?;
            for _ in 0..from.count()? {
                skip_nested_value(from, left)?;
            }
        }
        tag::MAP => skip_nested_map(from, left.checked_sub(1)?)?,
        _ => return None,
    }
    Some(())
}

fn skip_nested_map(from: &mut Decoder<'_>, left: u8) -> Option<()> {
    let mut names = Names::default();
    let begin = from.clone();
    let count = from.count()?;
    let is_checked = from.checks_names();
    for _ in 0..count {
        let name = from.text()?.as_bytes();
        if is_checked {
            names.push(name);
        }
        skip_nested_value(from, left)?;
    }
    let has_duplicates = match is_checked && count > map::WALK_MAX {
        true => Many(begin, left).has_duplicates()?,
        false => names.has_duplicates(),
    };
    (!has_duplicates).then_some(())
}

/// A map of many members, which is gone through several times so that it takes little memory.
struct Many<'a>(Decoder<'a>, u8);

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
        self.0.clone().without_names(|from| {
            for _ in 0..from.count()? {
                visit(from.text()?.as_bytes());
                skip_nested_value(from, self.1)?;
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
pub(crate) const TITLE_KEY: &str = "title";

/// How many hashes of names are held at once at most.
const HASHES_MAX: usize = 1 << 20;

/// How many values to make place for at once at most: a large count on the disk may be a lie, and
/// then a vector grows with the values that are there.
const BELIEVED_MAX: usize = 16;
