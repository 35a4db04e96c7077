//! Times as people type and read them.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp as Instant, ToSpan, ZonedDateTime};
use trace_journal::Timestamp;

use crate::escape::one_line;

/// Now, and where we are.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    now: Instant,
    zone: TimeZone,
}

impl Clock {
    /// The system's clock in its zone, or in UTC.
    pub(crate) fn new(is_utc: bool) -> Clock {
        Clock {
            now: Instant::now(),
            zone: match is_utc {
                true => TimeZone::UTC,
                false => TimeZone::system(),
            },
        }
    }

    /// How long ago in a list: `now`, `4m ago`, `2d ago` up to fourteen days, then the date.
    pub(crate) fn age(&self, at: Timestamp) -> String {
        let Some(instant) = instant(at) else {
            return date_of_any_year(at);
        };
        let seconds = self.now.duration_since(instant).as_secs();
        match seconds {
            -60..10 => "now".to_owned(),
            10..60 => format!("{seconds}s ago"),
            60..3_600 => format!("{}m ago", seconds / 60),
            3_600..86_400 => format!("{}h ago", seconds / 3_600),
            86_400..=1_209_600 => format!("{}d ago", seconds / 86_400),
            _ => self.date(at),
        }
    }

    /// The day: `Aug 10` in the last ten months, else `2024-08-10`.
    pub(crate) fn date(&self, at: Timestamp) -> String {
        let Some(instant) = instant(at) else {
            return date_of_any_year(at);
        };
        let local = instant.to_zoned_datetime(self.zone.clone());
        let days = self.now.duration_since(instant).as_hours() / 24;
        match (0..RECENT_DAYS).contains(&days) {
            true => local.strftime("%b %-d").to_string(),
            false => local.strftime("%Y-%m-%d").to_string(),
        }
    }

    /// The time of day.
    pub(crate) fn time(&self, at: Timestamp) -> String {
        self.local(at, "%H:%M:%S")
    }

    /// The time of day with milliseconds.
    pub(crate) fn exact_time(&self, at: Timestamp) -> String {
        self.local(at, "%H:%M:%S%.3f")
    }

    /// Date, time and offset.
    pub(crate) fn full(&self, at: Timestamp) -> String {
        self.local(at, "%Y-%m-%d %H:%M:%S %:z")
    }

    /// Day and offset, to stand above times of day.
    pub(crate) fn day_and_offset(&self, at: Timestamp) -> String {
        self.local(at, "%Y-%m-%d %:z")
    }

    /// All of it in one word.
    pub(crate) fn for_programs(&self, at: Timestamp) -> String {
        self.local(at, "%Y-%m-%dT%H:%M:%S%.3f%:z")
    }

    /// The day as it is sorted.
    pub(crate) fn day(&self, at: Timestamp) -> String {
        self.local(at, "%Y-%m-%d")
    }

    /// The week, as in `2026-W07`.
    pub(crate) fn week(&self, at: Timestamp) -> String {
        self.local(at, "%G-W%V")
    }

    /// The month, as in `2026-02`.
    pub(crate) fn month(&self, at: Timestamp) -> String {
        self.local(at, "%Y-%m")
    }

    fn local(&self, at: Timestamp, format: &str) -> String {
        match instant(at) {
            Some(instant) => {
                let local = instant.to_zoned_datetime(self.zone.clone());
                local.strftime(format).to_string()
            }
            None => at.to_string(),
        }
    }

    /// The time that was typed.
    ///
    /// # Errors
    /// Words that say which forms there are.
    pub(crate) fn typed(&self, text: &str) -> Result<Timestamp, String> {
        let found = self.instant_of(text.trim());
        let found = found.and_then(|at| {
            let nanoseconds = u32::try_from(at.subsec_nanosecond().rem_euclid(SECOND)).ok()?;
            let seconds = at.as_nanosecond().div_euclid(i128::from(SECOND));
            Some(Timestamp::new(i64::try_from(seconds).ok()?, nanoseconds))
        });
        found.ok_or_else(|| {
            format!(
                "{} is no time: as 2026-02-12, '2026-02-12 17:16', 17:16:38, 2h, 7d, today, \
                 yesterday or @1770916598",
                one_line(text)
            )
        })
    }

    fn instant_of(&self, text: &str) -> Option<Instant> {
        let today = self.now.to_zoned_datetime(self.zone.clone());
        let local = |at: DateTime| Some(at.to_zoned_datetime(self.zone.clone()).ok()?.timestamp());
        let midnight = |day: Date| local(day.to_datetime(Time::midnight()));
        match text {
            "now" => return Some(self.now),
            "today" => return midnight(today.date()),
            "yesterday" => return midnight(today.date().yesterday().ok()?),
            _ => {}
        }
        if let Some(seconds) = text.strip_prefix('@') {
            let nanoseconds = SignedDuration::try_from_secs_f64(seconds.parse().ok()?).ok()?;
            return Instant::from_duration(nanoseconds).ok();
        }
        if let Some(ago) = ago(text) {
            return self.now.checked_sub(ago).ok();
        }
        if let Ok(instant) = text.parse::<Instant>() {
            return Some(instant);
        }
        if let Ok(zoned) = ZonedDateTime::strptime("%Y-%m-%d %H:%M:%S%.f %:z", text) {
            return Some(zoned.timestamp());
        }
        if let Ok(day) = Date::strptime("%Y-%m-%d", text) {
            return midnight(day);
        }
        for format in [
            "%Y-%m-%d %H:%M:%S%.f",
            "%Y-%m-%d %H:%M",
            "%Y-%m-%dT%H:%M:%S%.f",
        ] {
            if let Ok(at) = DateTime::strptime(format, text) {
                return local(at);
            }
        }
        for format in ["%H:%M:%S%.f", "%H:%M"] {
            if let Ok(time) = Time::strptime(format, text) {
                return local(today.date().to_datetime(time));
            }
        }
        // A day of the last twelve months, as a list has it.
        let year = today.year();
        let day = |year| Date::strptime("%b %d %Y", format!("{text} {year}")).ok();
        let this = day(year).filter(|day| *day <= today.date());
        midnight(this.or_else(|| day(year - 1))?)
    }
}

/// `90m`, `2h`, `7d`, also with `ago` behind it.
fn ago(text: &str) -> Option<SignedDuration> {
    let text = text.strip_suffix("ago").unwrap_or(text).trim_end();
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let number: i64 = number.parse().ok()?;
    let seconds = match unit {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return None,
    };
    Some(SignedDuration::from_secs(number.checked_mul(seconds)?))
}

fn instant(at: Timestamp) -> Option<Instant> {
    let nanoseconds = i32::try_from(at.nanoseconds()).ok()?;
    // The last day of the range has no local time in every zone.
    let instant = Instant::new(at.seconds(), nanoseconds).ok()?;
    let is_inside = instant.checked_add(48.hours()).is_ok();
    (is_inside && instant.checked_sub(48.hours()).is_ok()).then_some(instant)
}

/// The date of a time that no calendar here reaches.
fn date_of_any_year(at: Timestamp) -> String {
    let text = at.to_string();
    text.split('T').next().unwrap_or_default().to_owned()
}

const SECOND: i32 = 1_000_000_000;
const RECENT_DAYS: i64 = 300;

#[cfg(test)]
mod tests {
    use super::*;

    fn clock() -> Clock {
        Clock {
            now: "2026-02-12T17:20:00Z".parse().unwrap(),
            zone: TimeZone::fixed(jiff::tz::offset(1)),
        }
    }

    fn at(text: &str) -> Timestamp {
        let instant: Instant = text.parse().unwrap();
        Timestamp::from_unix_nanoseconds(instant.as_nanosecond())
    }

    #[test]
    fn ages_are_short_and_become_dates() {
        let shown = [
            "2026-02-12T17:20:00Z",
            "2026-02-12T17:20:30Z",
            "2026-02-12T17:19:30Z",
            "2026-02-12T17:16:38Z",
            "2026-02-12T15:00:00Z",
            "2026-02-10T15:00:00Z",
            "2026-01-20T23:30:00Z",
            "2023-12-03T15:00:00Z",
            "2027-12-03T15:00:00Z",
        ];
        let ages = shown.map(|time| clock().age(at(time)));
        let expected = [
            "now",
            "now",
            "30s ago",
            "3m ago",
            "2h ago",
            "2d ago",
            "Jan 21",
            "2023-12-03",
            "2027-12-03",
        ];
        assert_eq!(ages, expected);
        let never = Timestamp::new(i64::MAX, 0);
        assert!(clock().age(never).parse::<i64>().is_err());
        assert!(!clock().full(never).is_empty());
    }

    #[test]
    fn every_time_that_is_shown_can_be_typed() {
        let clock = clock();
        for (text, meant) in [
            ("now", "2026-02-12T17:20:00Z"),
            ("today", "2026-02-11T23:00:00Z"),
            ("yesterday", "2026-02-10T23:00:00Z"),
            ("2026-02-12", "2026-02-11T23:00:00Z"),
            ("2026-02-12 17:16", "2026-02-12T16:16:00Z"),
            ("2026-02-12 17:16:38 +01:00", "2026-02-12T16:16:38Z"),
            ("17:16:38", "2026-02-12T16:16:38Z"),
            ("17:16:38.250", "2026-02-12T16:16:38.25Z"),
            ("90m", "2026-02-12T15:50:00Z"),
            ("2h ago", "2026-02-12T15:20:00Z"),
            ("7d", "2026-02-05T17:20:00Z"),
            ("Jan 21", "2026-01-20T23:00:00Z"),
            ("Aug 10", "2025-08-09T23:00:00Z"),
            ("@1770916598", "2026-02-12T17:16:38Z"),
            (
                "2026-02-12T17:16:38.123456789Z",
                "2026-02-12T17:16:38.123456789Z",
            ),
        ] {
            assert_eq!(clock.typed(text), Ok(at(meant)), "{text}");
        }
        for text in ["", "soon", "2h later", "13:77", "Foo 10", "@x"] {
            assert!(clock.typed(text).is_err(), "{text}");
        }
    }
}
