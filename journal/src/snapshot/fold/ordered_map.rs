//! Things by name, in the order in which the names came up.

use std::collections::HashMap;

use crate::event::{Key, Map, Value};

/// A list of named things that stays fast however many names are added one by one.
#[derive(Debug)]
pub(super) struct OrderedMap<'a, T> {
    members: Vec<(Key<'a>, T)>,
    /// Where each name is; empty while there are few.
    places: HashMap<String, usize>,
}

impl<T> Default for OrderedMap<'_, T> {
    fn default() -> Self {
        OrderedMap {
            members: Vec::new(),
            places: HashMap::new(),
        }
    }
}

impl<'a, T> OrderedMap<'a, T> {
    /// The things by name, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Key<'a>, &T)> {
        self.members.iter().map(|(name, thing)| (name, thing))
    }

    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut T> {
        let place = self.place(name)?;
        Some(&mut self.members[place].1)
    }

    /// Sets what has that name; it keeps its place if it had one.
    pub(super) fn set(&mut self, name: &str, thing: T) {
        match self.place(name) {
            Some(place) => self.members[place].1 = thing,
            None => self.add(Key::owned(name), thing),
        }
    }

    fn place(&self, name: &str) -> Option<usize> {
        match self.places.is_empty() {
            true => (0..self.members.len()).find(|place| self.is_at(*place, name)),
            false => self.places.get(name).copied(),
        }
    }

    fn is_at(&self, place: usize, name: &str) -> bool {
        let member = self.members.get(place);
        member.is_some_and(|(known, _)| known.as_bytes() == name.as_bytes())
    }

    /// Adds what has a name that is not there yet.
    fn add(&mut self, name: Key<'a>, thing: T) {
        let place = self.members.len();
        if place > NAMES_WALKED_MAX {
            self.places.insert(name.as_str().to_owned(), place);
        }
        self.members.push((name, thing));
        if place == NAMES_WALKED_MAX {
            self.find_places();
        }
    }

    pub(super) fn into_members(self) -> Vec<(Key<'a>, T)> {
        self.members
    }

    fn find_places(&mut self) {
        let names = self.members.iter().enumerate();
        let places = names.map(|(at, (name, _))| (name.as_str().to_owned(), at));
        self.places = places.collect();
    }
}

impl<'a> OrderedMap<'a, Value<'a>> {
    /// Later members win, null ones too.
    pub(super) fn merge(&mut self, members: Map<'a>) {
        if self.members.is_empty() {
            self.take(members);
            return;
        }
        // Events of a span tend to have the same members in the same order.
        let mut next = 0;
        for (name, value) in members.0 {
            let place = match self.is_at(next, name.as_str()) {
                true => Some(next),
                false => self.place(name.as_str()),
            };
            match place {
                Some(place) => self.members[place].1 = value,
                None => self.add(name, value),
            }
            next = place.map_or(0, |place| place + 1);
        }
    }

    /// Later members win, but an empty one leaves alone what is there.
    pub(super) fn merge_filled(&mut self, members: Map<'a>) {
        if self.members.is_empty() {
            self.take(members);
            return;
        }
        for (name, value) in members.0 {
            match self.place(name.as_str()) {
                Some(place) if !value.is_blank() => self.members[place].1 = value,
                Some(_) => {}
                None => self.add(name, value),
            }
        }
    }

    /// Takes all members as they are, where there are none yet: a map has no name twice.
    fn take(&mut self, members: Map<'a>) {
        self.members = members.0;
        if self.members.len() > NAMES_WALKED_MAX {
            self.find_places();
        }
    }

    pub(super) fn into_map(self) -> Map<'a> {
        Map(self.members)
    }
}

/// Up to this many names a walk beats a hash table.
const NAMES_WALKED_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_place_however_many_there_are() {
        let mut named = OrderedMap::default();
        for round in 0..3 {
            for i in 0..100 {
                named.set(&format!("n{i}"), (round, i));
            }
        }
        let members = named.into_members();
        let name = |i| Key::owned(&format!("n{i}"));
        let expected: Vec<_> = (0..100).map(|i| (name(i), (2, i))).collect();
        assert_eq!(members, expected);
    }

    #[test]
    fn members_taken_all_at_once_are_those_set_one_by_one() {
        for count in [
            0,
            1,
            NAMES_WALKED_MAX - 1,
            NAMES_WALKED_MAX,
            NAMES_WALKED_MAX + 1,
            100,
        ] {
            let map = |value| -> Map<'static> {
                let names = (0..count).map(|i| format!("n{i}"));
                names.map(|name| (name, Value::from(value))).collect()
            };
            let mut named = OrderedMap::default();
            let mut singly = OrderedMap::default();
            let others = [
                Map::from([("n0", 3), ("more", 4)]),
                Map::from([("n2", 5), ("n1", 6), ("n0", 7), ("last", 8)]),
                Map::from([("last", 9), ("more", 10), ("n2", 11)]),
            ];
            for members in [map(1)].into_iter().chain(others).chain([map(2)]) {
                members.iter().for_each(|(name, value)| {
                    singly.set(name, value.clone());
                });
                named.merge(members);
            }
            assert_eq!(named.members, singly.members);
            for (at, (name, _)) in singly.members.iter().enumerate() {
                let place = named.get_mut(name.as_str()).cloned();
                assert_eq!(
                    place.as_ref(),
                    named.members.get(at).map(|(_, value)| value)
                );
            }
        }
    }

    #[test]
    fn empty_members_fill_in_but_never_overwrite() {
        let mut named = OrderedMap::default();
        named.merge_filled(Map::from([("a", "x"), ("b", "")]));
        named.merge_filled(Map::from([("a", ""), ("b", "y"), ("c", "")]));
        let expected = Map::from([("a", "x"), ("b", "y"), ("c", "")]);
        assert_eq!(named.into_map(), expected);
    }

    #[test]
    fn a_hundred_thousand_names_are_no_problem() {
        let mut named = OrderedMap::default();
        for i in 0..100_000 {
            named.set(&i.to_string(), i);
        }
        assert_eq!(named.get_mut("99999"), Some(&mut 99_999));
    }
}
