//! Columns of a terminal: measured, cut, filled and folded.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns that `text` takes in a terminal at most: some draw clusters of characters as one, some
/// one by one.
pub(crate) fn columns(text: &str) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    let one_by_one = text.chars().map(|c| c.width().unwrap_or(0)).sum();
    text.width().max(one_by_one)
}

/// Whether `text` has room in `width` columns; one with heaps of marks over its letters has not.
pub(crate) fn fits(text: &str, width: usize) -> bool {
    text.len() / BYTES_PER_COLUMN_MAX <= width && columns(text) <= width
}

/// `text` cut to `width` columns between clusters of characters, with `…` where something is
/// missing.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if fits(text, width) {
        return text.to_owned();
    }
    let mut kept = start_of(text, width.saturating_sub(1)).to_owned();
    if width > 0 {
        kept.push('…');
    }
    kept
}

/// `text` cut in its middle, so that both ends are seen.
pub(crate) fn cut_middle(text: &str, width: usize) -> String {
    if fits(text, width) || width < MIDDLE_WIDTH_MIN {
        return cut(text, width);
    }
    let start = start_of(text, width / 3);
    let end = end_of(text, width.saturating_sub(columns(start) + 1));
    format!("{start}…{end}")
}

/// `text` cut at its start, as a path is.
pub(crate) fn cut_start(text: &str, width: usize) -> String {
    if fits(text, width) || width == 0 {
        return cut(text, width);
    }
    format!("…{}", end_of(text, width - 1))
}

/// As many clusters from the start as have room.
pub(crate) fn start_of(text: &str, width: usize) -> &str {
    let mut used = 0;
    for (at, cluster) in text.grapheme_indices(true) {
        used += columns(cluster);
        let end = at + cluster.len();
        if used > width || end > width.saturating_mul(BYTES_PER_COLUMN_MAX) {
            return &text[..at];
        }
    }
    text
}

/// As many clusters from the end as have room.
fn end_of(text: &str, width: usize) -> &str {
    let mut used = 0;
    for (at, cluster) in text.grapheme_indices(true).rev() {
        used += columns(cluster);
        if used > width || text.len() - at > width.saturating_mul(BYTES_PER_COLUMN_MAX) {
            return &text[at + cluster.len()..];
        }
    }
    text
}

/// `text` with spaces up to `width` columns.
pub(crate) fn pad(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(columns(text));
    format!("{text}{}", " ".repeat(missing))
}

/// A line with colours cut to `width` columns; a colour that is on at the cut is turned off.
pub(crate) fn cut_painted(line: &str, width: usize) -> String {
    let mut kept = String::with_capacity(line.len());
    let mut used = 0;
    let mut is_painted = false;
    let mut rest = line;
    while !rest.is_empty() {
        let plain = &rest[..rest.find('\u{1b}').unwrap_or(rest.len())];
        let room = width.saturating_sub(used);
        if columns(plain) > room {
            kept.push_str(&cut(plain, room));
            kept.push_str(if is_painted { "\u{1b}[0m" } else { "" });
            return kept;
        }
        kept.push_str(plain);
        used += columns(plain);
        rest = &rest[plain.len()..];
        // Text from traces holds no such code: it is spelled out before.
        let code = &rest[..rest.find('m').map_or(rest.len(), |end| end + 1)];
        kept.push_str(code);
        is_painted = !code.is_empty() && code != "\u{1b}[0m";
        rest = &rest[code.len()..];
    }
    kept
}

/// Text in lines of at most `width` columns, broken at spaces where there are some; all but the
/// first are indented.
pub(crate) fn fold(text: &str, width: usize, indent: usize) -> Vec<String> {
    if columns(text) <= width {
        return vec![text.to_owned()];
    }
    let indent = if indent + FOLDED_WIDTH_MIN > width {
        0
    } else {
        indent
    };
    let mut lines = Vec::new();
    let start = text.trim_start_matches(' ');
    let mut line = text[..text.len() - start.len()].to_owned();
    let mut words = start.split(' ').map(str::to_owned).collect::<Vec<String>>();
    words.reverse();
    while let Some(word) = words.pop() {
        let gap = usize::from(!line.trim_start().is_empty());
        let room = width.saturating_sub(columns(&line) + gap);
        if columns(&word) <= room {
            line.push_str(if gap > 0 { " " } else { "" });
            line.push_str(&word);
        } else if gap > 0 {
            lines.push(std::mem::replace(&mut line, " ".repeat(indent)));
            words.push(word);
        } else {
            // A word that fits no line, or a cluster that does not: one at least goes on.
            let mut part = start_of(&word, room);
            if part.is_empty() {
                part = word.graphemes(true).next().unwrap_or_default();
            }
            line.push_str(part);
            lines.push(std::mem::replace(&mut line, " ".repeat(indent)));
            words.push(word[part.len()..].to_owned());
        }
    }
    if !line.trim_start().is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

/// Bytes of text that a column shows at most.
const BYTES_PER_COLUMN_MAX: usize = 32;

const MIDDLE_WIDTH_MIN: usize = 12;
const FOLDED_WIDTH_MIN: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cutting_counts_columns() {
        assert_eq!(cut("日本語", 6), "日本語");
        assert_eq!(cut("日本語", 5), "日本…");
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut("abc", 0), "");
        assert_eq!(cut_start("~/src/retry", 8), "…c/retry");
        assert_eq!(cut_start("~/src", 5), "~/src");
        assert_eq!(cut_middle("0123456789abcdefghij", 13), "0123…cdefghij");
    }

    #[test]
    fn clusters_are_never_cut_in_two() {
        // A family is one cluster, and drawn one by one it takes six columns.
        let family = "👩\u{200d}👩\u{200d}👧";
        assert_eq!(columns(family), 6);
        assert_eq!(cut(&format!("{family}{family}"), 8), format!("{family}…"));
        assert_eq!(cut(&format!("{family}x"), 6), "…");
        assert_eq!(cut("e\u{301}e\u{301}e\u{301}", 2), "e\u{301}…");
        assert_eq!(cut("🇩🇪🇫🇷", 3), "🇩🇪…");
        let marks = format!("a{}", "\u{301}".repeat(100_000));
        assert!(cut(&marks, 10).len() < 1_000);
    }

    #[test]
    fn a_cut_line_turns_its_colour_off() {
        let line = "ab\u{1b}[1mcdef\u{1b}[0mgh";
        assert_eq!(cut_painted(line, 8), line);
        assert_eq!(cut_painted(line, 4), "ab\u{1b}[1mc…\u{1b}[0m");
        assert_eq!(cut_painted(line, 7), "ab\u{1b}[1mcdef\u{1b}[0m…");
    }

    #[test]
    fn folding_loses_nothing() {
        let folded = fold("one=1 two=22 three=333 four", 14, 2);
        assert_eq!(folded, ["one=1 two=22", "  three=333", "  four"]);
        let folded = fold("  work  one, two, three", 14, 6);
        assert_eq!(folded, ["  work  one,", "two, three"]);
        let folded = fold("  work  one, two, three", 19, 6);
        assert_eq!(folded, ["  work  one, two,", "      three"]);
        let text = "日本語".repeat(20) + " end";
        let folded = fold(&text, 15, 2);
        assert!(folded.iter().all(|line| columns(line) <= 15), "{folded:?}");
        let all: String = folded.iter().flat_map(|line| line.split(' ')).collect();
        assert_eq!(all, text.replace(' ', ""));
        assert_eq!(fold("日本", 1, 0), ["日", "本"]);
        assert_eq!(fold("", 5, 2), [""]);
    }
}
