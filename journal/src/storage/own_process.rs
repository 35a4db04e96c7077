//! Tells a process from its forks, without a call to the system.

use std::sync::atomic::{AtomicU64, Ordering};

use super::system::wiped_word;

/// The process that made this value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnProcess {
    /// What the kernel wipes in every fork; `None` where it does not do that.
    word: Option<&'static AtomicU64>,
    /// What the word is in that process; where there is none, the number of the process.
    mark: u64,
}

impl OwnProcess {
    /// This process.
    pub(crate) fn here() -> OwnProcess {
        let word = wiped_word().ok();
        OwnProcess {
            mark: word.map_or_else(own_number, stamp),
            word,
        }
    }

    /// Whether it is this process, not one that it is a fork of.
    #[inline]
    pub(crate) fn is_here(&self) -> bool {
        match self.word {
            Some(word) => word.load(Ordering::Relaxed) == self.mark,
            None => own_number() == self.mark,
        }
    }
}

fn own_number() -> u64 {
    u64::from(std::process::id())
}

/// The number of this process among those that it is a fork of: a wiped word gets the next one.
fn stamp(word: &AtomicU64) -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    match word.load(Ordering::Relaxed) {
        0 => {
            let next = NEXT.fetch_add(1, Ordering::Relaxed);
            let order = Ordering::Relaxed;
            word.compare_exchange(0, next, order, order)
                .map_or_else(|known| known, |_| next)
        }
        known => known,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_its_own_and_a_wiped_word_tells_that_it_is_another() {
        assert!(OwnProcess::here().is_here());
        let word: &'static AtomicU64 = Box::leak(Box::default());
        let of = |word| OwnProcess {
            word: Some(word),
            mark: stamp(word),
        };
        let first = of(word);
        assert!(first.is_here() && of(word).is_here());
        word.store(0, Ordering::Relaxed);
        assert!(!first.is_here());
        let second = of(word);
        assert!(second.is_here() && !first.is_here());
    }
}
