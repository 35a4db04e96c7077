//! How long a thread that waits for a sync stays awake before it sleeps.
//!
//! To wake a thread takes whoever wakes it a few microseconds, and a batch is woken one thread
//! after the other: for 16 of them that takes as long as the sync itself on a fast device. Who
//! stays awake and gives its processor to others instead, again and again, sees by itself that the
//! sync has ended, and the next one can begin.

use std::time::{Duration, Instant};

use super::primitives::atomic::{AtomicU32, AtomicU64, Ordering};
use super::primitives::thread;

/// What the last syncs say about staying awake.
#[derive(Debug, Default)]
pub(super) struct Patience {
    nanoseconds: AtomicU64,
    /// So many more syncs are slept for, however fast they are.
    syncs_slept_for: AtomicU32,
}

impl Patience {
    /// How long staying awake is worth it; zero where it is not.
    pub(super) fn time(&self) -> Duration {
        Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed))
    }

    /// Learns from the time a sync took, and from how many wait for one at a time. Only one thread
    /// at a time syncs.
    pub(super) fn learn(&self, sync_time: Duration, awaited: u32) {
        let slept_for = self.syncs_slept_for.load(Ordering::Relaxed);
        if slept_for > 0 {
            self.syncs_slept_for.store(slept_for - 1, Ordering::Relaxed);
        }
        let is_worth_it = slept_for == 0 && sync_time <= FAST_SYNC && awaited >= MANY;
        // For a checker of schedules, no two runs may differ by the time that passes.
        let time = match is_worth_it && !cfg!(any(loom, shuttle)) {
            true => sync_time.saturating_mul(2),
            false => Duration::ZERO,
        };
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(0);
        self.nanoseconds.store(nanoseconds, Ordering::Relaxed);
    }

    /// Learns that a processor was lent to others for so long. Where they have work of their own
    /// to do, sleeping is better: who is woken gets a processor sooner than who gave it away.
    fn lent(&self, time: Duration) {
        if time >= LENT_TOO_LONG {
            self.syncs_slept_for.store(SLEPT_FOR, Ordering::Relaxed);
            self.nanoseconds.store(0, Ordering::Relaxed);
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
            // Looked up each time: another one may have learned that it is not worth it.
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

/// A sync that takes longer is slept for: then being woken takes little of the time.
const FAST_SYNC: Duration = Duration::from_micros(200);

/// To wake fewer takes little of the time, too, and spares the processor.
const MANY: u32 = 8;

/// 64 who append take less by far; processes with work of their own to do take 3 ms and more.
const LENT_TOO_LONG: Duration = Duration::from_millis(2);

/// Beside processes that never rest, to try it out again so often costs less than a tenth of the
/// time; never to learn it takes five to ten times the time.
const SLEPT_FOR: u32 = 300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_fast_syncs_for_many_are_awaited_awake() {
        let patience = Patience::default();
        assert_eq!(patience.time(), Duration::ZERO);
        patience.learn(FAST_SYNC, MANY);
        assert_eq!(patience.time(), 2 * FAST_SYNC);
        patience.learn(FAST_SYNC + Duration::from_nanos(1), MANY);
        assert_eq!(patience.time(), Duration::ZERO);
        patience.learn(FAST_SYNC, MANY);
        patience.learn(FAST_SYNC, MANY - 1);
        assert_eq!(patience.time(), Duration::ZERO);
    }

    #[test]
    fn where_others_keep_the_processor_many_syncs_are_slept_for() {
        let patience = Patience::default();
        let fast = FAST_SYNC / 2;
        patience.learn(fast, MANY);
        patience.lent(LENT_TOO_LONG / 2);
        assert_eq!(patience.time(), FAST_SYNC);
        patience.lent(LENT_TOO_LONG);
        for _ in 0..SLEPT_FOR {
            assert_eq!(patience.time(), Duration::ZERO);
            patience.learn(fast, MANY);
        }
        assert_eq!(patience.time(), Duration::ZERO);
        patience.learn(fast, MANY);
        assert_eq!(patience.time(), FAST_SYNC);
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
