//! Columns, durations and numbers as people read them.

use trace_journal::Number;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::escape::one_line;

/// Columns that `text` takes in a terminal.
pub(crate) fn columns(text: &str) -> usize {
    text.width()
}

/// `text` cut to `width` columns, with `…` where something is missing.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > width {
            break;
        }
        kept.push(c);
    }
    if width > 0 {
        kept.push('…');
    }
    kept
}

/// `text` with spaces up to `width` columns.
pub(crate) fn pad(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(columns(text));
    format!("{text}{}", " ".repeat(missing))
}

/// Rows below each other: two spaces between columns, numbers to the right; the last column takes
/// what is left of `width`.
pub(crate) fn table(
    header: &[&str],
    rows: &[Vec<String>],
    right: &[usize],
    width: usize,
) -> Vec<String> {
    let header: Vec<String> = header.iter().map(|&title| title.to_owned()).collect();
    let last = header.len().saturating_sub(1);
    let all = || std::iter::once(&header).chain(rows);
    let widths: Vec<usize> = (0..header.len())
        .map(|column| all().map(|row| columns(&row[column])).max().unwrap_or(0))
        .map(|needed| needed.min(COLUMN_WIDTH_MAX))
        .collect();
    let line = |row: &Vec<String>| {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let missing = widths[column].saturating_sub(columns(cell));
            if column == last {
                let room = width.saturating_sub(columns(&line));
                line.push_str(&cut(cell, room));
            } else if right.contains(&column) {
                line.push_str(&format!("{}{cell}  ", " ".repeat(missing)));
            } else {
                line.push_str(&format!("{cell}{}  ", " ".repeat(missing)));
            }
        }
        line.trim_end().to_owned()
    };
    all().map(line).collect()
}

/// A span of time, short: `340µs`, `12.4ms`, `1.25s`, `3m07s`, `26h04m`.
pub(crate) fn duration(nanoseconds: u128) -> String {
    let tenths =
        |value: u128, unit: u128| format!("{}.{}", value / unit, value % unit / (unit / 10));
    let seconds = nanoseconds / SECOND;
    match nanoseconds {
        0..MICROSECOND => format!("{nanoseconds}ns"),
        MICROSECOND..MILLISECOND => format!("{}µs", nanoseconds / MICROSECOND),
        MILLISECOND..SECOND => format!("{}ms", tenths(nanoseconds, MILLISECOND)),
        SECOND..MINUTE => {
            let hundredths = nanoseconds % SECOND / (SECOND / 100);
            format!("{seconds}.{hundredths:02}s")
        }
        MINUTE..HOUR => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

/// `1234567` as `1,234,567`.
pub(crate) fn grouped(number: &str) -> String {
    let (sign, rest) = number.split_at(number.len() - number.trim_start_matches('-').len());
    let (whole, fraction) = rest.split_at(rest.find('.').unwrap_or(rest.len()));
    if !whole.bytes().all(|digit| digit.is_ascii_digit()) {
        return number.to_owned();
    }
    let mut grouped = String::from(sign);
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + fraction
}

/// A number as JSON writes it.
pub(crate) fn number(number: Number) -> String {
    serde_json::to_string(&number).unwrap_or_default()
}

/// `1 span`, `2 spans`.
pub(crate) fn counted(count: u64, one: &str, many: &str) -> String {
    let noun = if count == 1 { one } else { many };
    format!("{} {noun}", grouped(&count.to_string()))
}

/// Text as one word for a shell; what a terminal would obey is spelled out.
pub(crate) fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    if !text.is_empty() && !text.starts_with('-') && text.chars().all(is_plain) {
        return text.to_owned();
    }
    let dashes = if text.starts_with('-') { "-- " } else { "" };
    format!("{dashes}'{}'", one_line(text).replace('\'', "'\\''"))
}

/// Cells may be longer: they push only their own row aside.
const COLUMN_WIDTH_MAX: usize = 48;

const MICROSECOND: u128 = 1_000;
const MILLISECOND: u128 = 1_000_000;
const SECOND: u128 = 1_000_000_000;
const MINUTE: u128 = 60 * SECOND;
const HOUR: u128 = 60 * MINUTE;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short() {
        let shown = |nanoseconds| duration(nanoseconds);
        assert_eq!(shown(0), "0ns");
        assert_eq!(shown(340_900), "340µs");
        assert_eq!(shown(12_450_000), "12.4ms");
        assert_eq!(shown(1_259_000_000), "1.25s");
        assert_eq!(shown(187 * SECOND), "3m07s");
        assert_eq!(shown(26 * HOUR + 4 * MINUTE), "26h04m");
    }

    #[test]
    fn cutting_counts_columns() {
        assert_eq!(cut("日本語", 6), "日本語");
        assert_eq!(cut("日本語", 5), "日本…");
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut("abc", 0), "");
    }

    #[test]
    fn numbers_are_grouped() {
        let shown = ["0", "999", "1000", "-1234567", "1234.56789", "1e30"].map(grouped);
        assert_eq!(
            shown,
            ["0", "999", "1,000", "-1,234,567", "1,234.56789", "1e30"]
        );
    }

    #[test]
    fn words_are_safe_to_paste() {
        let shown = ["ses_1", "a b", "it's", "-rf", ""].map(quoted);
        assert_eq!(shown, ["ses_1", "'a b'", "'it'\\''s'", "-- '-rf'", "''"]);
    }

    #[test]
    fn tables_align() {
        let rows = [vec![
            "a".to_owned(),
            "12".to_owned(),
            "long title".to_owned(),
        ]];
        let lines = table(&["ID", "N", "TITLE"], &rows, &[1], 14);
        assert_eq!(lines, ["ID   N  TITLE", "a   12  long …"]);
    }
}
