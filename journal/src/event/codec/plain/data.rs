//! Values and maps by serde.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Visitor};
use serde::de::{DeserializeSeed, EnumAccess, Error as _, MapAccess, SeqAccess, VariantAccess};
use serde::ser::{Error as _, Serialize, SerializeMap, SerializeSeq, Serializer};

use super::super::data::tag;
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

impl<'de: 'a, 'a> Deserialize<'de> for Data<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = ValueSeed(DEPTH_MAX).deserialize(deserializer)?;
        Ok(Data(Cow::Owned(value)))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map = MapSeed(DEPTH_MAX - 1).deserialize(deserializer)?;
        Ok(Members(Cow::Owned(map)))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for TopMembers<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map = MapSeed(DEPTH_MAX).deserialize(deserializer)?;
        Ok(TopMembers(Cow::Owned(map)))
    }
}

/// Reads a value inside which this many lists and maps may still open.
struct ValueSeed(u8);

impl<'de> DeserializeSeed<'de> for ValueSeed {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value<'de>, D::Error> {
        deserializer.deserialize_enum("", &[], self)
    }
}

impl<'de> Visitor<'de> for ValueSeed {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<Value<'de>, A::Error> {
        let (tag, content) = access.variant_seed(PhantomData::<u32>)?;
        let inner = || {
            self.0
                .checked_sub(1)
                .ok_or_else(|| A::Error::custom("nests too deep"))
        };
        Ok(match tag {
            tag::NULL => {
                content.unit_variant()?;
                Value::Null
            }
            tag::BOOL => Value::Bool(content.newtype_variant()?),
            tag::I64 => Value::I64(content.newtype_variant()?),
            tag::U64 => Value::U64(content.newtype_variant()?),
            tag::F64 => Value::F64(content.newtype_variant()?),
            tag::STRING => Value::String(Cow::Borrowed(content.newtype_variant()?)),
            tag::BYTES => Value::Bytes(Cow::Borrowed(content.newtype_variant()?)),
            tag::LIST => Value::List(content.newtype_variant_seed(ListSeed(inner()?))?),
            tag::MAP => Value::Map(content.newtype_variant_seed(MapSeed(inner()?))?),
            _ => return Err(A::Error::custom("unknown value tag")),
        })
    }
}

struct ListSeed(u8);

impl<'de> DeserializeSeed<'de> for ListSeed {
    type Value = Vec<Value<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for ListSeed {
    type Value = Vec<Value<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("values")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(ValueSeed(self.0))? {
            values.push(value);
        }
        Ok(values)
    }
}

struct MapSeed(u8);

impl<'de> DeserializeSeed<'de> for MapSeed {
    type Value = Map<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for MapSeed {
    type Value = Map<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("values by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(name) = access.next_key::<&'de str>()? {
            let value = access.next_value_seed(ValueSeed(self.0))?;
            members.push((MemberName::Borrowed(name), value));
        }
        let map = Map(members);
        if map.has_duplicates() {
            return Err(A::Error::custom("a name is there twice"));
        }
        Ok(map)
    }
}
