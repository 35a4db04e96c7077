//! Things by name, in the order in which the names came up.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::event::{Map, Value};

/// A list of named things that stays fast however many names are added one by one.
#[derive(Debug)]
pub(super) struct Named<T> {
    members: Vec<(String, T)>,
    /// Where each name is; empty while there are few.
    places: HashMap<String, usize>,
}

impl<T> Default for Named<T> {
    fn default() -> Named<T> {
        Named {
            members: Vec::new(),
            places: HashMap::new(),
        }
    }
}

impl<T> Named<T> {
    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut T> {
        let place = match self.places.is_empty() {
            true => self.members.iter().position(|(known, _)| known == name)?,
            false => *self.places.get(name)?,
        };
        Some(&mut self.members[place].1)
    }

    /// Sets what has that name; it keeps its place if it had one.
    pub(super) fn set(&mut self, name: &str, thing: T) {
        match self.get_mut(name) {
            Some(old) => *old = thing,
            None => {
                let place = self.members.len();
                self.members.push((name.to_owned(), thing));
                if place == WALK_MAX {
                    let names = self.members.iter().enumerate();
                    self.places = names.map(|(at, (name, _))| (name.clone(), at)).collect();
                } else if place > WALK_MAX {
                    self.places.insert(name.to_owned(), place);
                }
            }
        }
    }

    pub(super) fn into_members(self) -> Vec<(String, T)> {
        self.members
    }
}

impl Named<Value<'static>> {
    /// Later members win, null ones too.
    pub(super) fn merge(&mut self, members: &Map<'_>) {
        for (name, value) in members.iter() {
            self.set(name, value.clone().into_owned());
        }
    }

    /// Later members win, but an empty one leaves alone what is there.
    pub(super) fn merge_filled(&mut self, members: &Map<'_>) {
        for (name, value) in members.iter() {
            if !is_empty(value) || self.get_mut(name).is_none() {
                self.set(name, value.clone().into_owned());
            }
        }
    }

    pub(super) fn into_map(self) -> Map<'static> {
        let members = self.members.into_iter();
        Map(members
            .map(|(name, value)| (Cow::Owned(name), value))
            .collect())
    }
}

/// Whether a value says nothing.
pub(super) fn is_empty(value: &Value<'_>) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Bytes(bytes) => bytes.is_empty(),
        Value::List(values) => values.is_empty(),
        Value::Map(map) => map.is_empty(),
        _ => false,
    }
}

/// Up to this many names a walk beats a hash table.
const WALK_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_place_however_many_there_are() {
        let mut named = Named::default();
        for round in 0..3 {
            for i in 0..100 {
                named.set(&format!("n{i}"), (round, i));
            }
        }
        let members = named.into_members();
        let expected: Vec<_> = (0..100).map(|i| (format!("n{i}"), (2, i))).collect();
        assert_eq!(members, expected);
    }

    #[test]
    fn empty_members_fill_in_but_never_overwrite() {
        let mut named = Named::default();
        named.merge_filled(&Map::from([("a", "x"), ("b", "")]));
        named.merge_filled(&Map::from([("a", ""), ("b", "y"), ("c", "")]));
        let expected = Map::from([("a", "x"), ("b", "y"), ("c", "")]);
        assert_eq!(named.into_map(), expected);
    }

    #[test]
    fn a_hundred_thousand_names_are_no_problem() {
        let mut named = Named::default();
        for i in 0..100_000 {
            named.set(&i.to_string(), i);
        }
        assert_eq!(named.get_mut("99999"), Some(&mut 99_999));
    }
}
