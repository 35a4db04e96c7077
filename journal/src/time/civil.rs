//! Dates in the Gregorian calendar, for any second an `i64` can name.

use std::fmt;

/// A moment in UTC, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Civil {
    year: i64,
    month: i64,
    day: i64,
    second_of_day: i64,
    nanoseconds: u32,
}

impl fmt::Display for Civil {
    /// As RFC 3339 writes it, with nine digits of the second's fraction.
    ///
    /// Years outside 0 to 9999, which RFC 3339 cannot write, get a sign and at least six digits, as
    /// ISO 8601 and ECMAScript have it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.year {
            0..=9999 => write!(f, "{:04}", self.year)?,
            _ => write!(f, "{:+07}", self.year)?,
        }
        let (hour, minute) = (self.second_of_day / 3600, self.second_of_day / 60 % 60);
        write!(
            f,
            "-{:02}-{:02}T{hour:02}:{minute:02}",
            self.month, self.day
        )?;
        write!(
            f,
            ":{:02}.{:09}Z",
            self.second_of_day % 60,
            self.nanoseconds
        )
    }
}

impl Civil {
    /// The moment so many seconds, and nanoseconds, after 1970 began.
    ///
    /// Counts in years that begin on 1 March, so that the leap day is a year's last day, and in
    /// eras of 400 years, which all have the same length.
    pub(super) fn new(seconds: i64, nanoseconds: u32) -> Civil {
        let days = seconds.div_euclid(SECONDS_PER_DAY) + DAYS_FROM_MARCH_0000_TO_1970;
        let era = days.div_euclid(DAYS_PER_ERA);
        let day_of_era = days.rem_euclid(DAYS_PER_ERA);
        let leap_days = day_of_era / 1_460 - day_of_era / 36_524 + day_of_era / 146_096;
        let year_of_era = (day_of_era - leap_days) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let is_next_year = month_from_march >= 10;
        let month = month_from_march + if is_next_year { -9 } else { 3 };
        Civil {
            year: era * 400 + year_of_era + i64::from(is_next_year),
            month,
            day: day_of_year - (153 * month_from_march + 2) / 5 + 1,
            second_of_day: seconds.rem_euclid(SECONDS_PER_DAY),
            nanoseconds,
        }
    }
}

pub(super) const SECONDS_PER_DAY: i64 = 86_400;
pub(super) const DAYS_PER_ERA: i64 = 146_097;
pub(super) const DAYS_FROM_MARCH_0000_TO_1970: i64 = 719_468;

#[cfg(test)]
mod tests {
    use super::*;

    fn text(seconds: i64, nanoseconds: u32) -> String {
        Civil::new(seconds, nanoseconds).to_string()
    }

    #[test]
    fn well_known_moments_are_written_as_rfc_3339() {
        assert_eq!(text(0, 0), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(text(951_782_400, 1), "2000-02-29T00:00:00.000000001Z");
        assert_eq!(text(1_700_000_000, 5), "2023-11-14T22:13:20.000000005Z");
        assert_eq!(text(32_503_680_000, 0), "3000-01-01T00:00:00.000000000Z");
        assert_eq!(text(-1, 999_999_999), "1969-12-31T23:59:59.999999999Z");
        assert_eq!(text(-2_203_891_200, 0), "1900-03-01T00:00:00.000000000Z");
    }

    #[test]
    fn years_beyond_four_digits_get_a_sign() {
        assert_eq!(text(253_402_300_799, 0), "9999-12-31T23:59:59.000000000Z");
        assert_eq!(
            text(253_402_300_800, 0),
            "+010000-01-01T00:00:00.000000000Z"
        );
        assert_eq!(text(-62_167_219_200, 0), "0000-01-01T00:00:00.000000000Z");
        assert_eq!(
            text(-62_167_219_201, 0),
            "-000001-12-31T23:59:59.000000000Z"
        );
    }

    #[test]
    fn the_ends_of_time_do_not_panic() {
        assert_eq!(text(i64::MAX, 0), "+292277026596-12-04T15:30:07.000000000Z");
        assert_eq!(text(i64::MIN, 0), "-292277022657-01-27T08:29:52.000000000Z");
    }

    #[test]
    fn each_day_follows_the_day_before() {
        let mut last = Civil::new(-200 * 366 * SECONDS_PER_DAY, 0);
        for day in -200 * 366 + 1..200 * 366 {
            let next = Civil::new(day * SECONDS_PER_DAY, 0);
            let is_leap = last.year % 4 == 0 && (last.year % 100 != 0 || last.year % 400 == 0);
            let length = match last.month {
                2 => 28 + i64::from(is_leap),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            let expected = match (last.month, last.day) {
                (12, 31) => (last.year + 1, 1, 1),
                (month, day) if day == length => (last.year, month + 1, 1),
                (month, day) => (last.year, month, day + 1),
            };
            assert_eq!((next.year, next.month, next.day), expected);
            last = next;
        }
    }
}
