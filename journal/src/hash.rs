//! Hashes that never change, and numbers that look random.

/// The [FNV-1a](https://www.rfc-editor.org/rfc/rfc9923) hash of the bytes, 64 bits.
pub(crate) fn fnv_1a_64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(BASIS_64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(PRIME_64)
    })
}

/// The FNV-1a hash of the bytes, 128 bits.
pub(crate) fn fnv_1a_128(bytes: &[u8]) -> u128 {
    bytes.iter().fold(BASIS_128, |hash, byte| {
        (hash ^ u128::from(*byte)).wrapping_mul(PRIME_128)
    })
}

/// What [SplitMix64](https://prng.di.unimi.it/splitmix64.c) makes of a count, which goes on by
/// [`GOLDEN`]: different counts become different numbers.
pub(crate) fn mixed(count: u64) -> u64 {
    let mixed = (count ^ (count >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Odd and without a pattern, so that no part of what is multiplied by it is lost: 2 to the power
/// of 64 divided by the golden ratio.
pub(crate) const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

const BASIS_64: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME_64: u64 = 0x0000_0100_0000_01b3;
const BASIS_128: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
const PRIME_128: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values_hold() {
        assert_eq!(fnv_1a_64(b""), BASIS_64);
        assert_eq!(fnv_1a_64(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv_1a_128(b""), BASIS_128);
        assert_eq!(fnv_1a_128(b"a"), 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964);
        // The first number of a generator that is seeded with 0.
        assert_eq!(mixed(GOLDEN), 0xe220_a839_7b1d_cdaf);
    }
}
