//! What the syncer does next: a decision over plain facts.

use std::time::Duration;

use crate::seeded::{self, Bug};
use crate::writer::segment::prefault::WINDOW_IDLE;

/// What the syncer sees when it looks around.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SyncInputs {
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
pub(crate) enum SyncAction {
    Close,
    Sync,
    /// Let nothing more be stored before it was made writable anew: a journal at rest must notice
    /// that its pages need new space, because a copy was made that shares them.
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
pub(crate) fn decide(facts: &SyncInputs) -> SyncAction {
    let dirty_since = facts
        .dirty_since
        .filter(|_| !seeded::has(Bug::IntervalForgotten));
    let sync_at = dirty_since.map(|since| match seeded::has(Bug::IntervalOverflows) {
        true => since + facts.sync_interval,
        // For ever, if no caller waits.
        false => since.saturating_add(facts.sync_interval),
    });
    let is_sync_due = sync_at.is_some_and(|at| at <= facts.now);
    let witness_at = facts.unwitnessed_since.map(|since| since + WITNESS_AFTER);
    let close_at = facts.has_idle_window_since.map(|at| at + WINDOW_IDLE);
    if facts.wants_close {
        SyncAction::Close
    } else if facts.wants_sync || is_sync_due || facts.is_over_sync_bytes {
        SyncAction::Sync
    } else if facts.tell_at.is_some_and(|at| at <= facts.now) {
        SyncAction::Tell
    } else if facts.dirty_since.is_none() && witness_at.is_some_and(|at| at <= facts.now) {
        SyncAction::Witness
    } else if facts.dirty_since.is_none() && close_at.is_some_and(|at| at <= facts.now) {
        SyncAction::CloseWindow
    } else if facts.dirty_since.is_none() && facts.look_at.is_some_and(|at| at <= facts.now) {
        SyncAction::Look
    } else {
        let idle = witness_at.into_iter().chain(close_at);
        let idle = idle.chain(facts.look_at).min();
        let due = sync_at.or(idle).into_iter().chain(facts.tell_at).min();
        SyncAction::Sleep(due.map(|at| at.saturating_sub(facts.now)))
    }
}

/// How long nothing may happen before the last sync gets a witness of its own.
const WITNESS_AFTER: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    const CALM: SyncInputs = SyncInputs {
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
        let calm = SyncInputs {
            look_at: Some(soon),
            ..CALM
        };
        let rest = Duration::from_secs(3);
        assert_eq!(decide(&calm), SyncAction::Sleep(Some(rest)));
        assert_eq!(decide(&SyncInputs { now: soon, ..calm }), SyncAction::Look);
    }

    #[test]
    fn a_calm_journal_sleeps_until_it_is_woken() {
        assert_eq!(decide(&CALM), SyncAction::Sleep(None));
    }

    #[test]
    fn dirty_bytes_are_synced_when_the_interval_is_over() {
        let since = CALM.now - Duration::from_millis(30);
        let early = SyncInputs {
            dirty_since: Some(since),
            ..CALM
        };
        assert_eq!(
            decide(&early),
            SyncAction::Sleep(Some(Duration::from_millis(20)))
        );
        let late = SyncInputs {
            now: CALM.now + Duration::from_millis(20),
            ..early
        };
        assert_eq!(decide(&late), SyncAction::Sync);
    }

    #[test]
    fn an_interval_without_end_never_ends() {
        let never = SyncInputs {
            dirty_since: Some(CALM.now),
            sync_interval: Duration::MAX,
            ..CALM
        };
        let rest = Duration::MAX - CALM.now;
        assert_eq!(decide(&never), SyncAction::Sleep(Some(rest)));
        let asked = SyncInputs {
            wants_sync: true,
            ..never
        };
        assert_eq!(decide(&asked), SyncAction::Sync);
    }

    #[test]
    fn waiters_are_not_kept_until_the_interval_is_over() {
        let waited_for = SyncInputs {
            wants_sync: true,
            dirty_since: Some(CALM.now),
            ..CALM
        };
        assert_eq!(decide(&waited_for), SyncAction::Sync);
    }

    #[test]
    fn one_witness_follows_a_second_of_idleness() {
        let idle = SyncInputs {
            unwitnessed_since: Some(Duration::from_secs(9)),
            ..CALM
        };
        assert_eq!(decide(&idle), SyncAction::Witness);
        let dirty = SyncInputs {
            dirty_since: Some(CALM.now),
            ..idle
        };
        assert_eq!(decide(&dirty), SyncAction::Sleep(Some(CALM.sync_interval)));
    }

    #[test]
    fn what_was_refused_is_told_when_it_is_time_to() {
        let soon = Some(CALM.now + Duration::from_millis(10));
        let tell_at = soon;
        let rest = Some(Duration::from_millis(10));
        assert_eq!(
            decide(&SyncInputs { tell_at, ..CALM }),
            SyncAction::Sleep(rest)
        );
        let dirty_since = Some(CALM.now);
        let now = CALM.now + Duration::from_millis(10);
        let late = SyncInputs {
            now,
            tell_at,
            dirty_since,
            ..CALM
        };
        assert_eq!(decide(&late), SyncAction::Tell);
    }

    #[test]
    fn an_idle_window_is_closed() {
        let since = CALM.now - Duration::from_millis(20);
        let open = SyncInputs {
            has_idle_window_since: Some(since),
            unwitnessed_since: Some(since),
            ..CALM
        };
        let rest = Duration::from_millis(30);
        assert_eq!(decide(&open), SyncAction::Sleep(Some(rest)));
        let now = CALM.now + rest;
        assert_eq!(decide(&SyncInputs { now, ..open }), SyncAction::CloseWindow);
        let dirty_since = Some(since);
        let dirty = SyncInputs {
            dirty_since,
            ..open
        };
        assert_eq!(decide(&dirty), SyncAction::Sleep(Some(rest)));
    }
}
