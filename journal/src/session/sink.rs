//! Where the records of handles go.

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::event::Text;
use crate::format::RecordKind;
use crate::seq::{RunId, SegmentNumber, Seq};
use crate::storage::StorageFile;
pub(crate) use crate::writer::SessionId;

/// Where the records of handles go: the runs of a journal, or memory in tests.
pub(crate) trait Sink: fmt::Debug + Send + Sync {
    /// Why nothing could be appended now, if that is so; asked before any lock is taken.
    fn check(&self) -> Result<()> {
        Ok(())
    }

    /// Appends one record, to the session if there is one.
    fn append(&self, kind: RecordKind, session: Option<&SessionId>, payload: &[u8]) -> Result<Seq>;

    /// Where the next record of a session probably goes; `None` if that cannot be told.
    fn home(&self, session: &SessionId) -> Option<Home>;

    /// As [`append`](Sink::append), and says where the record is; `None`, and nothing is appended,
    /// if it may only go where others of the session are, and they go elsewhere by now.
    fn append_placed(
        &self,
        kind: RecordKind,
        session: &SessionId,
        payload: &[u8],
        within: Option<Home>,
    ) -> Result<Option<(Seq, Home)>>;

    /// The segment a record is in, to read from.
    fn open_segment(&self, home: &Home) -> Option<Arc<dyn StorageFile>>;

    /// Sets the offset of a piece of text that is about to be written, and counts the piece; what
    /// run it is copied from, if it is.
    fn place_text(&self, session: &str, text: &mut Text<'_>, source: Option<RunId>);

    /// A number for an id, not 0, that no other id has.
    fn new_id(&self) -> u64;

    /// Whether this process opened the journal, not one that it is a fork of.
    fn is_own_process(&self) -> bool {
        true
    }

    /// Has the session end when the journal does, in order.
    fn end_with_journal(&self, session: &str);

    /// Says that the session has ended.
    fn session_ended(&self, session: &str);

    /// Counts a record of this session that was refused before it had a payload.
    fn note_refused(&self, session: Option<&str>, code: &'static str);

    /// Tells the error hook of an error that no caller is told of.
    fn report(&self, error: &Error);
}

/// Where a record of a session is, or goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Home {
    /// Which of the handle's runs it is.
    pub(crate) opening: u16,
    pub(crate) segment: SegmentNumber,
    /// The session's serial number in the run.
    pub(crate) session: u64,
    /// Of the record's frame; 0 before there is one.
    pub(crate) offset: u64,
}

impl Home {
    /// Whether both are in one segment.
    pub(crate) fn is_in_segment_of(&self, other: &Home) -> bool {
        self.place() == other.place()
    }

    /// Whether the other one is in an earlier segment.
    pub(crate) fn is_behind(&self, other: &Home) -> bool {
        self.place() > other.place()
    }

    fn place(&self) -> (u16, SegmentNumber) {
        (self.opening, self.segment)
    }
}
