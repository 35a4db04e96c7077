//! Whether an appender has taken room and does not fill it.

use std::time::{Duration, Instant};

/// Where the frontier is held up, and since when.
#[derive(Debug, Default)]
pub(crate) struct StallDetector(Option<(u64, Instant)>);

impl StallDetector {
    /// Notes the record behind which the frontier is held up now, if it is. Held up at one place
    /// after the other it gets on: under load there is always somebody who was just interrupted.
    pub(crate) fn note(&mut self, behind: Option<u64>, now: Instant) {
        let same = |behind| self.0.filter(|(known, _)| *known == behind);
        self.0 = behind.map(|behind| same(behind).unwrap_or((behind, now)));
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
    use crate::writer::run::lock;
    use crate::writer::tests::{KIND, open, stepped};

    #[test]
    fn stuck_is_who_stays_in_one_place() {
        let begun = Instant::now();
        let at = |tenths: u64| begun + Duration::from_millis(100 * tenths);
        let mut stuck = StallDetector::default();
        for tenth in 0..10 {
            stuck.note(Some(7), at(tenth));
        }
        assert!(!stuck.is_long(at(10)) && stuck.is_long(at(11)));
        // Somebody else now.
        stuck.note(Some(8), at(11));
        assert!(!stuck.is_long(at(12)) && stuck.is_long(at(22)));
        stuck.note(None, at(22));
        assert!(!stuck.is_long(at(40)));
    }

    #[test]
    fn a_sync_notes_who_has_room_and_does_not_fill_it() {
        let dir = tempfile::tempdir().unwrap();
        let core = open(dir.path(), stepped());
        let segment = core.active();
        let behind = || lock(&core.stuck).0.map(|(behind, _)| behind);
        let last = core.append(KIND, 0, b"record").unwrap().get();
        let frame = segment.frame(KIND, 0, b"slow");
        let start = segment.reserve.reserve(1, frame.frame_len(), u64::MAX);
        core.append(KIND, 0, b"behind it").unwrap();
        core.step_sync();
        assert_eq!(behind(), Some(last));
        segment.store(&frame, start.unwrap());
        core.step_sync();
        assert_eq!(behind(), None);
        core.close(None).unwrap();
    }
}
