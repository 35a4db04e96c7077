//! An intact frame, as it is found.

use crate::format::FrameHeader;

/// An intact frame, as it is found.
#[derive(Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) offset: u64,
    pub(crate) header: &'a FrameHeader,
    /// Empty for a caller's own record, and for one that is very long.
    pub(crate) payload: &'a [u8],
    /// No frame or header in front of it led there: a search did.
    pub(crate) is_found: bool,
    /// A `Seal` that was found, but ends nothing: what is behind it is not what follows an end.
    pub(crate) is_doubted: bool,
}
