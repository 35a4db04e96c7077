//! How long a thread that waits for a sync stays awake before it sleeps.
//!
//! To wake a thread takes whoever wakes it a few microseconds, and a batch is woken one thread
//! after the other: for 16 of them that takes as long as the sync itself on a fast device. Who
//! stays awake and gives its processor to others instead, again and again, sees by itself that the
//! sync has ended, and the next one can begin.

use std::time::{Duration, Instant};

use super::sync_primitives::atomic::{AtomicBool, AtomicU64, Ordering};
use super::sync_primitives::thread;

/// How long it is worth to stay awake, and whether that went well.
#[derive(Debug, Default)]
pub(super) struct Patience {
    nanoseconds: AtomicU64,
    /// Others have kept a processor for long that was lent to them since the last sync.
    was_lent_long: AtomicBool,
}

/// What the last syncs tell about staying awake; only who syncs has it.
#[derive(Debug, Default)]
pub(super) struct Experience {
    /// So many in a row took long.
    slow_syncs: u32,
    /// Goes up with each during which others kept a processor for long, and down with the others.
    disturbance: u32,
    /// So many more are slept for, however fast they are.
    syncs_slept_for: u32,
}

impl Experience {
    /// Learns from the time a sync took, from how many wait for one at a time, and from whether
    /// others kept a processor meanwhile: how long it is worth to stay awake for the next one.
    fn learn(&mut self, sync_time: Duration, awaited: u32, was_lent_long: bool) -> Duration {
        let is_fast = sync_time <= FAST_SYNC;
        self.slow_syncs = match is_fast {
            true => 0,
            false => self.slow_syncs.saturating_add(1),
        };
        self.disturbance = match was_lent_long {
            true => self.disturbance + DISTURBED,
            false => self.disturbance.saturating_sub(1),
        };
        self.syncs_slept_for = self.syncs_slept_for.saturating_sub(1);
        // Where they have work of their own to do, sleeping is better: who is woken gets a
        // processor sooner than who gave it away.
        if self.disturbance > DISTURBANCE_MAX {
            self.disturbance = 0;
            self.syncs_slept_for = SLEPT_FOR;
        }
        let is_worth_it =
            self.slow_syncs < SLOW_SYNCS_MAX && self.syncs_slept_for == 0 && awaited >= MANY;
        match is_worth_it {
            true => sync_time.min(FAST_SYNC).saturating_mul(2),
            false => Duration::ZERO,
        }
    }
}

impl Patience {
    /// How long staying awake is worth it; zero where it is not.
    pub(super) fn time(&self) -> Duration {
        Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed))
    }

    /// Learns from a sync that took so long and from how many wait for one at a time.
    pub(super) fn learn(&self, experience: &mut Experience, sync_time: Duration, awaited: u32) {
        // For a checker of schedules, no two runs may differ by the time that passes.
        if cfg!(any(loom, shuttle)) {
            return;
        }
        let was_lent_long = self.was_lent_long.swap(false, Ordering::Relaxed);
        let time = experience.learn(sync_time, awaited, was_lent_long);
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(0);
        self.nanoseconds.store(nanoseconds, Ordering::Relaxed);
    }

    /// Takes note of that a processor was lent to others for so long.
    fn lent(&self, time: Duration) {
        if time >= LENT_LONG {
            self.was_lent_long.store(true, Ordering::Relaxed);
        }
    }

    /// Stays awake until `is_over`, as long as that is worth it and at most until `deadline`; says
    /// whether it is over.
    pub(super) fn stay_awake(&self, deadline: Option<Instant>, is_over: impl Fn() -> bool) -> bool {
        let begun = Instant::now();
        let mut now = begun;
        loop {
            if is_over() {
                return true;
            }
            // Looked up each time: it may be known by now that it is not worth it.
            let is_impatient = now.saturating_duration_since(begun) >= self.time();
            if is_impatient || deadline.is_some_and(|at| at <= now) {
                return false;
            }
            thread::yield_now();
            let lent_at = std::mem::replace(&mut now, Instant::now());
            self.lent(now.saturating_duration_since(lent_at));
        }
    }
}

/// Slower ones are slept for: then being woken takes little of the time.
const FAST_SYNC: Duration = Duration::from_micros(200);

/// A fast device is slow now and then.
const SLOW_SYNCS_MAX: u32 = 4;

/// To wake fewer takes little of the time, too, and spares the processor.
const MANY: u32 = 8;

/// 64 who append take less by far; processes with work of their own to do take 3 ms and more.
const LENT_LONG: Duration = Duration::from_millis(2);

/// Something else runs now and then on any machine, and may disturb one sync in five; processes
/// that never rest disturb each one, which is noticed with the third.
const DISTURBED: u32 = 4;
const DISTURBANCE_MAX: u32 = 2 * DISTURBED;

/// Beside processes that never rest, to try it out again so often costs less than a tenth of the
/// time; never to learn it takes five to ten times the time.
const SLEPT_FOR: u32 = 300;

#[cfg(test)]
mod tests {
    use super::*;

    const FAST: Duration = FAST_SYNC;
    const SLOW: Duration = FAST_SYNC.saturating_add(Duration::from_nanos(1));

    #[test]
    fn only_fast_syncs_for_many_are_awaited_awake() {
        let mut experience = Experience::default();
        assert_eq!(experience.learn(FAST / 2, MANY, false), FAST);
        assert_eq!(experience.learn(FAST, MANY - 1, false), Duration::ZERO);
        for _ in 1..SLOW_SYNCS_MAX {
            assert_eq!(experience.learn(SLOW, MANY, false), 2 * FAST);
        }
        for _ in 0..10 {
            assert_eq!(experience.learn(SLOW, MANY, false), Duration::ZERO);
        }
        assert_eq!(experience.learn(FAST, MANY, false), 2 * FAST);
    }

    #[test]
    fn where_others_keep_the_processor_many_syncs_are_slept_for() {
        let mut experience = Experience::default();
        assert_eq!(experience.learn(FAST, MANY, true), 2 * FAST);
        assert_eq!(experience.learn(FAST, MANY, true), 2 * FAST);
        for _ in 0..SLEPT_FOR {
            assert_eq!(experience.learn(FAST, MANY, true), Duration::ZERO);
            experience.disturbance = 0;
        }
        assert_eq!(experience.learn(FAST, MANY, false), 2 * FAST);
    }

    #[test]
    fn who_is_disturbed_now_and_then_stays_awake() {
        let mut experience = Experience::default();
        for sync in 0..10_000 {
            assert_eq!(experience.learn(FAST, MANY, sync % 5 == 0), 2 * FAST);
        }
    }

    #[test]
    fn a_processor_lent_for_long_is_told_to_the_next_sync() {
        let patience = Patience::default();
        let mut experience = Experience::default();
        for (time, disturbance) in [(LENT_LONG / 2, 0), (LENT_LONG, DISTURBED)] {
            patience.lent(time);
            patience.learn(&mut experience, FAST, MANY);
            assert_eq!(experience.disturbance, disturbance);
            assert_eq!(patience.time(), 2 * FAST);
        }
        patience.learn(&mut experience, FAST, MANY);
        assert_eq!(experience.disturbance, DISTURBED - 1);
    }

    #[test]
    fn awake_is_only_who_is_patient_and_not_past_the_deadline() {
        let patience = Patience::default();
        assert!(patience.stay_awake(None, || true));
        assert!(!patience.stay_awake(None, || false));
        patience.nanoseconds.store(u64::MAX, Ordering::Relaxed);
        assert!(!patience.stay_awake(Some(Instant::now()), || false));
    }
}
