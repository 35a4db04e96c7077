//! Points in time as plain data; order never depends on them.

mod civil;

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use civil::Civil;

/// A point in time: seconds since 1970-01-01T00:00:00Z and nanoseconds within the second.
///
/// Any year fits. Times are data: records are ordered by sequence number, never by time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    seconds: i64,
    nanoseconds: u32,
}

impl Timestamp {
    /// The point `seconds` after 1970 (before, if negative) plus `nanoseconds`; whole seconds in
    /// `nanoseconds` are carried over, and a sum beyond the last second there is stays at it.
    #[must_use]
    pub fn new(seconds: i64, nanoseconds: u32) -> Timestamp {
        let carried = i64::from(nanoseconds / NANOSECONDS_PER_SECOND);
        let seconds = seconds.saturating_add(carried);
        Timestamp {
            seconds,
            nanoseconds: nanoseconds % NANOSECONDS_PER_SECOND,
        }
    }

    /// The wall clock now.
    #[must_use]
    pub fn now() -> Timestamp {
        SystemTime::now().into()
    }

    /// Whole seconds since 1970, rounded down.
    #[must_use]
    pub fn seconds(self) -> i64 {
        self.seconds
    }

    /// Nanoseconds within the second, below 1,000,000,000.
    #[must_use]
    pub fn nanoseconds(self) -> u32 {
        self.nanoseconds
    }

    /// Nanoseconds since 1970.
    #[must_use]
    pub fn as_unix_nanoseconds(self) -> i128 {
        i128::from(self.seconds) * i128::from(NANOSECONDS_PER_SECOND) + i128::from(self.nanoseconds)
    }

    /// The point this many nanoseconds after 1970; beyond the range it stays at its end.
    #[must_use]
    pub fn from_unix_nanoseconds(nanoseconds: i128) -> Timestamp {
        let per_second = i128::from(NANOSECONDS_PER_SECOND);
        let limit = if nanoseconds < 0 { i64::MIN } else { i64::MAX };
        let seconds = i64::try_from(nanoseconds.div_euclid(per_second)).unwrap_or(limit);
        let rest = u32::try_from(nanoseconds.rem_euclid(per_second)).unwrap_or(0);
        Timestamp {
            seconds,
            nanoseconds: rest,
        }
    }

    /// Milliseconds since 1970, rounded down.
    #[must_use]
    pub fn as_unix_milliseconds(self) -> i64 {
        let milliseconds = self.as_unix_nanoseconds().div_euclid(1_000_000);
        let limit = if self.seconds < 0 { i64::MIN } else { i64::MAX };
        i64::try_from(milliseconds).unwrap_or(limit)
    }

    /// The point this many milliseconds after 1970.
    #[must_use]
    pub fn from_unix_milliseconds(milliseconds: i64) -> Timestamp {
        Timestamp::from_unix_nanoseconds(i128::from(milliseconds) * 1_000_000)
    }

    /// Nanoseconds from `earlier` to `self`, 0 if `self` comes first.
    #[must_use]
    pub fn nanoseconds_since(self, earlier: Timestamp) -> u128 {
        let difference = self.as_unix_nanoseconds() - earlier.as_unix_nanoseconds();
        u128::try_from(difference).unwrap_or(0)
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339, UTC, nine fraction digits; years it cannot write as ISO 8601 has them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Civil::new(self.seconds, self.nanoseconds).fmt(f)
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Timestamp {
        let before = match time.duration_since(UNIX_EPOCH) {
            Ok(after) => {
                let seconds = i64::try_from(after.as_secs()).unwrap_or(i64::MAX);
                return Timestamp::new(seconds, after.subsec_nanos());
            }
            Err(before) => before.duration(),
        };
        let nanoseconds = -i128::try_from(before.as_nanos()).unwrap_or(i128::MAX);
        Timestamp::from_unix_nanoseconds(nanoseconds)
    }
}

const NANOSECONDS_PER_SECOND: u32 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_before_1970_round_down() {
        let time = Timestamp::from_unix_nanoseconds(-1);
        assert_eq!((time.seconds(), time.nanoseconds()), (-1, 999_999_999));
        assert_eq!(time.as_unix_milliseconds(), -1);
    }

    #[test]
    fn the_end_of_the_range_stays_inside_it() {
        let last = Timestamp::from_unix_nanoseconds(i128::MAX);
        assert_eq!(last.seconds(), i64::MAX);
        assert_eq!(Timestamp::new(i64::MAX, u32::MAX).seconds(), i64::MAX);
    }
}
