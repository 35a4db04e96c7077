//! What the syncer does next: a decision over plain facts.

use std::time::Duration;

use crate::seeded::{self, Bug};

/// What the syncer sees when it looks around.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    pub(crate) now: Duration,
    pub(crate) wants_close: bool,
    pub(crate) wants_sync: bool,
    /// Since when something waits to become durable.
    pub(crate) dirty_since: Option<Duration>,
    pub(crate) is_over_sync_bytes: bool,
    /// Since when part of the active segment is writable and nothing waits to become durable.
    pub(crate) has_idle_window_since: Option<Duration>,
    /// Since when everything is durable and only the mark that says so is not.
    pub(crate) unwitnessed_since: Option<Duration>,
    /// When refused records are to be noted, if there are any.
    pub(crate) tell_at: Option<Duration>,
    /// When the run's sign of life is to be looked for again.
    pub(crate) look_at: Option<Duration>,
    pub(crate) sync_interval: Duration,
}

/// What the syncer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Close,
    Sync,
    /// Let nothing more be stored before it was made writable anew: a journal at rest must notice
    /// that its pages need new space, because somebody made a copy that shares them.
    CloseWindow,
    /// Write one more mark and sync it, so that a later crash shows what was durable.
    Witness,
    /// Put on record what was refused.
    Tell,
    /// Look for the run's sign of life.
    Look,
    Sleep(Option<Duration>),
}

/// The first thing that is due.
pub(crate) fn decide(facts: &Facts) -> Decision {
    let dirty_since = facts
        .dirty_since
        .filter(|_| !seeded::has(Bug::IntervalForgotten));
    let sync_at = dirty_since.map(|since| match seeded::has(Bug::IntervalOverflows) {
        true => since + facts.sync_interval,
        // For ever, if nobody waits.
        false => since.saturating_add(facts.sync_interval),
    });
    let is_sync_due = sync_at.is_some_and(|at| at <= facts.now);
    let witness_at = facts.unwitnessed_since.map(|since| since + WITNESS_AFTER);
    let close_at = facts.has_idle_window_since.map(|at| at + WINDOW_IDLE);
    if facts.wants_close {
        Decision::Close
    } else if facts.wants_sync || is_sync_due || facts.is_over_sync_bytes {
        Decision::Sync
    } else if facts.tell_at.is_some_and(|at| at <= facts.now) {
        Decision::Tell
    } else if facts.dirty_since.is_none() && witness_at.is_some_and(|at| at <= facts.now) {
        Decision::Witness
    } else if facts.dirty_since.is_none() && close_at.is_some_and(|at| at <= facts.now) {
        Decision::CloseWindow
    } else if facts.dirty_since.is_none() && facts.look_at.is_some_and(|at| at <= facts.now) {
        Decision::Look
    } else {
        let idle = witness_at.into_iter().chain(close_at);
        let idle = idle.chain(facts.look_at).min();
        let due = sync_at.or(idle).into_iter().chain(facts.tell_at).min();
        Decision::Sleep(due.map(|at| at.saturating_sub(facts.now)))
    }
}

/// How long nothing may happen before the last sync gets a witness of its own.
const WITNESS_AFTER: Duration = Duration::from_secs(1);

/// How long pages stay writable when nothing is stored into them.
pub(crate) const WINDOW_IDLE: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;

    const CALM: Facts = Facts {
        now: Duration::from_secs(10),
        wants_close: false,
        wants_sync: false,
        dirty_since: None,
        is_over_sync_bytes: false,
        has_idle_window_since: None,
        unwitnessed_since: None,
        tell_at: None,
        look_at: None,
        sync_interval: Duration::from_millis(50),
    };

    #[test]
    fn a_journal_at_rest_looks_for_its_sign_of_life() {
        let soon = CALM.now + Duration::from_secs(3);
        let calm = Facts {
            look_at: Some(soon),
            ..CALM
        };
        let rest = Duration::from_secs(3);
        assert_eq!(decide(&calm), Decision::Sleep(Some(rest)));
        assert_eq!(decide(&Facts { now: soon, ..calm }), Decision::Look);
    }

    #[test]
    fn a_calm_journal_sleeps_until_it_is_woken() {
        assert_eq!(decide(&CALM), Decision::Sleep(None));
    }

    #[test]
    fn dirty_bytes_are_synced_when_the_interval_is_over() {
        let since = CALM.now - Duration::from_millis(30);
        let early = Facts {
            dirty_since: Some(since),
            ..CALM
        };
        assert_eq!(
            decide(&early),
            Decision::Sleep(Some(Duration::from_millis(20)))
        );
        let late = Facts {
            now: CALM.now + Duration::from_millis(20),
            ..early
        };
        assert_eq!(decide(&late), Decision::Sync);
    }

    #[test]
    fn an_interval_without_end_never_ends() {
        let never = Facts {
            dirty_since: Some(CALM.now),
            sync_interval: Duration::MAX,
            ..CALM
        };
        let rest = Duration::MAX - CALM.now;
        assert_eq!(decide(&never), Decision::Sleep(Some(rest)));
        let asked = Facts {
            wants_sync: true,
            ..never
        };
        assert_eq!(decide(&asked), Decision::Sync);
    }

    #[test]
    fn waiters_are_not_kept_until_the_interval_is_over() {
        let waited_for = Facts {
            wants_sync: true,
            dirty_since: Some(CALM.now),
            ..CALM
        };
        assert_eq!(decide(&waited_for), Decision::Sync);
    }

    #[test]
    fn one_witness_follows_a_second_of_idleness() {
        let idle = Facts {
            unwitnessed_since: Some(Duration::from_secs(9)),
            ..CALM
        };
        assert_eq!(decide(&idle), Decision::Witness);
        let dirty = Facts {
            dirty_since: Some(CALM.now),
            ..idle
        };
        assert_eq!(decide(&dirty), Decision::Sleep(Some(CALM.sync_interval)));
    }

    #[test]
    fn what_was_refused_is_told_when_it_is_time_to() {
        let soon = Some(CALM.now + Duration::from_millis(10));
        let tell_at = soon;
        let rest = Some(Duration::from_millis(10));
        assert_eq!(decide(&Facts { tell_at, ..CALM }), Decision::Sleep(rest));
        let dirty_since = Some(CALM.now);
        let now = CALM.now + Duration::from_millis(10);
        let late = Facts {
            now,
            tell_at,
            dirty_since,
            ..CALM
        };
        assert_eq!(decide(&late), Decision::Tell);
    }

    #[test]
    fn a_window_nobody_stores_into_is_closed() {
        let since = CALM.now - Duration::from_millis(20);
        let open = Facts {
            has_idle_window_since: Some(since),
            unwitnessed_since: Some(since),
            ..CALM
        };
        let rest = Duration::from_millis(30);
        assert_eq!(decide(&open), Decision::Sleep(Some(rest)));
        let now = CALM.now + rest;
        assert_eq!(decide(&Facts { now, ..open }), Decision::CloseWindow);
        let dirty_since = Some(since);
        let dirty = Facts {
            dirty_since,
            ..open
        };
        assert_eq!(decide(&dirty), Decision::Sleep(Some(rest)));
    }
}
