//! Values by name.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use super::nesting::Shown;
use super::value::DEPTH_MAX;
use super::{IntoValue, Key, Value};
use crate::hash::GOLDEN;

/// Values by name; the order of the names is kept.
///
/// Looking up is a walk over the names: made for the handful of members that events have.
#[derive(Clone, Default, PartialEq)]
pub struct Map<'a>(pub(crate) Vec<(Key<'a>, Value<'a>)>);

impl<'a> Map<'a> {
    /// An empty map.
    #[must_use]
    pub const fn new() -> Map<'a> {
        Map(Vec::new())
    }

    /// How many members it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it has no member.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The member of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value<'a>> {
        self.iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }

    /// The member of that name, to change it.
    #[must_use]
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Value<'a>> {
        let is_it = |key: &Key<'_>| key.as_bytes() == name.as_bytes();
        let member = self.0.iter_mut().find(|(key, _)| is_it(key));
        member.map(|(_, value)| value)
    }

    /// Sets a member and returns what it replaced; a replaced one keeps its place.
    pub fn insert(
        &mut self,
        name: impl Into<Cow<'a, str>>,
        value: impl IntoValue<'a>,
    ) -> Option<Value<'a>> {
        let name = name.into();
        if let Some(old) = self.get_mut(&name) {
            return Some(std::mem::replace(old, value.into_value()));
        }
        if self.0.capacity() == 0 {
            // Room for as many as there mostly are: to grow once more would take longer.
            self.0.reserve(ROOM);
        }
        // Made only now: to be moved right after it was made takes longer than all else here.
        self.0.push((name.into(), value.into_value()));
        None
    }

    /// Takes a member out; the others keep their order.
    pub fn remove(&mut self, name: &str) -> Option<Value<'a>> {
        let place = self.0.iter().position(|(key, _)| key.as_str() == name)?;
        Some(self.0.remove(place).1)
    }

    /// The members in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value<'a>)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The same map, borrowing nothing.
    #[must_use]
    pub fn into_owned(self) -> Map<'static> {
        self.owned_within(DEPTH_MAX)
    }

    /// As [`into_owned`](Map::into_owned), which takes values apart as far as so deep.
    pub(super) fn owned_within(self, left: u8) -> Map<'static> {
        let members = self.0.into_iter();
        Map(members
            .map(|(name, value)| (name.into_owned(), value.owned_within(left)))
            .collect())
    }

    /// The same map, borrowing names and texts from this one.
    #[must_use]
    pub fn as_borrowed(&self) -> Map<'_> {
        let members = self.0.iter();
        Map(members
            .map(|(name, value)| (name.as_borrowed(), value.as_borrowed()))
            .collect())
    }

    /// Of members with the same name the last one wins, at the place of the first.
    pub(super) fn of_last(members: Vec<(Key<'a>, Value<'a>)>) -> Map<'a> {
        let map = Map(members);
        if !map.has_duplicates() {
            return map;
        }
        let mut places: HashMap<Cow<'a, str>, usize> = HashMap::with_capacity(map.0.len());
        let mut unique: Vec<(Key<'a>, Value<'a>)> = Vec::new();
        for (name, value) in map.0 {
            match places.get(name.as_str()) {
                Some(&place) => unique[place].1 = value,
                None => {
                    places.insert(name.clone().into_cow(), unique.len());
                    unique.push((name, value));
                }
            }
        }
        Map(unique)
    }

    /// Whether two members have the same name, in time linear in their number.
    pub(crate) fn has_duplicates(&self) -> bool {
        let names = self.0.iter().map(|(name, _)| name.as_bytes());
        has_duplicates(names, self.0.len())
    }
}

/// Whether two of so many names are the same, in time linear in their number.
pub(super) fn has_duplicates<'n>(
    mut names: impl Iterator<Item = &'n [u8]> + Clone,
    len: usize,
) -> bool {
    if len > COMPARED_MAX {
        let mut seen = std::collections::HashSet::with_capacity(len);
        return !names.all(|name| seen.insert(name));
    }
    let mut seen = 0;
    for (place, name) in names.clone().enumerate() {
        let mark = mark_of(name);
        if seen & mark != 0 && names.clone().take(place).any(|earlier| earlier == name) {
            return true;
        }
        seen |= mark;
    }
    false
}

/// One bit of 128, which the length and the ends of a name choose.
#[inline]
pub(super) fn mark_of(name: &[u8]) -> u128 {
    1 << slot_of(name)
}

/// One of 128 slots, which the length and the ends of a name choose.
#[inline]
pub(super) fn slot_of(name: &[u8]) -> u8 {
    let [first, last] = [name.first(), name.last()].map(|end| *end.unwrap_or(&0));
    let [len, ..] = name.len().to_le_bytes();
    let alike = u64::from(u32::from_le_bytes([len, first, last, 0]));
    // The highest bits of the product depend on all of it.
    let [.., highest] = alike.wrapping_mul(GOLDEN).to_le_bytes();
    highest >> 1
}

/// Up to this many names that are alike are compared: that still beats a hash table.
pub(super) const COMPARED_MAX: usize = 64;

/// Up to this many members a walk beats a hash table.
pub(super) const WALK_MAX: usize = 16;

impl<'a, K: Into<Cow<'a, str>>, V: Into<Value<'a>>> FromIterator<(K, V)> for Map<'a> {
    /// Of members with the same name the last one wins, at the place of the first.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(members: I) -> Map<'a> {
        let members = members.into_iter();
        Map::of_last(
            members
                .map(|(name, value)| (Key::from(name.into()), value.into()))
                .collect(),
        )
    }
}

impl<'a, K: Into<Cow<'a, str>>, V: Into<Value<'a>>> Extend<(K, V)> for Map<'a> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, members: I) {
        let added: Map<'a> = members.into_iter().collect();
        if self.0.len().saturating_mul(added.0.len()) <= WALK_MAX * WALK_MAX {
            for (name, value) in added {
                self.insert(name, value);
            }
        } else {
            let all = std::mem::take(self).into_iter().chain(added);
            *self = all.collect();
        }
    }
}

impl<'a, K: Into<Cow<'a, str>>, V: Into<Value<'a>>, const N: usize> From<[(K, V); N]> for Map<'a> {
    fn from(members: [(K, V); N]) -> Map<'a> {
        members.into_iter().collect()
    }
}

impl fmt::Debug for Map<'_> {
    /// What is nested more than 128 deep is left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Shown(self, 0).fmt(f)
    }
}

impl<'a> IntoIterator for Map<'a> {
    type Item = (Cow<'a, str>, Value<'a>);
    type IntoIter = IntoIter<'a>;

    fn into_iter(self) -> IntoIter<'a> {
        IntoIter(self.0.into_iter())
    }
}

/// The members of a map in order, each its own.
#[derive(Clone, Debug)]
pub struct IntoIter<'a>(std::vec::IntoIter<(Key<'a>, Value<'a>)>);

impl<'a> Iterator for IntoIter<'a> {
    type Item = (Cow<'a, str>, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, value) = self.0.next()?;
        Some((name.into_cow(), value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl DoubleEndedIterator for IntoIter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let (name, value) = self.0.next_back()?;
        Some((name.into_cow(), value))
    }
}

impl ExactSizeIterator for IntoIter<'_> {}

/// Members a map has room for when it gets its first one.
const ROOM: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_given_twice_keeps_its_place_and_the_last_value() {
        let mut map = Map::from([("a", 1), ("b", 2), ("a", 3)]);
        assert_eq!(map, Map::from([("a", 3), ("b", 2)]));
        assert_eq!(map.insert("b", 4), Some(Value::I64(2)));
        assert_eq!(map.get("b"), Some(&Value::I64(4)));
        assert_eq!(
            (map.len(), map.remove("a"), map.len()),
            (2, Some(Value::I64(3)), 1)
        );
    }

    #[test]
    fn a_name_that_is_there_twice_is_found_wherever_it_is() {
        let letters = [
            "", "a", "ab", "ba", "aba", "aca", "\u{e9}", "name", "nome", "longer",
        ];
        let mut random = 7usize;
        let mut found = 0;
        for case in 0..20_000 {
            let mut next = |limit: usize| {
                random = random
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                (random >> 33) % limit
            };
            let names: Vec<String> = (0..case % 20)
                .map(|_| format!("{}{}", letters[next(letters.len())], next(40)))
                .collect();
            let members = names.iter().map(|name| (Key::Borrowed(name), Value::Null));
            let distinct: std::collections::HashSet<&String> = names.iter().collect();
            let map = Map(members.collect());
            assert_eq!(
                map.has_duplicates(),
                distinct.len() < names.len(),
                "{names:?}"
            );
            found += usize::from(map.has_duplicates());
        }
        assert!((2_000..18_000).contains(&found), "{found}");
    }

    #[test]
    fn many_members_merge_in_linear_time() {
        let names = |from: usize| (from..from + 200_000).map(|n| (format!("k{n}"), true));
        let mut map: Map<'_> = names(0).collect();
        map.extend(names(100_000));
        assert_eq!(map.len(), 300_000);
        assert!(!map.has_duplicates());
    }
}
