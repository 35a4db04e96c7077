//! Points in time as plain data; order never depends on them.

mod civil;
mod parse;

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};

use crate::words::ParseError;
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

    /// From `earlier` to `self`: 0 if `self` comes first, and at most [`Duration::MAX`].
    #[must_use]
    pub fn duration_since(self, earlier: Timestamp) -> Duration {
        let nanoseconds = self.nanoseconds_since(earlier);
        let seconds = u64::try_from(nanoseconds / u128::from(NANOSECONDS_PER_SECOND));
        let rest = u32::try_from(nanoseconds % u128::from(NANOSECONDS_PER_SECOND)).unwrap_or(0);
        seconds.map_or(Duration::MAX, |seconds| Duration::new(seconds, rest))
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

impl From<Timestamp> for SystemTime {
    /// The same point; beyond what the system can tell, the furthest that it can.
    fn from(time: Timestamp) -> SystemTime {
        let seconds = Duration::from_secs(time.seconds.unsigned_abs());
        let rest = Duration::from_nanos(time.nanoseconds.into());
        let at = match time.seconds < 0 {
            true => UNIX_EPOCH.checked_sub(seconds),
            false => UNIX_EPOCH.checked_add(seconds),
        };
        let at = at.and_then(|at| at.checked_add(rest));
        at.unwrap_or_else(|| furthest(time.seconds < 0))
    }
}

/// The first or last point in whole seconds that the system can tell.
fn furthest(is_past: bool) -> SystemTime {
    (0..63).rev().fold(UNIX_EPOCH, |at, bit| {
        let step = Duration::from_secs(1 << bit);
        let further = match is_past {
            true => at.checked_sub(step),
            false => at.checked_add(step),
        };
        further.unwrap_or(at)
    })
}

impl FromStr for Timestamp {
    type Err = ParseError;

    /// Reads what `Display` writes, and RFC 3339 with any offset.
    fn from_str(text: &str) -> Result<Timestamp, ParseError> {
        let expected = "RFC 3339, as 2026-02-12T17:16:38.5Z";
        let parsed = parse::parse(text).map(|(seconds, rest)| Timestamp::new(seconds, rest));
        parsed.ok_or_else(|| ParseError::new("time", text, expected))
    }
}

impl Serialize for Timestamp {
    /// As `Display` writes it.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
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
    fn the_systems_times_go_there_and_back() {
        for time in [
            Timestamp::new(1_700_000_000, 5),
            Timestamp::new(-1, 999_999_999),
            Timestamp::default(),
        ] {
            assert_eq!(Timestamp::from(SystemTime::from(time)), time);
        }
        let (first, last) = (Timestamp::new(i64::MIN, 0), Timestamp::new(i64::MAX, 1));
        assert!(SystemTime::from(first) < UNIX_EPOCH && SystemTime::from(last) > UNIX_EPOCH);
        assert!(last.duration_since(first) > Duration::from_secs(u64::MAX - 1));
        assert_eq!(first.duration_since(last), Duration::ZERO);
    }

    #[test]
    fn the_end_of_the_range_stays_inside_it() {
        let last = Timestamp::from_unix_nanoseconds(i128::MAX);
        assert_eq!(last.seconds(), i64::MAX);
        assert_eq!(Timestamp::new(i64::MAX, u32::MAX).seconds(), i64::MAX);
    }
}
