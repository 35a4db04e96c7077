//! What kind of record a frame holds.

use crate::error::{Error, Result};

/// The kind of a record: 1 to 127 are the library's, 128 to 255 the caller's, 0 is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RecordKind(pub(crate) u8);

impl RecordKind {
    pub(crate) const SEGMENT_START: RecordKind = RecordKind(1);
    pub(crate) const SEAL: RecordKind = RecordKind(2);
    pub(crate) const SYNC_MARK: RecordKind = RecordKind(3);
    pub(crate) const RUN_OPEN: RecordKind = RecordKind(4);
    pub(crate) const RUN_CLOSE: RecordKind = RecordKind(5);
    pub(crate) const RUN_RECOVERED: RecordKind = RecordKind(6);
    pub(crate) const SESSION_REF: RecordKind = RecordKind(7);
    pub(crate) const REFUSED: RecordKind = RecordKind(8);
    pub(crate) const RETIRED: RecordKind = RecordKind(9);
    pub(crate) const CRASH_NOTE: RecordKind = RecordKind(10);
    pub(crate) const SESSION_START: RecordKind = RecordKind(16);
    pub(crate) const SESSION_UPDATE: RecordKind = RecordKind(17);
    pub(crate) const SESSION_END: RecordKind = RecordKind(18);
    pub(crate) const SPAN_START: RecordKind = RecordKind(19);
    pub(crate) const SPAN_UPDATE: RecordKind = RecordKind(20);
    pub(crate) const SPAN_END: RecordKind = RecordKind(21);
    pub(crate) const SPAN: RecordKind = RecordKind(22);
    pub(crate) const TEXT: RecordKind = RecordKind(23);
    pub(crate) const LOG: RecordKind = RecordKind(24);
    pub(crate) const LINK: RecordKind = RecordKind(25);
    pub(crate) const COUNTER: RecordKind = RecordKind(26);
    pub(crate) const CUSTOM: RecordKind = RecordKind(27);
    /// No kind of this version, and of none before.
    pub(crate) const FREE: RecordKind = RecordKind(28);
    // 29 (rewind) and 30 (json) are reserved.
    pub(crate) const LINE: RecordKind = RecordKind(31);

    /// The kind of this number.
    #[must_use]
    pub const fn new(number: u8) -> RecordKind {
        RecordKind(number)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// Whether the caller chose this kind, and so wrote the payload.
    #[must_use]
    pub fn is_user(self) -> bool {
        self.0 >= UserKind::FIRST
    }

    /// Whether it is about a session as a whole: its start, update, end or crash.
    pub(crate) fn is_of_session(self) -> bool {
        matches!(
            self,
            Self::SESSION_START | Self::SESSION_UPDATE | Self::SESSION_END | Self::CRASH_NOTE
        )
    }

    /// Whether the session it is of is over, unless it goes on.
    pub(crate) fn ends_session(self) -> bool {
        matches!(self, Self::SESSION_END | Self::CRASH_NOTE)
    }

    /// Whether it is kept for notes of later versions about the journal.
    pub(crate) fn is_to_come(self) -> bool {
        matches!(self.0, 96..=119)
    }

    /// What one of the library's own notes about the journal is called; `None` for any other kind.
    #[must_use]
    pub fn system_name(self) -> Option<&'static str> {
        Some(match self {
            Self::SEGMENT_START => "segment-start",
            Self::SEAL => "seal",
            Self::SYNC_MARK => "sync-mark",
            Self::RUN_OPEN => "run-open",
            Self::RUN_CLOSE => "run-close",
            Self::RUN_RECOVERED => "run-recovered",
            Self::SESSION_REF => "session-ref",
            Self::REFUSED => "refused",
            Self::RETIRED => "retired",
            _ => return None,
        })
    }

    /// Whether the record is the library's own note about the journal, not part of a trace.
    #[must_use]
    pub fn is_system(self) -> bool {
        self.0 < Self::CRASH_NOTE.0
    }
}

/// A kind of record that is the caller's: 128 to 255.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UserKind(u8);

impl UserKind {
    const FIRST: u8 = 128;

    /// The caller's kind of this number.
    ///
    /// # Errors
    /// [`Error::InvalidEvent`] below 128.
    pub fn new(kind: u8) -> Result<UserKind> {
        if kind < UserKind::FIRST {
            let reason = format!("record kind {kind} is the library's; yours are 128 to 255");
            return Err(Error::InvalidEvent { reason });
        }
        Ok(UserKind(kind))
    }

    /// The number, 128 to 255.
    #[must_use]
    pub fn get(self) -> u8 {
        self.0
    }
}

impl From<UserKind> for RecordKind {
    fn from(kind: UserKind) -> RecordKind {
        RecordKind(kind.0)
    }
}
