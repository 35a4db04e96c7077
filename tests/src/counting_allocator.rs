//! An allocator that counts, thread by thread, what is asked of it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The system's allocator, counting; a test binary takes it as its own.
#[derive(Clone, Copy, Debug)]
pub struct CountingAllocator;

/// What a thread allocated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes in all, however soon they were given back.
    pub total: u64,
    /// The most bytes it had at one time.
    pub peak: u64,
}

/// What this thread allocates while `work` runs; nothing is counted unless the binary's allocator
/// is [`CountingAllocator`].
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

/// The most bytes that all threads together had more than before, while `work` runs; a thread that
/// measures waits for others that do, but not for others that allocate.
pub fn peak_of_all<T>(work: impl FnOnce() -> T) -> (T, u64) {
    static MEASURING: Mutex<()> = Mutex::new(());
    let measuring = MEASURING.lock().unwrap_or_else(PoisonError::into_inner);
    let before = HELD_BY_ALL.load(Relaxed);
    PEAK_OF_ALL.store(before, Relaxed);
    let made = work();
    let peak = PEAK_OF_ALL.load(Relaxed);
    drop(measuring);
    (made, peak.saturating_sub(before))
}

/// The bytes that all threads together have now.
#[must_use]
pub fn held_by_all() -> u64 {
    HELD_BY_ALL.load(Relaxed)
}

/// Held by each test of a binary that has one which measures all threads: what other tests allocate
/// meanwhile would count.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

static HELD_BY_ALL: AtomicU64 = AtomicU64::new(0);
static PEAK_OF_ALL: AtomicU64 = AtomicU64::new(0);

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
    let held = HELD_BY_ALL.fetch_add(len, Relaxed).saturating_add(len);
    PEAK_OF_ALL.fetch_max(held, Relaxed);
}

fn give_back(len: usize) {
    let len = u64::try_from(len).unwrap_or(u64::MAX);
    // A thread may give back what another one allocated.
    HELD.set(HELD.get().saturating_sub(len));
    HELD_BY_ALL.fetch_sub(len, Relaxed);
}

// SAFETY: every call goes to the system's allocator as it came; counting allocates nothing, and
// the counters need no destructor, so they can be used at any time of a thread's life.
#[expect(unsafe_code, reason = "there is no other way to be an allocator")]
unsafe impl GlobalAlloc for CountingAllocator {
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
