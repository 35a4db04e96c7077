//! An allocator that counts, thread by thread, what is asked of it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, counting; a test binary takes it as its own.
#[derive(Clone, Copy, Debug)]
pub struct Metered;

/// What a thread allocated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes in all, however soon they were given back.
    pub total: u64,
    /// The most bytes it had at one time.
    pub peak: u64,
}

/// What this thread allocates while `work` runs; nothing is counted unless the binary's allocator
/// is [`Metered`].
pub fn usage_of<T>(work: impl FnOnce() -> T) -> (T, Usage) {
    let before = (TOTAL.get(), HELD.get());
    PEAK.set(before.1);
    let made = work();
    let usage = Usage {
        total: TOTAL.get() - before.0,
        peak: PEAK.get() - before.1,
    };
    (made, usage)
}

thread_local! {
    static TOTAL: Cell<u64> = const { Cell::new(0) };
    static HELD: Cell<u64> = const { Cell::new(0) };
    static PEAK: Cell<u64> = const { Cell::new(0) };
}

fn count(len: usize) {
    let len = u64::try_from(len).unwrap_or(u64::MAX);
    TOTAL.set(TOTAL.get().saturating_add(len));
    HELD.set(HELD.get().saturating_add(len));
    PEAK.set(PEAK.get().max(HELD.get()));
}

fn give_back(len: usize) {
    let len = u64::try_from(len).unwrap_or(u64::MAX);
    // A thread may give back what another one allocated.
    HELD.set(HELD.get().saturating_sub(len));
}

// SAFETY: every call goes to the system's allocator as it came; counting allocates nothing, and
// the counters need no destructor, so they can be used at any time of a thread's life.
#[expect(unsafe_code, reason = "there is no other way to be an allocator")]
unsafe impl GlobalAlloc for Metered {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        give_back(layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        give_back(layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.realloc(place, layout, size) }
    }
}
