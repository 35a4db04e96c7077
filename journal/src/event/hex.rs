//! Bytes as lower-case hex digits.

/// Two digits for each byte.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    let mut digits = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        digits.push(digit(byte >> 4));
        digits.push(digit(byte & 15));
    }
    digits
}

/// The bytes, if the text is exactly their lower-case digits.
pub(crate) fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != N * 2 {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = (value(digits[0])? << 4) | value(digits[1])?;
    }
    Some(bytes)
}

fn digit(value: u8) -> char {
    char::from(if value < 10 {
        b'0' + value
    } else {
        b'a' - 10 + value
    })
}

fn value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

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
