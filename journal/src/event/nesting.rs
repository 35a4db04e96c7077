//! Values without end: a caller can build one that nests deeper than any stack goes, and recording
//! it is an error, so nothing else that is done with one may end the program.

use std::fmt;

use super::{Key, Map, Value};

/// The same value in other clothes: `leaf` gives what is neither list nor map, `name` the names.
pub(super) fn copy<'v, 'o, 's>(
    root: &'v Value<'s>,
    leaf: impl Fn(&'v Value<'s>) -> Value<'o>,
    name: impl Fn(&'v Key<'s>) -> Key<'o>,
) -> Value<'o> {
    let mut open: Vec<Open<'v, 'o, 's>> = Vec::new();
    let mut next = root;
    loop {
        let mut made = match next {
            Value::List(values) => {
                let room = Vec::with_capacity(values.len());
                open.push(Open::List(values.iter(), room));
                None
            }
            Value::Map(map) => {
                let room = Vec::with_capacity(map.len());
                open.push(Open::Map(map.0.iter(), None, room));
                None
            }
            other => Some(leaf(other)),
        };
        next = loop {
            let Some(innermost) = open.last_mut() else {
                return made.unwrap_or_default();
            };
            match innermost.go_on(made.take(), &name) {
                Some(value) => break value,
                None => made = open.pop().map(Open::close),
            }
        };
    }
}

/// A list or map that is being copied: what is still to come of it, and what is made of the rest.
enum Open<'v, 'o, 's> {
    List(std::slice::Iter<'v, Value<'s>>, Vec<Value<'o>>),
    Map(
        std::slice::Iter<'v, (Key<'s>, Value<'s>)>,
        Option<Key<'o>>,
        Vec<(Key<'o>, Value<'o>)>,
    ),
}

impl<'v, 'o, 's> Open<'v, 'o, 's> {
    /// Takes in what was made of a part and gives the next one.
    fn go_on(
        &mut self,
        made: Option<Value<'o>>,
        rename: &impl Fn(&'v Key<'s>) -> Key<'o>,
    ) -> Option<&'v Value<'s>> {
        match self {
            Open::List(rest, values) => {
                values.extend(made);
                rest.next()
            }
            Open::Map(rest, name, members) => {
                members.extend(name.take().zip(made));
                let (next, value) = rest.next()?;
                *name = Some(rename(next));
                Some(value)
            }
        }
    }

    fn close(self) -> Value<'o> {
        match self {
            Open::List(_, values) => Value::List(values),
            Open::Map(_, _, members) => Value::Map(Map(members)),
        }
    }
}

/// How many values there are in a value, itself included; beyond so many it is not counted.
pub(super) fn count(root: &Value<'_>, max: usize) -> usize {
    let (mut open, mut count) = (vec![root], 0);
    while let Some(value) = open.pop() {
        count += 1;
        match value {
            Value::List(values) if values.len() <= max => open.extend(values),
            Value::Map(map) if map.len() <= max => open.extend(map.0.iter().map(|(_, v)| v)),
            Value::List(_) | Value::Map(_) => return max + 1,
            // What is shown in its place.
            Value::Elsewhere(_) => count += ELSEWHERE_COUNT,
            _ => {}
        }
        if count + open.len() > max {
            return max + 1;
        }
    }
    count
}

/// At least as many values as what is shown in the place of one that is elsewhere has in it.
const ELSEWHERE_COUNT: usize = 8;

/// Whether two values are the same.
pub(super) fn are_same<'v, 's>(first: (&'v Value<'s>, &'v Value<'s>)) -> bool {
    let (mut pair, mut pairs) = (first, Vec::new());
    loop {
        let is_same = match pair {
            (Value::Null, Value::Null) => true,
            (Value::Bool(one), Value::Bool(other)) => one == other,
            (Value::I64(one), Value::I64(other)) => one == other,
            (Value::U64(one), Value::U64(other)) => one == other,
            (Value::F64(one), Value::F64(other)) => one == other,
            (Value::String(one), Value::String(other)) => one == other,
            (Value::Bytes(one), Value::Bytes(other)) => one == other,
            (Value::Elsewhere(one), Value::Elsewhere(other)) => one == other,
            (Value::List(one), Value::List(other)) => {
                pairs.extend(one.iter().zip(other));
                one.len() == other.len()
            }
            (Value::Map(one), Value::Map(other)) => {
                let members = one.0.iter().zip(&other.0);
                pairs.extend(members.clone().map(|((_, one), (_, other))| (one, other)));
                let mut names = members.map(|((one, _), (other, _))| (one, other));
                one.len() == other.len() && names.all(|(one, other)| one == other)
            }
            _ => false,
        };
        match pairs.pop() {
            Some(next) if is_same => pair = next,
            _ => return is_same,
        }
    }
}

/// Takes a list or map apart, so that dropping what is left of it goes no deeper.
pub(super) fn take_apart(value: &mut Value<'_>) {
    if !has_nested(value) {
        return;
    }
    let mut apart = Vec::new();
    take_nested(value, &mut apart);
    while let Some(mut value) = apart.pop() {
        take_nested(&mut value, &mut apart);
    }
}

fn has_nested(value: &Value<'_>) -> bool {
    match value {
        Value::List(values) => values.iter().any(is_nested),
        Value::Map(map) => map.0.iter().any(|(_, value)| is_nested(value)),
        _ => false,
    }
}

fn is_nested(value: &Value<'_>) -> bool {
    match value {
        Value::List(values) => !values.is_empty(),
        Value::Map(map) => !map.is_empty(),
        _ => false,
    }
}

fn take_nested<'v>(from: &mut Value<'v>, into: &mut Vec<Value<'v>>) {
    match from {
        Value::List(values) => {
            let nested = values.iter_mut().filter(|value| is_nested(value));
            into.extend(nested.map(std::mem::take));
        }
        Value::Map(map) => {
            let values = map.0.iter_mut().map(|(_, value)| value);
            into.extend(values.filter(|value| is_nested(value)).map(std::mem::take));
        }
        _ => {}
    }
}

/// Something as it is shown to a programmer, and how deep in lists and maps it is.
pub(super) struct Shown<'v, T: ?Sized>(pub(super) &'v T, pub(super) u8);

impl fmt::Debug for Shown<'_, Value<'_>> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shown(value, depth) = *self;
        match value {
            Value::Null => f.write_str("Null"),
            Value::Bool(value) => f.debug_tuple("Bool").field(value).finish(),
            Value::I64(value) => f.debug_tuple("I64").field(value).finish(),
            Value::U64(value) => f.debug_tuple("U64").field(value).finish(),
            Value::F64(value) => f.debug_tuple("F64").field(value).finish(),
            Value::String(text) => f.debug_tuple("String").field(text).finish(),
            Value::Bytes(bytes) => f.debug_tuple("Bytes").field(bytes).finish(),
            Value::Elsewhere(other) => f.debug_tuple("Elsewhere").field(other).finish(),
            Value::List(_) | Value::Map(_) if depth >= NESTED_MAX => f.write_str(".."),
            Value::List(values) => {
                let values = Shown(values.as_slice(), depth + 1);
                f.debug_tuple("List").field(&values).finish()
            }
            Value::Map(map) => f.debug_tuple("Map").field(&Shown(map, depth + 1)).finish(),
        }
    }
}

impl fmt::Debug for Shown<'_, [Value<'_>]> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.iter().map(|value| Shown(value, self.1));
        f.debug_list().entries(shown).finish()
    }
}

impl fmt::Debug for Shown<'_, Map<'_>> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members = self.0.0.iter();
        let shown = members.map(|(name, value)| (name, Shown(value, self.1)));
        f.debug_map().entries(shown).finish()
    }
}

/// What is nested deeper is not shown and not serialised, as no reader of JSON would take it.
pub(super) const NESTED_MAX: u8 = 128;
