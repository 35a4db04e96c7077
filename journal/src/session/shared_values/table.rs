//! Which values a session has said in the segment that is being written, and where.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use crate::len::len_u64;

/// Where a value stands in its segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Said {
    /// The offset of the frame.
    pub(super) frame: u64,
    /// Its first byte in the payload.
    pub(super) from: u64,
    pub(super) len: u64,
}

/// Values by a key that is quick to make: equal keys are a hint, and the bytes are compared.
///
/// When the younger half is full it becomes the older one, which is forgotten: what is used again
/// stays.
#[derive(Debug)]
pub(super) struct SaidValues {
    hasher: RandomState,
    young: HashMap<u64, Said>,
    old: HashMap<u64, Said>,
}

impl SaidValues {
    pub(super) fn new() -> SaidValues {
        SaidValues {
            hasher: RandomState::new(),
            young: HashMap::new(),
            old: HashMap::new(),
        }
    }

    /// Forgets all of them.
    pub(super) fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
    }

    /// The key of a value of a session: of its length and its bytes, of a long one of those that it
    /// begins with, has in its middle, and ends with. Without the hasher, values with equal keys
    /// cannot be made on purpose.
    pub(super) fn key(&self, session: u64, value: &[u8]) -> u64 {
        let len = value.len();
        let samples = match len <= SAMPLE_LEN * 3 {
            true => [0..len, 0..0, 0..0],
            false => [0, len / 2, len - SAMPLE_LEN].map(|at| at..at + SAMPLE_LEN),
        };
        let mut sum = crc32fast::Hasher::new();
        for sample in samples {
            sum.update(value.get(sample).unwrap_or_default());
        }
        self.hasher.hash_one((session, len, sum.finalize()))
    }

    /// Where a value of this key and length was said last.
    pub(super) fn get(&mut self, key: u64, len: usize) -> Option<Said> {
        let said = match self.young.get(&key) {
            Some(said) => *said,
            None => {
                let said = self.old.remove(&key)?;
                self.insert(key, said);
                said
            }
        };
        (said.len == len_u64(len)).then_some(said)
    }

    pub(super) fn insert(&mut self, key: u64, said: Said) {
        if self.young.len() >= HALF_MAX {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, said);
    }
}

/// Longer ones take as long to sum up as to write.
const SAMPLE_LEN: usize = 1024;

/// Half of the values that are remembered at most: 65,536.
const HALF_MAX: usize = 1 << 15;

#[cfg(test)]
mod tests {
    use super::*;

    fn said(frame: u64) -> Said {
        Said {
            frame,
            from: 1,
            len: 100,
        }
    }

    #[test]
    fn values_that_are_used_again_are_remembered_and_others_are_bounded() {
        let mut values = SaidValues::new();
        values.insert(u64::MAX, said(8));
        for key in 0..1_000_000 {
            values.insert(key, said(16));
            assert_eq!(values.get(u64::MAX, 100), Some(said(8)), "{key}");
            assert!(values.young.len() <= HALF_MAX && values.old.len() <= HALF_MAX);
        }
        assert_eq!(values.get(0, 100), None);
        assert_eq!(values.get(999_999, 99), None, "of another length");
        values.clear();
        assert_eq!(values.get(u64::MAX, 100), None);
    }

    #[test]
    fn keys_differ_by_session_length_and_samples() {
        let values = SaidValues::new();
        let plain = vec![7; 10_000];
        let key = |session, value: &[u8]| values.key(session, value);
        assert_eq!(key(1, &plain), key(1, &plain.clone()));
        let mut others = vec![key(2, &plain), key(1, &plain[1..]), key(1, &[])];
        for at in [0, 1000, 5000, 6000, 9000, 9999] {
            let mut other = plain.clone();
            other[at] = 8;
            others.push(key(1, &other));
        }
        assert!(!others.contains(&key(1, &plain)));
    }
}
