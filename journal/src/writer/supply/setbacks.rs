//! Segments that could not be made, one after the other: each attempt costs syncs of its own, so
//! it is not made for every record.

use std::time::{Duration, Instant};

use crate::error::Error;
use crate::seeded::{self, Bug};

/// Failures since the last success.
#[derive(Debug)]
pub(crate) struct Setbacks {
    count: u32,
    last: Option<(Instant, Error)>,
    /// A simulation has no time to wait.
    is_ignored: bool,
}

impl Setbacks {
    /// None so far.
    pub(crate) fn new(is_ignored: bool) -> Setbacks {
        Setbacks {
            count: 0,
            last: None,
            is_ignored: is_ignored || seeded::has(Bug::FailuresWithoutPause),
        }
    }

    /// The last failure, if it is too early for another attempt.
    pub(crate) fn pending(&self) -> Option<Error> {
        let (at, error) = self.last.as_ref()?;
        (at.elapsed() < pause(self.count)).then(|| error.clone())
    }

    /// Takes note of a failure. That there is no space, or no file can be opened, is found out at
    /// once and may be over at any time.
    pub(crate) fn add(&mut self, error: &Error) {
        let is_cheap = matches!(
            error,
            Error::Io {
                operation: "create",
                ..
            }
        ) || error.is_for_space();
        if !is_cheap && !self.is_ignored {
            self.count = self.count.saturating_add(1);
            self.last = Some((Instant::now(), error.clone()));
        }
    }

    /// Takes note of a success.
    pub(crate) fn end(&mut self) {
        (self.count, self.last) = (0, None);
    }
}

/// How long after so many failures there is no other attempt: a few may come by chance.
fn pause(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(FREE);
    match doublings {
        0 => Duration::ZERO,
        _ => (PAUSE_MIN * (1 << doublings.min(16))).min(PAUSE_MAX),
    }
}

const FREE: u32 = 3;
const PAUSE_MIN: Duration = Duration::from_millis(5);
const PAUSE_MAX: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_in_a_row_are_followed_by_longer_and_longer_pauses() {
        let pauses: Vec<u128> = (0..16).map(|n| pause(n).as_millis()).collect();
        let expected = [
            0, 0, 0, 0, 10, 20, 40, 80, 160, 320, 640, 1000, 1000, 1000, 1000, 1000,
        ];
        assert_eq!(pauses, expected);
        assert_eq!(pause(u32::MAX), PAUSE_MAX);
    }

    #[test]
    fn a_full_disk_is_tried_again_at_once() {
        let mut setbacks = Setbacks::new(false);
        let failed = |kind: std::io::ErrorKind| Error::io("prepare", "dir", kind.into());
        let (full, broken) = (std::io::ErrorKind::StorageFull, std::io::ErrorKind::Other);
        for _ in 0..20 {
            setbacks.add(&failed(full));
        }
        assert!(setbacks.pending().is_none());
        for _ in 0..20 {
            setbacks.add(&failed(broken));
        }
        assert_eq!(setbacks.pending().map(|error| error.code()), Some("io"));
        setbacks.end();
        assert!(setbacks.pending().is_none());
    }
}
