//! From the text of a point in time to the point.

use super::civil::{DAYS_FROM_MARCH_0000_TO_1970, DAYS_PER_ERA, SECONDS_PER_DAY};

/// Seconds since 1970 and nanoseconds within the second of what RFC 3339 writes so, or ISO 8601
/// where a year needs more than four digits; digits of the fraction beyond nine are left out.
pub(super) fn parse(text: &str) -> Option<(i64, u32)> {
    let mut rest = Rest(text);
    let year = rest.year()?;
    let month = rest.after("-")?.number(2, 1..=12)?;
    let day = rest.after("-")?.number(2, 1..=days(year, month))?;
    let hour = rest.after_any(&["T", "t", " "])?.number(2, 0..=23)?;
    let minute = rest.after(":")?.number(2, 0..=59)?;
    // 60 is a leap second, which is the next minute's first one here.
    let second = rest.after(":")?.number(2, 0..=60)?;
    let nanoseconds = rest.fraction()?;
    let offset = rest.offset()?;
    let of_day = (hour * 60 + minute) * 60 + second;
    let days = i128::from(days_since_1970(year, month, day));
    let seconds = days * i128::from(SECONDS_PER_DAY) + i128::from(of_day - offset);
    let seconds = i64::try_from(seconds).ok()?;
    (rest.0.is_empty()).then_some((seconds, nanoseconds))
}

/// What is left of the text.
struct Rest<'t>(&'t str);

impl<'t> Rest<'t> {
    fn after(&mut self, mark: &str) -> Option<&mut Rest<'t>> {
        self.0 = self.0.strip_prefix(mark)?;
        Some(self)
    }

    fn after_any(&mut self, marks: &[&str]) -> Option<&mut Rest<'t>> {
        let mark = marks.iter().find(|mark| self.0.starts_with(**mark))?;
        self.after(mark)
    }

    fn digits(&mut self) -> &'t str {
        let is_digit = |byte: &u8| byte.is_ascii_digit();
        let len = self.0.bytes().take_while(is_digit).count();
        let (digits, rest) = self.0.split_at(len);
        self.0 = rest;
        digits
    }

    /// A number of so many digits, inside these bounds.
    fn number(&mut self, len: usize, bounds: std::ops::RangeInclusive<i64>) -> Option<i64> {
        let (digits, rest) = self.0.split_at_checked(len)?;
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
        self.0 = rest;
        let number = is_number.then(|| digits.parse().ok())??;
        bounds.contains(&number).then_some(number)
    }

    fn year(&mut self) -> Option<i64> {
        let sign = match self.0.as_bytes().first()? {
            b'+' => 1,
            b'-' => -1,
            _ => return self.number(4, 0..=9999),
        };
        self.0 = &self.0[1..];
        let digits = self.digits();
        if !(6..=YEAR_DIGITS_MAX).contains(&digits.len()) {
            return None;
        }
        digits.parse::<i64>().ok().map(|year| sign * year)
    }

    fn fraction(&mut self) -> Option<u32> {
        if self.after(".").is_none() {
            return Some(0);
        }
        let digits = self.digits();
        let kept = digits.get(..9).unwrap_or(digits);
        format!("{kept:0<9}")
            .parse()
            .ok()
            .filter(|_| !kept.is_empty())
    }

    /// Seconds that local time is ahead of UTC.
    fn offset(&mut self) -> Option<i64> {
        if self.after_any(&["Z", "z"]).is_some() {
            return Some(0);
        }
        let sign = if self.0.starts_with('-') { -1 } else { 1 };
        let hours = self.after_any(&["+", "-"])?.number(2, 0..=23)?;
        let minutes = self.after(":")?.number(2, 0..=59)?;
        Some(sign * (hours * 60 + minutes) * 60)
    }
}

/// As many as the last year has that there is a timestamp for.
const YEAR_DIGITS_MAX: usize = 12;

fn days(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// In years that begin on 1 March, as `Civil::new` counts them.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month > 2 { year } else { year - 1 };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let month_from_march = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * DAYS_PER_ERA + day_of_era - DAYS_FROM_MARCH_0000_TO_1970
}

#[cfg(test)]
mod tests {
    use super::super::civil::Civil;
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let mut seconds = -400 * 366 * SECONDS_PER_DAY;
        while seconds < 500 * 366 * SECONDS_PER_DAY {
            let text = Civil::new(seconds, 7).to_string();
            assert_eq!(parse(&text), Some((seconds, 7)), "{text}");
            seconds += 100_003;
        }
        for seconds in [i64::MAX, i64::MIN, 253_402_300_800, -62_167_219_201] {
            let text = Civil::new(seconds, 999_999_999).to_string();
            assert_eq!(parse(&text), Some((seconds, 999_999_999)), "{text}");
        }
    }

    #[test]
    fn other_spellings_of_the_same_point() {
        let at = (1_700_000_000, 500_000_000);
        for text in [
            "2023-11-14T22:13:20.5Z",
            "2023-11-14 22:13:20.50000000000z",
            "2023-11-14T23:13:20.5+01:00",
            "2023-11-14t16:43:20.5-05:30",
        ] {
            assert_eq!(parse(text), Some(at), "{text}");
        }
    }

    #[test]
    fn what_is_no_point_is_refused() {
        for text in [
            "",
            "2023-11-14",
            "2023-11-14T22:13:20",
            "2023-02-29T00:00:00Z",
            "2023-13-01T00:00:00Z",
            "2023-11-14T24:00:00Z",
            "2023-11-14T22:13:20.Z",
            "2023-11-14T22:13:20Zx",
            "+2023-11-14T22:13:20Z",
            "+999999999999-11-14T22:13:20Z",
            "2023-11-1é22:13:20Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
