//! Durations and numbers as people read them.

use trace_journal::Number;

/// A span of time, short: `340µs`, `12ms`, `1.25s`, `3m07s`, `2h04m`, `3d07h`.
pub(crate) fn duration(nanoseconds: u128) -> String {
    let seconds = nanoseconds / SECOND;
    match nanoseconds {
        0..MICROSECOND => format!("{nanoseconds}ns"),
        MICROSECOND..MILLISECOND => format!("{}µs", nanoseconds / MICROSECOND),
        MILLISECOND..SECOND => format!("{}ms", nanoseconds / MILLISECOND),
        SECOND..MINUTE => {
            let hundredths = nanoseconds % SECOND / (SECOND / 100);
            format!("{seconds}.{hundredths:02}s")
        }
        MINUTE..HOUR => format!("{}m{:02}s", seconds / 60, seconds % 60),
        HOUR..DAY => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds % 86_400 / 3600),
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

/// A number of things, with two decimals at most.
pub(crate) fn amount(number: Number) -> String {
    match whole(number) {
        Some(whole) => grouped(&whole),
        None => {
            let rounded = hundredths(number.as_f64());
            grouped(rounded.trim_end_matches('0').trim_end_matches('.'))
        }
    }
}

/// A sum of money: two decimals, up to four below a hundredth.
pub(crate) fn cost(number: Number) -> String {
    if let Some(whole) = whole(number) {
        return grouped(&whole);
    }
    let value = number.as_f64();
    if value.abs() >= 0.01 {
        return grouped(&hundredths(value));
    }
    let rounded = format!("{value:.4}");
    match rounded.trim_end_matches('0') {
        "0." | "-0." => "<0.0001".to_owned(),
        rounded => rounded.to_owned(),
    }
}

/// Two decimals; of what is too large to count, the magnitude.
fn hundredths(value: f64) -> String {
    if value.abs() < COUNTED_MAX {
        format!("{value:.2}")
    } else {
        format!("{value:.3e}")
    }
}

/// An integer in full.
fn whole(number: Number) -> Option<String> {
    let text = serde_json::to_string(&number).unwrap_or_default();
    let is_digits = text
        .trim_start_matches('-')
        .bytes()
        .all(|c| c.is_ascii_digit());
    let value = number.as_f64();
    if is_digits {
        Some(text)
    } else if value.fract() == 0.0 && value.abs() < COUNTED_MAX {
        Some(format!("{value:.0}"))
    } else {
        None
    }
}

/// `1 span`, `2 spans`.
pub(crate) fn counted(count: u64, one: &str, many: &str) -> String {
    let noun = if count == 1 { one } else { many };
    format!("{} {noun}", grouped(&count.to_string()))
}

/// A number of bytes: `616 bytes`, `360 KiB`, `2.6 MiB`.
pub(crate) fn bytes(count: u64) -> String {
    for (unit, bits) in [("GiB", 30), ("MiB", 20)] {
        if count >> bits > 0 {
            let half = 1 << (bits - 1);
            let tenths = (u128::from(count) * 10 + half) >> bits;
            return format!(
                "{}.{} {unit}",
                grouped(&(tenths / 10).to_string()),
                tenths % 10
            );
        }
    }
    match count {
        0..10_240 => counted(count, "byte", "bytes"),
        _ => format!("{} KiB", count >> 10),
    }
}

/// `1st`, `2nd`, `23rd`.
pub(crate) fn ordinal(number: usize) -> String {
    let ending = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

/// Above this, not every integer is a number.
const COUNTED_MAX: f64 = 1e15;

const MICROSECOND: u128 = 1_000;
const MILLISECOND: u128 = 1_000_000;
const SECOND: u128 = 1_000_000_000;
const MINUTE: u128 = 60 * SECOND;
const HOUR: u128 = 60 * MINUTE;
const DAY: u128 = 24 * HOUR;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short() {
        let shown = |nanoseconds| duration(nanoseconds);
        assert_eq!(shown(0), "0ns");
        assert_eq!(shown(340_900), "340µs");
        assert_eq!(shown(12_450_000), "12ms");
        assert_eq!(shown(1_259_000_000), "1.25s");
        assert_eq!(shown(187 * SECOND), "3m07s");
        assert_eq!(shown(23 * HOUR + 4 * MINUTE), "23h04m");
        assert_eq!(shown(74 * HOUR + 59 * MINUTE), "3d02h");
    }

    #[test]
    fn bytes_have_a_unit() {
        let shown = [1, 616, 10_239, 368_640, 1 << 20, 2_726_297, 1_181_116_006];
        let expected = [
            "1 byte",
            "616 bytes",
            "10,239 bytes",
            "360 KiB",
            "1.0 MiB",
            "2.6 MiB",
            "1.1 GiB",
        ];
        assert_eq!(shown.map(bytes), expected);
        assert_eq!(
            [1, 2, 3, 4, 11, 112, 23].map(ordinal).join(" "),
            "1st 2nd 3rd 4th 11th 112th 23rd"
        );
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
    fn numbers_are_rounded_for_people() {
        let costs = [
            (0.0, "0"),
            (0.005, "0.005"),
            (0.021_631_749_999_999_998, "0.02"),
            (0.1 + 0.2, "0.30"),
            (2.5, "2.50"),
            (1_234.567, "1,234.57"),
            (0.00004, "<0.0001"),
            (-0.00004, "<0.0001"),
            (-0.5, "-0.50"),
            (0.0099, "0.0099"),
            (0.00999, "0.01"),
            (1e21, "1.000e21"),
        ];
        for (number, expected) in costs {
            assert_eq!(cost(Number::from(number)), expected);
        }
        assert_eq!(cost(Number::from(3_u64)), "3");
        let amounts = [(0.1 + 0.2, "0.3"), (1_375.0, "1,375"), (2.345, "2.35")];
        for (number, expected) in amounts {
            assert_eq!(amount(Number::from(number)), expected);
        }
        assert_eq!(amount(Number::from(12_345_u64)), "12,345");
    }
}
