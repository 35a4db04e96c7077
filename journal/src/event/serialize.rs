//! Values as serde sees them: JSON's types, bytes as `{"$bytes": "<base64>"}`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{Map, Number, Value};

/// The only member of the map that stands for bytes in JSON.
pub(super) const BYTES_MEMBER: &str = "$bytes";

impl Serialize for Value<'_> {
    /// Bytes become `{"$bytes": "<base64>"}`; NaN and infinities are up to the format (JSON: null).
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
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
            Value::List(values) => serializer.collect_seq(values),
            Value::Map(map) => map.serialize(serializer),
        }
    }
}

impl Serialize for Map<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
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
