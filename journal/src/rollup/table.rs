//! Spans by their ids, in so few bytes each that there may be millions.

use std::hash::{BuildHasher, RandomState};

use crate::event::SpanKey;

/// Something for each span, in the order in which the spans came up.
///
/// Of an id only a hash is kept, of 64 bits and with a key of its own for each table: that two of
/// a million ids are taken for one happens in one of thirty million tables.
#[derive(Debug)]
pub(crate) struct SpanTable<T> {
    hasher: Option<RandomState>,
    rows: Vec<(u64, T)>,
    /// Where the row of a hash is, plus 1, at its place or behind it; empty while there are few.
    index: Vec<u32>,
}

impl<T> Default for SpanTable<T> {
    fn default() -> SpanTable<T> {
        SpanTable {
            hasher: None,
            rows: Vec::new(),
            index: Vec::new(),
        }
    }
}

impl<T> SpanTable<T> {
    pub(crate) fn get_mut(&mut self, id: &SpanKey<'_>) -> Option<&mut T> {
        let hash = self.hasher.as_ref()?.hash_one(id);
        let at = self.find(hash)?;
        self.rows.get_mut(at).map(|(_, thing)| thing)
    }

    /// What there is for a span, made if there is nothing yet.
    pub(crate) fn or_insert_with(&mut self, id: &SpanKey<'_>, make: impl FnOnce() -> T) -> &mut T {
        let hasher = self.hasher.get_or_insert_default();
        let hash = hasher.hash_one(id);
        let at = match self.find(hash) {
            Some(at) => at,
            None => self.push(hash, make()),
        };
        &mut self.rows[at].1
    }

    pub(crate) fn into_values(self) -> impl ExactSizeIterator<Item = T> {
        self.rows.into_iter().map(|(_, thing)| thing)
    }

    fn find(&self, hash: u64) -> Option<usize> {
        if self.index.is_empty() {
            return self.rows.iter().position(|(known, _)| *known == hash);
        }
        let mut place = self.place(hash);
        loop {
            let at = usize::try_from(*self.index.get(place)?)
                .ok()?
                .checked_sub(1)?;
            if self.rows.get(at)?.0 == hash {
                return Some(at);
            }
            place = (place + 1) & (self.index.len() - 1);
        }
    }

    fn push(&mut self, hash: u64, thing: T) -> usize {
        let at = self.rows.len();
        self.rows.push((hash, thing));
        if self.rows.len() * 4 > self.index.len() * 3 && self.rows.len() > ROWS_WALKED_MAX {
            self.make_index();
        } else if !self.index.is_empty() {
            self.enter(hash, at);
        }
        at
    }

    fn make_index(&mut self) {
        let len = (self.rows.len() * 2).next_power_of_two();
        self.index = Vec::new();
        self.index = vec![0; len];
        for at in 0..self.rows.len() {
            self.enter(self.rows[at].0, at);
        }
    }

    fn enter(&mut self, hash: u64, at: usize) {
        let mut place = self.place(hash);
        while self.index[place] != 0 {
            place = (place + 1) & (self.index.len() - 1);
        }
        // A segment has fewer records than that, and memory fewer rows.
        self.index[place] = u32::try_from(at + 1).unwrap_or(u32::MAX);
    }

    fn place(&self, hash: u64) -> usize {
        let mask = u64::try_from(self.index.len() - 1).unwrap_or(0);
        usize::try_from(hash & mask).unwrap_or(0)
    }
}

/// Up to so many rows are gone through one by one.
const ROWS_WALKED_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::event::arbitrary::Rng;

    #[test]
    fn spans_are_found_by_their_ids_and_stay_in_order() {
        for count in [0, 1, 7, 8, 9, 10, 100, 5000] {
            let mut random = Rng::new(count);
            let (mut table, mut plain) = (SpanTable::default(), HashMap::new());
            let mut order = Vec::new();
            for number in 0..count * 2 {
                let id = format!("s{}", random.below(count));
                let known = plain.insert(id.clone(), number);
                assert_eq!(table.get_mut(&SpanKey::of(&id)).copied(), known);
                *table.or_insert_with(&SpanKey::of(&id), || 0) = number;
                if known.is_none() {
                    order.push(id);
                }
            }
            let values: Vec<u64> = table.into_values().collect();
            let expected: Vec<u64> = order.iter().map(|id| plain[id]).collect();
            assert_eq!(values, expected);
        }
    }

    #[test]
    fn a_span_takes_few_bytes() {
        let mut table = SpanTable::default();
        for number in 0..100_000 {
            let id = format!("{number:x}");
            table.or_insert_with(&SpanKey::of(&id), || 0u64);
        }
        let bytes = table.rows.capacity() * 16 + table.index.capacity() * 4;
        assert!(bytes <= 100_000 * 44, "{bytes}");
    }
}
