//! What a file of the journal is, in one word.

use crate::words::shown_words;

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

shown_words!(SegmentState: "state of a segment", {
    Active => "active",
    Sealed => "sealed",
    Torn => "torn",
    Damaged => "damaged",
    Empty => "empty",
    Foreign => "foreign",
    Unsupported => "unsupported",
    Unreadable => "unreadable",
});
