//! The data an event can carry.

use std::borrow::Cow;
use std::fmt;

use super::{Elsewhere, Key, Map, nesting, number};

/// How deep lists and maps may nest in a value that is recorded.
pub(crate) const DEPTH_MAX: u8 = 64;

/// How many values a record has at most, those in lists and maps included: each takes several dozen
/// bytes in memory, and one on the disk.
pub(crate) const NODES_MAX: usize = 1_000_000;

/// A piece of data: JSON's types, integers kept apart from floats, and bytes.
///
/// Nests at most 64 deep when it is recorded, and may nest without end before that. The bits of a
/// float are kept.
#[derive(Default)]
#[non_exhaustive]
pub enum Value<'a> {
    /// Nothing.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// A signed integer.
    I64(i64),
    /// An integer above `i64::MAX`.
    U64(u64),
    /// A float. NaN and the infinities are null in JSON, which has no words for them.
    F64(f64),
    /// Text.
    String(Cow<'a, str>),
    /// Bytes.
    Bytes(Cow<'a, [u8]>),
    /// Values in order.
    List(Vec<Value<'a>>),
    /// Values by name, in order.
    Map(Map<'a>),
    /// A value, or several, that the record does not hold itself.
    Elsewhere(Box<Elsewhere<'a>>),
}

impl<'a> Value<'a> {
    /// The value made of bytes; a plain `Vec<u8>` would become a list of numbers.
    #[must_use]
    pub fn bytes(bytes: impl Into<Cow<'a, [u8]>>) -> Value<'a> {
        Value::Bytes(bytes.into())
    }

    /// Whether it is nothing.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// Whether it says nothing: null, or empty.
    pub(crate) fn is_blank(&self) -> bool {
        match self {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Bytes(bytes) => bytes.is_empty(),
            Value::List(values) => values.is_empty(),
            Value::Map(map) => map.is_empty(),
            _ => false,
        }
    }

    /// Its truth, if it is a bool.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// Its value, if it is an integer that fits.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Value::I64(value) => Some(*value),
            Value::U64(value) => i64::try_from(*value).ok(),
            _ => None,
        }
    }

    /// Its value, if it is an integer that is not negative.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Value::I64(value) => u64::try_from(*value).ok(),
            Value::U64(value) => Some(*value),
            _ => None,
        }
    }

    /// Its value, if it is a number; an integer is rounded to the nearest float.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::I64(value) => Some(number::nearest_f64(i128::from(*value))),
            Value::U64(value) => Some(number::nearest_f64(i128::from(*value))),
            Value::F64(value) => Some(*value),
            _ => None,
        }
    }

    /// Its text, if it is text.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// Its bytes, if it is bytes.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Value::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// Its values, if it is a list.
    #[must_use]
    pub fn as_list(&self) -> Option<&[Value<'a>]> {
        match self {
            Value::List(values) => Some(values),
            _ => None,
        }
    }

    /// Its members, if it is a map.
    #[must_use]
    pub fn as_map(&self) -> Option<&Map<'a>> {
        match self {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The member of that name, if it is a map that has one.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value<'a>> {
        self.as_map()?.get(name)
    }

    /// The same value, borrowing nothing.
    #[must_use]
    pub fn into_owned(self) -> Value<'static> {
        self.owned_within(DEPTH_MAX)
    }

    /// As [`into_owned`](Value::into_owned), which takes this value apart as far as so deep.
    pub(super) fn owned_within(mut self, left: u8) -> Value<'static> {
        match (&mut self, left.checked_sub(1)) {
            (Value::List(values), Some(left)) => {
                let values = std::mem::take(values).into_iter();
                Value::List(values.map(|value| value.owned_within(left)).collect())
            }
            (Value::Map(map), Some(left)) => Value::Map(std::mem::take(map).owned_within(left)),
            (Value::List(_) | Value::Map(_), None) => {
                let name = |name: &Key<'_>| Key::owned(name.as_str());
                nesting::copy(&self, |leaf| leaf.clone().into_owned(), name)
            }
            (Value::Null, _) => Value::Null,
            (Value::Bool(value), _) => Value::Bool(*value),
            (Value::I64(value), _) => Value::I64(*value),
            (Value::U64(value), _) => Value::U64(*value),
            (Value::F64(value), _) => Value::F64(*value),
            (Value::String(text), _) => {
                Value::String(Cow::Owned(std::mem::take(text).into_owned()))
            }
            (Value::Bytes(bytes), _) => {
                Value::Bytes(Cow::Owned(std::mem::take(bytes).into_owned()))
            }
            (Value::Elsewhere(other), _) => {
                Value::Elsewhere(Box::new(other.as_ref().clone().into_owned()))
            }
        }
    }

    /// The same value, borrowing from this one; only lists and maps are copied.
    #[must_use]
    pub fn as_borrowed(&self) -> Value<'_> {
        nesting::copy(self, Value::leaf_borrowed, Key::as_borrowed)
    }

    fn leaf_borrowed(&self) -> Value<'_> {
        match self {
            Value::String(text) => Value::String(Cow::Borrowed(text)),
            Value::Bytes(bytes) => Value::Bytes(Cow::Borrowed(bytes)),
            Value::Elsewhere(other) => Value::Elsewhere(Box::new(other.as_borrowed())),
            Value::Bool(value) => Value::Bool(*value),
            Value::I64(value) => Value::I64(*value),
            Value::U64(value) => Value::U64(*value),
            Value::F64(value) => Value::F64(*value),
            Value::Null | Value::List(_) | Value::Map(_) => Value::Null,
        }
    }

    fn leaf_cloned(&self) -> Value<'a> {
        match self {
            Value::String(text) => Value::String(text.clone()),
            Value::Bytes(bytes) => Value::Bytes(bytes.clone()),
            Value::Elsewhere(other) => Value::Elsewhere(other.clone()),
            Value::Bool(value) => Value::Bool(*value),
            Value::I64(value) => Value::I64(*value),
            Value::U64(value) => Value::U64(*value),
            Value::F64(value) => Value::F64(*value),
            Value::Null | Value::List(_) | Value::Map(_) => Value::Null,
        }
    }
}

impl<'a> Clone for Value<'a> {
    fn clone(&self) -> Value<'a> {
        nesting::copy(self, Value::leaf_cloned, Key::clone)
    }
}

impl PartialEq for Value<'_> {
    fn eq(&self, other: &Self) -> bool {
        nesting::are_same((self, other))
    }
}

impl fmt::Debug for Value<'_> {
    /// What is nested more than 128 deep is left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        nesting::Shown(self, 0).fmt(f)
    }
}

impl Drop for Value<'_> {
    #[inline]
    fn drop(&mut self) {
        if matches!(self, Value::List(_) | Value::Map(_)) {
            nesting::take_apart(self);
        }
    }
}
