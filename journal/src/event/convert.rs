//! What becomes a value by itself.

use std::borrow::Cow;

use super::nesting::NESTED_MAX;
use super::{Key, Map, Number, Value};

impl<'a> From<&'a Value<'_>> for Value<'a> {
    fn from(value: &'a Value<'_>) -> Value<'a> {
        value.as_borrowed()
    }
}

impl<'a> From<&'a Map<'_>> for Value<'a> {
    fn from(map: &'a Map<'_>) -> Value<'a> {
        Value::Map(map.as_borrowed())
    }
}

impl<'a> From<Map<'a>> for Value<'a> {
    fn from(map: Map<'a>) -> Value<'a> {
        Value::Map(map)
    }
}

impl From<()> for Value<'_> {
    fn from((): ()) -> Self {
        Value::Null
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    /// `None` is null.
    fn from(value: Option<T>) -> Value<'a> {
        value.map_or(Value::Null, Into::into)
    }
}

impl<'a, T: Into<Value<'a>>> From<Vec<T>> for Value<'a> {
    fn from(values: Vec<T>) -> Value<'a> {
        Value::List(values.into_iter().map(Into::into).collect())
    }
}

impl<'a, T: Into<Value<'a>>, const N: usize> From<[T; N]> for Value<'a> {
    fn from(values: [T; N]) -> Value<'a> {
        Value::List(values.into_iter().map(Into::into).collect())
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Value<'a> {
        Value::String(Cow::Borrowed(text))
    }
}

impl<'a> From<&'a &str> for Value<'a> {
    fn from(text: &'a &str) -> Value<'a> {
        Value::String(Cow::Borrowed(text))
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Value<'a> {
        Value::String(Cow::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Value::String(Cow::Owned(text))
    }
}

impl<'a> From<Cow<'a, str>> for Value<'a> {
    fn from(text: Cow<'a, str>) -> Value<'a> {
        Value::String(text)
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(bytes: &'a [u8]) -> Value<'a> {
        Value::Bytes(Cow::Borrowed(bytes))
    }
}

impl<'a> From<&'a bytes::Bytes> for Value<'a> {
    fn from(bytes: &'a bytes::Bytes) -> Value<'a> {
        Value::Bytes(Cow::Borrowed(bytes))
    }
}

impl From<bytes::Bytes> for Value<'_> {
    fn from(bytes: bytes::Bytes) -> Self {
        Value::Bytes(Cow::Owned(bytes.into()))
    }
}

macro_rules! from_copied {
    ($($type:ty => |$value:ident| $made:expr;)*) => {$(
        impl From<$type> for Value<'_> {
            fn from($value: $type) -> Self {
                $made
            }
        }

        impl From<&$type> for Value<'_> {
            fn from(value: &$type) -> Self {
                Value::from(*value)
            }
        }
    )*};
}

from_copied! {
    bool => |value| Value::Bool(value);
    i8 => |value| Value::I64(i64::from(value));
    i16 => |value| Value::I64(i64::from(value));
    i32 => |value| Value::I64(i64::from(value));
    i64 => |value| Value::I64(value);
    isize => |value| i64::try_from(value).map_or(Value::Null, Value::I64);
    u8 => |value| Value::I64(i64::from(value));
    u16 => |value| Value::I64(i64::from(value));
    u32 => |value| Value::I64(i64::from(value));
    u64 => |value| i64::try_from(value).map_or(Value::U64(value), Value::I64);
    usize => |value| u64::try_from(value).map_or(Value::Null, Value::from);
    f32 => |value| Value::F64(f64::from(value));
    f64 => |value| Value::F64(value);
    Number => |value| match value {
        Number::I64(value) => Value::I64(value),
        Number::F64(value) => Value::F64(value),
    };
}

impl<'a> From<&'a serde_json::Value> for Value<'a> {
    fn from(value: &'a serde_json::Value) -> Value<'a> {
        from_json(value, NESTED_MAX)
    }
}

impl From<serde_json::Value> for Value<'_> {
    fn from(value: serde_json::Value) -> Self {
        from_json(&value, NESTED_MAX).into_owned()
    }
}

/// What nests deeper than anything that is read is kept as its text.
fn from_json(value: &serde_json::Value, left: u8) -> Value<'_> {
    use serde_json::Value as Json;
    match value {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => from_json_number(number),
        Json::String(text) => Value::String(Cow::Borrowed(text)),
        Json::Array(_) | Json::Object(_) if left == 0 => Value::String(value.to_string().into()),
        Json::Array(values) => Value::List(
            values
                .iter()
                .map(|value| from_json(value, left - 1))
                .collect(),
        ),
        Json::Object(members) => Value::Map(Map(members
            .iter()
            .map(|(name, value)| (Key::Borrowed(name), from_json(value, left - 1)))
            .collect())),
    }
}

fn from_json_number(number: &serde_json::Number) -> Value<'static> {
    if let Some(value) = number.as_i64() {
        Value::I64(value)
    } else if let Some(value) = number.as_u64() {
        Value::U64(value)
    } else {
        number.as_f64().map_or(Value::Null, Value::F64)
    }
}
