//! Values as serde sees them: JSON's types, bytes as `{"$bytes": "<base64>"}`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::ser::{Error as _, Serialize, SerializeMap, Serializer};

use super::nesting::NESTED_MAX;
use super::{Map, Number, Value};

/// The only member of the map that stands for bytes in JSON.
pub(super) const BYTES_MEMBER: &str = "$bytes";

impl Serialize for Value<'_> {
    /// Bytes become `{"$bytes": "<base64>"}`; NaN and infinities are up to the format (JSON: null).
    /// More than 128 lists and maps in each other are an error.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Nested(self, NESTED_MAX).serialize(serializer)
    }
}

impl Serialize for Map<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Nested(self, NESTED_MAX).serialize(serializer)
    }
}

/// Something and how many lists and maps may still open inside it.
struct Nested<'v, T>(&'v T, u8);

impl Serialize for Nested<'_, Value<'_>> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Nested(value, left) = *self;
        let inner = || {
            left.checked_sub(1)
                .ok_or_else(|| S::Error::custom("nests more than 128 deep"))
        };
        match value {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::I64(value) => serializer.serialize_i64(*value),
            Value::U64(value) => serializer.serialize_u64(*value),
            Value::F64(value) => serializer.serialize_f64(*value),
            Value::String(text) => serializer.serialize_str(text),
            Value::Bytes(bytes) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry(BYTES_MEMBER, &STANDARD.encode(bytes))?;
                map.end()
            }
            Value::Elsewhere(other) => Nested(&other.to_value(), left).serialize(serializer),
            Value::List(values) => {
                let left = inner()?;
                serializer.collect_seq(values.iter().map(|value| Nested(value, left)))
            }
            Value::Map(map) => Nested(map, inner()?).serialize(serializer),
        }
    }
}

impl Serialize for Nested<'_, Map<'_>> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Nested(map, left) = *self;
        serializer.collect_map(map.iter().map(|(name, value)| (name, Nested(value, left))))
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Number::I64(value) => serializer.serialize_i64(*value),
            Number::F64(value) => serializer.serialize_f64(*value),
        }
    }
}

/// The bytes a map stands for, if it stands for bytes.
pub(super) fn bytes_of(map: &Map<'_>) -> Option<Vec<u8>> {
    if map.len() != 1 {
        return None;
    }
    STANDARD.decode(map.get(BYTES_MEMBER)?.as_str()?).ok()
}
