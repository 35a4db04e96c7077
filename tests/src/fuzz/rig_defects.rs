//! Defects put into the rig on purpose: a property that does not notice its own is worth nothing.

use std::cell::Cell;

/// What is wrong, while it is planted, with what stands between the library and a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// Every third read gives a wrong byte.
    ReadsDiffer,
    /// A changed byte of a header page is not seen.
    ChangeUnseen,
    /// A payload comes back without its last byte.
    PayloadCut,
    /// Reading a file writes it.
    ReadingWrites,
    /// A sync does nothing.
    SyncIgnored,
    /// A write into frames does nothing now and then.
    WriteLost,
}

thread_local! {
    static PLANTED: Cell<Option<Defect>> = const { Cell::new(None) };
    static COUNT: Cell<u32> = const { Cell::new(0) };
}

/// Does work on this thread with a defect in place; it is gone afterwards, also after a panic.
pub(super) fn with_defect<T>(defect: Defect, work: impl FnOnce() -> T) -> T {
    struct Gone;
    impl Drop for Gone {
        fn drop(&mut self) {
            PLANTED.set(None);
        }
    }
    PLANTED.set(Some(defect));
    COUNT.set(0);
    let _gone = Gone;
    work()
}

/// Whether this is what is planted.
pub(super) fn has(defect: Defect) -> bool {
    PLANTED.get() == Some(defect)
}

/// As [`has`], every third time.
pub(super) fn has_now(defect: Defect) -> bool {
    if !has(defect) {
        return false;
    }
    COUNT.set(COUNT.get() + 1);
    COUNT.get().is_multiple_of(3)
}
