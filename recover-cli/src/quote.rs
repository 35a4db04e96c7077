//! Names as people see them and can type them back.

use std::fmt::Write;

use crate::escape::is_obeyed;
use crate::width::fits;
use unicode_segmentation::UnicodeSegmentation;

/// Text as one word for a shell; what a terminal would obey is spelled out as `$'…'`.
pub(crate) fn quoted(text: &str) -> String {
    if text.contains(|c| is_obeyed(c) || c == '\'') {
        return spelled_out(text);
    }
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:@%+=,".contains(c);
    if text.is_empty() || !text.chars().all(is_plain) {
        return format!("'{text}'");
    }
    text.to_owned()
}

/// As [`quoted`], to stand behind a verb's options: a dash at the start begins none.
pub(crate) fn argument(text: &str) -> String {
    let word = quoted(text);
    if text.starts_with('-') {
        format!("-- {word}")
    } else {
        word
    }
}

/// The id of a session as an argument; one that no shell can hand over by its hash.
pub(crate) fn id_argument(id: &str) -> String {
    if id.contains('\0') {
        hash_name(id)
    } else {
        argument(id)
    }
}

/// `$'a\tb'`: bash, zsh, ksh and POSIX read octal numbers of three digits alike.
fn spelled_out(text: &str) -> String {
    let mut word = String::from("$'");
    for c in text.chars() {
        match c {
            '\n' => word.push_str("\\n"),
            '\r' => word.push_str("\\r"),
            '\t' => word.push_str("\\t"),
            '\\' | '\'' => word.extend(['\\', c]),
            c if is_obeyed(c) => {
                for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                    // Writing to a string cannot fail.
                    let _ = write!(word, "\\{byte:03o}");
                }
            }
            c => word.push(c),
        }
    }
    word.push('\'');
    word
}

/// What `'…'` or `$'…'` stands for, if the word is one of these as a whole.
pub(crate) fn unquoted(word: &str) -> Option<String> {
    if let Some(inner) = word.strip_prefix('\'') {
        let inner = inner.strip_suffix('\'')?;
        return (!inner.contains('\'')).then(|| inner.to_owned());
    }
    let mut rest = word.strip_prefix("$'")?;
    let mut bytes = Vec::with_capacity(rest.len());
    loop {
        let c = rest.chars().next()?;
        rest = &rest[c.len_utf8()..];
        match c {
            '\'' => break,
            '\\' => rest = escape(rest, &mut bytes)?,
            c => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    let text = String::from_utf8(bytes).ok()?;
    rest.is_empty().then_some(text)
}

/// Takes what follows a backslash; gives the rest.
fn escape<'t>(rest: &'t str, bytes: &mut Vec<u8>) -> Option<&'t str> {
    let c = rest.chars().next()?;
    let after = &rest[c.len_utf8()..];
    let digits = |text: &'t str, count: usize, radix: u32| {
        let is_digit = |c: &char| c.is_digit(radix);
        let len = text.chars().take(count).take_while(is_digit).count();
        let number = u32::from_str_radix(&text[..len], radix).ok()?;
        Some((number, &text[len..]))
    };
    let byte = match c {
        'a' => 0x07,
        'b' => 0x08,
        'e' | 'E' => 0x1b,
        'f' => 0x0c,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 0x0b,
        '\\' | '\'' | '"' | '?' => u8::try_from(c).ok()?,
        '0'..='7' | 'x' => {
            let (number, after) = match c {
                'x' => digits(after, 2, 16)?,
                _ => digits(rest, 3, 8)?,
            };
            bytes.push(u8::try_from(number).ok()?);
            return Some(after);
        }
        'u' | 'U' => {
            let (number, after) = digits(after, if c == 'u' { 4 } else { 8 }, 16)?;
            let c = char::from_u32(number)?;
            bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            return Some(after);
        }
        _ => return None,
    };
    bytes.push(byte);
    Some(after)
}

/// Ids as words of at most `width` columns, each of which names its session: whole if all have
/// room, else their shortest beginnings that no other id has, else `~` and their hash.
pub(crate) fn short_ids(ids: &[&str], width: usize) -> Vec<String> {
    let whole: Vec<String> = ids.iter().map(|id| quoted(id)).collect();
    if whole.iter().all(|word| fits(word, width)) {
        return whole;
    }
    let mut order: Vec<usize> = (0..ids.len()).collect();
    order.sort_by_key(|at| ids[*at]);
    let mut short = whole;
    for (place, at) in order.iter().copied().enumerate() {
        let neighbours = [place.checked_sub(1), place.checked_add(1)];
        let neighbours = neighbours
            .into_iter()
            .flatten()
            .filter_map(|at| order.get(at));
        let shared = neighbours
            .map(|other| shared_len(ids[at], ids[*other]))
            .max();
        let word = quoted(beginning(ids[at], shared.unwrap_or(0), width));
        short[at] = if fits(&word, width) {
            word
        } else {
            hash_name(ids[at])
        };
    }
    short
}

/// Bytes that two ids begin with alike.
fn shared_len(one: &str, other: &str) -> usize {
    let pairs = one.bytes().zip(other.bytes());
    pairs.take_while(|(one, other)| one == other).count()
}

/// The shortest beginning that is longer than `shared` bytes and long enough to be known again; it
/// need not be right where it has no room.
fn beginning(id: &str, shared: usize, width: usize) -> &str {
    if shared > width.saturating_mul(8) {
        return id;
    }
    let ends = id
        .grapheme_indices(true)
        .map(|(at, cluster)| at + cluster.len());
    let end = ends
        .enumerate()
        .find(|(count, end)| *end > shared && *count + 1 >= SHORT_ID_MIN);
    &id[..end.map_or(id.len(), |(_, end)| end)]
}

/// A name for an id whose beginning is not short, or cannot be typed.
pub(crate) fn hash_name(id: &str) -> String {
    // FNV-1a: the same in every release, because such names are kept in notes and scripts.
    let hash = id.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    format!("~{hash:08x}")
}

/// Clusters of a short id.
const SHORT_ID_MIN: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_safe_to_paste() {
        let shown = ["ses_1", "a b", "it's", "", "日本", "a\tb\\", "\u{202e}e"].map(quoted);
        let words = [
            "ses_1",
            "'a b'",
            "$'it\\'s'",
            "''",
            "日本",
            "$'a\\tb\\\\'",
            "$'\\342\\200\\256e'",
        ];
        assert_eq!(shown, words);
        assert_eq!(argument("-rf"), "-- -rf");
        assert_eq!(id_argument("a\0b"), hash_name("a\0b"));
    }

    #[test]
    fn a_word_is_read_as_it_is_written() {
        for text in [
            "it's",
            "a b",
            "\u{1b}[2J\u{7f}\n",
            "\\",
            "\0",
            "\u{feff}ü\u{2028}",
            "'",
        ] {
            assert_eq!(unquoted(&quoted(text)).as_deref(), Some(text));
        }
        let shells = r"$'\e[1m\x41b\u00fc\U0001f600\101\'\''";
        assert_eq!(unquoted(shells).as_deref(), Some("\u{1b}[1mAbü😀A''"));
        for word in ["ses", "'a'b'", "$'a", "$'a'b", r"$'\q'", r"$'\xff'", "'"] {
            assert_eq!(unquoted(word), None, "{word}");
        }
    }

    #[test]
    fn short_ids_are_beginnings_of_one_id_each() {
        let ids = [
            "session-aaaa1",
            "session-aaaa2",
            "session-b",
            "other",
            "session",
        ];
        assert_eq!(short_ids(&ids, 13), ids);
        let short = short_ids(&ids, 12);
        assert_eq!(short[2..], ["session-b", "other", "session"]);
        assert_eq!(short[0], hash_name(ids[0]));
        let long = ["0192f0c1-7d5e-7000-8000-1", "0192f0c2-7d5e-7000-8000-1"];
        assert_eq!(short_ids(&long, 12), ["0192f0c1", "0192f0c2"]);
        let many = "x".repeat(100_000);
        let same = [&*many, &many[1..]];
        assert_eq!(short_ids(&same, 20), same.map(hash_name));
    }
}
