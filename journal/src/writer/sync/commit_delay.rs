//! How long a sync waits for more callers to join those it is for, and whether threads that wait
//! stay awake meanwhile.

use std::time::{Duration, Instant};

use super::commit_queue::CommitQueue;

/// What the last syncs tell about the callers of the next one.
#[derive(Debug, Default)]
pub(crate) struct CommitDelay {
    /// How many wait already or were woken by the last sync, and will probably wait again.
    expected: u32,
    /// How long the last sync took.
    sync_time: Duration,
    /// For so many syncs all sleep.
    sleepy_syncs: u32,
    /// So many syncs begin without waiting for others to join.
    hasty_syncs: u32,
}

impl CommitDelay {
    pub(crate) fn expected(&self) -> u32 {
        self.expected
    }

    /// Waits a moment for those the last sync woke: most append again at once, and a sync for all
    /// of them takes no longer than one for half of them, which would have the others wait for two.
    pub(crate) fn wait(&mut self, queue: &CommitQueue) {
        // For a checker of schedules no time passes: it would wait for ever.
        if self.expected < 2 || cfg!(any(loom, shuttle)) {
            return;
        }
        if self.hasty_syncs > 0 {
            self.hasty_syncs -= 1;
            return;
        }
        let until = Instant::now() + (self.sync_time / 2).min(GATHERING_TIME_MAX);
        let joined = queue.wait_for(self.expected, until);
        if joined <= self.expected / 2 {
            // They have other things to do.
            self.hasty_syncs = HASTY_SYNCS;
        }
    }

    /// Learns from a sync that took so long and that so many waited for, before they are woken.
    pub(crate) fn learn(&mut self, queue: &CommitQueue, members: u32, sync_time: Duration) {
        self.expected = members.saturating_add(queue.members());
        self.set_awake(queue, sync_time);
    }

    /// Decides from a sync that took so long whether to stay awake for the next one.
    fn set_awake(&mut self, queue: &CommitQueue, sync_time: Duration) {
        self.sleepy_syncs = match queue.take_crowded() {
            true => SLEEPY_SYNCS,
            false => self.sleepy_syncs.saturating_sub(1),
        };
        let is_fast = sync_time <= FAST_SYNC;
        let is_worth_it = is_fast && self.expected >= MANY && self.sleepy_syncs == 0;
        // For a checker of schedules, no two runs may differ by the time that passes.
        let is_worth_it = is_worth_it && !cfg!(any(loom, shuttle));
        queue.set_awake(match is_worth_it {
            true => 2 * FAST_SYNC,
            false => Duration::ZERO,
        });
    }

    /// Notes how long a sync took, with the wake-up of those that waited for it.
    pub(crate) fn note_time(&mut self, sync_time: Duration) {
        self.sync_time = sync_time;
    }
}

/// How long a sync waits for threads that will probably wait for it.
const GATHERING_TIME_MAX: Duration = Duration::from_micros(500);

/// So many syncs wait for no other caller after one that waited in vain.
const HASTY_SYNCS: u32 = 16;

/// Slower ones are slept for, and so are those that few wait for: then being woken takes little of
/// the time.
const FAST_SYNC: Duration = Duration::from_micros(200);
const MANY: u32 = 8;

/// Beside processes that never rest, staying awake costs a sync one or two of their turns: to try
/// it again so often costs next to nothing, and to do without for longer costs more elsewhere.
const SLEEPY_SYNCS: u32 = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::writer::sync::commit_queue::LENT_LONG;

    #[test]
    fn staying_awake_is_for_many_with_a_fast_device_on_free_processors() {
        let queue = CommitQueue::default();
        let mut delay = CommitDelay::default();
        let mut is_awake_after = |sync_time, members| {
            delay.learn(&queue, members, sync_time);
            queue.awake() > Duration::ZERO
        };
        assert!(!is_awake_after(2 * FAST_SYNC, MANY));
        assert!(!is_awake_after(FAST_SYNC, MANY - 1));
        assert!(is_awake_after(FAST_SYNC, MANY));
        assert!(!queue.is_lent_long(LENT_LONG / 2));
        assert!(is_awake_after(FAST_SYNC, MANY));
        assert!(queue.is_lent_long(LENT_LONG));
        for _ in 0..SLEEPY_SYNCS {
            assert!(!is_awake_after(FAST_SYNC, MANY));
        }
        assert!(is_awake_after(FAST_SYNC, MANY));
    }
}
