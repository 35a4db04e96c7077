//! Whether an appender has taken room and does not fill it.

use std::time::{Duration, Instant};

/// Where the frontier is held up, and since when.
#[derive(Debug, Default)]
pub(crate) struct StallDetector(Option<(u64, Instant)>);

impl StallDetector {
    /// Notes the record behind which the frontier is held up now, if it is. Held up at one place
    /// after the other it gets on: under load there is always an appender that was just
    /// interrupted.
    pub(crate) fn note(&mut self, behind: Option<u64>, now: Instant) {
        let same = |behind| self.0.filter(|(known, _)| *known == behind);
        self.0 = behind.map(|behind| same(behind).unwrap_or((behind, now)));
    }

    #[cfg(all(test, not(loom)))]
    pub(crate) fn behind(&self) -> Option<u64> {
        self.0.map(|(behind, _)| behind)
    }

    /// Whether it is held up at one place for long: records behind that cannot become durable.
    pub(crate) fn is_long(&self, now: Instant) -> bool {
        let since = self.0.map(|(_, since)| since);
        since.is_some_and(|since| now.saturating_duration_since(since) > STUCK_AFTER)
    }
}

/// How long an uncommitted frame counts as merely being written.
pub(crate) const STUCK_AFTER: Duration = Duration::from_secs(1);

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn an_appender_is_stuck_that_stays_in_one_place() {
        let begun = Instant::now();
        let at = |tenths: u64| begun + Duration::from_millis(100 * tenths);
        let mut stuck = StallDetector::default();
        for tenth in 0..10 {
            stuck.note(Some(7), at(tenth));
        }
        assert!(!stuck.is_long(at(10)) && stuck.is_long(at(11)));
        // Another one now.
        stuck.note(Some(8), at(11));
        assert!(!stuck.is_long(at(12)) && stuck.is_long(at(22)));
        stuck.note(None, at(22));
        assert!(!stuck.is_long(at(40)));
    }
}
