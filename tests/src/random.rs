//! Numbers that look random and come from a seed.

use std::env;

/// A generator that gives the same numbers for the same seed on every machine.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The generator of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// The generator of one part of a seed, independent of those of other parts.
    #[must_use]
    pub fn part(seed: u64, part: u64) -> Random {
        let mut random = Random(seed ^ part.wrapping_mul(0x9E6C_63D0_876A_68DE));
        random.draw();
        random
    }

    /// The next number: SplitMix64, <https://prng.di.unimi.it/splitmix64.c>.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`; 0 if `limit` is 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.draw().checked_rem(limit).unwrap_or(0)
    }

    /// A number of this range, both ends included.
    pub fn within(&mut self, from: u64, to: u64) -> u64 {
        from + self.below((to - from).saturating_add(1))
    }

    /// True once in `of` times.
    pub fn once_in(&mut self, of: u64) -> bool {
        self.below(of) == 0
    }

    /// One of these; `None` if there are none.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        let count = u64::try_from(of.len()).ok()?;
        of.get(usize::try_from(self.below(count)).ok()?)
    }

    /// Fills `bytes`.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        let mut parts = bytes.chunks_exact_mut(8);
        for part in &mut parts {
            part.copy_from_slice(&self.draw().to_le_bytes());
        }
        let rest = parts.into_remainder();
        let last = self.draw().to_le_bytes();
        rest.copy_from_slice(last.get(..rest.len()).unwrap_or(&[]));
    }
}

/// The seed of a random test: `JOURNAL_SEED`, else 1, so that what passed once passes again.
#[must_use]
pub fn seed() -> u64 {
    from_env("JOURNAL_SEED", 1)
}

/// The value of an environment variable, else `default`.
///
/// # Panics
/// If it is no number.
#[must_use]
pub fn from_env(name: &str, default: u64) -> u64 {
    match env::var(name) {
        Ok(text) => text.parse().expect("a number in the environment"),
        Err(_) => default,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_numbers_again_and_parts_differ() {
        let numbers = |mut random: Random| [random.draw(), random.draw(), random.draw()];
        assert_eq!(numbers(Random::new(7)), numbers(Random::new(7)));
        assert_ne!(numbers(Random::part(7, 1)), numbers(Random::part(7, 2)));
        assert_eq!(Random::new(0).draw(), 0xE220_A839_7B1D_CDAF);
    }
}
