//! Which part of a segment is scanned.

/// The first frame and a part of what is behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ScanRange {
    /// Nothing between the first frame and this offset is looked at.
    pub(crate) from: u64,
    /// How much the number of the frame due there is above that of the first one; `None` to begin
    /// with the first one.
    pub(crate) relative: Option<u32>,
    /// Behind this there are only zeros.
    pub(crate) content_end: u64,
    /// Every frame is shown, also a caller's own record of no session.
    pub(crate) shows_all: bool,
}

impl ScanRange {
    /// All of it.
    pub(crate) const WHOLE: ScanRange = ScanRange {
        from: 0,
        relative: None,
        content_end: u64::MAX,
        shows_all: false,
    };
}
