//! Bytes as lower-case hex digits.

/// Two digits for each byte.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    let mut digits = Vec::with_capacity(bytes.len() * 2);
    for byte in bytes {
        digits.extend([byte >> 4, byte & 15].map(|half| DIGITS[usize::from(half)]));
    }
    String::from_utf8(digits).unwrap_or_default()
}

/// The bytes, if the text is exactly their lower-case digits.
pub(crate) fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
        return None;
    };
    let mut bytes = [0; N];
    if pairs.len() != N {
        return None;
    }
    // Looked at all together at the end: ids are digits or not from the first one on.
    let mut seen = 0;
    for (byte, digits) in bytes.iter_mut().zip(pairs) {
        let [high, low] = digits.map(|digit| VALUES[usize::from(digit)]);
        *byte = (high << 4) | (low & 15);
        seen |= high | low;
    }
    (seen != NO_DIGIT).then_some(bytes)
}

const DIGITS: [u8; 16] = *b"0123456789abcdef";

/// What each digit stands for.
const VALUES: [u8; 256] = {
    let mut values = [NO_DIGIT; 256];
    let (mut value, mut place) = (0, ZERO);
    while value < 16 {
        if value == 10 {
            place = LETTER_A;
        }
        values[place] = value;
        (value, place) = (value + 1, place + 1);
    }
    values
};

/// The places of the digits `0` and `a` in ASCII.
const ZERO: usize = 0x30;
const LETTER_A: usize = 0x61;

/// More than all digits together.
const NO_DIGIT: u8 = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_read_back_and_have_one_spelling() {
        let bytes = [0, 0x9a, 0xff];
        assert_eq!(to_hex(&bytes), "009aff");
        assert_eq!(from_hex("009aff"), Some(bytes));
        for text in ["009afF", "009af", "009aff0", "00 aff", ""] {
            assert_eq!(from_hex::<3>(text), None, "{text}");
        }
    }
}
