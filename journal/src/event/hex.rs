//! Bytes as lower-case hex digits, four at a time: each digit is a byte of a word.

/// Two digits for each byte, of which there are four or a multiple of that.
pub(crate) fn to_hex<const N: usize>(bytes: [u8; N]) -> String {
    let (fours, _) = bytes.as_chunks();
    let digits: Vec<_> = fours.iter().map(|four| digits_of(*four)).collect();
    String::from_utf8(digits.into_flattened()).unwrap_or_default()
}

/// The bytes, if the text is exactly their lower-case digits.
pub(crate) fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let (fours, _) = bytes.as_chunks_mut();
    let (eights, []) = text.as_bytes().as_chunks() else {
        return None;
    };
    if eights.len() != fours.len() {
        return None;
    }
    for (four, eight) in fours.iter_mut().zip(eights) {
        *four = bytes_of(*eight)?;
    }
    Some(bytes)
}

/// The digits of four bytes.
fn digits_of(bytes: [u8; 4]) -> [u8; 8] {
    let [first, second, third, fourth] = bytes;
    let pairs = u64::from_le_bytes([first, 0, second, 0, third, 0, fourth, 0]);
    // The first digit of a pair is the high half.
    let values = ((pairs >> 4) | (pairs << 8)) & each(15);
    let is_letter = ((values + each(6)) >> 4) & each(1);
    (values + each(ZERO) + is_letter * BEHIND_DIGITS).to_le_bytes()
}

/// What eight digits stand for; `None` if some are none.
fn bytes_of(digits: [u8; 8]) -> Option<[u8; 4]> {
    let word = u64::from_le_bytes(digits);
    // `a` has the low bits that `1` has, and unlike that bit 6.
    let is_letter = (word >> 6) & each(1);
    let values = (word & each(15)) + is_letter * 9;
    let [first, _, second, _, third, _, fourth, _] = ((values << 4) | (values >> 8)).to_le_bytes();
    // Something was made of other bytes, too.
    let bytes = [first, second, third, fourth];
    (digits_of(bytes) == digits).then_some(bytes)
}

/// A word of which each byte is this one.
const fn each(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// The digit `0` in ASCII.
const ZERO: u8 = 0x30;

/// How much further `a` is than what would follow `9`.
const BEHIND_DIGITS: u64 = 39;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_read_back_and_have_one_spelling() {
        let bytes = [0, 0x9a, 0xff, 0x5c];
        assert_eq!(to_hex(bytes), "009aff5c");
        assert_eq!(from_hex("009aff5c"), Some(bytes));
        for text in ["009aff5C", "009aff5", "009aff5c0", "009aff5c00000000", ""] {
            assert_eq!(from_hex::<4>(text), None, "{text}");
        }
    }

    #[test]
    fn every_byte_in_every_place_is_a_digit_or_is_none() {
        for (place, byte) in (0..16).flat_map(|place| (0..128).map(move |byte| (place, byte))) {
            let mut text = *b"0123456789abcdef";
            text[place] = byte;
            let text = std::str::from_utf8(&text).unwrap();
            let plain = u64::from_str_radix(text, 16).ok().map(u64::to_be_bytes);
            let plain =
                plain.filter(|_| text.bytes().all(|byte| b"0123456789abcdef".contains(&byte)));
            assert_eq!(from_hex(text), plain, "{text}");
        }
    }
}
