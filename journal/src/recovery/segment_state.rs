//! What a file of the journal is, in one word.

/// What a file of the journal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SegmentState {
    /// Not sealed; its end is sound.
    Active,
    /// Ends in a seal.
    Sealed,
    /// Something that was never seen durable is lost from it.
    Torn,
    /// Something that no crash explains.
    Damaged,
    /// Holds no record.
    Empty,
    /// Not of this journal, or a second copy of a segment.
    Foreign,
    /// Only a later version of the library reads it, or the run it is of.
    Unsupported,
    /// It may not be read by this user, or is on a disk that is not there.
    Unreadable,
}

impl SegmentState {
    /// The name used in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            SegmentState::Active => "active",
            SegmentState::Sealed => "sealed",
            SegmentState::Torn => "torn",
            SegmentState::Damaged => "damaged",
            SegmentState::Empty => "empty",
            SegmentState::Foreign => "foreign",
            SegmentState::Unsupported => "unsupported",
            SegmentState::Unreadable => "unreadable",
        }
    }
}
