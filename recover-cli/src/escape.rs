//! Text from traces made harmless for terminals.

use std::borrow::Cow;
use std::fmt::Write;

/// `text` on one line: control characters and whatever else a terminal would obey, spelled out.
pub(crate) fn one_line(text: &str) -> Cow<'_, str> {
    if !text.contains(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            c if is_obeyed(c) => push_code(&mut escaped, c),
            c => escaped.push(c),
        }
    }
    Cow::Owned(escaped)
}

/// JSON text with the control characters that JSON itself lets through spelled out.
///
/// All of JSON outside of strings is ASCII, so each of them stands in a string.
pub(crate) fn json(text: &str) -> Cow<'_, str> {
    let is_let_through = |c: char| !c.is_ascii() && is_obeyed(c) || c == '\u{7f}';
    if !text.contains(is_let_through) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_let_through(c) {
            let _ = write!(escaped, "\\u{:04x}", u32::from(c));
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

/// Control characters, line separators, and the marks that reverse the direction of text.
pub(crate) fn is_obeyed(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
        )
}

fn push_code(escaped: &mut String, c: char) {
    // Writing to a string cannot fail.
    let _ = write!(escaped, "\\u{{{:x}}}", u32::from(c));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_sequences_are_spelled_out() {
        assert_eq!(one_line("a\x1b[2Jb\r\n\t"), "a\\u{1b}[2Jb\\r\\n\\t");
        assert_eq!(
            one_line("\u{9b}31m\u{202e}x\u{7f}"),
            "\\u{9b}31m\\u{202e}x\\u{7f}"
        );
        assert_eq!(one_line("日本 ü"), "日本 ü");
    }

    #[test]
    fn json_stays_json() {
        let text = serde_json::to_string("\u{9b}\u{1b}\u{7f}\u{202e}é").unwrap();
        let escaped = json(&text);
        assert_eq!(escaped, "\"\\u009b\\u001b\\u007f\\u202eé\"");
        let back: String = serde_json::from_str(&escaped).unwrap();
        assert_eq!(back, "\u{9b}\u{1b}\u{7f}\u{202e}é");
    }
}
