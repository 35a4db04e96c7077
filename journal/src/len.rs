//! Lengths and counts between the types that hold them.

/// As many bytes or things, as places in files are counted.
#[inline]
pub(crate) fn len_u64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

/// As many bytes or things, as memory is counted; what memory cannot hold is as much as it can.
#[inline]
pub(crate) fn len_usize(len: impl Into<u64>) -> usize {
    usize::try_from(len.into()).unwrap_or(usize::MAX)
}
