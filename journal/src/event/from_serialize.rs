//! A value from anything that serde can serialise, without a detour through text.

use std::borrow::Cow;
use std::fmt;

use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::nesting::NESTED_MAX;
use super::number::nearest_f64;
use super::{Map, Value};
use crate::error::{Error, Result};

impl Value<'_> {
    /// The value that `data` serialises to, as it would in JSON; bytes stay bytes.
    ///
    /// # Errors
    /// [`Error::InvalidEvent`] if `data` refuses, nests more than 128 deep, or has a map whose keys
    /// are not text, numbers or bools.
    pub fn from_serialize(data: &(impl Serialize + ?Sized)) -> Result<Value<'static>> {
        let made = data.serialize(ToOwnValue { left: NESTED_MAX });
        made.map_err(|Refusal(reason)| Error::InvalidEvent { reason })
    }
}

/// Why something has no value.
#[derive(Debug)]
struct Refusal(String);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refusal {}

impl serde::ser::Error for Refusal {
    fn custom<T: fmt::Display>(reason: T) -> Refusal {
        Refusal(reason.to_string())
    }
}

type Serialized = Result<Value<'static>, Refusal>;

/// Makes values inside which `left` lists and maps may still open.
#[derive(Clone, Copy)]
struct ToOwnValue {
    left: u8,
}

impl ToOwnValue {
    fn inner(self) -> Result<ToOwnValue, Refusal> {
        match self.left.checked_sub(1) {
            Some(left) => Ok(ToOwnValue { left }),
            None => Err(Refusal("its data nests more than 128 deep".to_owned())),
        }
    }

    fn list(self, variant: Option<&'static str>) -> Result<ListBuilder, Refusal> {
        let outer = if variant.is_some() {
            self.inner()?
        } else {
            self
        };
        let (inner, values) = (outer.inner()?, Vec::new());
        Ok(ListBuilder {
            variant,
            inner,
            values,
        })
    }

    fn map(self, variant: Option<&'static str>) -> Result<MapBuilder, Refusal> {
        let outer = if variant.is_some() {
            self.inner()?
        } else {
            self
        };
        Ok(MapBuilder {
            variant,
            inner: outer.inner()?,
            name: None,
            members: Vec::new(),
        })
    }
}

/// A value that an enum's variant names.
fn named(variant: Option<&'static str>, value: Value<'static>) -> Value<'static> {
    match variant {
        Some(variant) => Value::Map(Map::from([(variant, value)])),
        None => value,
    }
}

fn text(text: impl fmt::Display) -> Value<'static> {
    Value::String(Cow::Owned(text.to_string()))
}

macro_rules! plain {
    ($($method:ident: $type:ty;)*) => {$(
        fn $method(self, value: $type) -> Serialized {
            Ok(Value::from(value))
        }
    )*};
}

impl Serializer for ToOwnValue {
    type Ok = Value<'static>;
    type Error = Refusal;
    type SerializeSeq = ListBuilder;
    type SerializeTuple = ListBuilder;
    type SerializeTupleStruct = ListBuilder;
    type SerializeTupleVariant = ListBuilder;
    type SerializeMap = MapBuilder;
    type SerializeStruct = MapBuilder;
    type SerializeStructVariant = MapBuilder;

    plain! {
        serialize_bool: bool;
        serialize_i8: i8;
        serialize_i16: i16;
        serialize_i32: i32;
        serialize_i64: i64;
        serialize_u8: u8;
        serialize_u16: u16;
        serialize_u32: u32;
        serialize_u64: u64;
        serialize_f32: f32;
        serialize_f64: f64;
    }

    fn serialize_i128(self, value: i128) -> Serialized {
        let smaller = i64::try_from(value).map(Value::from);
        let smaller = smaller.or_else(|_| u64::try_from(value).map(Value::from));
        Ok(smaller.unwrap_or_else(|_| Value::F64(nearest_f64(value))))
    }

    fn serialize_u128(self, value: u128) -> Serialized {
        self.serialize_i128(i128::try_from(value).unwrap_or(i128::MAX))
    }

    fn serialize_char(self, value: char) -> Serialized {
        Ok(text(value))
    }

    fn serialize_str(self, value: &str) -> Serialized {
        Ok(text(value))
    }

    fn serialize_bytes(self, value: &[u8]) -> Serialized {
        Ok(Value::Bytes(Cow::Owned(value.to_vec())))
    }

    fn serialize_none(self) -> Serialized {
        Ok(Value::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Serialized {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Serialized {
        Ok(Value::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Serialized {
        Ok(Value::Null)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Serialized {
        Ok(Value::String(Cow::Borrowed(variant)))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Serialized {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Serialized {
        Ok(named(Some(variant), value.serialize(self.inner()?)?))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<ListBuilder, Refusal> {
        self.list(None)
    }

    fn serialize_tuple(self, _: usize) -> Result<ListBuilder, Refusal> {
        self.list(None)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<ListBuilder, Refusal> {
        self.list(None)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<ListBuilder, Refusal> {
        self.list(Some(variant))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<MapBuilder, Refusal> {
        self.map(None)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<MapBuilder, Refusal> {
        self.map(None)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<MapBuilder, Refusal> {
        self.map(Some(variant))
    }
}

/// A list in the making.
struct ListBuilder {
    variant: Option<&'static str>,
    inner: ToOwnValue,
    values: Vec<Value<'static>>,
}

impl ListBuilder {
    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refusal> {
        self.values.push(value.serialize(self.inner)?);
        Ok(())
    }

    fn made(self) -> Serialized {
        Ok(named(self.variant, Value::List(self.values)))
    }
}

macro_rules! list {
    ($($trait:ident: $method:ident;)*) => {$(
        impl $trait for ListBuilder {
            type Ok = Value<'static>;
            type Error = Refusal;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refusal> {
                self.push(value)
            }

            fn end(self) -> Serialized {
                self.made()
            }
        }
    )*};
}

list! {
    SerializeSeq: serialize_element;
    SerializeTuple: serialize_element;
    SerializeTupleStruct: serialize_field;
    SerializeTupleVariant: serialize_field;
}

/// A map in the making.
struct MapBuilder {
    variant: Option<&'static str>,
    inner: ToOwnValue,
    name: Option<Cow<'static, str>>,
    members: Vec<(Cow<'static, str>, Value<'static>)>,
}

impl MapBuilder {
    fn push<T: Serialize + ?Sized>(
        &mut self,
        name: Cow<'static, str>,
        value: &T,
    ) -> Result<(), Refusal> {
        self.members.push((name, value.serialize(self.inner)?));
        Ok(())
    }

    fn made(self) -> Serialized {
        let map: Map<'static> = self.members.into_iter().collect();
        Ok(named(self.variant, Value::Map(map)))
    }
}

impl SerializeMap for MapBuilder {
    type Ok = Value<'static>;
    type Error = Refusal;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Refusal> {
        self.name = Some(match &mut key.serialize(ToOwnValue { left: 0 })? {
            Value::String(text) => std::mem::take(text),
            Value::Bool(value) => value.to_string().into(),
            Value::I64(value) => value.to_string().into(),
            Value::U64(value) => value.to_string().into(),
            Value::F64(value) => value.to_string().into(),
            _ => return Err(Refusal("the key of a map is not text".to_owned())),
        });
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refusal> {
        let name = self.name.take();
        let name = name.ok_or_else(|| Refusal("a value of a map has no key".to_owned()))?;
        self.push(name, value)
    }

    fn end(self) -> Serialized {
        self.made()
    }
}

macro_rules! structure {
    ($($trait:ident;)*) => {$(
        impl $trait for MapBuilder {
            type Ok = Value<'static>;
            type Error = Refusal;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), Refusal> {
                self.push(Cow::Borrowed(name), value)
            }

            fn end(self) -> Serialized {
                self.made()
            }
        }
    )*};
}

structure! {
    SerializeStruct;
    SerializeStructVariant;
}

#[cfg(test)]
mod tests {
    use serde::Serialize;
    use serde_json::json;

    use super::*;

    #[derive(Serialize)]
    enum Shape {
        Unit,
        Newtype(u8),
        Tuple(u8, f32),
        Struct { x: Option<char>, y: () },
    }

    #[test]
    fn it_says_what_json_would() {
        let map = std::collections::BTreeMap::from([(1, "one"), (-2, "two")]);
        let shapes = [
            Shape::Unit,
            Shape::Newtype(1),
            Shape::Tuple(2, 0.5),
            Shape::Struct {
                x: Some('x'),
                y: (),
            },
        ];
        let data = (true, map, shapes, u64::MAX, "text", json!({"a": [1, null]}));
        let value = Value::from_serialize(&data).unwrap();
        let json = serde_json::to_string(&data).unwrap();
        assert_eq!(serde_json::to_string(&value).unwrap(), json);
        let bytes = Value::from_serialize(serde_bytes::Bytes::new(b"\xff")).unwrap();
        assert_eq!(bytes, Value::bytes(&b"\xff"[..]));
    }

    #[test]
    fn what_has_no_value_is_an_error() {
        let pairs = std::collections::BTreeMap::from([((1, 2), 3)]);
        assert_eq!(
            Value::from_serialize(&pairs).unwrap_err().code(),
            "invalid-event"
        );
        let nested = |depth| (0..depth).fold(json!(1), |inner, _| json!([inner]));
        assert!(Value::from_serialize(&nested(128)).is_ok());
        let error = Value::from_serialize(&nested(129)).unwrap_err();
        assert_eq!(error.to_string(), "its data nests more than 128 deep");
    }
}
