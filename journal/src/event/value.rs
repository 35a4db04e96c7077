//! The data an event can carry.

use std::borrow::Cow;

/// A piece of data: JSON's types, integers kept apart from floats, and bytes.
///
/// Nests at most 64 deep when it is recorded. The bits of a float are kept.
#[derive(Clone, Debug, Default, PartialEq)]
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
    /// A float.
    F64(f64),
    /// Text.
    String(Cow<'a, str>),
    /// Bytes.
    Bytes(Cow<'a, [u8]>),
    /// Values in order.
    List(Vec<Value<'a>>),
    /// Values by name, in order.
    Map(Map<'a>),
}

/// Values by name; the order of the names is kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Map<'a>(pub(crate) Vec<(Cow<'a, str>, Value<'a>)>);

impl<'a> Map<'a> {
    /// An empty map.
    #[must_use]
    pub const fn new() -> Map<'a> {
        Map(Vec::new())
    }
}

/// A number of things: an integer where it is one, else a float; never NaN or infinite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// A whole number.
    I64(i64),
    /// Any other finite number.
    F64(f64),
}

impl Default for Number {
    fn default() -> Number {
        Number::I64(0)
    }
}
