//! Values and maps as bytes. Depth is counted, so hostile bytes cannot exhaust the stack.

use std::borrow::Cow;

use serde::ser::{Error as _, Serialize, SerializeMap, SerializeSeq, Serializer};

use super::unread::Unread;
use crate::event::value::DEPTH_MAX;
use crate::event::{Map, MemberName, Value};

/// A value in a body.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Data<'a>(pub(super) Cow<'a, Value<'a>>);

/// A map in a body; one list or map deep itself.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Members<'a>(pub(super) Cow<'a, Map<'a>>);

/// Members of an event that stand for themselves: their values may nest as deep as any value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TopMembers<'a>(pub(super) Cow<'a, Map<'a>>);

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

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Nested(self.0.as_ref(), DEPTH_MAX).serialize(serializer)
    }
}

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Nested(self.0.as_ref(), DEPTH_MAX - 1).serialize(serializer)
    }
}

impl Serialize for TopMembers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Nested(self.0.as_ref(), DEPTH_MAX).serialize(serializer)
    }
}

/// Something and how many lists and maps may still open inside it.
struct Nested<'v, T: ?Sized>(&'v T, u8);

impl Serialize for Nested<'_, Value<'_>> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Nested(value, left) = *self;
        let inner = || {
            left.checked_sub(1)
                .ok_or_else(|| S::Error::custom("nests too deep"))
        };
        match value {
            Value::Null => serializer.serialize_unit_variant("", tag::NULL, ""),
            Value::Bool(value) => put(serializer, tag::BOOL, value),
            Value::I64(value) => put(serializer, tag::I64, value),
            Value::U64(value) => put(serializer, tag::U64, value),
            Value::F64(value) => put(serializer, tag::F64, value),
            Value::String(text) => put(serializer, tag::STRING, text.as_ref()),
            Value::Bytes(bytes) => put(serializer, tag::BYTES, serde_bytes::Bytes::new(bytes)),
            Value::List(values) => put(serializer, tag::LIST, &Nested(values.as_slice(), inner()?)),
            Value::Map(map) => put(serializer, tag::MAP, &Nested(map, inner()?)),
        }
    }
}

fn put<S: Serializer, T: Serialize + ?Sized>(
    serializer: S,
    tag: u32,
    content: &T,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_newtype_variant("", tag, "", content)
}

impl Serialize for Nested<'_, [Value<'_>]> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Nested(values, left) = *self;
        let mut list = serializer.serialize_seq(Some(values.len()))?;
        for value in values {
            list.serialize_element(&Nested(value, left))?;
        }
        list.end()
    }
}

impl Serialize for Nested<'_, Map<'_>> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Nested(map, left) = *self;
        let mut members = serializer.serialize_map(Some(map.len()))?;
        for (name, value) in map.iter() {
            members.serialize_entry(name, &Nested(value, left))?;
        }
        members.end()
    }
}

/// The value that follows.
pub(super) fn value<'a>(unread: &mut Unread<'a>) -> Option<Value<'a>> {
    nested_value(unread, DEPTH_MAX)
}

/// The members that follow in a body; one map deep themselves.
pub(super) fn members<'a>(unread: &mut Unread<'a>) -> Option<Map<'a>> {
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

/// How many values to make place for at once at most: a large count on the disk may be a lie, and
/// then a vector grows with the values that are there.
const BELIEVED_MAX: usize = 16;
